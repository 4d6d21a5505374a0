"""Blocking calls in threads of their own, so that neither the event loop nor a pool waits for another system."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
import os
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["begun_in_thread", "in_thread", "to_its_end"]

R = TypeVar("R")

#: Seconds after which a thread without work ends.
_IDLE_SECONDS = 5.0
#: Seconds that the process's exit waits for threads without work, which have only to let go of their last call.
_EXIT_SECONDS = 1.0


async def in_thread(func: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
    """Call a function in a daemon thread of its own and wait for it.

    `asyncio.to_thread` has a pool of a few threads, which some dozen calls that wait would fill; and it is joined
    at exit, where a call that hangs would hold the process. When the waiting is cancelled, the call goes on unheard.

    Args:
        func: what blocks.
        *args: its arguments.
        **kwargs: its named arguments.
    """
    return await begun_in_thread(func, *args, **kwargs)


def begun_in_thread(func: Callable[..., R], /, *args: Any, **kwargs: Any) -> asyncio.Future[R]:
    """Begin what `in_thread` does, and give the future of its result; a task around a coroutine would be slower."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[R] = loop.create_future()
    context = contextvars.copy_context()

    def tell(set_it: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            set_it(value)

    def work() -> Callable[[], object]:
        set_it: Callable[[Any], None]
        value: Any
        try:
            set_it, value = future.set_result, context.run(func, *args, **kwargs)
        except BaseException as e:  # handed to the coroutine that waits
            set_it, value = future.set_exception, e
        return lambda: loop.call_soon_threadsafe(tell, set_it, value)

    _threads().run(work)
    return future


class _Threads:
    """The threads of one process that have no work, the one that had some last at the end.

    A thread is used again, since what libraries set up for each new one can take longer than the call: half a
    millisecond for a query of DuckDB.
    """

    def __init__(self) -> None:
        self._idle: list[_Thread] = []
        self._lock = threading.Lock()

    def run(self, work: Callable[[], Callable[[], object]]) -> None:
        """Have a thread that has nothing else to do call a function, and then the one which that gives."""
        with self._lock:
            thread = self._idle.pop() if self._idle else None
        if thread is None:
            _Thread(self, work).start()
        else:
            thread.give(work)

    def add(self, thread: _Thread) -> None:
        """Take a thread that has no work any more."""
        with self._lock:
            self._idle.append(thread)

    def remove(self, thread: _Thread) -> bool:
        """Let a thread end; False when it has been given work meanwhile."""
        with self._lock:
            if thread in self._idle:
                self._idle.remove(thread)
                return True
        return False

    def end(self) -> None:
        """End the threads without work; one that is at work is left alone, for it may hang."""
        with self._lock:
            idle, self._idle = self._idle, []
        for thread in idle:
            thread.give(None)
        end = time.monotonic() + _EXIT_SECONDS
        for thread in idle:
            thread.join(max(end - time.monotonic(), 0.0))


class _Thread(threading.Thread):
    def __init__(self, threads: _Threads, work: Callable[[], Callable[[], object]]) -> None:
        super().__init__(name="flyte_core-blocking", daemon=True)
        self._threads = threads
        self._work: Callable[[], Callable[[], object]] | None = work
        self._given = threading.Lock()
        self._given.acquire()

    def give(self, work: Callable[[], Callable[[], object]] | None) -> None:
        """Have it do something, or end."""
        self._work = work
        self._given.release()

    def run(self) -> None:
        while (work := self._work) is not None:
            self._work = None
            tell = work()
            # What the call held must live neither as long as this thread, nor when its result is out.
            del work
            # Before the result is out, so that the next call finds this thread instead of starting one.
            self._threads.add(self)
            # The loop may be gone, when the process ends while an engine is silent.
            with contextlib.suppress(RuntimeError):
                tell()
            del tell
            if not self._given.acquire(timeout=_IDLE_SECONDS) and not self._threads.remove(self):
                self._given.acquire()


#: By process: a forked child has its parent's memory, and none of its threads.
_of_processes: dict[int, _Threads] = {}


def _threads() -> _Threads:
    process = os.getpid()
    found = _of_processes.get(process)
    if found is None:
        found = _of_processes.setdefault(process, _Threads())
        atexit.register(_end_idle)
    return found


def _end_idle() -> None:
    # A thread that the exit freezes while it drops a call keeps what the call held, and native libraries complain.
    found = _of_processes.get(os.getpid())
    if found is not None:
        found.end()


async def to_its_end(work: Coroutine[Any, Any, R], hurry: Callable[[], object] | None = None) -> R:
    """Wait for a coroutine that must not be cancelled, such as a clean-up.

    Args:
        work: the coroutine.
        hurry: called when the waiting is cancelled meanwhile: somebody is impatient.

    Returns:
        The coroutine's result. A cancellation during the wait is told again only after its end.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        # Waiting for a task, unlike awaiting it, leaves it alone when it is cancelled.
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:  # noqa: PERF203 - one turn for each
            cancelled = error
            if hurry is not None:
                hurry()
    if cancelled is not None:
        if not task.cancelled():
            # Read, so that asyncio does not complain that an exception was never retrieved.
            task.exception()
        raise cancelled
    return task.result()
