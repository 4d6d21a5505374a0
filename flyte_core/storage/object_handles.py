"""Objects that are open: read with seek and read-ahead, written in parts and visible at once or never."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.errors import StorageError, StorageIntegrityError
from flyte_core.storage.download import Content
from flyte_core.storage.native import clean_up, wait_for
from flyte_core.storage.reading import LONGEST_RANGE, PieceReader
from flyte_core.storage.retry import Deadline
from flyte_core.storage.upload import parts_of, put_whole

if TYPE_CHECKING:
    from flyte_core.storage.engine import ObjectInfo, Transfer
    from flyte_core.storage.stores import Access

__all__ = ["ObjectReader", "ObjectWriter"]

_PIECE = 2 * 2**20
_PIECES_AHEAD = 8
_GRACE = 30.0  # seconds that a discarded object has to take its parts back


class _Ahead:
    """Reads a range of an object into a short queue, in the loop of `wait_for`, while nobody waits."""

    def __init__(self, content: Content, start: int, stop: int) -> None:
        self.stop = stop
        self._queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(_PIECES_AHEAD)
        self._pieces = content.pieces(start, lambda: stop, _PIECE)
        self._task: asyncio.Task[None] | None = None

    async def next(self) -> bytes | None:
        """Give the next piece; None at the end."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())
        item = await self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def close(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            async for _place, piece in self._pieces:
                await self._queue.put(piece)
        except Exception as error:  # told to whoever reads
            await self._queue.put(error)
        else:
            await self._queue.put(None)


class ObjectReader(PieceReader):
    """An object that is open for reading.

    Args:
        access: the way to it.
        info: what it is.
        transfer: how to read it; its deadline holds for each wait for bytes.
    """

    def __init__(self, access: Access, info: ObjectInfo, transfer: Transfer) -> None:
        super().__init__(info)
        assert info.size is not None
        self.size = info.size
        self._access = access
        self._transfer = transfer
        self._ahead: _Ahead | None = None

    def _load(self, wanted: int) -> bytes:
        end_of_piece = self._piece_start + len(self._piece)
        if self._ahead is None or self._position != end_of_piece:
            self._begin(wanted, follows=self._position == end_of_piece)
        found = self._next()
        if found is None:
            self._begin(wanted, follows=True)
            found = self._next()
        if found is None:
            raise StorageIntegrityError(self._info.url, "read", f"it ends after {self._position} of {self.size} bytes")
        return found

    def _next(self) -> bytes | None:
        assert self._ahead is not None
        deadline = Deadline(self._transfer.deadline)
        try:
            return wait_for(asyncio.wait_for(self._ahead.next(), deadline.left()))
        except asyncio.TimeoutError as error:
            problem = error
        raise self._access.tries("read", self._transfer, deadline).error_of(problem)

    def _begin(self, wanted: int, follows: bool) -> None:
        """Begin to read ahead from the position."""
        self._drop()
        self._grow(follows)
        length = max(wanted, self._range)
        stop = self.size if self._range >= LONGEST_RANGE else min(self.size, self._position + length)
        # Without the deadline: it holds for each wait, and the stream lasts as long as its reader takes.
        endless = attrs.evolve(self._transfer, deadline=None)
        self._ahead = _Ahead(Content(self._access, self._info, endless, "read"), self._position, stop)

    def _drop(self) -> None:
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            clean_up(ahead.close())


class _DiscardedError(Exception):
    """Thrown into obstore, which then takes back the parts it has sent."""


class ObjectWriter:
    """An object that is open for writing.

    Args:
        access: the way to it.
        transfer: how to write it; its deadline holds for each wait until there is room for a part, and for the end.
    """

    def __init__(self, access: Access, transfer: Transfer) -> None:
        self._access = access
        self._transfer = transfer
        self._part, self._in_flight = parts_of(None, transfer)
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._queue: asyncio.Queue[bytes | None] | None = None
        self._upload: asyncio.Future[Any] | None = None
        self._discarded = False
        self._over = False

    def write(self, data: bytes, /) -> int:
        """See `flyte_core.storage.engine.WriteHandle.write`."""
        if self._over:
            raise StorageError(self._access.location.url, "write to", "the file is closed")
        view = memoryview(data).cast("B")
        size = len(view)
        while view:
            taken = view[: self._part - self._buffered]
            self._buffer.append(bytes(taken))
            self._buffered += len(taken)
            view = view[len(taken) :]
            if self._buffered == self._part:
                wait_for(self._send(self._take()))
        return size

    def commit(self) -> None:
        """See `flyte_core.storage.engine.WriteHandle.commit`."""
        if self._over:
            return
        self._over = True
        wait_for(self._finish(self._take()))

    def discard(self) -> None:
        """See `flyte_core.storage.engine.WriteHandle.discard`."""
        if self._over:
            return
        self._over = True
        self._take()
        if self._upload is not None:
            clean_up(self._give_up())

    def _take(self) -> bytes:
        data = self._buffer[0] if len(self._buffer) == 1 else b"".join(self._buffer)
        self._buffer, self._buffered = [], 0
        return data

    async def _send(self, data: bytes) -> None:
        """Hand a part over, waiting until there is room for it."""
        if self._upload is None:
            self._queue = asyncio.Queue(1)
            self._upload = self._access.put(
                "write to",
                self._transfer,
                self._parts(self._queue),
                use_multipart=True,
                chunk_size=self._part,
                max_concurrency=self._in_flight,
            )
        await self._hand_over(data, Deadline(self._transfer.deadline))

    async def _hand_over(self, data: bytes | None, deadline: Deadline) -> None:
        assert self._queue is not None
        assert self._upload is not None
        put = asyncio.ensure_future(self._queue.put(data))
        await asyncio.wait({put, self._upload}, timeout=deadline.left(), return_when=asyncio.FIRST_COMPLETED)
        if put.done() and not self._upload.done():
            if data and self._transfer.on_progress is not None:
                self._transfer.on_progress(len(data))
            return
        put.cancel()
        self._over = True
        if not self._upload.done():
            await self._give_up()
            raise deadline.error(self._access.location.url, "write to")
        self._raise_failure()

    async def _parts(self, queue: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
        while (data := await queue.get()) is not None and not self._discarded:
            yield data
        if self._discarded:
            raise _DiscardedError

    async def _finish(self, data: bytes) -> None:
        deadline = Deadline(self._transfer.deadline)
        upload = self._upload
        if upload is None:
            await put_whole(self._access, "write to", self._transfer, deadline, data, {})
            return
        if data:
            await self._hand_over(data, deadline)
        await self._hand_over(None, deadline)
        done, _ = await asyncio.wait([upload], timeout=deadline.left())
        if not done:
            upload.cancel()
            raise deadline.error(self._access.location.url, "write to")
        self._raise_failure()

    async def _give_up(self) -> None:
        """Make obstore take back what it has sent, at the next part that it asks for."""
        upload, queue = self._upload, self._queue
        assert upload is not None
        assert queue is not None
        self._discarded = True
        put = asyncio.ensure_future(queue.put(None))
        await asyncio.wait([upload], timeout=_GRACE)
        put.cancel()
        if not upload.cancel() and not upload.cancelled():
            upload.exception()  # looked at, or asyncio reports it

    def _raise_failure(self) -> None:
        assert self._upload is not None
        problem = self._upload.exception()
        if problem is not None:
            raise self._access.tries("write to", self._transfer).error_of(problem)
