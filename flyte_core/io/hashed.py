"""Hashes of content: of what is written through an open file, of local files, and of folders."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import attrs

from flyte_core.errors import InvalidTypeError, InvalidValueError, StorageIntegrityError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from flyte_core.storage.file_objects import BinaryWriter
    from flyte_core.storage.hashing import HashMethod
    from flyte_core.storage.workers import Stop

__all__ = [
    "FolderState",
    "HashingWriter",
    "computing",
    "hash_folder",
    "open_hashing",
    "split_hash",
]

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

    It ends as the file below does: well by `close`, with nothing by `discard` or an exception in its block.

    Args:
        file: the file, whose end it takes over.
        method: takes the bytes.
        on_end: gets the hash when the file has ended well.
    """

    def __init__(self, file: BinaryWriter, method: HashMethod, on_end: Callable[[str], None]) -> None:
        super().__init__()
        self._file = file
        self._method = method
        self._on_end = on_end
        self._position = 0
        self._pool: ThreadPoolExecutor | None = None

    def writable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Say how many bytes were written."""
        return self._position

    def flush(self) -> None:
        """Hand on what is gathered below."""
        if not self._file.closed:
            self._file.flush()

    def write(self, data: Buffer, /) -> int:
        """Write all of the bytes."""
        view = memoryview(data).cast("B")
        if view.nbytes < _WORTH_A_THREAD:
            self._file.write(view)
            self._method.update(view)
        else:
            self._write_beside(view)
        self._position += view.nbytes
        return view.nbytes

    def _write_beside(self, view: memoryview) -> None:
        # The caller may change the memory once it is written, so both have to end here.
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "flyte_core-hash")
        hashed = self._pool.submit(self._method.update, view)
        try:
            self._file.write(view)
        finally:
            hashed.result()

    def close(self) -> None:
        """Put everything under its name, complete, and tell the hash."""
        if self.closed:
            return
        try:
            was_open = not self._file.closed
            self._file.close()
            if was_open:
                self._on_end(self._method.result())
        finally:
            self._release()

    def discard(self) -> None:
        """Throw away what was written; after `close` it does nothing."""
        self._file.discard()
        self._release()

    def _release(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        super().close()

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:
        """Do not close, which would put what there is under the name; the file below reports the loss."""


def open_hashing(
    path: str, mode: str, method: HashMethod, on_end: Callable[[str], None], options: Mapping[str, Any]
) -> IO[Any]:
    """Open a file for writing from its beginning, and hash the bytes before they are compressed.

    Args:
        path: a path or URL.
        mode: ``w`` or ``x``, with ``b`` for bytes, else for text.
        method: takes the bytes.
        on_end: gets the hash when the file has ended well.
        options: what else `flyte_core.storage.open_sync` takes.

    Raises:
        StorageError: it cannot be opened.
        InvalidValueError: the mode is another one, or an option is unknown.
    """
    from flyte_core.storage import open_sync
    from flyte_core.storage.file_objects import TextWriter

    if set(mode) & set("ra+"):
        allowed = "w or x: a hash covers the whole content, so that has to be written from the beginning"
        raise InvalidValueError("File.open", "mode", mode, allowed)
    text = {name: options[name] for name in ("encoding", "errors", "newline") if name in options and "b" not in mode}
    other = {name: value for name, value in options.items() if name not in text}
    file = open_sync(path, mode.replace("t", "").replace("b", "") + "b", **other)
    writer: Any = HashingWriter(cast("BinaryWriter", file), method, on_end)
    if "b" in mode:
        return cast("IO[bytes]", writer)
    try:
        return cast("IO[str]", TextWriter(writer, **{**text, "encoding": text.get("encoding") or "utf-8"}))
    except (LookupError, ValueError) as error:
        writer.discard()
        raise InvalidValueError("File.open", "encoding, errors or newline", text, str(error)) from error


def hash_folder(stop: Stop, folder: Path, method: HashMethod) -> FolderState:
    """Give what is in a folder to a hash.

    The hash covers, for each file below the folder in the order of their names, ``<length of the name>:<name>``,
    ``<length of the content>:`` and the content, lengths being decimal numbers of bytes. Names are relative, have
    ``/`` between their parts, and are sorted by their bytes. So the hash says nothing of place, times or empty folders.

    Args:
        stop: ends it early.
        folder: the folder.
        method: gets it.

    Returns:
        The folder as it was, for `FolderState.verify`.

    Raises:
        StorageError: something cannot be read, is no regular file, or changed meanwhile.
    """
    from flyte_core.storage.copying import hash_file

    state = FolderState.of(folder)
    for name, (path, size, *_) in sorted(state.files.items()):
        method.update(memoryview(b"%d:%b%d:" % (len(name), name, size)))
        hash_file(stop, Path(path), [method])
    return state


@attrs.frozen
class FolderState:
    """What a folder has in it.

    Args:
        folder: the folder.
        files: by their relative names: path, length, time of the last change and number.
    """

    folder: Path
    files: dict[bytes, tuple[str, int, int, int]]

    @classmethod
    def of(cls, folder: Path) -> FolderState:
        """Look at a folder.

        Raises:
            StorageError: something in it cannot be read or is no regular file.
        """
        from flyte_core.storage.trees import files_below

        files, _, errors = files_below(folder)  # what an upload takes, too
        if errors:
            raise errors[0]
        return cls(
            folder,
            {
                os.fsencode(entry.name): (entry.path, found.st_size, found.st_mtime_ns, found.st_ino)
                for entry in files
                if (found := entry.found) is not None
            },
        )

    def verify(self) -> None:
        """Make sure that the folder is as it was.

        Raises:
            StorageIntegrityError: it is not; a file that changed, came or went is named.
        """
        now = FolderState.of(self.folder).files
        for name in sorted({*self.files, *now}):
            if self.files.get(name) != now.get(name):
                path = str(self.folder / os.fsdecode(name))
                raise StorageIntegrityError(path, "read", "it changed while its folder was read")
