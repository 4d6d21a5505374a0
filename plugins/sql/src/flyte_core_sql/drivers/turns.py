"""How many sessions of one server this process has at a time."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flyte_core_sql.connection import OpenConnection

__all__ = ["AT_MOST", "turn"]

#: Sessions of one process. PostgreSQL has places for 100 unless somebody configured it, and other clients want some.
AT_MOST = 32

#: Seconds after which whoever waits looks whether the task was cancelled.
_LOOK_UP = 0.1

_lock = threading.Lock()
_servers: dict[str, threading.BoundedSemaphore] = {}
if hasattr(os, "register_at_fork"):
    # The sessions of the parent are not the child's.
    os.register_at_fork(after_in_child=_servers.clear)


#: Nothing to wait for.
_AT_ONCE = contextlib.nullcontext()


def turn(connection: OpenConnection, go_on: Callable[[], None]) -> AbstractContextManager[None]:
    """Wait until there is room for one more session of a server; an embedded database has it always.

    Nobody who has a session waits for another one, so all get their turn.

    Args:
        connection: where the server is.
        go_on: raises when the task that waits was cancelled.
    """
    if connection.connection.backend in ("duckdb", "sqlite"):
        return _AT_ONCE
    return _turn(connection, go_on)


@contextlib.contextmanager
def _turn(connection: OpenConnection, go_on: Callable[[], None]) -> Iterator[None]:
    declared = connection.connection
    with _lock:
        places = _servers.setdefault(f"{declared.backend} {declared.parts.address}", _places())
    while not places.acquire(timeout=_LOOK_UP):
        go_on()
    try:
        yield
    finally:
        places.release()


def _places() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(AT_MOST)
