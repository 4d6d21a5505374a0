"""Failure: what ends a command, with its exit status, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from flyte_core.cli.console import err, err_json, styled

__all__ = ["CANCELLED", "FAILED", "USAGE", "Failure", "exit_with"]

#: A task, a serialization or a check failed.
FAILED = 1
#: The command line, or what it names, cannot be used; nothing ran.
USAGE = 2
#: Ctrl-C: 128 and the number of SIGINT, as shells have it.
CANCELLED = 130


class Failure(Exception):
    """Ends the command.

    Args:
        message: what happened and what to do, printed after "Error:".
        status: the exit status.
        kind: ``usage``, or the kind of the task's error: ``user``, ``system``, ``unknown``.
        code: short machine-readable code, such as the class of the exception.
        task: the task's full name, where one is known.
        problems: one line for each thing that is wrong, when there are several.
        traceback: of the user's own code; printed before the message.
        hint: a line printed after the message.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = USAGE,
        kind: str = "usage",
        code: str = "UsageError",
        task: str | None = None,
        problems: Sequence[str] = (),
        traceback: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status = message, status
        self.kind, self.code, self.task = kind, code, task
        self.problems, self.traceback, self.hint = tuple(problems), traceback, hint

    def show(self) -> None:
        """Print it to standard error: the user's own traceback first, then the message."""
        if self.status == CANCELLED:
            err(self.message)
            return
        if self.traceback:
            err(self.traceback.rstrip("\n") + "\n")
        err(f"{styled('Error:', fg='red')} {self.message}{':' if self.problems else ''}")
        for problem in self.problems:
            err(f"  {problem}")
        if self.hint:
            err(self.hint)

    def show_json(self) -> None:
        """Print it to standard error as one JSON document."""
        error: dict[str, Any] = {"code": self.code, "kind": self.kind, "message": self.message, "task": self.task}
        if self.problems:
            error["problems"] = list(self.problems)
        if self.traceback:
            error["traceback"] = self.traceback.rstrip("\n").split("\n")
        err_json({"error": error})


def exit_with(failure: Failure, *, as_json: bool) -> None:
    """End the command with a failure, printed in the form that was asked for.

    Raises:
        click.exceptions.Exit: always.
    """
    if as_json:
        failure.show_json()
    else:
        failure.show()
    raise click.exceptions.Exit(failure.status)
