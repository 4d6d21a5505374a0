"""Daemon threads that run the synchronous code of tasks, as many as it takes to keep going.

A synchronous task blocks its thread while it waits for a task that it called, so a pool of a fixed size could lock up.
Here a thread that waits lets another take its place, and a thread whose task was cancelled is interrupted.
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
import ctypes
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flyte_core.errors import RuntimeUserError

__all__ = ["WorkerThreads"]

#: Threads that may run task code at once; those that wait for other tasks do not count.
DEFAULT_LIMIT = 64

#: Seconds after which a thread without work ends.
_IDLE_SECONDS = 5.0


class _Interrupted(BaseException):
    """Raised inside a worker thread when the task it runs is cancelled."""


class _Job:
    """One call of a function in a worker thread, and the asyncio future that gets its result."""

    def __init__(self, func: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self._func = func
        self._loop = loop
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._cancelled = False
        #: Whether the thread may still have an interruption pending.
        self.interrupted = False
        self.future: asyncio.Future[Any] = loop.create_future()

    def run(self) -> Callable[[], None] | None:
        """Call the function in the calling thread; give what hands its result over, None when nobody waits."""
        with self._lock:
            if self._cancelled:
                return None
            self._thread = threading.get_ident()
        result, error = None, None
        try:
            result = self._context.run(self._func)
        except _Interrupted:
            return None
        except Exception as e:  # handed to the coroutine that waits
            error = e
        except BaseException as e:
            # SystemExit and KeyboardInterrupt would end the event loop that waits for the result.
            error = RuntimeUserError(type(e).__name__, f"the task's code raised {type(e).__name__}: {e}")
            error.__cause__ = e
        with self._lock:
            self._thread = None
        return functools.partial(self._deliver, result, error)

    def _deliver(self, result: Any, error: Exception | None) -> None:
        if isinstance(error, StopIteration):
            # A future refuses it, because it would end the coroutine that awaits the future.
            wrapped = RuntimeError("the task's code raised StopIteration")
            wrapped.__cause__ = error
            error = wrapped

        def finish() -> None:
            if not self.future.done():
                if error is not None:
                    self.future.set_exception(error)
                else:
                    self.future.set_result(result)

        try:
            self._loop.call_soon_threadsafe(finish)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            return

    def interrupt(self) -> bool:
        """Stop the function at its next bytecode; whether a thread was interrupted."""
        with self._lock:
            self._cancelled = True
            if self._thread is None or self.interrupted:
                return False
            self.interrupted = True
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), ctypes.py_object(_Interrupted))
            return True


class WorkerThreads:
    """Runs functions in daemon threads, made on demand.

    Args:
        limit: how many may run task code at once; default 64. Threads inside `waiting` do not count.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     return await WorkerThreads().run(lambda: 6 * 7)
        >>> asyncio.run(main())
        42
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._condition = threading.Condition()
        # All under the condition: jobs nobody has taken, threads that will look for one, all threads, those that wait.
        self._jobs: collections.deque[_Job] = collections.deque()
        self._running: set[_Job] = set()
        self._idle = 0
        self._threads = 0
        self._waiting = 0
        self._stopped = False

    async def run(self, func: Callable[[], Any]) -> Any:
        """Call ``func`` in a worker thread, with the context variables of the caller, and give its result.

        When the caller is cancelled, the thread is interrupted at its next bytecode; code that blocks in C is left
        behind in its daemon thread.
        """
        job = _Job(func, asyncio.get_running_loop())
        self._put(job)
        try:
            return await job.future
        except asyncio.CancelledError:
            job.interrupt()
            raise

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Say that the calling worker thread waits for another task, so another thread may run meanwhile."""
        with self._condition:
            self._waiting += 1
            self._grow()
        try:
            yield
        finally:
            with self._condition:
                self._waiting -= 1

    @property
    def busy(self) -> bool:
        """Whether a thread runs a function, which an interrupted one does until it has cleaned up."""
        return bool(self._running)

    def stop(self) -> None:
        """Take no more jobs, forget those that wait, and interrupt those that run; their callers are cancelled."""
        with self._condition:
            self._stopped = True
            forgotten, running = list(self._jobs), list(self._running)
            self._jobs.clear()
        for job in (*forgotten, *running):
            job.interrupt()

    def _put(self, job: _Job) -> None:
        with self._condition:
            if self._stopped:
                job.future.cancel()
                return
            self._jobs.append(job)
            if self._idle >= len(self._jobs):
                self._condition.notify()
            else:
                self._grow()

    def _grow(self) -> None:
        """Start a thread if there is work for it and room; the condition is held."""
        if len(self._jobs) > self._idle and self._threads < self._limit + self._waiting:
            self._threads += 1
            self._idle += 1
            threading.Thread(target=self._work, name="flyte_core-worker", daemon=True).start()

    def _next(self) -> _Job | None:
        """Take a job; None when there was none for a while. The calling thread counts as idle until then."""
        with self._condition:
            self._condition.wait_for(lambda: self._jobs, timeout=_IDLE_SECONDS)
            self._idle -= 1
            if self._jobs:
                job = self._jobs.popleft()
                self._running.add(job)
                return job
            self._threads -= 1
            return None

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                deliver = job.run()
                if job.interrupted:
                    # One that has not come yet must not come later, outside of this block.
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(threading.get_ident()), None)
                    break
                with self._condition:
                    self._running.discard(job)
                    # Before the result is out, so that the next call finds this thread instead of starting one.
                    self._idle += 1
                if deliver is not None:
                    deliver()
            except _Interrupted:
                break
        else:
            return
        # What the interrupted code has left behind in this thread is not for another task.
        with self._condition:
            self._running.discard(job)
            self._threads -= 1
            self._grow()
