"""Connections that wait a moment for the next task of this process, so that it need not connect again."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

import attrs

__all__ = ["IdlePool", "idle_connections"]

#: Long enough from one task to the next, and short enough that a server hardly sees an idle connection.
_IDLE_SECONDS = 1.0
_IDLE_AT_MOST = 4


@attrs.frozen(kw_only=True, eq=False)
class _Idle:
    key: Hashable
    connection: Any
    close: Callable[[], None]
    since: float


class IdlePool:
    """Open connections without an owner, each for at most a second; what is not clean is never put here.

    Args:
        seconds: how long one waits.
        at_most: how many wait for one key.
    """

    def __init__(self, seconds: float = _IDLE_SECONDS, at_most: int = _IDLE_AT_MOST) -> None:
        self._seconds, self._at_most = seconds, at_most
        self._changed = threading.Condition()
        self._idle: list[_Idle] = []
        self._reaper: threading.Thread | None = None
        # A process that forks shares its connections' sockets with its child, which may not say goodbye on them.
        self._inherited: list[_Idle] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.clear)

    def take(self, key: Hashable) -> Any | None:
        """Give the youngest connection of a key to a new owner, or None.

        Args:
            key: what was given with it.
        """
        with self._changed:
            for found in reversed(self._idle):
                if found.key == key:
                    self._idle.remove(found)
                    return found.connection
        return None

    def give(self, key: Hashable, connection: Any, close: Callable[[], None]) -> None:
        """Take over a connection, which is clean.

        Args:
            key: of whom may have it: where it leads, and as whom.
            connection: the connection.
            close: ends it.
        """
        with self._changed:
            room = sum(one.key == key for one in self._idle) < self._at_most
            if room:
                self._idle.append(_Idle(key=key, connection=connection, close=close, since=time.monotonic()))
                if self._reaper is None:
                    self._reaper = threading.Thread(target=self._reap, name="flyte-core-sql-idle", daemon=True)
                    self._reaper.start()
        if not room:
            _end(close)

    def clear(self) -> None:
        """End all that wait."""
        with self._changed:
            ended, self._idle = self._idle, []
            self._changed.notify_all()
        for one in ended:
            _end(one.close)

    def __len__(self) -> int:
        return len(self._idle)

    def _reap(self) -> None:
        """End each when its time has come; the thread ends with the last."""
        while True:
            with self._changed:
                if not self._idle:
                    self._reaper = None
                    return
                now = time.monotonic()
                late = [one for one in self._idle if now - one.since >= self._seconds]
                self._idle = [one for one in self._idle if one not in late]
                if not late:
                    self._changed.wait(self._idle[0].since + self._seconds - now)
            for one in late:
                _end(one.close)

    def _forget(self) -> None:
        self._inherited += self._idle
        self._idle, self._reaper, self._changed = [], None, threading.Condition()


def _end(close: Callable[[], None]) -> None:
    # The server may have ended it before.
    with contextlib.suppress(Exception):
        close()


@functools.lru_cache(maxsize=1)
def idle_connections() -> IdlePool:
    """Give the process' own."""
    return IdlePool()
