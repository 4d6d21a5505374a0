"""How many containers work at a time."""

from __future__ import annotations

import asyncio
import concurrent.futures
import heapq
import itertools
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Slot", "Slots"]


class Slots:
    """A number of slots, each for one container that works.

    A container whose task waits for tasks that it called lends its slot, since otherwise those could never start. Who
    is deeper in the tree comes first: so a run has few containers that wait, however many tasks it has.

    Args:
        count: how many there are.

    Example:
        >>> async def main():
        ...     async with Slots(1).slot(depth=0):
        ...         return "worked"
        >>> asyncio.run(main())
        'worked'
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.Lock()
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, concurrent.futures.Future[None]]] = []

    def slot(self, depth: int) -> Slot:
        """Give a slot to enter.

        Args:
            depth: how far from the run's first task the container's task is.
        """
        return Slot(self, depth)

    async def take(self, depth: int) -> None:
        """Wait for a slot."""
        future: concurrent.futures.Future[None] = concurrent.futures.Future()
        with self._lock:
            heapq.heappush(self._waiting, (-depth, next(self._order), future))
            self._hand_out()
        try:
            await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            # It may have been handed out at the same moment.
            if future.done() and not future.cancelled():
                self.give_back()
            raise

    def take_at_once(self) -> None:
        """Take a slot though none may be free: a container goes on that cannot be held."""
        with self._lock:
            self._free -= 1

    def give_back(self) -> None:
        """Give a slot back."""
        with self._lock:
            self._free += 1
            self._hand_out()

    def _hand_out(self) -> None:
        while self._free > 0 and self._waiting:
            future = heapq.heappop(self._waiting)[2]
            if future.set_running_or_notify_cancel():
                self._free -= 1
                future.set_result(None)


class Slot:
    """One container's slot; made by `Slots.slot`.

    Args:
        slots: where it is from.
        depth: see `Slots.slot`.
    """

    def __init__(self, slots: Slots, depth: int) -> None:
        self._slots, self._depth = slots, depth
        self._is_held = False

    async def __aenter__(self) -> Self:
        await self._slots.take(self._depth)
        self._is_held = True
        return self

    async def __aexit__(self, *failure: object) -> None:
        self.lend()

    def lend(self) -> None:
        """Let another container have the slot."""
        if self._is_held:
            self._is_held = False
            self._slots.give_back()

    def take_back(self) -> None:
        """Have the slot again."""
        if not self._is_held:
            self._is_held = True
            self._slots.take_at_once()
