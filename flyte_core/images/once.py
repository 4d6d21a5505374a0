"""Doing a thing once in this process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["InFlight"]

R = TypeVar("R")


class _Abandoned(Exception):
    """Who did it was cancelled; somebody else has to."""


class InFlight(Generic[R]):
    """What is being done at the moment; who asks for the same waits for its result, in whatever event loop.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     inflight, done = InFlight(), []
        ...     async def work():
        ...         done.append(1)
        ...         await asyncio.sleep(0)
        ...         return len(done)
        ...     return await asyncio.gather(inflight.once("a", work), inflight.once("a", work))
        >>> asyncio.run(main())
        [1, 1]
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Hashable, concurrent.futures.Future[R]] = {}

    async def once(self, key: Hashable, work: Callable[[], Awaitable[R]]) -> R:
        """Do something, or wait for who does it already.

        Args:
            key: what is done.
            work: does it.

        Returns:
            Its result.

        Raises:
            BaseException: what the work raised, for everybody who waits. When who does it is cancelled, the next one
                begins anew.
        """
        while True:
            with self._lock:
                running = self._running.get(key)
                mine: concurrent.futures.Future[R] = concurrent.futures.Future()
                if running is None:
                    self._running[key] = mine
            if running is None:
                return await self._do(key, mine, work)
            try:
                waiting = asyncio.wrap_future(running)
                # Read, so that asyncio does not complain of an error that a cancelled waiter did not see.
                waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
                # Shielded: a waiter that is cancelled leaves the others their future.
                return await asyncio.shield(waiting)
            except _Abandoned:
                continue

    async def _do(self, key: Hashable, mine: concurrent.futures.Future[R], work: Callable[[], Awaitable[R]]) -> R:
        try:
            result = await work()
        except BaseException as error:
            self._forget(key)
            mine.set_exception(error if isinstance(error, Exception) else _Abandoned())
            raise
        self._forget(key)
        mine.set_result(result)
        return result

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            del self._running[key]
