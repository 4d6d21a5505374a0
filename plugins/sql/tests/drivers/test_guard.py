"""A statement is ended from outside once, for a reason that is remembered, and never after its end."""

from __future__ import annotations

import threading

from flyte_core_sql.drivers.guard import Guard


def test_a_statement_that_takes_too_long_is_interrupted() -> None:
    interrupted = threading.Event()
    guard = Guard(interrupted.set, 0.01)

    guard.begin()

    assert interrupted.wait(10)
    assert guard.stopped == "timeout"


def test_a_statement_that_has_ended_is_not_interrupted() -> None:
    calls: list[None] = []
    guard = Guard(lambda: calls.append(None), 3600)
    guard.begin()
    timer = guard._timer
    assert timer is not None
    guard.end()

    # As if it had fired at that moment.
    timer.function(*timer.args)

    assert not calls
    assert guard.stopped is None


def test_the_clock_of_a_statement_does_not_hit_the_next() -> None:
    calls: list[None] = []
    guard = Guard(lambda: calls.append(None), 3600)
    guard.begin()
    first = guard._timer
    assert first is not None
    guard.begin()

    first.function(*first.args)

    assert not calls
    guard.end()


def test_a_cancellation_is_tried_as_often_as_it_is_asked_for_and_is_never_an_error() -> None:
    calls: list[None] = []

    def fail() -> None:
        calls.append(None)
        raise OSError("the connection is gone")

    guard = Guard(fail)
    guard.cancel()
    guard.cancel()

    assert len(calls) == 2
    assert guard.stopped == "cancelled"


def test_nothing_is_interrupted_after_the_end_of_the_session() -> None:
    calls: list[None] = []
    guard = Guard(lambda: calls.append(None))
    guard.close()

    guard.cancel()

    assert not calls
