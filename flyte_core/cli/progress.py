"""The moving display of a long run, on standard error and only where that is a terminal."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from flyte_core.cli.console import is_terminal, printable
from flyte_core.cli.events import Tally

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import RenderableType
    from rich.live import Live
    from typing_extensions import Self

__all__ = ["Progress", "draw"]

#: Seconds before a run counts as long.
_PATIENCE = 1.0

#: Rows of the display; a run with more kinds of tasks shows those that were seen last.
_ROWS = 20


class Progress:
    """Shows a run's counts from one second after its start until its end, and leaves nothing behind.

    Args:
        tally: the counts.
        quiet: whether nothing is shown at all.
        drawn: gives what is shown; default the counts as a table.
    """

    def __init__(
        self, tally: Tally | None = None, *, quiet: bool = False, drawn: Callable[[], RenderableType] | None = None
    ) -> None:
        self._drawn = drawn or functools.partial(draw, tally or Tally())
        self._wanted = not quiet and is_terminal(sys.stderr)
        self._lock = threading.Lock()
        self._over = False
        self._live: Live | None = None
        self._timer = threading.Timer(_PATIENCE, self._show)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        if self._wanted:
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._over = True
            if self._live is not None:
                self._live.stop()

    def _show(self) -> None:
        from rich.console import Console
        from rich.live import Live

        with self._lock:
            if self._over:
                return
            self._live = Live(
                console=Console(stderr=True),
                get_renderable=self._drawn,
                refresh_per_second=4,
                transient=True,
                # What tasks print goes above the display, unless it goes elsewhere anyway.
                redirect_stdout=is_terminal(sys.stdout),
                redirect_stderr=True,
            )
            self._live.start()


def draw(tally: Tally) -> RenderableType:
    """Draw the counts of a run as a table with a row for each task."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=f"running for {tally.seconds:.0f} s", box=box.SIMPLE_HEAD, title_justify="left")
    made.add_column("task")
    for name in ("running", "done", "cached", "failed", "retries"):
        made.add_column(name, justify="right")
    rows = list(tally.snapshot().items())
    for name, counts in rows[-_ROWS:]:
        numbers = (counts.running, counts.done, counts.cached, counts.failed, counts.retries)
        made.add_row(Text(printable(name)), *(str(number) if number else "" for number in numbers))
    return made
