"""The engine for whatever fsspec knows: ``memory://``, ``http(s)://`` for reading, and the file systems of packages.

fsspec's synchronous interface is used, in worker threads: every file system has it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from flyte_core.errors import StorageError, StorageIntegrityError, StorageNotFoundError
from flyte_core.storage.config import current_storage
from flyte_core.storage.download import Draft
from flyte_core.storage.failures import WrongContentError, failure_of
from flyte_core.storage.fsspec_files import (
    FsspecReader,
    FsspecWriter,
    file_system,
    info_of,
    look,
    refuse_web,
    require_same,
    tries_of,
)
from flyte_core.storage.local import is_draft
from flyte_core.storage.paths import WEB, scheme_of
from flyte_core.storage.undo import OnFailure
from flyte_core.storage.web import WebReader, copy_web
from flyte_core.storage.workers import Stop, Stopped

if TYPE_CHECKING:
    from flyte_core.storage.engine import ObjectInfo, ReadHandle, Transfer, WriteHandle
    from flyte_core.storage.retry import Tries

__all__ = ["FsspecEngine"]

_PIECE = 2 * 2**20

T = TypeVar("T")


class _Stop(Stop):
    """A `Stop` that comes by itself at a deadline.

    Args:
        tries: the tries of the copy, which have the deadline.
    """

    def __init__(self, tries: Tries) -> None:
        super().__init__()
        self._tries = tries

    def check(self) -> None:
        """Raise if the copy is to end."""
        super().check()
        if self._tries.deadline.left() == 0.0:
            raise self.late()

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than the copy is wanted."""
        self._asked.wait(seconds)
        self.check()

    def late(self) -> StorageError:
        """Give the error for a deadline that has passed."""
        tries = self._tries
        return tries.deadline.error(tries.url, tries.operation, attempts=max(1, tries.attempts))


class FsspecEngine:
    """File systems of fsspec; see `flyte_core.storage.engine.Engine` for the methods."""

    async def info(self, url: str) -> ObjectInfo:
        """See `flyte_core.storage.engine.Engine.info`."""
        transfer = _settings(url)
        return await tries_of(url, "read", transfer).call(lambda: asyncio.to_thread(look, url))

    async def list(self, url: str) -> AsyncIterator[ObjectInfo]:
        """See `flyte_core.storage.engine.Engine.list`."""
        transfer = _settings(url)
        for entry in await tries_of(url, "list", transfer).call(lambda: asyncio.to_thread(_find, url)):
            yield entry

    async def upload(self, source: Path, url: str, transfer: Transfer, attributes: Mapping[str, str]) -> None:
        """See `flyte_core.storage.engine.Engine.upload`. Attributes are not kept: few file systems have any."""
        tries = tries_of(url, "upload to", transfer)

        def copy(stop: _Stop) -> None:
            tries.call_sync(lambda: _upload(source, url, transfer, stop.check), stop.sleep)

        await _in_thread(copy, tries)

    async def download(self, info: ObjectInfo, draft: BinaryIO, transfer: Transfer) -> None:
        """See `flyte_core.storage.engine.Engine.download`."""
        tries = tries_of(info.url, "download", transfer)
        target = _Target(Draft(draft, info.url), transfer.on_progress)
        copy = _copy_web if scheme_of(info.url) in WEB else _copy
        try:
            await _in_thread(lambda stop: copy(info, target, tries, stop), tries)
        finally:
            target.close()

    def open_read(self, url: str, transfer: Transfer) -> ReadHandle:
        """See `flyte_core.storage.engine.Engine.open_read`."""
        info = tries_of(url, "read", transfer).call_sync(lambda: look(url))
        if info.is_folder:
            raise StorageError(url, "read", "it is a folder")
        if scheme_of(url) in WEB:
            fs, _path = file_system(url)
            return WebReader(fs, info, lambda: tries_of(url, "read", transfer))
        return FsspecReader(info, transfer)

    def open_write(self, url: str, transfer: Transfer) -> WriteHandle:
        """See `flyte_core.storage.engine.Engine.open_write`."""
        return tries_of(url, "write to", transfer).call_sync(lambda: FsspecWriter(url, transfer))

    async def delete(self, url: str) -> None:
        """See `flyte_core.storage.engine.Engine.delete`."""
        refuse_web(url, "delete")

        def remove() -> None:
            fs, path = file_system(url)
            fs.rm_file(path)

        try:
            await tries_of(url, "delete", _settings(url)).call(lambda: asyncio.to_thread(remove))
        except StorageNotFoundError:
            return


