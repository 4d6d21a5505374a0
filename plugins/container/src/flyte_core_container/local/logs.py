"""The log of a running container, printed as it comes; nothing that goes wrong with it changes how the task ends."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flyte_core import logger
from flyte_core.runtime.blocking import in_thread
from flyte_core_container.local.answers import EngineGone, EngineRefusal

if TYPE_CHECKING:
    from flyte_core_container.local.engine import Engine

__all__ = ["LOG_TAIL", "LogFollower", "LogLines", "last_lines"]

#: How many of the last lines an error shows.
LOG_TAIL = 20

#: A line without an end is cut here, so that a container cannot fill this process's memory.
_LONGEST_LINE = 2**20

#: Seconds between two attempts to reach a silent engine, and for the rest of the log after the container's end.
_AGAIN, _DRAIN = 0.5, 5.0


class LogLines:
    """The pieces of a log with their timestamps, put together to lines; a piece that comes twice counts once.

    Args:
        show: called with each line.
    """

    def __init__(self, show: Callable[[str], object] | None = None) -> None:
        self.tail: collections.deque[str] = collections.deque(maxlen=LOG_TAIL)
        self.latest = ""
        self._show = show
        self._at_latest = 0
        self._replayed = 0
        self._piece = b""

    def replay(self) -> None:
        """Expect the log again from `latest` on: what stood there before has been seen."""
        self._replayed = self._at_latest

    def add(self, entry: bytes) -> None:
        """Take one entry, as the engine sends it: a timestamp, a space and a piece of the log."""
        stamp, _, piece = entry.partition(b" ")
        when = stamp.decode("ascii", "replace")
        if when < self.latest:
            return
        if when > self.latest:
            self.latest, self._at_latest, self._replayed = when, 0, 0
        elif self._replayed:
            self._replayed -= 1
            return
        self._at_latest += 1
        self._piece += piece
        *whole, self._piece = self._piece.split(b"\n")
        for line in whole:
            self._line(line)
        if len(self._piece) > _LONGEST_LINE:
            self.end()

    def end(self) -> None:
        """Take what is left as the last line."""
        piece, self._piece = self._piece, b""
        if piece:
            self._line(piece)

    def _line(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        self.tail.append(text)
        if self._show is not None:
            self._show(text)


class LogFollower:
    """Follows the log of one container in a thread, also through a restart of the engine.

    Args:
        engine: where the container is.
        container_id: the container.
        show: called with each line, from the thread.
    """

    def __init__(self, engine: Engine, container_id: str, show: Callable[[str], object]) -> None:
        self.lines = LogLines(show)
        self._engine = engine
        self._id = container_id
        self._ended = threading.Event()
        self._done = threading.Event()
        threading.Thread(target=self._work, name="flyte_core-container-log", daemon=True).start()

    async def drain(self) -> None:
        """Say that the container has ended, and wait for the rest of its log; not for long."""
        self._ended.set()
        if not self._done.is_set():
            await in_thread(self._done.wait, _DRAIN)

    def _work(self) -> None:
        try:
            self._follow()
        except Exception as e:  # a log is never worth a task
            logger.warning("the log of container %s cannot be shown any more: %s", self._id[:12], e)
        finally:
            self._done.set()

    def _follow(self) -> None:
        while True:
            # Asked before reading: what is read after the end is all there is. A stream that ends with its container
            # can miss what was printed last, so there is always a reading that begins after the end.
            last = self._ended.is_set()
            try:
                self._read()
            except (EngineRefusal, EngineGone) as e:
                logger.debug("the log of container %s breaks off: %s", self._id[:12], e)
            if last:
                break
            self._ended.wait(_AGAIN)
        self.lines.end()

    def _read(self) -> None:
        """Read the log, from its beginning or where it broke off, until the engine ends it."""
        engine, since = self._engine, self.lines.latest
        self.lines.replay()
        given = {"since": _seconds(since)} if since else {}
        stream = engine.call(engine.api.logs, self._id, stream=True, follow=True, timestamps=True, **given)
        entries: Iterator[bytes] = iter(stream)
        following: Callable[[], bytes | None] = lambda: next(entries, None)  # noqa: E731 - its type says more
        while (entry := engine.call(following)) is not None:
            self.lines.add(entry)


def _seconds(stamp: str) -> int:
    """Give the whole second of a timestamp; `LogLines` leaves out what is told again."""
    import datetime as dt

    moment = dt.datetime.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")
    zone = stamp[19:].lstrip(".0123456789")
    offset = dt.timedelta()
    if zone not in ("", "Z"):
        sign = -1 if zone[0] == "-" else 1
        offset = sign * dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return int((moment - offset).replace(tzinfo=dt.timezone.utc).timestamp())


async def last_lines(engine: Engine, container_id: str) -> list[str]:
    """Give the last lines of a container's log; none when they cannot be had."""
    try:
        entries = await engine.ask(engine.api.logs, container_id, stream=False, timestamps=False, tail=LOG_TAIL)
    except (EngineRefusal, EngineGone) as e:
        logger.warning("the log of container %s cannot be read: %s", container_id[:12], e)
        return []
    text: str = entries.decode("utf-8", "replace")
    return [line.rstrip("\r") for line in text.splitlines()][-LOG_TAIL:]
