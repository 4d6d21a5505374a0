"""What flyte_core logs while a command runs, as lines on standard error."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator

from flyte_core._logging import logger
from flyte_core.cli.console import err, styled

__all__ = ["held_log", "shown_log"]


class _Handler(logging.Handler):
    """Shows records; those about single functions it keeps for `held_log`."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[logging.LogRecord] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if any(handler is not self for handler in (*logger.handlers, *logging.getLogger().handlers)):
            return  # the user's file has set up logging itself
        if self.held is not None and hasattr(record, "flyte_core_function"):
            self.held.append(record)
        else:
            err(_line(record))


def _line(record: logging.LogRecord, whose: str = "") -> str:
    text = logging.Formatter().format(record)
    if record.levelno < logging.WARNING:
        return f"{record.levelname} {record.name}: {text}"
    return f"{styled(f'{record.levelname.lower()}:', fg='yellow')} {whose}{text}"


@contextlib.contextmanager
def shown_log() -> Iterator[None]:
    """Show what flyte_core logs inside of the block, unless a program has handlers of its own."""
    handler = _Handler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextlib.contextmanager
def held_log() -> Iterator[Callable[[str | None, str], None]]:
    """Keep what is logged inside of the block about single functions, such as the tasks of a file.

    Returns:
        Shows what is about one function, given its name and the task's full name.
    """
    handlers = [handler for handler in logger.handlers if isinstance(handler, _Handler)]
    held: list[logging.LogRecord] = []

    def show(function: str | None, task: str) -> None:
        for record in held:
            if function is not None and getattr(record, "flyte_core_function", None) == function:
                err(_line(record, f"task {task!r}, "))

    for handler in handlers:
        handler.held = held
    try:
        yield show
    finally:
        for handler in handlers:
            handler.held = None
