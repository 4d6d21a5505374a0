"""Hashes of content: while it is written through an open file, and of local files and folders."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyte_core.errors import InvalidTypeError, InvalidValueError, StorageIntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flyte_core.storage.hashing import HashMethod

__all__ = ["AsyncHashingWriter", "HashingWriter", "LocalHash", "computing", "split_hash"]

_CHUNK = 2**20

#: From this many bytes on, hashing takes longer than handing it to another thread.
_WORTH_A_THREAD = 256 * 1024


def split_hash(owner: str, hash_method: HashMethod | str | None) -> tuple[str | None, HashMethod | None]:
    """Tell a hash that is known from a method that computes one.

    Raises:
        InvalidTypeError: it is neither.
    """
    if hash_method is None or isinstance(hash_method, str):
        return hash_method, None
    if not all(callable(getattr(hash_method, name, None)) for name in ("update", "result")):
        raise InvalidTypeError(owner, "hash_method", hash_method, "a HashMethod, or a known hash as a string")
    return None, hash_method


_busy: set[int] = set()
_busy_lock = threading.Lock()


@contextmanager
def computing(method: HashMethod) -> Iterator[None]:
    """Begin a new hash, and keep the method from being used for another content meanwhile.

    Raises:
        InvalidValueError: it is in use; both hashes would be wrong.
    """
    with _busy_lock:
        if id(method) in _busy:
            raise InvalidValueError(
                "File", "hash_method", method, "one that is not computing another hash now: each content needs its own"
            )
        _busy.add(id(method))
    try:
        if hasattr(method, "reset"):  # the reference's protocol calls it optional
            method.reset()
        yield
    finally:
        with _busy_lock:
            _busy.discard(id(method))


class HashingWriter(io.BufferedIOBase):
    """A file opened for writing bytes, which are hashed while they are written.

    Closing it leaves the file below open: that is ended by whoever opened it.

    Args:
        file: the file.
        method: takes the bytes.
    """

    def __init__(self, file: Any, method: HashMethod) -> None:
        super().__init__()
        self._file = file
        self._method = method
        self._position = 0
        self._pool: ThreadPoolExecutor | None = None

    def writable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Say how many bytes were written."""
        return self._position

    def flush(self) -> None:
        """Hand on what is buffered below."""
        if not self.closed:
            self._file.flush()

    def write(self, data: Any, /) -> int:
        """Write all of the bytes."""
        view = memoryview(data).cast("B")
        if view.nbytes < _WORTH_A_THREAD:
            self._method.update(view)
            self._file.write(data)
        else:
            self._write_beside(data, view)
        self._position += view.nbytes
        return view.nbytes

    def _write_beside(self, data: Any, view: memoryview) -> None:
        # The caller may change a buffer once it is written, so both have to end here.
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "flyte_core-hash")
        hashed = self._pool.submit(self._method.update, view)
        try:
            self._file.write(data)
        finally:
            hashed.result()

    def end(self) -> None:
        """Give back the thread."""
        if self._pool is not None:
            self._pool.shutdown()


class AsyncHashingWriter:
    """An asynchronous file opened for writing, what is written being hashed; everything else is the file's own.

    Args:
        file: the file.
        method: takes the bytes; a text's in UTF-8.
    """

    def __init__(self, file: Any, method: HashMethod) -> None:
        self._file = file
        self._method = method

    async def write(self, data: Any) -> Any:
        """Write and hash, side by side where it is much."""
        view = memoryview(data.encode() if isinstance(data, str) else data).cast("B")
        if view.nbytes < _WORTH_A_THREAD:
            self._method.update(view)
            return await self._file.write(data)
        hashed = asyncio.ensure_future(asyncio.to_thread(self._method.update, view))
        try:
            return await self._file.write(data)
        finally:
            await hashed

    async def writelines(self, lines: Iterable[Any]) -> None:
        """Write each."""
        for line in lines:
            await self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class LocalHash:
    """Computes the hash of a local file or folder, in any thread.

    The hash of a file is that of its content. That of a folder covers, for each file below it in the order of their
    relative names, ``<bytes of the name>:<name><bytes of the content>:`` and the content; names have ``/`` between
    their parts and are sorted by their bytes. So it says nothing of place, times or empty folders.

    Args:
        path: the file or folder.
        method: takes the content.
    """

    def __init__(self, path: Path, method: HashMethod) -> None:
        self._path = path
        self._method = method
        self._seen: list[tuple[Path, tuple[int, int, int]]] = []
        self.stop = threading.Event()

    def run(self) -> None:
        """Read everything once, in bounded memory; ``stop`` ends it early."""
        if not self._path.is_dir():
            self._take(self._path)
            return
        for name, path, size in _files_below(self._path):
            self._method.update(memoryview(b"%d:%b%d:" % (len(name), name, size)))
            self._take(path, size)

    def check(self) -> None:
        """Make sure that no file was changed since it was read.

        Raises:
            StorageIntegrityError: one was; it is named.
        """
        for path, stamp in self._seen:
            if _stamp(path.stat()) != stamp:
                raise StorageIntegrityError(str(path), "hash", "the file was changed while it was read")

    def _take(self, path: Path, size: int | None = None) -> None:
        buffer = memoryview(bytearray(_CHUNK))
        taken = 0
        with path.open("rb", buffering=0) as file:
            self._seen.append((path, _stamp(os.fstat(file.fileno()))))
            while (count := file.readinto(buffer)) and not self.stop.is_set():
                self._method.update(buffer[:count])
                taken += count
        if size not in (None, taken) and not self.stop.is_set():
            raise StorageIntegrityError(str(path), "hash", "the file was changed while it was read")


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ino


def _files_below(folder: Path) -> list[tuple[bytes, Path, int]]:
    from flyte_core.storage.trees import files_below

    files, _, errors = files_below(folder)  # what a recursive upload takes, too
    if errors:
        raise errors[0]
    return sorted((os.fsencode(e.name), Path(e.path), e.found.st_size) for e in files if e.found is not None)
