"""Tracebacks as a user wants them: their own frames, and not those of the framework around them."""

from __future__ import annotations

import importlib.util
import os
import traceback
from functools import cache
from pathlib import Path

__all__ = ["format_error", "user_traceback"]


def format_error(error: BaseException, *, whole: bool = False) -> str:
    """Write an error with its traceback.

    Args:
        error: the error; errors that it was raised from are written before it, as Python does.
        whole: whether the frames of flyte_core, click and the event loop are kept.

    Returns:
        The text, as Python would print it.

    Example:
        >>> try:
        ...     int("x")
        ... except ValueError as e:
        ...     print(format_error(e).splitlines()[-1])
        ValueError: invalid literal for int() with base 10: 'x'
    """
    described = traceback.TracebackException.from_exception(error)
    if not whole:
        _leave_out_framework(described)
    return "".join(described.format())


def user_traceback(error: BaseException | None, *, whole: bool = False) -> str | None:
    """Write an error with its traceback, where it leads through code of the user's own.

    Args:
        error: the error; None gives None.
        whole: whether all frames count and are kept.

    Returns:
        What `format_error` gives; None when nothing but the framework's frames are in it, which help nobody.
    """
    if error is None:
        return None
    described = traceback.TracebackException.from_exception(error)
    kept = whole or _leave_out_framework(described)
    return "".join(described.format()) if kept else None


def _leave_out_framework(described: traceback.TracebackException) -> bool:
    """Keep the frames of everybody else, in an error and in those it was raised from; say whether there were any."""
    kept = [frame for frame in described.stack if not _is_framework(frame.filename)]
    described.stack = traceback.StackSummary.from_list(kept)
    found = bool(kept)
    if described.__cause__ is not None:
        found = _leave_out_framework(described.__cause__) or found
    if described.__context__ is not None and not described.__suppress_context__:
        if _leave_out_framework(described.__context__):
            found = True
        else:
            # The framework caught it itself, long before this error.
            described.__context__ = None
    # Groups of errors exist from Python 3.11 on.
    for member in getattr(described, "exceptions", None) or ():
        found = _leave_out_framework(member) or found
    return found


def _is_framework(filename: str) -> bool:
    # Python's own import system and generated methods have names such as <frozen importlib._bootstrap>.
    return filename.startswith(("<frozen ", "<attrs generated", *_framework_folders()))


@cache
def _framework_folders() -> tuple[str, ...]:
    standard = Path(os.__file__).parent
    ours = Path(__file__).parent.parent
    folders = [ours, standard / "asyncio", standard / "concurrent" / "futures", standard / "importlib"]
    for package in ("click", "flyte_core_python"):
        spec = importlib.util.find_spec(package)
        folders += map(Path, (spec.submodule_search_locations if spec else None) or ())
    files = (str(standard / "threading.py"), str(standard / "runpy.py"))
    return (*(str(folder) + os.sep for folder in folders), *files)
