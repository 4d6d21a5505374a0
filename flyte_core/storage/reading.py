"""What readers of remote content share: a place, the piece of the content around it, and ranges that grow."""

from __future__ import annotations

import functools
import io
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from flyte_core.errors import StorageError
from flyte_core.storage.undo import OnFailure

if TYPE_CHECKING:
    from flyte_core.storage.engine import ObjectInfo

__all__ = ["LONGEST_RANGE", "PieceReader"]

# After a seek so much is read, then twice as much each time that reading goes on behind it, and at last all there is.
_FIRST_RANGE = 2**20
LONGEST_RANGE = 16 * 2**20
"""A range that has grown so long has no end."""


class PieceReader(ABC):
    """Remote content that is open for reading; subclasses get the pieces.

    Args:
        info: what it is.
    """

    def __init__(self, info: ObjectInfo) -> None:
        self._info = info
        self._position = 0
        self._piece_start = 0
        self._piece = memoryview(b"")
        self._range = LONGEST_RANGE
        self._closed = False

    @abstractmethod
    def _load(self, wanted: int) -> bytes:
        """Give some bytes from the position on; none at the end of content whose length is not known."""

    @abstractmethod
    def _drop(self) -> None:
        """End the request that the pieces come from."""

    def read(self, size: int = -1, /) -> bytes:
        """See `flyte_core.storage.engine.ReadHandle.read`."""
        self._check_open()
        # Nobody gets the bytes of a read that fails, so the next one has to give them.
        with OnFailure(functools.partial(setattr, self, "_position", self._position)):
            parts = self._parts(sys.maxsize if size < 0 else size)
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def _parts(self, wanted: int) -> list[memoryview]:
        parts: list[memoryview] = []
        while wanted > 0:
            part = self._buffered(wanted)
            if not part:
                if self._info.size is not None and self._position >= self._info.size:
                    break
                loaded = self._load(wanted)
                self._piece_start, self._piece = self._position, memoryview(loaded)
                if not loaded:
                    break
                continue
            parts.append(part)
            self._position += len(part)
            wanted -= len(part)
        return parts

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """See `flyte_core.storage.engine.ReadHandle.seek`."""
        self._check_open()
        if whence == io.SEEK_END and self._info.size is None:
            raise StorageError(self._info.url, "seek in", "the server does not say how long it is")
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._info.size or 0}[whence]
        if base + offset < 0:
            raise StorageError(self._info.url, "seek in", f"place {base + offset} is before the beginning")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """See `flyte_core.storage.engine.ReadHandle.tell`."""
        return self._position

    def close(self) -> None:
        """See `flyte_core.storage.engine.ReadHandle.close`."""
        self._closed = True
        self._piece = memoryview(b"")
        self._drop()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(self._info.url, "read", "the file is closed")

    def _buffered(self, wanted: int) -> memoryview:
        start = self._position - self._piece_start
        return self._piece[start : start + wanted] if 0 <= start < len(self._piece) else memoryview(b"")

    def _grow(self, follows: bool) -> None:
        """Choose the length of the next range: all there is from the beginning on, else what may grow."""
        if self._position == 0:
            self._range = LONGEST_RANGE
        elif follows:
            self._range *= 2
        else:
            self._range = _FIRST_RANGE
