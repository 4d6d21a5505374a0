"""Signals that end a container: its task is cancelled, the platform is told, and the process ends in time."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

__all__ = ["SIGNALS", "Termination"]

#: What platforms stop a container with.
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Termination:
    """Waits for a signal in a thread of its own, so that a task which blocks the event loop is reported too.

    Either the task's end or a signal counts, whichever comes first. A signal is reported at once, in parallel to the
    task's cleaning up: a platform that does not wait for that finds the report. For processes that own their main
    thread, on POSIX systems.

    Args:
        report: tells the platform; takes the signal's name, and gives the status that the process ends with.
        grace: seconds that the task may clean up for; then the process ends.
    """

    def __init__(self, report: Callable[[str], int], grace: float) -> None:
        self._report = report
        self._grace = grace
        self._lock = threading.Lock()
        self._cancel: Callable[[], None] | None = None
        self._is_over = False
        self._signalled = False
        self._status = 1
        self._reported = threading.Event()
        self._cleaned_up = threading.Event()
        self._reader, self._writer = os.pipe()
        self._forking = threading.local()

    def arm(self) -> None:
        """Begin to wait; call it in the main thread, before there are others."""
        os.set_blocking(self._writer, False)
        threading.Thread(target=self._watch, name="flyte_core-termination", daemon=True).start()
        # Python runs a handler between two bytecodes, and so not while a task blocks in C. The number goes to the
        # descriptor at once; the handler writes it too, for an event loop may take the descriptor for itself.
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._handle)
        os.register_at_fork(before=self._hold, after_in_parent=self._release, after_in_child=self._forget)

    def may_start(self, cancel: Callable[[], None]) -> bool:
        """Say how the task is cancelled from another thread; False when a signal came first."""
        with self._lock:
            self._cancel = cancel
            return not self._signalled

    def may_report(self) -> bool:
        """Whether the task's end counts; False when a signal came first. From now on signals do nothing."""
        with self._lock:
            self._is_over = True
            return not self._signalled

    def status(self) -> int:
        """Wait until the signal is reported, and give the status that the process ends with."""
        self._cleaned_up.set()
        self._reported.wait()
        return self._status

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        try:
            os.write(self._writer, bytes((number,)))
        except BlockingIOError:
            # The pipe is full of signals that nobody has read yet; one is enough.
            return

    def _hold(self) -> None:
        """Let signals wait while this thread forks: one for the new process would go into this one's pipe."""
        self._forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    def _release(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._forking.mask)

    def _forget(self) -> None:
        """Give signals their usual meaning in a process that the task has forked."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._release()

    def _watch(self) -> None:
        name = self._next_signal()
        with self._lock:
            if self._is_over:
                return
            self._signalled = True
            cancel = self._cancel
        if cancel is not None:
            cancel()
        self._status = self._report(name)
        self._reported.set()
        # Before the task has started there is nothing to clean up.
        if cancel is None or not self._cleaned_up.wait(self._grace):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self._status)

    def _next_signal(self) -> str:
        while True:
            for number in os.read(self._reader, 64):
                if number in SIGNALS:
                    return signal.Signals(number).name
