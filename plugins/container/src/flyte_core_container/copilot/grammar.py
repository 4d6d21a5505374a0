"""What text a file may hold for a number, a boolean, a duration or a time: explicit ASCII grammars, as the Go loader's.

Python's own ``int``, ``float`` and ``fromisoformat`` take underscores, digits of other scripts and more, so that a
value would depend on who reads it.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

from flyte_core_container.copilot.errors import GrammarError

__all__ = [
    "Moment",
    "parse_boolean",
    "parse_datetime",
    "parse_duration",
    "parse_float",
    "parse_integer",
    "parse_naive_datetime",
    "parse_python_duration",
]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE | re.ASCII)
_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # micro sign
    "\u03bcs": 1_000,  # Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_AMOUNT = r"(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(ns|us|\u00b5s|\u03bcs|ms|s|m|h)"
_PART = re.compile(_AMOUNT)
_DURATION = re.compile(rf"([+-]?)((?:{_AMOUNT})+)")
_MAX_DURATION = 315_576_000_000 * 1_000_000_000  # what a protobuf duration may hold: 10,000 years

_DATE = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_TIME = r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?"
_RFC3339 = re.compile(rf"{_DATE}T{_TIME}(?:(Z)|([+-])([0-9]{{2}}):([0-9]{{2}}))")
_NAIVE = re.compile(rf"{_DATE}(?:[T ]{_TIME})?")
_TIMEDELTA = re.compile(r"(?:(-?[0-9]+) days?, )?(?:([0-9]+):)?([0-9]+):([0-9]+)(?:\.([0-9]{1,6}))?")
_UNIX_EPOCH = 719_163  # ordinal of 1970-01-01


class Moment(NamedTuple):
    """A point in time, as a protobuf timestamp has it."""

    seconds: int
    nanoseconds: int


def _shown(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:57]!r}... ({len(text)} characters)"


def parse_integer(text: str) -> int:
    """Read a decimal number of 64 bits with an optional sign.

    Raises:
        GrammarError: the text is something else.

    Example:
        >>> parse_integer("+012")
        12
    """
    if _INTEGER.fullmatch(text):
        # Python refuses to convert thousands of digits, and more than 19 never fit.
        digits = text.lstrip("+-").lstrip("0") or "0"
        value = int(digits) if len(digits) <= 19 else 2**64
        value = -value if text[0] == "-" else value
        if -(2**63) <= value < 2**63:
            return value
    raise GrammarError(f"expected a decimal integer of 64 bits, got {_shown(text)}")


def parse_float(text: str) -> float:
    """Read a decimal or hexadecimal floating-point number, an infinity or NaN.

    Raises:
        GrammarError: the text is something else, or the number is too large.

    Example:
        >>> parse_float(".5"), parse_float("0x1p-2"), parse_float("-Inf")
        (0.5, 0.25, -inf)
    """
    if text.lower() == "nan" and text.isascii():
        return float("nan")
    if _INFINITE.fullmatch(text):
        return float("-inf" if text[0] == "-" else "inf")
    value = float("inf")
    if _DECIMAL.fullmatch(text):
        value = float(text)
    elif _HEXADECIMAL.fullmatch(text):
        value = _from_hexadecimal(text)
    else:
        raise GrammarError(
            f"expected a floating-point number such as 1.5, 2e-3, 0x1p-2, inf or nan, got {_shown(text)}"
        )
    if value in (float("inf"), float("-inf")):
        raise GrammarError(f"the number {_shown(text)} is too large for a floating-point number of 64 bits")
    return value


def _from_hexadecimal(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        return float("inf")


def parse_boolean(text: str) -> bool:
    """Read one of the spellings of true and false that Go knows.

    Raises:
        GrammarError: the text is something else.

    Example:
        >>> parse_boolean("True"), parse_boolean("0")
        (True, False)
    """
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise GrammarError(
        f"expected a boolean (1, t, T, true, TRUE, True, 0, f, F, false, FALSE, False), got {_shown(text)}"
    )


def parse_duration(text: str) -> int:
    """Read a duration with units as Go has it.

    Args:
        text: a sign, then numbers with the units ns, us, µs, ms, s, m and h; a number without unit only as ``0``.

    Returns:
        Nanoseconds; what is below one is cut off.

    Raises:
        GrammarError: the text is something else, or longer than the 10,000 years that a protobuf duration holds.

    Example:
        >>> parse_duration("1h30m") // 10**9
        5400
    """
    if text.lstrip("+-") == "0" and len(text) <= 2:
        return 0
    match = _DURATION.fullmatch(text)
    if match is None:
        raise GrammarError(f"expected a duration such as 1h30m, 1.5s or 250ms, got {_shown(text)}")
    total = sum(_nanoseconds(*part.groups()) for part in _PART.finditer(match[2]))
    if total > _MAX_DURATION:
        raise GrammarError(f"the duration {_shown(text)} is longer than 10,000 years")
    return -total if match[1] == "-" else total


def _nanoseconds(whole: str | None, fraction: str | None, bare: str | None, unit: str) -> int:
    size = _UNITS[unit]
    digits = (whole or "0").lstrip("0") or "0"
    amount = int(digits) if len(digits) <= 21 else 10**21
    part = (fraction or bare or "")[:24]
    return amount * size + (int(part) * size // 10 ** len(part) if part else 0)


def parse_datetime(text: str) -> Moment:
    """Read a time as RFC 3339 has it: upper-case T and Z, and an offset from UTC in any case.

    Args:
        text: such as ``2024-01-02T03:04:05.12+02:00``; of the fraction nine digits count.

    Raises:
        GrammarError: the text is something else, or not within the years 1 to 9999 of UTC.

    Example:
        >>> parse_datetime("2024-01-02T03:04:05+02:00").seconds
        1704157445
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise GrammarError(f"expected a time with its offset such as 2024-01-02T03:04:05Z, got {_shown(text)}")
    offset = 0
    if match[8] is None:
        hours, minutes = int(match[10]), int(match[11])
        if hours > 23 or minutes > 59:
            raise GrammarError(f"the offset of {_shown(text)} is out of range")
        offset = (hours * 3600 + minutes * 60) * (-1 if match[9] == "-" else 1)
    return _moment(text, match, offset)


