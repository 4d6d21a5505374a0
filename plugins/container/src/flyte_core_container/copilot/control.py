"""Ends work in good order: a deadline, a cancellation from outside, and coroutines that wait for a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from flyte_core_container.copilot.errors import CopilotCancelledError, CopilotDeadlineError

__all__ = ["Control", "in_thread", "run_controlled"]

R = TypeVar("R")


class Control:
    """What long work looks at between its steps.

    Args:
        timeout: seconds that the work may take from now on; ``None``, zero or less for no limit.
    """

    def __init__(self, timeout: float | None = None) -> None:
        self._lock = threading.RLock()
        self._timeout = timeout if timeout is not None and timeout > 0 else None
        self._end: float | None = None
        self._reason: str | None = None
        self._cancelled_at: float | None = None
        self._listener: Callable[[], object] | None = None
        self.start()

    def start(self) -> None:
        """Count the time from now on."""
        self._end = None if self._timeout is None else time.monotonic() + self._timeout

    @property
    def remaining(self) -> float | None:
        """Seconds that are left, at least zero; ``None`` without a limit."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    @property
    def overdue(self) -> float:
        """Seconds since the work should have ended; zero while it may go on."""
        ends = [end for end in (self._end, self._cancelled_at) if end is not None]
        return max(0.0, time.monotonic() - min(ends)) if ends else 0.0

    def cancel(self, reason: str) -> None:
        """Ask the work to end; the first reason counts. May be called from any thread and from a signal's handler."""
        with self._lock:
            if self._reason is None:
                self._reason, self._cancelled_at = reason, time.monotonic()
            if self._listener is not None:
                self._listener()

    def listen(self, listener: Callable[[], object] | None) -> None:
        """Have a function called when the work is to end, at once if that is so already; ``None`` for nobody."""
        with self._lock:
            self._listener = listener
            if listener is not None and self._reason is not None:
                listener()

    def check_cancelled(self) -> None:
        """End the work here if it was cancelled.

        Raises:
            CopilotCancelledError: it was.
        """
        if self._reason is not None:
            raise CopilotCancelledError(f"cancelled: {self._reason}")

    def check(self) -> None:
        """End the work here if its time is over or it was cancelled.

        Raises:
            CopilotCancelledError: it was cancelled.
            CopilotDeadlineError: its time is over.
        """
        self.check_cancelled()
        if self._end is not None and time.monotonic() >= self._end:
            raise CopilotDeadlineError(f"not done within the deadline of {_shown(self._timeout)}; --timeout sets it")


def _shown(seconds: float | None) -> str:
    from flyte_core_container.copilot.gotext import go_duration

    return go_duration(round((seconds or 0.0) * 1_000_000_000))


async def in_thread(control: Control, work: Callable[[], R]) -> R:
    """Run blocking work in a thread; cancelled, ask it to end and wait until it has.

    Args:
        control: what the work looks at.
        work: the work.

    Returns:
        What the work returns.

    Raises:
        asyncio.CancelledError: this coroutine was cancelled, and the work has ended.
    """
    import asyncio

    from flyte_core.runtime.blocking import to_its_end

    return await to_its_end(asyncio.to_thread(work), lambda: control.cancel("the caller was cancelled"))


def run_controlled(control: Control, coroutine: Callable[[], Coroutine[Any, Any, R]]) -> R:
    """Run a coroutine in an event loop of its own, in this thread, and cancel it when the work is to end.

    Args:
        control: ends it.
        coroutine: makes it.

    Returns:
        What it returns.

    Raises:
        CopilotCancelledError: the work was cancelled.
        CopilotDeadlineError: its time was over.
    """
    import asyncio

    control.check()

    async def watched() -> R:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(coroutine())
        control.listen(lambda: loop.call_soon_threadsafe(task.cancel))
        remaining = control.remaining
        timer = None if remaining is None else loop.call_later(remaining, task.cancel)
        try:
            return await task
        finally:
            control.listen(None)
            if timer is not None:
                timer.cancel()

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        control.check()
        raise
