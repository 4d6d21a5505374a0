"""TaskEvent: what a run tells about its tasks while it goes on."""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["EventKind", "TaskEvent"]

EventKind = Literal["started", "cached", "retrying", "succeeded", "failed"]


@attrs.frozen(kw_only=True)
class TaskEvent:
    """One thing that happened to one task of a run.

    Args:
        kind: what happened; ``cached`` stands for a whole task whose result was in the cache.
        task: the task's full name.
        short_name: the name shown to people.
        action: the action's name, unique in its run.
        parent: the calling action's name; None for the first.
        attempt: number of the attempt, from 1.
        seconds: how long the task took; None while it runs.
        error: what ended the task or the attempt.
    """

    kind: EventKind
    task: str
    short_name: str
    action: str
    parent: str | None = None
    attempt: int = 1
    seconds: float | None = None
    error: BaseException | None = None

    def __str__(self) -> str:
        text = f"{self.task} [{self.action}] {self.kind}"
        if self.kind == "retrying":
            text += f" after attempt {self.attempt}"
        if self.seconds is not None:
            text += f" in {self.seconds:.3f} s"
        return f"{text}: {self.error}" if self.error is not None else text
