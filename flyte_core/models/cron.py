"""Checking cron expressions and time zones.

The notation is that of the standard parser of https://pkg.go.dev/github.com/robfig/cron/v3, which Flyte schedules with:
five fields of lists, ranges and steps, names for months and days of the week, ``?`` for ``*``, and ``@`` names.
"""

from __future__ import annotations

from functools import lru_cache

from flyte_core.errors import InvalidTypeError, InvalidValueError

__all__ = ["check_cron", "check_timezone"]

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

# Name, lowest and highest number, and words for numbers of each field. Of the two numbers for Sunday the library
# takes 0 alone; 7 is let through, as other cron implementations take it.
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_NAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")


def check_cron(expression: object) -> None:
    """Refuse what is not a cron expression.

    Raises:
        InvalidTypeError: when it is not a text.
        InvalidValueError: when it is not an expression; the message names the field.

    Example:
        >>> check_cron("*/15 8-18 * * MON-FRI")
    """
    if not isinstance(expression, str):
        raise InvalidTypeError("Cron", "expression", expression, "a cron expression as a text")
    if expression in _NAMES or (expression.startswith("@every ") and _is_duration(expression[7:].strip())):
        return
    parts = expression.split()
    if len(parts) != len(_FIELDS):
        allowed = f"five fields (minute, hour, day of month, month, day of week) or one of {', '.join(_NAMES)}"
        raise InvalidValueError("Cron", "expression", expression, allowed)
    for part, (name, low, high, words) in zip(parts, _FIELDS, strict=True):
        if not all(_is_range(item, low, high, words) for item in part.split(",")):
            raise InvalidValueError("Cron", "expression", expression, f"a {name} of {low} to {high}, not {part!r}")


def _is_duration(text: str) -> bool:
    import re

    # Go's time.ParseDuration: https://pkg.go.dev/time#ParseDuration
    return re.fullmatch(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+", text) is not None


def _is_range(item: str, low: int, high: int, words: dict[str, int]) -> bool:
    span, slash, step = item.partition("/")
    if slash and not (_is_number(step) and int(step) > 0):
        return False
    if span in ("*", "?"):
        return True
    first, dash, last = span.partition("-")
    numbers = [_number(text, words) for text in ([first, last] if dash else [first])]
    return all(low <= number <= high for number in numbers) and numbers == sorted(numbers)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(text: str, words: dict[str, int]) -> int:
    return int(text) if _is_number(text) else words.get(text.lower(), -1)


def check_timezone(name: object) -> None:
    """Refuse a name that is in no time zone database of this machine.

    Raises:
        InvalidTypeError: when it is not a text.
        InvalidValueError: when there is no such time zone. Not raised where the machine has no database at all.
    """
    if not isinstance(name, str):
        raise InvalidTypeError("Cron", "timezone", name, "the name of a time zone as a text")
    if name != "UTC" and not _is_timezone(name) and _is_timezone("Europe/London"):
        raise InvalidValueError("Cron", "timezone", name, "a name of the IANA database, such as Europe/London")


@lru_cache(maxsize=64)
def _is_timezone(name: str) -> bool:
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(name)
    # The database is a tree of files: a folder's name, "" or "../x" give one of the others.
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
