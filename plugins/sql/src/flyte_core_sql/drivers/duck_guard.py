"""How a statement of DuckDB ends before its time: when it takes too long, and when its task is cancelled."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import duckdb

from flyte_core_sql.drivers.duck_errors import FAILURES, is_interrupt, query_failure
from flyte_core_sql.errors import QueryError, QueryTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flyte_core_sql.connection import OpenConnection

__all__ = ["Guard"]

T = TypeVar("T")

#: An interrupt that comes before the engine has begun is lost, so it is repeated until the call is over.
_AGAIN = 0.02


class Guard:
    """Runs each call to the engine, and can interrupt it.

    The time limit counts what the engine takes, over all calls of one statement, and not what is done with the rows
    in between.

    Args:
        connection: for messages.
        cursor: what is interrupted.
        limit: the seconds that one statement may take; None for no limit.
    """

    def __init__(self, connection: OpenConnection, cursor: duckdb.DuckDBPyConnection, limit: float | None) -> None:
        self._connection = connection
        self._cursor = cursor
        self._limit = limit
        self._left = limit
        self._changed = threading.Condition(threading.Lock())
        self._running = False
        self._turn = 0
        self._cancelled = False
        self._expired = False

    def restart(self) -> None:
        """Begin a new statement, with all of its time."""
        self._left = self._limit
        self._expired = False

    def run(self, call: Callable[..., T], *arguments: object) -> T:
        """Run a call to the engine.

        Raises:
            QueryTimeoutError: the statement's time is over.
            QueryError: the engine fails, or the statement is cancelled.
            ConnectionLostError: the engine cannot go on.
        """
        with self._changed:
            self._check()
            self._running = True
            self._turn += 1
        timer = None if self._left is None else self._timer(self._left)
        begun = time.monotonic()
        try:
            return call(*arguments)
        except FAILURES as error:
            if is_interrupt(error):
                self._check(error)
            raise query_failure(self._connection, error) from error
        finally:
            with self._changed:
                self._running = False
                self._changed.notify_all()
            if timer is not None:
                timer.cancel()
                self._left = max(self._left - (time.monotonic() - begun), 0.0) if self._left is not None else None

    def cancel(self) -> None:
        """Interrupt the running call, and let no other begin."""
        with self._changed:
            self._cancelled = True
            if not self._running:
                return
            self._interrupt()
            turn = self._turn
        threading.Thread(target=self._press, args=(turn,), name="flyte_core-sql-cancel", daemon=True).start()

    def _check(self, cause: BaseException | None = None) -> None:
        """Say why no call may begin, or why one was interrupted."""
        if self._expired or self._left == 0:
            # A limit of 1.5 s is told as "1.5 s", one of 2 as "2 s".
            text = f"the statement took longer than {self._limit:g} s, its statement_timeout, and was interrupted"
            raise QueryTimeoutError(f"{self._connection.label}: {text}") from cause
        if self._cancelled:
            raise QueryError(f"{self._connection.label}: the statement was cancelled") from cause

    def _timer(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._expire, (self._turn,))
        timer.daemon = True
        timer.start()
        return timer

    def _expire(self, turn: int) -> None:
        with self._changed:
            if not self._running or self._turn != turn:
                return
            self._expired = True
        self._press(turn)

    def _press(self, turn: int) -> None:
        with self._changed:
            while self._running and self._turn == turn:
                self._interrupt()
                self._changed.wait(_AGAIN)

    def _interrupt(self) -> None:
        with suppress(duckdb.Error):  # a connection that is closed
            self._cursor.interrupt()
