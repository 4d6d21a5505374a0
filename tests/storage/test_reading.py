"""Readers of remote content, whatever brings the pieces."""

from __future__ import annotations

import io

import pytest

from flyte_core.errors import StorageError
from flyte_core.storage.engine import ObjectInfo
from flyte_core.storage.reading import PieceReader

CONTENT = bytes(range(100))


class Reader(PieceReader):
    """Content in pieces of ten bytes; each place in ``cuts`` fails once."""

    def __init__(self, *cuts: int) -> None:
        super().__init__(ObjectInfo(url="http://somewhere/x", size=len(CONTENT)))
        self._cuts = list(cuts)
        self.dropped = 0

    def _load(self, wanted: int) -> bytes:
        if self._position in self._cuts:
            self._cuts.remove(self._position)
            raise ConnectionError("cut")
        return CONTENT[self._position : self._position + 10]

    def _drop(self) -> None:
        self.dropped += 1


def test_after_a_failure_the_next_read_gives_every_byte_that_nobody_got() -> None:
    reader = Reader(10)
    assert reader.read(5) == CONTENT[:5]
    with pytest.raises(ConnectionError):
        reader.read(10)
    assert reader.tell() == 5
    assert reader.read(10) == CONTENT[5:15]
    assert reader.read() == CONTENT[15:]
    reader.seek(3)
    assert reader.read(1) == CONTENT[3:4]


@pytest.mark.parametrize(
    ("offset", "whence", "place"), [(7, io.SEEK_SET, 7), (-1, io.SEEK_END, 99), (3, io.SEEK_CUR, 3)]
)
def test_a_seek_changes_what_is_read_next(offset: int, whence: int, place: int) -> None:
    reader = Reader()
    assert reader.seek(offset, whence) == place
    assert reader.read(1) == CONTENT[place : place + 1]


def test_a_closed_reader_refuses_everything_but_its_place() -> None:
    reader = Reader()
    reader.close()
    assert reader.dropped == 1
    assert reader.tell() == 0
    for use in (reader.read, lambda: reader.seek(0)):
        with pytest.raises(StorageError, match="closed"):
            use()
