"""Tracebacks as a user wants them: their own frames, and not those of the framework around them."""

from __future__ import annotations

import importlib.util
import os
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

__all__ = ["format_error", "user_traceback"]

#: Packages that flyte_core and its plugins read and write with.
_LIBRARIES = frozenset(
    {"adbc_driver_manager", "aiohttp", "boto3", "botocore", "docker", "duckdb", "fsspec", "obstore", "pandas", "polars"}
    | {"psycopg", "pyarrow", "requests", "sqlalchemy", "sqlglot", "tenacity", "urllib3"}
)

#: Characters of a message that another message may have by chance.
_BY_CHANCE = 8


def format_error(error: BaseException, *, whole: bool = False) -> str:
    """Write an error with its traceback.

    Args:
        error: the error; errors that it was raised from are written before it, as Python does.
        whole: whether all frames are kept, also those of flyte_core, of Python itself and of installed packages.

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
        _reduce(described)
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
    from flyte_core.runtime.documents import RemoteTraceback

    if isinstance(error, RemoteTraceback):
        return str(error).strip("\n")
    described = traceback.TracebackException.from_exception(error)
    kept = whole or _reduce(described)
    return "".join(described.format()) if kept else None


def _reduce(described: traceback.TracebackException) -> bool:
    """Keep the frames that help, and say whether there are any.

    Those are the user's own. Where none of them is, as for a task of an installed package, all but the framework's.
    """
    from flyte_core.runtime.failures import is_own_file

    helps = is_own_file if any(map(is_own_file, _filenames(described))) else _is_foreign
    found = _keep(described, helps)
    _drop_repetitions(described)
    return found


def _filenames(described: traceback.TracebackException) -> Iterator[str]:
    yield from (frame.filename for frame in described.stack)
    for other in _others(described):
        yield from _filenames(other)


def _others(described: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """Give the errors that it was raised from, and of a group of errors (from Python 3.11 on) the members."""
    if described.__cause__ is not None:
        yield described.__cause__
    if described.__context__ is not None and not described.__suppress_context__:
        yield described.__context__
    yield from getattr(described, "exceptions", None) or ()


def _keep(described: traceback.TracebackException, helps: Callable[[str], bool]) -> bool:
    """Leave out the frames of files that do not help, in all errors of a chain; say whether any is left."""
    kept = [frame for frame in described.stack if helps(frame.filename)]
    described.stack = traceback.StackSummary.from_list(kept)
    found = bool(kept)
    for other in _others(described):
        if _keep(other, helps):
            found = True
        elif other is described.__context__:
            # Somebody else caught it, long before this error.
            described.__context__ = None
    return found


def _drop_repetitions(described: traceback.TracebackException) -> None:
    """Leave out errors without frames that the error raised from them repeats word by word."""
    while (cause := described.__cause__) is not None and not cause.stack and _repeats(described, cause):
        described.__cause__ = cause.__cause__
    for other in _others(described):
        _drop_repetitions(other)


def _repeats(described: traceback.TracebackException, cause: traceback.TracebackException) -> bool:
    ours, its = _line(described), _line(cause)
    message = its.partition(": ")[2]
    # A short one, such as a number, stands in other messages by chance.
    return ours == its or (len(message) > _BY_CHANCE and message in ours)


def _line(described: traceback.TracebackException) -> str:
    return "".join(described.format_exception_only()).strip()


def _is_foreign(filename: str) -> bool:
    return not (_is_framework(filename) or _is_standard(filename) or _is_library(filename))


def _is_standard(filename: str) -> bool:
    standard = str(Path(os.__file__).parent) + os.sep
    return filename.startswith(standard) and "-packages" + os.sep not in filename


def _is_library(filename: str) -> bool:
    """Say whether the code is a library's that flyte_core itself calls; what fails there it says in its own words."""
    _, found, below = filename.replace("\\", "/").rpartition("-packages/")
    if found:
        return below.partition("/")[0] in _LIBRARIES or below.startswith("flyte_core_")
    return filename.endswith((".pyx", ".pxi", ".pxd"))


def _is_framework(filename: str) -> bool:
    # Python's own import system and generated methods have names such as <frozen importlib._bootstrap>.
    return filename.startswith(("<frozen ", "<attrs generated", *_framework_folders()))


def _framework_folders() -> tuple[str, ...]:
    from flyte_core.runtime.failures import package_folders

    return (*package_folders(), *_folders_around())


@cache
def _folders_around() -> tuple[str, ...]:
    spec = importlib.util.find_spec("click")
    return tuple(folder + os.sep for folder in (spec.submodule_search_locations if spec else None) or ())
