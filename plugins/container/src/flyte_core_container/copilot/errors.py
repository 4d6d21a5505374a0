"""What goes wrong when data moves between literals and files, with the variable and the file in every message."""

from __future__ import annotations

from collections.abc import Sequence

from flyte_core.errors import FlyteCoreError

__all__ = [
    "CopilotCancelledError",
    "CopilotDeadlineError",
    "CopilotError",
    "CopilotVariableError",
    "GrammarError",
    "ReportedError",
]


class CopilotError(FlyteCoreError, RuntimeError):
    """Inputs could not be written or outputs could not be read; the message lists every variable that failed.

    Args:
        operation: what was tried: ``download`` or ``upload``.
        problems: one text for each fault.
    """

    def __init__(self, operation: str, problems: Sequence[str]) -> None:
        count = f"{len(problems)} faults: " if len(problems) > 1 else ""
        super().__init__(f"{operation} failed: {count}{'; '.join(problems)}")
        self.operation, self.problems = operation, tuple(problems)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.operation, self.problems)


class CopilotVariableError(FlyteCoreError, ValueError):
    """The value of one variable cannot be written or read.

    Args:
        variable: its name; items and entries behind it, as in ``rows[3]`` or ``ages[ann]``.
        path: the file or folder it is about; empty where none is known yet.
        reason: what is wrong, and what would be right.
    """

    def __init__(self, variable: str, path: str, reason: str) -> None:
        super().__init__(f"variable [{variable}]{f', file {path}' if path else ''}: {reason}")
        self.variable, self.path, self.reason = variable, path, reason

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.variable, self.path, self.reason)


class GrammarError(FlyteCoreError, ValueError):
    """A text does not stand for a value of the wanted kind, or a value has no text; the message says what would."""


class ReportedError(FlyteCoreError, RuntimeError):
    """The task's container has reported a failure of its own, in the file ``_ERROR``.

    Args:
        text: what the file says.
    """

    def __init__(self, text: str) -> None:
        super().__init__(f"User Error: {text}")
        self.text = text

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.text,)


class CopilotDeadlineError(FlyteCoreError, TimeoutError):
    """Moving the data took longer than it may."""


class CopilotCancelledError(FlyteCoreError, RuntimeError):
    """Moving the data was cancelled from outside, such as by a signal."""
