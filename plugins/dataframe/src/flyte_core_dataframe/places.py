"""Where the files of a table lie, and how the libraries reach them through `flyte_core.storage`."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.fs as pafs

from flyte_core import storage
from flyte_core.errors import StorageError, StorageNotFoundError
from flyte_core.io import CSV

__all__ = ["arrow_place", "csv_files", "download", "files_below", "local_copy", "writing"]

#: Names of the files inside a table's folder: those of the Flyte SDK, so that each reads what the other wrote.
_PARQUET_FILE = "00000"
_CSV_FILE = "data.csv"

_SYNC_AFTER = 8 * 2**20


@contextmanager
def writing(url: str, format: str) -> Iterator[IO[bytes]]:
    """Open the file of a table's folder for writing; nothing is there under its name unless the block ends well."""
    target = storage.join(url, _CSV_FILE if format == CSV else _PARQUET_FILE)
    if not storage.is_remote(target):
        storage.make_parents(target)
    with storage.open_sync(target, "wb") as opened, ThreadPoolExecutor(1, "flyte_core-sync") as pool:
        sink = _Sink(target, cast("IO[bytes]", opened), None if storage.is_remote(target) else pool)
        try:
            yield cast("IO[bytes]", sink)
        except Exception as error:  # polars turns the storage's error into one of its own
            if sink.failure is not None and sink.failure is not error:
                raise sink.failure from error
            raise
        sink.settle()


class _Sink(io.RawIOBase):
    """What a library writes to: remembers the storage's error, and puts a local file on the disk bit by bit.

    The disk works while the library encodes: of the 40 ms that 56 MB took at the end, 5 ms are left.
    """

    def __init__(self, url: str, file: IO[bytes], pool: ThreadPoolExecutor | None) -> None:
        self.failure: StorageError | None = None
        self._url, self._file, self._pool = url, file, pool
        self._unsynced = 0
        self._syncs: list[Future[None]] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        try:
            count = self._file.write(data)
        except StorageError as error:
            self.failure = error
            raise
        self._unsynced += count
        if self._pool is not None and self._unsynced >= _SYNC_AFTER and all(sync.done() for sync in self._syncs):
            self._unsynced = 0
            self._syncs.append(self._pool.submit(os.fsync, self._file.fileno()))
        return count

    def settle(self) -> None:
        """Wait for the disk. Its error must be taken here: the system tells it once, and not to the sync that follows.

        Raises:
            StorageError: a part could not be written, also where the library said nothing, as polars 1.30 does for CSV.
        """
        if self.failure is not None:
            raise self.failure
        try:
            for sync in self._syncs:
                sync.result()
        except OSError as error:
            raise StorageError(self._url, "write", error.strerror or str(error)) from error

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        """Left to the storage, which flushes at the end."""


def files_below(url: str, endings: tuple[str, ...] = ()) -> list[str]:
    """The files of a table, sorted: the one that the URL names, or those of the folder, hidden ones left out.

    Args:
        url: a file or folder.
        endings: how the names of files in a folder have to end; by default any way.

    Raises:
        StorageNotFoundError: there is nothing, or nothing that could be a part of a table.
    """
    if not storage.is_remote(url):
        url = str(storage.local_path(url))
    if not storage.info_sync(url).is_folder:
        return [url]
    found = [info.url for info in storage.list_files_sync(url)]
    parts = [name for name in found if _is_part(name[len(url) :]) and name.endswith(endings or "")]
    if not parts:
        raise StorageNotFoundError(url, "read a table at", "the folder has no file of one")
    return sorted(parts)


def _is_part(below: str) -> bool:
    """Names that begin with a dot or an underscore are other programs' notes, such as ``_SUCCESS``."""
    return not any(part.startswith((".", "_")) and "=" not in part for part in below.split("/"))


def csv_files(url: str) -> list[str]:
    """The files of a table in CSV: the one named, ``data.csv`` of a folder, or all of the folder's ``.csv`` files."""
    found = files_below(url)
    own = [name for name in found if storage.last_part(name) == _CSV_FILE]
    if found == [url] or not own:
        return found if found == [url] else files_below(url, (".csv", ".csv.gz"))
    return own[:1]


def download(url: str) -> Path:
    """Copy a file or folder into the process's scratch folder, where it stays until the process ends."""
    folder = Path(tempfile.mkdtemp(dir=storage.scratch_folder()))
    target = folder / (storage.last_part(url) or "table")
    storage.get_sync(url, str(target), recursive=storage.info_sync(url).is_folder)
    return target


@contextmanager
def local_copy(url: str) -> Iterator[Path]:
    """A local file or folder itself; of a remote one a copy, which is removed after the block."""
    if not storage.is_remote(url):
        yield storage.local_path(url)
        return
    copy = download(url)
    try:
        yield copy
    finally:
        shutil.rmtree(copy.parent, ignore_errors=True)


@contextmanager
def arrow_place(url: str, *, whole: bool) -> Iterator[tuple[str, pafs.FileSystem]]:
    """A path and the file system that has it, for arrow.

    Args:
        url: a file or folder.
        whole: whether all of it will be read. A remote table is downloaded then, in parallel parts; otherwise arrow
            reads the ranges that have the columns it wants.

    Raises:
        StorageNotFoundError: there is nothing.
    """
    storage.info_sync(url)  # so that what is not there is said the same way everywhere
    if not whole and storage.is_remote(url):
        scheme, _, path = url.partition("://")
        yield path.rstrip("/"), pafs.PyFileSystem(_Handler(scheme))
        return
    with local_copy(url) as copy:
        yield str(copy), pafs.LocalFileSystem()


class _Handler(pafs.FileSystemHandler):  # type: ignore[misc] # pyarrow has no types
    """`flyte_core.storage` as arrow sees a file system, for reading; its paths are URLs without their scheme."""

    def __init__(self, scheme: str) -> None:
        self._prefix = f"{scheme}://"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Handler) and self._prefix == other._prefix

    def __hash__(self) -> int:
        return hash(self._prefix)

    def get_type_name(self) -> str:
        return "flyte_core.storage"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: list[str]) -> list[pafs.FileInfo]:
        return [self._info(path) for path in paths]

    def _info(self, path: str) -> pafs.FileInfo:
        try:
            found = storage.info_sync(self._prefix + path)
        except StorageNotFoundError:
            return pafs.FileInfo(path, pafs.FileType.NotFound)
        kind = pafs.FileType.Directory if found.is_folder else pafs.FileType.File
        return pafs.FileInfo(path, kind, size=None if found.is_folder else found.size)

    def get_file_info_selector(self, selector: Any) -> list[pafs.FileInfo]:
        found = storage.list_files_sync(self._prefix + selector.base_dir, recursive=selector.recursive)
        return [pafs.FileInfo(info.url[len(self._prefix) :], pafs.FileType.File, size=info.size) for info in found]

    def open_input_file(self, path: str) -> pa.NativeFile:
        return pa.PythonFile(storage.open_sync(self._prefix + path, "rb"), mode="r")

    def open_input_stream(self, path: str) -> pa.NativeFile:
        return self.open_input_file(path)

    def _refuse(self, *_: object, **__: object) -> Any:
        raise NotImplementedError("tables are written by flyte_core_dataframe itself, not through this file system")

    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = delete_file = _refuse
    move = copy_file = open_output_stream = open_append_stream = _refuse