def _settings(url: str) -> Transfer:
    return current_storage(scheme_of(url)).transfer()


def _find(url: str) -> list[ObjectInfo]:
    fs, path = file_system(url)
    if scheme_of(url) not in WEB:
        fs.invalidate_cache(path)
    base, root = url.rstrip("/"), path.rstrip("/")
    entries = []
    for name, found in fs.find(path, detail=True).items():
        below = name[len(root) :].lstrip("/") if name.startswith(f"{root}/") else ""
        if below and not is_draft(below.rpartition("/")[2]):
            entries.append(info_of(f"{base}/{below}", found or {}))
    return sorted(entries, key=lambda entry: entry.url)


async def _in_thread(function: Callable[[_Stop], None], tries: Tries) -> None:
    """Run a copy in a worker thread; it ends soon after the deadline, or after the caller was cancelled."""
    stop = _Stop(tries)
    work = asyncio.ensure_future(asyncio.to_thread(function, stop))
    left = tries.deadline.left()
    try:
        # A little more than the deadline, so that the thread itself can say what it was doing.
        done, _ = await asyncio.wait([work], timeout=None if left is None else left + 0.5)
    except asyncio.CancelledError:
        stop.ask()
        work.add_done_callback(_looked_at)
        raise
    if not done:
        stop.ask()
        work.add_done_callback(_looked_at)
        raise stop.late()
    problem = work.exception()
    if problem is not None:
        raise tries.error_of(problem)


def _looked_at(work: asyncio.Future[None]) -> None:
    if not work.cancelled():
        work.exception()


class _Target:
    """The draft of a download; after `close`, a thread that was left behind cannot write to it any more."""

    def __init__(self, draft: Draft, on_progress: Callable[[int], None] | None) -> None:
        self._draft = draft
        self._on_progress = on_progress
        self._done = 0
        self._lock = threading.Lock()
        self._closed = False

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes at a place, and report those that are new."""
        with self._lock:
            if self._closed:
                raise Stopped
            self._draft.write(offset, data)
        end = offset + len(data)
        if end > self._done and self._on_progress is not None:
            self._on_progress(end - self._done)
        self._done = max(self._done, end)

    def close(self) -> None:
        """Refuse further writes."""
        with self._lock:
            self._closed = True


def _copy_web(info: ObjectInfo, target: _Target, tries: Tries, stop: _Stop) -> None:
    fs, _path = file_system(info.url)
    copy_web(fs, info, target.write, tries, stop.check, stop.sleep)


def _copy(info: ObjectInfo, target: _Target, tries: Tries, stop: _Stop) -> None:
    """Read a whole file; after a failure, on from where it happened if the file is still the same."""
    at = 0

    def begin() -> tuple[Any, bytes]:
        stop.check()
        if at:
            require_same(info, look(info.url))
        fs, path = file_system(info.url)
        file = fs.open(path, "rb")
        with OnFailure(file.close):
            if at:
                file.seek(at)
            return file, file.read(_PIECE)

    while True:
        file, data = tries.call_sync(begin, stop.sleep)
        try:
            while data:
                target.write(at, data)
                at += len(data)
                stop.check()
                data = file.read(_PIECE)
        except Exception as error:  # a file system's own; failure_of knows them
            if isinstance(error, StorageError) or not failure_of(error).transient:
                raise
            continue
        finally:
            file.close()
        if info.size is not None and at != info.size:
            reason = f"it has {at} bytes, and had {info.size} before; it was changed, or the server's answer is wrong"
            raise StorageIntegrityError(info.url, "download", reason)
        return


def _upload(source: Path, url: str, transfer: Transfer, check: Callable[[], None]) -> None:
    before = _identity(source, url)
    handle = FsspecWriter(url, transfer)
    with OnFailure(handle.discard):
        with source.open("rb", buffering=0) as file:
            # Not more than there was at first: a file that somebody appends to all the time would never end.
            while data := file.read(min(_PIECE, before[0] - file.tell())):
                handle.write(data)
                check()
        if _identity(source, url) != before:
            raise StorageIntegrityError(url, "upload to", f"{source} changed while it was read")
        handle.commit()
    fs, path = file_system(url)
    fs.invalidate_cache(fs._parent(path))
    size = fs.info(path).get("size")
    if size is not None and size != before[0]:
        fs.rm_file(path)
        raise WrongContentError(f"{size} bytes were stored of {before[0]} that were sent")


def _identity(path: Path, url: str) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise StorageError(url, "upload to", f"cannot read {path}: {error.strerror or error}") from error
    return (stat.st_size, stat.st_mtime_ns, stat.st_ino)
