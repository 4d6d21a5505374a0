"""Files and objects that are opened: what is written appears when it is complete, or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, AnyStr, Generic, ParamSpec, TypeVar, cast

import attrs

from flyte_core.errors import InvalidValueError, UnsupportedStorageError
from flyte_core.storage.engines import engine_for, transfer_for
from flyte_core.storage.file_objects import (
    BinaryReader,
    BinaryWriter,
    HandleReader,
    HandleWriter,
    TextReader,
    TextWriter,
)
from flyte_core.storage.listing import exists_sync
from flyte_core.storage.local import Draft, exists_already, make_parents
from flyte_core.storage.local_engine import open_local
from flyte_core.storage.paths import is_remote
from flyte_core.storage.undo import OnFailure
from flyte_core.storage.workers import in_thread_to_end

if TYPE_CHECKING:
    import asyncio

__all__ = ["AsyncFile", "open", "open_sync"]

P = ParamSpec("P")
R = TypeVar("R")

_MODES = ("r", "w", "a", "x", "r+")
_BUFFER = 1 << 20


@attrs.frozen
class _Mode:
    """A mode taken apart: what is done, and whether with text."""

    action: str
    is_text: bool

    @classmethod
    def parse(cls, mode: str) -> _Mode:
        action = mode.replace("b", "", 1).replace("t", "", 1)
        action = "r+" if action == "+r" else action
        if action not in _MODES or ("b" in mode and "t" in mode):
            raise InvalidValueError("open", "mode", mode, "r, w, a, x or r+, with b for bytes or t for text")
        # As with the built-in open, no letter means text; the default mode of these functions is rb.
        return cls(action, "b" not in mode)


def open_sync(
    path: str | os.PathLike[str],
    mode: str = "rb",
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    compression: str | None = None,
    block_size: int | None = None,
) -> IO[Any]:
    """Open a file or object.

    What is written in the modes ``w`` and ``x`` appears under the name when the file is closed, complete. It does not
    appear when the ``with`` block ends with an exception, or when the file is never closed. The modes ``a`` and ``r+``
    change a local file in place.

    Args:
        path: a URL or path; the folder of a path that is written is made.
        mode: ``r``, ``w``, ``x`` for a new one, ``a`` or ``r+``; with ``b`` for bytes, else for text.
        encoding: of text; default UTF-8.
        errors: of text, as the built-in `open` has it.
        newline: of text, as the built-in `open` has it.
        compression: a name that fsspec knows, such as ``gzip``, ``bz2`` or ``xz``; ``infer`` for the name's extension.
        block_size: bytes that are read ahead or gathered before they are written; default 1 MiB.

    Returns:
        The open file, to be used in a ``with`` block.

    Raises:
        StorageError: it cannot be opened, or later read, written or closed.
        UnsupportedStorageError: ``a`` or ``r+`` for a URL.
        InvalidValueError: the mode or compression is unknown, or text arguments are given for bytes.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/a.txt.gz"
        >>> with open_sync(path, "wt", compression="infer") as file:
        ...     _ = file.write("text")
        >>> with open_sync(path, "rt", compression="infer") as file:
        ...     file.read()
        'text'
    """
    parsed = _Mode.parse(mode)
    if not parsed.is_text:
        for name, value in (("encoding", encoding), ("errors", errors), ("newline", newline)):
            if value is not None:
                raise InvalidValueError("open", name, value, f"None where the mode is {mode}")
    if block_size is not None and block_size < 1:
        raise InvalidValueError("open", "block_size", block_size, "at least 1, or None")
    codec = _codec(path, parsed, compression)
    binary = _open_binary(os.fspath(path), parsed.action, codec, block_size or _BUFFER)
    if not parsed.is_text:
        return cast("IO[bytes]", binary)
    text = TextWriter if isinstance(binary, BinaryWriter) else TextReader
    try:
        # TextIOWrapper takes any buffer; of its stubs it is the parameter that says more.
        return cast("IO[str]", text(cast(Any, binary), encoding=encoding or "utf-8", errors=errors, newline=newline))
    except (LookupError, ValueError) as error:
        (binary.discard if isinstance(binary, BinaryWriter) else binary.close)()
        raise InvalidValueError(
            "open", "encoding, errors or newline", (encoding, errors, newline), str(error)
        ) from error


def _codec(path: str | os.PathLike[str], mode: _Mode, compression: str | None) -> str | None:
    if compression is None:
        return None
    from fsspec.compression import compr
    from fsspec.utils import infer_compression

    name = infer_compression(os.fspath(path)) if compression == "infer" else compression
    if name is None:
        return None
    if name not in compr:
        raise InvalidValueError("open", "compression", compression, ", ".join(sorted({"infer", *filter(None, compr)})))
    if mode.action in ("r+", "a"):
        raise InvalidValueError("open", "compression", compression, f"None where the mode is {mode.action}")
    return cast(str, name)


def _open_binary(
    path: str, action: str, codec: str | None, block_size: int
) -> BinaryReader | BinaryWriter | io.BufferedWriter | io.BufferedRandom:
    if action == "r":
        raw = open_local(path) if not is_remote(path) else _remote_reader(path)
        return _decompressed(BinaryReader(raw, block_size), codec, block_size)
    if action in ("w", "x"):
        return _writer(path, action == "x", codec, block_size)
    if is_remote(path):
        raise UnsupportedStorageError(
            path, f"open in mode {action}", "only local files are changed in place; write the whole object anew"
        )
    if action == "a":
        make_parents(path)
        return io.BufferedWriter(open_local(path, "ab"), block_size)
    return io.BufferedRandom(open_local(path, "r+b"), block_size)


def _remote_reader(path: str) -> HandleReader:
    return HandleReader(engine_for(path).open_read(path, transfer_for(path)))


def _decompressed(reader: BinaryReader, codec: str | None, block_size: int) -> BinaryReader:
    if codec is None:
        return reader
    from fsspec.compression import compr

    with OnFailure(reader.close):
        unpacked: Any = cast(Any, compr)[codec](reader, mode="rb")
    return BinaryReader(unpacked, block_size, below=[reader])


def _writer(path: str, exclusive: bool, codec: str | None, block_size: int) -> BinaryWriter:
    if is_remote(path):
        if exclusive and exists_sync(path):
            raise exists_already(path)
        bottom = HandleWriter(engine_for(path).open_write(path, transfer_for(path)))
        lowest = BinaryWriter(bottom, block_size, commit=bottom.commit, discard=bottom.discard)
    else:
        make_parents(path)
        draft = Draft(path, exclusive=exclusive)
        lowest = BinaryWriter(draft.raw, block_size, commit=draft.commit, discard=draft.discard)
    if codec is None:
        return lowest
    from fsspec.compression import compr

    with OnFailure(lowest.discard):
        packed: Any = cast(Any, compr)[codec](lowest, mode="wb")
    return BinaryWriter(packed, block_size, commit=lowest.close, discard=lowest.discard)


class AsyncFile(Generic[AnyStr]):
    """An open file whose methods are coroutines; the work is done in threads, one call at a time.

    Made by `open`. To be used in an ``async with`` block: what is written in the modes ``w`` and ``x`` appears when the
    block ends well.

    Args:
        file: the open file that does the work.
    """

    def __init__(self, file: IO[AnyStr]) -> None:
        import asyncio

        self._file: IO[AnyStr] = file
        self._lock: asyncio.Lock = asyncio.Lock()

    async def _call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        async with self._lock:
            return await in_thread_to_end(function, *args, **kwargs)

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return bool(self._file.closed)

    @property
    def name(self) -> str:
        """The path or URL that was opened, or what the file below calls itself."""
        return str(getattr(self._file, "name", ""))

    async def read(self, size: int = -1) -> AnyStr:
        """Read at most so many bytes or characters; all that are left for -1."""
        return await self._call(self._file.read, size)

    async def readline(self, size: int = -1) -> AnyStr:
        """Read a line."""
        return await self._call(self._file.readline, size)

    async def readlines(self, hint: int = -1) -> list[AnyStr]:
        """Read all lines, or lines until they have so many bytes or characters."""
        return await self._call(self._file.readlines, hint)

    async def write(self, data: AnyStr) -> int:
        """Write bytes or text."""
        return await self._call(self._file.write, data)

    async def writelines(self, lines: Iterable[AnyStr]) -> None:
        """Write pieces one after the other; nothing is put between them."""
        await self._call(self._file.writelines, lines)

    async def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        return await self._call(self._file.seek, offset, whence)

    async def tell(self) -> int:
        """Say where it stands."""
        return await self._call(self._file.tell)

    async def flush(self) -> None:
        """Hand on what was gathered; it appears under the file's name only at the end."""
        await self._call(self._file.flush)

    async def close(self) -> None:
        """End it; what was written in the modes ``w`` and ``x`` is then there, complete."""
        await self._call(self._file.close)

    def __aiter__(self) -> AsyncFile[AnyStr]:
        return self

    async def __anext__(self) -> AnyStr:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def __aenter__(self) -> AsyncFile[AnyStr]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._call(self._file.__exit__, kind, error, trace)


async def open(
    path: str | os.PathLike[str],
    mode: str = "rb",
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    compression: str | None = None,
    block_size: int | None = None,
) -> AsyncFile[Any]:
    """Open a file or object for asynchronous code; see `open_sync` for what holds for both.

    Args:
        path: a URL or path.
        mode: as for `open_sync`.
        encoding: as for `open_sync`.
        errors: as for `open_sync`.
        newline: as for `open_sync`.
        compression: as for `open_sync`.
        block_size: as for `open_sync`.

    Returns:
        The open file, to be used in an ``async with`` block.

    Raises:
        StorageError: it cannot be opened, or later read, written or closed.

    Example:
        >>> import asyncio, tempfile
        >>> async def write_and_read(path: str) -> str:
        ...     async with await open(path, "wt") as file:
        ...         await file.write("text")
        ...     async with await open(path, "rt") as file:
        ...         return await file.read()
        >>> asyncio.run(write_and_read(tempfile.mkdtemp() + "/a.txt"))
        'text'
    """
    file = await in_thread_to_end(
        open_sync,
        path,
        mode,
        encoding=encoding,
        errors=errors,
        newline=newline,
        compression=compression,
        block_size=block_size,
    )
    return AsyncFile(file)
