"""The storage engine of local files."""

from __future__ import annotations

import datetime as dt
import errno
import io
import itertools
import os
import stat
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import BinaryIO

from flyte_core.errors import StorageError, StorageIntegrityError, StorageNotFoundError
from flyte_core.storage.copying import copy_file, open_source
from flyte_core.storage.engine import ObjectInfo, ReadHandle, Transfer, WriteHandle
from flyte_core.storage.local import Draft, NamedFile, is_folder, kind_of_file, make_parents
from flyte_core.storage.local_errors import as_storage_error, local_errors
from flyte_core.storage.paths import local_path
from flyte_core.storage.trees import Entry, walk
from flyte_core.storage.undo import OnFailure
from flyte_core.storage.workers import Stop, in_thread, in_thread_to_end

__all__ = ["LocalEngine", "local_delete", "local_info", "local_list", "open_local"]

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
_LISTED_AT_ONCE = 1000
_CHUNK = 1 << 20


def local_info(url: str | os.PathLike[str]) -> ObjectInfo:
    """Describe a local file or folder.

    Args:
        url: its path or ``file://`` URL; links are followed.

    Returns:
        What the system knows of it.

    Raises:
        StorageNotFoundError: there is none.
        StorageError: it cannot be looked at.
    """
    path = local_path(url)
    try:
        return _described(str(path), path.stat())
    except OSError as error:
        if error.errno in _ABSENT:
            raise StorageNotFoundError(str(path), "find", error.strerror or "there is none") from error
        raise as_storage_error(error, path, "find") from error


def _described(path: str, found: os.stat_result) -> ObjectInfo:
    is_folder = stat.S_ISDIR(found.st_mode)
    return ObjectInfo(
        url=path,
        size=None if is_folder else found.st_size,
        is_folder=is_folder,
        e_tag=f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}",
        modified=dt.datetime.fromtimestamp(found.st_mtime, dt.timezone.utc),
    )


def local_list(url: str | os.PathLike[str]) -> list[ObjectInfo]:
    """Describe every regular file below a local folder, at any depth.

    Args:
        url: the folder's path or ``file://`` URL.

    Returns:
        The files, in the order of their names.

    Raises:
        StorageError: it is no folder, or cannot be read.
    """
    return [info for info in map(_file_info, walk(local_path(url))) if info is not None]


def _file_info(entry: Entry) -> ObjectInfo | None:
    return _described(entry.path, entry.found) if entry.found is not None and entry.is_file else None


def local_delete(url: str | os.PathLike[str]) -> None:
    """Remove one local file, or the link that has this name; that it is not there is no error.

    Args:
        url: its path or ``file://`` URL.

    Raises:
        StorageError: it is a folder, or cannot be removed.
    """
    path = local_path(url)
    if is_folder(path) and not path.is_symlink():
        raise StorageError(str(path), "delete", "it is a folder; give recursive=True to remove what is in it")
    try:
        path.unlink()
    except OSError as error:
        if error.errno not in _ABSENT:
            raise as_storage_error(error, path, "delete") from error


def open_local(url: str | os.PathLike[str], mode: str = "rb") -> NamedFile:
    """Open a regular local file without a buffer.

    Args:
        url: its path or ``file://`` URL.
        mode: ``rb``, ``ab`` or ``r+b``, the latter two for changes in place.

    Returns:
        The open file; its errors name it.

    Raises:
        StorageError: it is no regular file, or cannot be opened.
    """
    path = local_path(url)
    opened = NamedFile(path, mode)
    kind = os.fstat(opened.fileno()).st_mode
    if not stat.S_ISREG(kind):
        opened.close()
        raise StorageError(str(path), "open", f"it is {kind_of_file(kind)}; only regular files are read and written")
    return opened


class _LocalWriter:
    """A `Draft` as the engine's protocol wants it."""

    def __init__(self, path: Path) -> None:
        self._draft = Draft(make_parents(path))
        self._file = io.BufferedWriter(self._draft.raw, _CHUNK)

    def write(self, data: bytes, /) -> int:
        return self._file.write(data)

    def commit(self) -> None:
        with OnFailure(self._draft.discard):
            self._file.flush()
        self._draft.commit()

    def discard(self) -> None:
        self._draft.discard()


class LocalEngine:
    """Local files, as `flyte_core.storage.engine.Engine` describes it; attributes are not kept."""

    async def info(self, url: str) -> ObjectInfo:
        """See `Engine.info`."""
        return await in_thread_to_end(local_info, url)

    async def list(self, url: str) -> AsyncIterator[ObjectInfo]:
        """See `Engine.list`; what is no regular file, and circles of links, are left out."""
        entries = walk(local_path(url))
        while found := await in_thread_to_end(lambda: list(itertools.islice(entries, _LISTED_AT_ONCE))):
            for entry in found:
                info = _file_info(entry)
                if info is not None:
                    yield info

    async def upload(self, source: Path, url: str, transfer: Transfer, attributes: Mapping[str, str]) -> None:
        """See `Engine.upload`."""
        await in_thread(copy_file, source, local_path(url), on_progress=transfer.on_progress)

    async def download(self, info: ObjectInfo, draft: BinaryIO, transfer: Transfer) -> None:
        """See `Engine.download`."""
        await in_thread(_read_into, info, draft, transfer)

    def open_read(self, url: str, transfer: Transfer) -> ReadHandle:
        """See `Engine.open_read`."""
        return io.BufferedReader(open_local(url), _CHUNK)

    def open_write(self, url: str, transfer: Transfer) -> WriteHandle:
        """See `Engine.open_write`; the folder is made."""
        return _LocalWriter(local_path(url))

    async def delete(self, url: str) -> None:
        """See `Engine.delete`."""
        await in_thread_to_end(local_delete, url)


def _read_into(stop: Stop, info: ObjectInfo, draft: BinaryIO, transfer: Transfer) -> None:
    done = 0
    with open_source(local_path(info.url)) as source:
        while True:
            stop.check()
            data = source.raw.read(_CHUNK)
            if not data:
                break
            with local_errors(getattr(draft, "name", info.url), "write"):
                draft.write(data)
            done += len(data)
            if transfer.on_progress is not None:
                transfer.on_progress(len(data))
        source.verify()
        if info.size is not None and done != info.size:
            raise StorageIntegrityError(info.url, "read", f"{done} bytes could be read, {info.size} were announced")
