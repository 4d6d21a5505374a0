"""What a task's own code raised, as the task's error: the user's frames first, the framework's left out."""

from __future__ import annotations

import os
import sys
import traceback
from functools import cache
from types import FrameType, TracebackType

from flyte_core.errors import BaseRuntimeError, HookError, RuntimeUserError

__all__ = [
    "as_task_error",
    "is_own_file",
    "is_retryable",
    "mark_as_final",
    "package_folders",
    "trim_traceback",
    "user_frames",
    "without_plumbing",
]

#: Codes of failures that another attempt with the same inputs cannot change.
_FINAL_CODES = frozenset({"DataValidationError", "InlineIOMaxBytesBreached", "ReferenceTaskUsageError"})

#: Top-level packages whose frames tell a user nothing about his own code.
_PLUMBING = frozenset({"flyte_core", "flyte_core_python", "asyncio", "concurrent", "contextvars"})


def _is_plumbing(frame: FrameType) -> bool:
    name: str = frame.f_globals.get("__name__", "")
    # attrs compiles the methods it makes in the namespace of the module they belong to.
    return name.partition(".")[0] in _PLUMBING or frame.f_code.co_filename.startswith("<attrs generated")


def is_own_file(filename: str) -> bool:
    """Say whether code of this name is the user's: not Python's own, of an installed package, or of a plugin of ours.

    Args:
        filename: of a frame; a name like ``<stdin>`` is the user's.

    Example:
        >>> import json
        >>> is_own_file("flights.py"), is_own_file(json.__file__)
        (True, False)
    """
    # Compiled modules give the names of sources that are not installed.
    if filename.startswith(("<frozen ", "<attrs generated")) or filename.endswith((".pyx", ".pxi", ".pxd")):
        return False
    parts = filename.replace("\\", "/").split("/")
    if "site-packages" in parts or "dist-packages" in parts:
        return False
    return not filename.startswith((*_python_folders(), *package_folders()))


@cache
def _python_folders() -> tuple[str, ...]:
    import sysconfig

    paths = sysconfig.get_paths()
    return tuple(paths[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib") if paths.get(name))


def package_folders() -> list[str]:
    """Give the folders of flyte_core and its plugins, wherever they are installed from."""
    return [
        folder + os.sep
        for name, module in list(sys.modules.items())
        if name == "flyte_core" or (name.startswith("flyte_core_") and "." not in name)
        for folder in getattr(module, "__path__", ())
    ]


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
    """Give the frames of an error's traceback that stand in the user's own files, outermost first.

    Where there are none, as for a task of an installed package: those that are not the framework's or the event loop's.
    """
    frames = (pair for pair in traceback.walk_tb(error.__traceback__) if not _is_plumbing(pair[0]))
    found = list(traceback.StackSummary.extract(frames))
    return [frame for frame in found if is_own_file(frame.filename)] or found


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
    return getattr(error, "code", None) not in _FINAL_CODES and not getattr(error, "_flyte_core_final", False)


def mark_as_final(error: BaseException) -> None:
    """Remember that no other attempt could end otherwise, as a container has said of its task's failure."""
    error._flyte_core_final = True  # type: ignore[attr-defined] # any exception may carry attributes
