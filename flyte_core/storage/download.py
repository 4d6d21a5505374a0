"""Reading the content of one object: in a stream that is taken up where it broke off, and in parallel where that helps.

One connection to S3 gives some 90 MB/s, one to a server nearby a gigabyte; and there are servers that read the whole
object for every range of it. So a download begins as one stream, and ranges from the object's end help it only when it
turned out to be slow.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from flyte_core.errors import StorageError, StorageIntegrityError
from flyte_core.storage.failures import WrongContentError, failure_of
from flyte_core.storage.native import obstore

if TYPE_CHECKING:
    from flyte_core.storage.engine import ObjectInfo, Transfer
    from flyte_core.storage.retry import Deadline
    from flyte_core.storage.stores import Access

__all__ = ["Content", "Draft", "fetch", "next_of"]

_PIECE = 2 * 2**20  # what a cut connection loses at most
_FAST_ENOUGH = 100e6  # bytes a second
_PATIENCE = 1.0  # seconds until the speed is judged

T = TypeVar("T")


class Draft:
    """A local file that is written at any place, from any thread.

    Args:
        file: the open file.
        url: what is written into it, for errors.
    """

    def __init__(self, file: BinaryIO, url: str) -> None:
        self._file = file
        self._url = url
        try:
            self._descriptor: int | None = file.fileno() if hasattr(os, "pwrite") else None
        except OSError:  # a file in memory
            self._descriptor = None

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Write bytes at a place.

        Args:
            offset: the place.
            data: the bytes.

        Raises:
            StorageError: the disk is full, or the file cannot be written.
        """
        try:
            if self._descriptor is None:
                self._file.seek(offset)
                self._file.write(data)
                return
            rest = memoryview(data)
            while rest:
                written = os.pwrite(self._descriptor, rest, offset)
                offset, rest = offset + written, rest[written:]
        except OSError as error:
            name = getattr(self._file, "name", "the local file")
            raise StorageError(self._url, "download", f"cannot write {name}: {error.strerror or error}") from error


class Content:
    """The content of one object, as it was when it was first looked at.

    Args:
        access: the way to it.
        info: what it was.
        transfer: how to read it.
        operation: what is done, for errors.
        deadline: when it must be over.
    """

    def __init__(
        self, access: Access, info: ObjectInfo, transfer: Transfer, operation: str, deadline: Deadline | None = None
    ) -> None:
        assert info.size is not None
        self.size = info.size
        self._access = access
        self._info = info
        self._transfer = transfer
        self._operation = operation
        self._deadline = deadline

    async def pieces(
        self, start: int, stop: Callable[[], int], piece: int = _PIECE
    ) -> AsyncIterator[tuple[int, bytes]]:
        """Give the bytes from one place to another in pieces, each with its place.

        Args:
            start: the first place.
            stop: gives the place behind the last; asked again before each piece.
            piece: the size of a piece.

        Raises:
            StorageIntegrityError: the object is another one by now.
            StorageError: it cannot be read.
        """
        end = stop()
        tries = self._access.tries(self._operation, self._transfer, self._deadline)
        while start < min(end, stop()):
            offset = start
            first, stream = await tries.call(lambda: self._begin(offset, end, piece))  # noqa: B023 - awaited here
            data: bytes | None = first
            while data:
                taken = data[: max(0, stop() - start)]
                if taken:
                    yield start, taken
                start += len(taken)
                if start >= min(end, stop()):
                    return
                data = await self._next(stream, tries.deadline)

    async def _begin(self, start: int, end: int, piece: int) -> tuple[bytes, AsyncIterator[bytes]]:
        """Open a stream and give its first piece too: a connection that gives nothing is a failed try."""
        options: dict[str, object] = {}
        if (start, end) != (0, self.size):
            options["range"] = (start, end)
            if self._info.e_tag:
                options["if_match"] = self._info.e_tag
        module = obstore()
        key = self._access.location.key
        result = await self._access.read(lambda store: module.get_async(store, key, options=options or None))
        self._check(result.meta, result.range, start)
        stream: AsyncIterator[bytes] = result.stream(min_chunk_size=piece)
        data = await next_of(stream)
        if not data:
            raise WrongContentError(f"the content ends after {start} of {self.size} bytes")
        return data, stream

    async def _next(self, stream: AsyncIterator[bytes], deadline: Deadline) -> bytes | None:
        """Give the next piece; None where the stream has ended or broken off, and is to be begun again."""
        try:
            return await asyncio.wait_for(next_of(stream), deadline.left())
        except Exception as error:  # obstore's; failure_of knows them
            if deadline.left() != 0.0 and failure_of(error).transient:
                return None
            problem = error
        raise self._access.tries(self._operation, self._transfer, deadline).error_of(problem)

    def _check(self, meta: dict[str, object], span: tuple[int, int], start: int) -> None:
        """Compare what the server sends with what was looked at."""
        e_tag, size = meta["e_tag"], meta["size"]
        if e_tag and self._info.e_tag and e_tag != self._info.e_tag:
            reason = "it was replaced by other content meanwhile; try again"
            raise StorageIntegrityError(self._info.url, self._operation, reason)
        if size != self.size:
            raise WrongContentError(f"the server says it has {size} bytes, and said {self.size} before")
        if span[0] != start:
            raise WrongContentError(f"the server sends the bytes from {span[0]} on instead of {start}")


