"""What a task's own code raised, as the task's error: the user's frames first, the framework's left out."""

from __future__ import annotations

import os
import traceback
from types import TracebackType

from flyte_core.errors import BaseRuntimeError, HookError, RuntimeUserError

__all__ = ["as_task_error", "is_retryable", "trim_traceback", "user_frames"]

#: Codes of failures that another attempt with the same inputs cannot change.
_FINAL_CODES = frozenset({"DataValidationError", "InlineIOMaxBytesBreached", "ReferenceTaskUsageError"})

_PACKAGES = tuple(
    os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), name) + os.sep  # noqa: PTH118, PTH120, PTH100 - plain strings, compared with code objects' file names
    for name in ("flyte_core",)
)


def _is_framework(filename: str) -> bool:
    return filename.startswith(_PACKAGES) or "flyte_core_python" in filename or filename.startswith("<attrs generated")


def trim_traceback(tb: TracebackType | None) -> TracebackType | None:
    """Give the traceback from its first frame that is not the framework's or the event loop's; all of it if none is."""
    first = tb
    while first is not None:
        filename = first.tb_frame.f_code.co_filename
        if not _is_framework(filename) and f"{os.sep}asyncio{os.sep}" not in filename:
            return first
        first = first.tb_next
    return tb


def user_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Give the frames of an error's traceback that are the user's own, outermost first."""
    return [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not _is_framework(frame.filename) and f"{os.sep}asyncio{os.sep}" not in frame.filename
    ]


def as_task_error(error: Exception, task_name: str) -> BaseRuntimeError | HookError:
    """Give the error of a task whose code raised ``error``.

    An error that already is a task's, such as that of a task it called, or a plugin's hook's, stays what it is. Anything
    else becomes a `RuntimeUserError` with the exception's class name as its code, the exception chained and its
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
