"""Numbers, durations and times as the Go loader writes them, so that files look the same whoever wrote them."""

from __future__ import annotations

import datetime as dt

__all__ = ["float_text", "general_float_text", "go_duration", "json_float_text", "rfc3339"]

_NANOSECONDS = 1_000_000_000
_UNIX_EPOCH = 719_163  # ordinal of 1970-01-01


def _digits(value: float) -> tuple[str, str, int]:
    """Give sign, shortest digits and the place of the decimal point before which they stand."""
    sign, text = ("-", repr(value)[1:]) if repr(value).startswith("-") else ("", repr(value))
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    bare = digits.lstrip("0")
    point -= len(digits) - len(bare)
    return sign, bare.rstrip("0") or "0", point if bare else 1


def _special(value: float) -> str | None:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return None


def _positional(sign: str, digits: str, point: int) -> str:
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return f"{sign}{digits}{'0' * (point - len(digits))}"
    return f"{sign}{digits[:point]}.{digits[point:]}"


def _scientific(sign: str, digits: str, point: int, width: int) -> str:
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    exponent = point - 1
    return f"{sign}{digits[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):0{width}d}"


def float_text(value: float) -> str:
    """Give a float as a file has it: the fewest digits that read back as it, and never an exponent.

    Args:
        value: any float.

    Returns:
        As Go's ``strconv.FormatFloat(value, 'f', -1, 64)`` has it.

    Example:
        >>> float_text(1e21), float_text(1.0), float_text(float("inf"))
        ('1000000000000000000000', '1', '+Inf')
    """
    return _special(value) or _positional(*_digits(value))


def json_float_text(value: float) -> str:
    """Give a finite float as Go's ``encoding/json`` has it: with an exponent below 1e-6 and from 1e21 on.

    Example:
        >>> json_float_text(1e20), json_float_text(1e21), json_float_text(1e-07)
        ('100000000000000000000', '1e+21', '1e-7')
    """
    if value != 0 and (abs(value) < 1e-6 or abs(value) >= 1e21):
        return _scientific(*_digits(value), width=1)
    return _positional(*_digits(value))


def general_float_text(value: float) -> str:
    """Give a float as Go's ``strconv.FormatFloat(value, 'g', -1, 64)`` has it, and ``%v`` and YAML with it.

    Example:
        >>> general_float_text(1e-07), general_float_text(123456.5), general_float_text(1e21)
        ('1e-07', '123456.5', '1e+21')
    """
    special = _special(value)
    if special is not None:
        return special
    sign, digits, point = _digits(value)
    if point - 1 < -4 or point - 1 >= 6:
        return _scientific(sign, digits, point, width=2)
    return _positional(sign, digits, point)


def go_duration(nanoseconds: int) -> str:
    """Give a duration as Go's ``time.Duration`` prints it.

    Args:
        nanoseconds: the whole duration; it may be longer than Go's own, which end after 292 years.

    Example:
        >>> go_duration(90 * 10**9), go_duration(1500), go_duration(0)
        ('1m30s', '1.5µs', '0s')
    """
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest == 0:
        return "0s"
    for limit, unit, places in ((1_000, "ns", 0), (1_000_000, "µs", 3), (_NANOSECONDS, "ms", 6)):
        if rest < limit:
            return f"{sign}{_with_fraction(rest, places)}{unit}"
    minutes, rest = divmod(rest, 60 * _NANOSECONDS)
    hours, minutes = divmod(minutes, 60)
    large = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{large}{_with_fraction(rest, 9)}s"


def _with_fraction(value: int, places: int) -> str:
    whole, fraction = divmod(value, 10**places)
    return f"{whole}.{fraction:0{places}d}".rstrip("0") if fraction else str(whole)


def rfc3339(seconds: int, nanoseconds: int) -> str | None:
    """Give a time in UTC as RFC 3339 has it, without zeros at the end of the fraction.

    Args:
        seconds: since 1970-01-01T00:00:00Z; may be negative.
        nanoseconds: on top of them, 0 to 999,999,999.

    Returns:
        The text; ``None`` outside of the years 1 to 9999, which is all that a protobuf timestamp may hold.

    Example:
        >>> rfc3339(1704164645, 120_000_000)
        '2024-01-02T03:04:05.12Z'
    """
    carried, nanoseconds = divmod(nanoseconds, _NANOSECONDS)
    days, second = divmod(seconds + carried, 86_400)
    if not 1 <= days + _UNIX_EPOCH <= dt.date.max.toordinal():
        return None
    date = dt.date.fromordinal(days + _UNIX_EPOCH)
    fraction = f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
    minute, second = divmod(second, 60)
    return f"{date.isoformat()}T{minute // 60:02d}:{minute % 60:02d}:{second:02d}{fraction}Z"
