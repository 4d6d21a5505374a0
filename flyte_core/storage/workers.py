"""Blocking work in threads that ends soon when the coroutine waiting for it is cancelled."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Concatenate, ParamSpec, TypeVar

from flyte_core.errors import StorageError

__all__ = ["Stop", "Stopped", "in_thread", "in_thread_to_end", "run_bounded"]

P = ParamSpec("P")
R = TypeVar("R")


class Stopped(Exception):
    """The work in a thread was told to end; only this package sees it."""


class Stop:
    """Tells work in a thread to end."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self) -> None:
        """Ask the work to end at its next `check`."""
        self._asked.set()

    def check(self) -> None:
        """End the work here if that was asked for.

        Raises:
            Stopped: it was.
        """
        if self._asked.is_set():
            raise Stopped


async def in_thread(function: Callable[Concatenate[Stop, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a blocking function in a worker thread and wait for it, also when this coroutine is cancelled.

    Args:
        function: gets a `Stop` first, and checks it between steps, so that nothing of it outlives the cancelled caller.
        *args: its further arguments.
        **kwargs: its keyword arguments.

    Returns:
        What the function returns.

    Raises:
        asyncio.CancelledError: this coroutine was cancelled; the function has ended.
    """
    stop = Stop()
    return await _to_end(lambda: function(stop, *args, **kwargs), stop)


async def in_thread_to_end(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a short blocking function in a worker thread; a cancellation waits until it has ended by itself."""
    return await _to_end(lambda: function(*args, **kwargs), Stop())


async def _to_end(work: Callable[[], R], stop: Stop) -> R:
    import asyncio

    running = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    while True:
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            stop.ask()
            cancelled = error
            continue
        break
    if cancelled is None:
        return running.result()
    if not running.cancelled():
        running.exception()  # looked at, so that the loop does not report it as lost
    raise cancelled


async def run_bounded(jobs: Iterable[Callable[[], Awaitable[None]]], limit: int) -> list[StorageError]:
    """Run many coroutines, a few at a time, to their ends.

    Args:
        jobs: each gives one coroutine; taken as there is room for them.
        limit: the most that run at once.

    Returns:
        The storage errors that were raised; another exception, or a cancellation, ends all of them at once.
    """
    import asyncio

    waiting = iter(jobs)
    errors: list[StorageError] = []

    async def work() -> None:
        for job in waiting:
            try:
                await job()
            except StorageError as error:  # noqa: PERF203 - the other jobs are to be done
                errors.append(error)

    workers = [asyncio.ensure_future(work()) for _ in range(max(1, limit))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return errors
