"""Doing a thing once: in this process, and on this machine."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import hashlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

from flyte_core._logging import logger

__all__ = ["InFlight", "machine_lock"]

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


@contextlib.asynccontextmanager
async def machine_lock(folder: Path, what: str) -> AsyncIterator[bool]:
    """Hold a lock that one process of this machine has at a time; it ends with the process, however that ends.

    Args:
        folder: where the lock's file lies; without one that can be written there is no lock.
        what: what is locked, for the file's name and the log.

    Yields:
        Whether somebody else had it, and may have done what was to be done.
    """
    import filelock

    path = folder / f"{hashlib.sha256(what.encode()).hexdigest()[:32]}.lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        logger.warning("%s is not locked against other processes: %s", what, error)
        yield False
        return
    # Not bound to a thread: what is awaited between may come back in another one.
    lock = filelock.AsyncFileLock(path, thread_local=False)
    try:
        await lock.acquire(blocking=False)
        waited = False
    except filelock.Timeout:
        logger.info("another process works on %s; waiting for it", what)
        await lock.acquire(poll_interval=0.2)
        waited = True
    try:
        yield waited
    finally:
        await lock.release(force=True)