def _moment(text: str, match: re.Match[str], offset: int) -> Moment:
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    hour, minute, second = (int(match[index] or 0) for index in (4, 5, 6))
    if hour > 23 or minute > 59 or second > 59:
        raise GrammarError(f"the time of day in {_shown(text)} is out of range")
    try:
        days = dt.date(year, month, day).toordinal() - _UNIX_EPOCH
    except ValueError as error:
        raise GrammarError(f"there is no such day as in {_shown(text)}: {error}") from error
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
    if not 1 <= seconds // 86_400 + _UNIX_EPOCH <= dt.date.max.toordinal():
        raise GrammarError(f"{_shown(text)} is not within the years 1 to 9999 of UTC")
    return Moment(seconds, int((match[7] or "")[:9].ljust(9, "0")))


def parse_naive_datetime(text: str) -> Moment:
    """Read an ISO 8601 time without an offset as UTC, as local runs of the reference do.

    Raises:
        GrammarError: the text is something else.

    Example:
        >>> parse_naive_datetime("2024-01-02 03:04:05").seconds
        1704164645
    """
    match = _NAIVE.fullmatch(text)
    if match is None:
        raise GrammarError(f"expected a time such as 2024-01-02T03:04:05Z, got {_shown(text)}")
    return _moment(text, match, 0)


def parse_python_duration(text: str) -> int:
    """Read what ``str(timedelta)`` gives, as local runs of the reference do.

    Returns:
        Nanoseconds.

    Raises:
        GrammarError: the text is something else.

    Example:
        >>> parse_python_duration("1 day, 1:30:00") // 10**9
        91800
    """
    match = _TIMEDELTA.fullmatch(text)
    if match is None or any(len(part or "") > 12 for part in match.groups()):
        raise GrammarError(f"expected a duration such as 1h30m or 1:30:00, got {_shown(text)}")
    days, hours, minutes, seconds = (int(match[index] or 0) for index in (1, 2, 3, 4))
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if abs(total) * 1_000_000_000 > _MAX_DURATION:
        raise GrammarError(f"the duration {_shown(text)} is longer than 10,000 years")
    return total * 1_000_000_000 + int((match[5] or "").ljust(9, "0"))
