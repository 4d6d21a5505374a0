"""What a task's own code raised, as the task's error: the user's frames first, the framework's left out."""

from __future__ import annotations

import traceback
from types import FrameType, TracebackType

from flyte_core.errors import BaseRuntimeError, HookError, RuntimeUserError

__all__ = ["as_task_error", "is_retryable", "trim_traceback", "user_frames", "without_plumbing"]

#: Codes of failures that another attempt with the same inputs cannot change.
_FINAL_CODES = frozenset({"DataValidationError", "InlineIOMaxBytesBreached", "ReferenceTaskUsageError"})

#: Top-level packages whose frames tell a user nothing about his own code.
_PLUMBING = frozenset({"flyte_core", "flyte_core_python", "asyncio", "concurrent", "contextvars"})


def _is_plumbing(frame: FrameType) -> bool:
    name: str = frame.f_globals.get("__name__", "")
    # attrs compiles the methods it makes in the namespace of the module they belong to.
    return name.partition(".")[0] in _PLUMBING or frame.f_code.co_filename.startswith("<attrs generated")


def trim_traceback(tb: TracebackType | None) -> TracebackType | None:
    """Give the traceback from its first frame that is not the framework's or the event loop's; all of it if none is."""
    first = tb
    while first is not None:
        if not _is_plumbing(first.tb_frame):
            return first
        first = first.tb_next
    return tb


def without_plumbing(tb: TracebackType | None) -> TracebackType | None:
    """Give a copy of the traceback without the framework's and the event loop's frames; None if no other is left."""
    frames = []
    step = tb
    while step is not None:
        if not _is_plumbing(step.tb_frame):
            frames.append(step)
        step = step.tb_next
    kept: TracebackType | None = None
    for step in reversed(frames):
        kept = TracebackType(kept, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return kept


def user_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Give the frames of an error's traceback that are not the framework's or the event loop's, outermost first."""
    frames = (pair for pair in traceback.walk_tb(error.__traceback__) if not _is_plumbing(pair[0]))
    return list(traceback.StackSummary.extract(frames))


def as_task_error(error: Exception, task_name: str) -> BaseRuntimeError | HookError:
    """Give the error of a task whose code raised ``error``.

    An error that already is a task's, such as that of a task it called, or a hook's, stays what it is. Anything else
    becomes a `RuntimeUserError` with the exception's class name as its code, the exception chained and its
    traceback beginning at the user's own code.
    """
    if isinstance(error, (BaseRuntimeError, HookError)):
        return error
    error.__traceback__ = trim_traceback(error.__traceback__)
    name = type(error).__name__
    frames = user_frames(error)
    where = f" (in {frames[-1].name}, {frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    text = str(error)
    wrapped = RuntimeUserError(name, f"task {task_name!r} failed: {name}{': ' + text if text else ''}{where}")
    wrapped.__cause__ = error
    return wrapped


def is_retryable(error: BaseException) -> bool:
    """Whether another attempt could end otherwise; a value of a wrong type or size stays what it is."""
    return getattr(error, "code", None) not in _FINAL_CODES
