"""Idle connections wait for a moment, for whoever goes to the same place, and are closed then."""

from __future__ import annotations

import os
import threading

import pytest
from flyte_core_sql.drivers.pool import IdlePool


def test_a_connection_is_taken_once_and_by_its_key_only() -> None:
    pool = IdlePool(seconds=3600)
    pool.give("ann", "connection", lambda: None)

    assert pool.take("bob") is None
    assert pool.take("ann") == "connection"
    assert pool.take("ann") is None


def test_a_connection_that_waits_too_long_is_closed() -> None:
    closed = threading.Event()
    pool = IdlePool(seconds=0.01)

    pool.give("ann", "connection", closed.set)

    assert closed.wait(10)
    assert pool.take("ann") is None


def test_the_thread_that_closes_ends_with_the_last_connection() -> None:
    closed = threading.Event()
    pool = IdlePool(seconds=0.01)
    pool.give("ann", "connection", closed.set)
    reaper = pool._reaper
    assert reaper is not None

    assert closed.wait(10)
    reaper.join(10)

    assert not reaper.is_alive()


def test_no_more_wait_than_there_is_room_for() -> None:
    closed: list[int] = []
    pool = IdlePool(seconds=3600, at_most=2)

    for number in range(3):
        pool.give("ann", number, lambda number=number: closed.append(number))

    assert closed == [2]
    pool.clear()
    assert sorted(closed) == [0, 1, 2]
    assert len(pool) == 0


def test_an_error_of_closing_is_nobodys() -> None:
    def fail() -> None:
        raise OSError("gone")

    pool = IdlePool(seconds=3600)
    pool.give("ann", "connection", fail)

    pool.clear()

    assert len(pool) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_does_not_touch_its_parents_connections() -> None:
    closed: list[str] = []
    pool = IdlePool(seconds=3600)
    pool.give("ann", "connection", lambda: closed.append("closed"))

    if (child := os.fork()) == 0:
        pool.clear()
        os._exit(0 if pool.take("ann") is None and not closed else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert pool.take("ann") == "connection"
