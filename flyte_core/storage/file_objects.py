"""The standard library's file objects over what engines open, with an end that is either good or leaves nothing."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, cast

from flyte_core.storage.undo import OnFailure

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from flyte_core.storage.engine import ReadHandle, WriteHandle

__all__ = ["BinaryReader", "BinaryWriter", "HandleReader", "HandleWriter", "TextReader", "TextWriter"]


class HandleReader(io.RawIOBase):
    """An engine's `ReadHandle` as a raw file.

    Args:
        handle: what is read; closed with this.
    """

    def __init__(self, handle: ReadHandle) -> None:
        self._handle = handle

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it has places to go to: yes."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """See `io.RawIOBase.readinto`."""
        view = memoryview(buffer).cast("B")
        data = self._handle.read(len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """See `io.RawIOBase.readall`."""
        return self._handle.read()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """See `io.IOBase.seek`."""
        return self._handle.seek(offset, whence)

    def tell(self) -> int:
        """See `io.IOBase.tell`."""
        return self._handle.tell()

    def close(self) -> None:
        """Give the handle back."""
        if not self.closed:
            try:
                self._handle.close()
            finally:
                super().close()


class HandleWriter(io.RawIOBase):
    """An engine's `WriteHandle` as a raw file; closing it neither commits nor discards.

    Args:
        handle: what is written.
    """

    def __init__(self, handle: WriteHandle) -> None:
        self._handle = handle
        self._count = 0

    def writable(self) -> bool:
        """Whether it can be written: yes."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """See `io.RawIOBase.write`; everything is taken."""
        content = bytes(data)
        self._handle.write(content)
        self._count += len(content)
        return len(content)

    def tell(self) -> int:
        """Say how many bytes were written."""
        return self._count

    def commit(self) -> None:
        """Put the object under its name."""
        self._handle.commit()

    def discard(self) -> None:
        """Throw away what was written."""
        self._handle.discard()


class BinaryReader(io.BufferedReader):
    """A buffered reader that closes what lies below its raw file too.

    Args:
        raw: what is read.
        size: bytes that are read ahead.
        below: closed after the raw file; decompressors leave theirs open.
    """

    def __init__(self, raw: io.RawIOBase, size: int, below: Sequence[io.IOBase] = ()) -> None:
        super().__init__(raw, size)
        self._below = below

    def close(self) -> None:
        """Close it, and what lies below."""
        try:
            super().close()
        finally:
            for file in getattr(self, "_below", ()):
                file.close()


class BinaryWriter(io.BufferedWriter):
    """A buffered writer with two ends: `close` puts everything under its name, `discard` leaves nothing.

    It is discarded also when a ``with`` block ends with an exception, when a write fails, and when it is never closed.

    Args:
        raw: what is written.
        size: bytes that are gathered.
        commit: called when the raw file is flushed.
        discard: called instead.
    """

    def __init__(
        self, raw: io.RawIOBase, size: int, *, commit: Callable[[], None], discard: Callable[[], None]
    ) -> None:
        super().__init__(raw, size)
        self._commit, self._discard = commit, discard
        self._ended = False

    def close(self) -> None:
        """Write what was gathered and put everything under its name, complete.

        Raises:
            StorageError: that is not possible; nothing is there.
        """
        if getattr(self, "_ended", True):
            return
        with OnFailure(self.discard):
            self.flush()
            if not isinstance(self.raw, (io.FileIO, HandleWriter)):
                self.raw.close()  # a compressor writes its end, and leaves open what it writes to
            self._ended = True
            self._commit()
        self._release()

    def discard(self) -> None:
        """Throw away everything that was written; after `close` it does nothing."""
        if not self._ended or not self.closed:
            self._ended = True
            self._discard()
            self._release()

    def _release(self) -> None:
        """Close the parts; what is still gathered in them has nowhere to go."""
        with suppress(OSError, ValueError):
            self.raw.close()
        with suppress(OSError, ValueError):
            super().close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_ended", True):
            warnings.warn(f"{self!r} was never closed: what was written is thrown away", ResourceWarning, stacklevel=2)
            self.discard()


class TextReader(io.TextIOWrapper):
    """Text over a binary file."""


class TextWriter(io.TextIOWrapper):
    """Text over a `BinaryWriter`, with the same two ends."""

    def close(self) -> None:
        """Write what was gathered and put everything under its name, complete."""
        if self.closed:
            return
        with OnFailure(self.discard):
            self.flush()
        super().close()

    def discard(self) -> None:
        """Throw away everything that was written; after `close` it does nothing."""
        cast(BinaryWriter, self.buffer).discard()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:
        # Not close(), which would put what there is under the name; the buffer below reports the loss.
        return
