"""Counting what happens in a run, for the display of its progress."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from flyte_core.runtime import TaskEvent

__all__ = ["Counts", "Tally"]


@attrs.define
class Counts:
    """How far the actions of one task are."""

    running: int = 0
    done: int = 0
    cached: int = 0
    failed: int = 0
    retries: int = 0


class Tally:
    """Counts the events of a run; safe to call from any thread.

    Args:
        clock: gives seconds.

    Example:
        >>> from flyte_core.runtime import TaskEvent
        >>> tally = Tally()
        >>> tally(TaskEvent(kind="started", task="env.work", short_name="work", action="a0"))
        >>> tally.snapshot()["env.work"].running
        1
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        import time

        self._clock = clock or time.monotonic
        self._started = self._clock()
        self._lock = threading.Lock()
        self._counts: dict[str, Counts] = {}

    def __call__(self, event: TaskEvent) -> None:
        """Count one event."""
        with self._lock:
            counts = self._counts.setdefault(event.task, Counts())
            if event.kind == "started":
                counts.running += 1
            elif event.kind == "retrying":
                counts.retries += 1
            else:
                counts.running -= 1
                if event.kind == "cached":
                    counts.cached += 1
                elif event.kind == "failed":
                    counts.failed += 1
                else:
                    counts.done += 1

    def snapshot(self) -> dict[str, Counts]:
        """Give the counts by full task name, in the order in which the tasks were first seen."""
        with self._lock:
            return {name: attrs.evolve(counts) for name, counts in self._counts.items()}

    @property
    def seconds(self) -> float:
        """Seconds since this object was made."""
        return self._clock() - self._started