async def next_of(stream: AsyncIterator[T]) -> T | None:
    """Give the next piece of a stream, None at its end; obstore's awaitables are no coroutines, this is one."""
    try:
        return await stream.__anext__()
    except StopAsyncIteration:
        return None


async def fetch(content: Content, draft: Draft, transfer: Transfer) -> None:
    """Write a whole object into a local file.

    Args:
        content: the object.
        draft: the file.
        transfer: how.

    Raises:
        StorageIntegrityError: the object is another one by now.
        StorageError: it cannot be read, or the file not be written.
    """
    await _Fetch(content, draft, transfer).run()


class _Fetch:
    """One download: a stream from the front, and helpers from the end that take parts until the two meet."""

    def __init__(self, content: Content, draft: Draft, transfer: Transfer) -> None:
        self._content = content
        self._draft = draft
        self._transfer = transfer
        self._front = 0
        self._back = content.size
        self._helpers: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Do it; when one of its tasks fails the others are stopped."""
        stream = asyncio.ensure_future(self._stream())
        try:
            await stream
            if self._helpers:
                await asyncio.gather(*self._helpers)
        finally:
            running = [task for task in (stream, *self._helpers) if not task.done()]
            for task in running:
                task.cancel()
            # A write that has begun in a thread goes on; the file must not be closed before its end.
            await asyncio.gather(*running, return_exceptions=True)

    async def _stream(self) -> None:
        begun: float | None = None
        first = 0
        judged = False
        async for offset, data in self._content.pieces(0, lambda: self._back):
            await self._write(offset, data)
            self._front = offset + len(data)
            failed = next((task for task in self._helpers if task.done() and task.exception()), None)
            if failed is not None:
                await failed
            if begun is None:
                # From the first piece on: how long a server takes to find it says nothing of the connection.
                begun, first = time.monotonic(), self._front
            waited = time.monotonic() - begun
            if not judged and waited >= _PATIENCE:
                judged = True
                if (self._front - first) / waited < _FAST_ENOUGH:
                    self._get_help()

    def _get_help(self) -> None:
        missing = (self._back - self._front) // self._transfer.part_size
        for _ in range(min(self._transfer.concurrency - 1, missing - 3)):
            self._helpers.append(asyncio.ensure_future(self._help()))

    async def _help(self) -> None:
        part = self._transfer.part_size
        while self._back - self._front >= 2 * part:
            end = self._back
            self._back = start = end - part
            async for offset, data in self._content.pieces(start, lambda: end):  # noqa: B023 - used in this round
                await self._write(offset, data)

    async def _write(self, offset: int, data: bytes) -> None:
        writing = asyncio.get_running_loop().run_in_executor(None, self._draft.write, offset, data)
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            raise
        if self._transfer.on_progress is not None:
            self._transfer.on_progress(len(data))
