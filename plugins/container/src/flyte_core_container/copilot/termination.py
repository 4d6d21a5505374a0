"""Signals: SIGTERM as the sign that the task's container has ended, and as a request to end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flyte_core_container.copilot.control import Control

__all__ = ["cancelled_by_signals", "ended_in_time", "hold_sigterm", "wait_for_sigterm"]

_POLL = 1.0  # seconds after which a cancellation is looked for
_GRACE = 3.0  # seconds that work may take to end when it is told to


def hold_sigterm() -> None:
    """Keep SIGTERM until it is waited for, so that one that comes early is not lost.

    Blocked rather than handled: the kernel drops signals without a handler for the first process of a container,
    yet never blocked ones.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def wait_for_sigterm(control: Control) -> None:
    """Wait until SIGTERM comes, or has come since `hold_sigterm`.

    Args:
        control: only its cancellation ends the waiting.

    Raises:
        CopilotCancelledError: the waiting was cancelled.
    """
    while signal.sigtimedwait({signal.SIGTERM}, _POLL) is None:
        control.check_cancelled()


@contextmanager
def cancelled_by_signals(control: Control, *signals: signal.Signals) -> Iterator[list[int]]:
    """Have signals cancel the work as long as this is open.

    Args:
        control: of the work.
        *signals: which.

    Yields:
        The numbers of those that came.
    """
    seen: list[int] = []

    def handle(number: int, _frame: object) -> None:
        seen.append(number)
        control.cancel(f"signal {signal.Signals(number).name}")

    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ended_in_time(control: Control, give_up: Callable[[], None]) -> Iterator[None]:
    """Have a function called when the work that this surrounds does not end soon after it is to end.

    Threads that wait for a silent server cannot be stopped; only the end of the process ends them.

    Args:
        control: of the work.
        give_up: called in another thread; it should end the process.
    """
    import threading

    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL):
            if control.overdue > _GRACE:
                give_up()
                return

    threading.Thread(target=watch, name="copilot-watch", daemon=True).start()
    try:
        yield
    finally:
        done.set()
