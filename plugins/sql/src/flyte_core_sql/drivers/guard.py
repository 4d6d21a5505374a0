"""The end of a statement from outside: cancelled by another thread, or for taking too long."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flyte_core_sql.drivers.failures import Stopped

__all__ = ["Guard"]


class Guard:
    """Ends what a session's database does, and remembers why.

    Args:
        interrupt: has the database stop; called from any thread, and never after `close`.
        limit: after how many seconds a statement is ended from here; None is never.
    """

    def __init__(self, interrupt: Callable[[], None], limit: float | None = None) -> None:
        self._interrupt = interrupt
        self._limit = limit
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._statement = 0
        self._closed = False
        self.stopped: Stopped | None = None

    def begin(self) -> None:
        """Start the clock of a statement."""
        self.end()
        if self._limit is not None:
            self._timer = threading.Timer(self._limit, self._expire, [self._statement])
            self._timer.daemon = True
            self._timer.start()

    def end(self) -> None:
        """Stop the clock; the statement is done."""
        with self._lock:
            # A timer that has already fired must not hit the statement after.
            self._statement += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def cancel(self) -> None:
        """End the statement that runs, and begin none after it; from any thread, again and again, never an error."""
        self._stop("cancelled", None)

    def close(self) -> None:
        """Return when no interrupt is under way, and let none begin: the connection may go."""
        self.end()
        with self._lock:
            self._closed = True

    def _expire(self, statement: int) -> None:
        self._stop("timeout", statement)

    def _stop(self, reason: Stopped, statement: int | None) -> None:
        with self._lock:
            if self._closed or statement not in (None, self._statement):
                return
            self.stopped = self.stopped or reason
            # Whatever a driver makes of it: the statement fails or ends by itself.
            with contextlib.suppress(Exception):
                self._interrupt()
