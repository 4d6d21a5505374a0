"""Work that leaves nothing behind when it fails."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

__all__ = ["OnFailure"]


class OnFailure:
    """Undo in a ``with`` block what was begun, if anything ends the block early; the exception goes on.

    A cancellation and Ctrl-C count too: a draft, an open file or a running thread must not stay, whoever ended it.

    Args:
        undo: called where the block raises.

    Example:
        >>> from contextlib import suppress
        >>> with suppress(KeyboardInterrupt), OnFailure(lambda: print("undone")):
        ...     raise KeyboardInterrupt
        undone
    """

    def __init__(self, undo: Callable[[], object]) -> None:
        self._undo = undo

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._undo()
