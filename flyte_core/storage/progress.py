"""Progress of transfers that take over a second: a bar on a terminal, lines in the log elsewhere."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from flyte_core._logging import logger
from flyte_core.errors import without_secrets

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Meter", "progress"]

_QUIET_SECONDS = 1.0
_SECONDS_BETWEEN_LINES = 5.0
# A terminal has room for one bar; transfers that run beside it write to the log.
_terminal = threading.Lock()


class Meter:
    """Counts what a transfer has done, from any thread.

    Args:
        label: what is done, such as ``download s3://bucket/a``.
        size: bytes that are to be done, where that is known.
        files: how many files are to be done; ``None`` for a single one.
    """

    def __init__(self, label: str, size: int | None, files: int | None) -> None:
        self._label, self._size, self._files = without_secrets(label), size, files
        self._bytes_done = self._files_done = 0
        self._lock = threading.Lock()
        self._next = monotonic() + _QUIET_SECONDS
        self._shown: _Bar | None = None
        self._broken = False

    def add(self, count: int) -> None:
        """Count bytes that are done."""
        with self._lock:
            self._bytes_done += count
            self._show()

    def file_done(self) -> None:
        """Count a file that is done."""
        with self._lock:
            self._files_done += 1
            self._show()

    def close(self) -> None:
        """Take the bar away."""
        with self._lock:
            bar, self._shown, self._broken = self._shown, None, True
        if bar is not None:
            try:
                bar.close()
            except Exception:  # a terminal that is gone must not end the transfer
                logger.debug("progress of a transfer cannot be taken away", exc_info=True)
            finally:
                _terminal.release()

    def _show(self) -> None:
        now = monotonic()
        if now < self._next or self._broken:
            return
        try:
            if self._shown is None and not self._open_bar():
                self._next = now + _SECONDS_BETWEEN_LINES
                logger.info("%s: %s", self._label, self._summary())
            if self._shown is not None:
                self._shown.update(self._bytes_done, self._files_text())
        except Exception:  # a terminal that is gone must not end the transfer
            self._broken = True
            logger.debug("progress of a transfer cannot be shown", exc_info=True)

    def _open_bar(self) -> bool:
        if os.environ.get("TERM") == "dumb" or not sys.stderr.isatty() or not _terminal.acquire(blocking=False):
            return False
        try:
            self._shown = _Bar(self._label, self._size)
        finally:
            if self._shown is None:
                _terminal.release()
        return True

    def _summary(self) -> str:
        done = f"{self._bytes_done / 2**20:.1f}"
        size = f"{done} MiB" if self._size is None else f"{done} of {self._size / 2**20:.1f} MiB"
        return f"{self._files_text()}, {size}" if self._files is not None else size

    def _files_text(self) -> str:
        return "" if self._files is None else f"{self._files_done} of {self._files} files"


class _Bar:
    """A bar on the terminal that goes away at the end."""

    def __init__(self, label: str, size: int | None) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        self._progress: Progress = Progress(
            TextColumn("{task.description}"),
            TextColumn("{task.fields[files]}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID = self._progress.add_task(escape(label), total=size, files="")
        self._progress.start()

    def update(self, done: int, files: str) -> None:
        self._progress.update(self._task, completed=done, files=files)

    def close(self) -> None:
        self._progress.stop()


@contextmanager
def progress(label: str, *, size: int | None, files: int | None = None) -> Iterator[Meter]:
    """Show the progress of the transfer in the block, once it has taken over a second.

    On a terminal it is a bar on stderr that goes away at the end. Elsewhere it is a line of level INFO in the log
    every five seconds. Whatever goes wrong with showing it is of no consequence for the transfer.

    Args:
        label: what is done, such as ``download s3://bucket/a``; credentials in it are not shown.
        size: bytes that are to be done, where that is known.
        files: how many files are to be done; ``None`` for a single one.

    Yields:
        What the transfer tells its progress to.

    Example:
        >>> with progress("copy /data/a", size=10) as meter:
        ...     meter.add(10)
    """
    meter = Meter(label, size, files)
    try:
        yield meter
    finally:
        meter.close()
