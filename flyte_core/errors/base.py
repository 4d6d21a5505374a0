"""The base of all exceptions, and what several of them need."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

__all__ = [
    "FlyteCoreError",
    "is_task_code",
    "mark_as_task_code",
    "near_misses",
    "rebuild",
    "without_secrets",
]


class FlyteCoreError(Exception):
    """Base of everything flyte_core raises on purpose."""


def near_misses(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """Give the known names that look like a wrong one, for a message's "did you mean".

    Args:
        name: what was given.
        known: what exists.
        limit: the most names to give.

    Returns:
        Names from ``known``, best first; empty when nothing is close.

    Example:
        >>> near_misses("memroy", ["cpu", "memory"])
        ['memory']
    """
    import difflib

    return difflib.get_close_matches(name, sorted(set(known)), n=limit, cutoff=0.6)


def mark_as_task_code(error: BaseException) -> None:
    """Remember that an exception comes out of a task's own code, so that no plugin on its way is blamed for it."""
    try:
        error._flyte_core_task_code = True  # type: ignore[attr-defined] # any exception may carry attributes
    except AttributeError:
        # A class with slots cannot; its exceptions are then reported as the plugin's.
        return


def is_task_code(error: BaseException) -> bool:
    """Whether `mark_as_task_code` has seen the exception."""
    return getattr(error, "_flyte_core_task_code", False) is True


# Repetitions are bounded, so that a megabyte of text without a space takes no quadratic time.
# What stands before the @ of a URL, and values of query parameters and headers that carry credentials.
_SECRETS = (
    (re.compile(r"(?P<kept>[a-z][a-z0-9+.\-]{0,30}://)[^/@\s]+@", re.IGNORECASE), r"\g<kept>***@"),
    (
        re.compile(
            r"(?P<kept>(?:x-amz-(?:signature|credential|security-token)|sig|signature|token|access_?key(?:_id)?"
            r"|secret\w{0,30}|password|api_?key|authorization)[=:]\s*)[^&\s'\",)]+",
            re.IGNORECASE,
        ),
        r"\g<kept>***",
    ),
)


def without_secrets(text: str) -> str:
    """Give a text with what looks like credentials in URLs replaced by ``***``.

    Args:
        text: a URL, or a message that may contain some.

    Returns:
        The text for messages and logs.

    Example:
        >>> without_secrets("https://ann:pw@host/a?X-Amz-Signature=0f3a&part=2")
        'https://***@host/a?X-Amz-Signature=***&part=2'
    """
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def rebuild(cls: type[BaseException], args: tuple[object, ...], state: dict[str, object]) -> BaseException:
    """Make an exception anew when it is unpickled, whatever its constructor wants."""
    # Not cls.__new__, which may be RuntimeError's where the class is also an OSError, and then refuses to make one.
    made: Any = cls.__base__
    error: BaseException = made.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error
