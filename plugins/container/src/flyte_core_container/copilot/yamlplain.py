"""Which strings YAML would read as something else when they stood unquoted, and in which order it has keys."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable

__all__ = ["reads_as_string", "sorted_keys"]

_WORDS = frozenset(
    (
        *("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"),
        *("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"),
        *("", "~", "null", "Null", "NULL"),
        *(".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"),
    )
)
_HINTS = frozenset("yYnNtTfFoO~.+-0123456789")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_INTEGER = re.compile(
    r"(?P<sign>[+-]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_LATE_BINARY = re.compile(r"(?P<sign>-?)0b(?P<bin>[+-]?[01]+)")
_NUMBERED = re.compile(r"[A-Za-z]*[0-9]{0,15}")
_DAY = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
    r"(?:(?P<mark>[Tt ])(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2}):(?P<second>[0-9]{1,2})(?:[.,][0-9]+)?"
    r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


def reads_as_string(text: str) -> bool:
    """Say whether an unquoted text is a string in YAML 1.1, as the Go library of Kubernetes reads it.

    Example:
        >>> [reads_as_string(text) for text in ("a", "yes", "123", "1:30", "2024-01-02")]
        [True, False, False, False, False]
    """
    if text in _WORDS:
        return False
    if text[0] not in _HINTS:
        return True
    if text[0] == ".":
        return _go_float_fails(text)
    if text[0] not in "+-0123456789":
        return True
    return not (_is_time(text) or _is_number(text.replace("_", "")) or _BASE_60.fullmatch(text))


def _go_float_fails(text: str) -> bool:
    # Unlike other numbers, one that begins with a point goes to Go's own parser, where underscores separate digits.
    bare = re.sub(r"(?<=[0-9])_(?=[0-9])", "", text)
    return _FLOAT.fullmatch(bare) is None or float(bare) == float("inf")


def _is_number(text: str) -> bool:
    return _is_integer(text) or (_FLOAT.fullmatch(text) is not None and abs(float(text)) != float("inf"))


def _is_integer(text: str) -> bool:
    match = _INTEGER.fullmatch(text)
    if match is None:
        late = _LATE_BINARY.fullmatch(text)
        return late is not None and len(late["bin"]) <= 64
    for base, name in ((16, "hex"), (2, "bin"), (8, "oct"), (10, "dec")):
        if match[name] is not None:
            return _fits(match["sign"], match[name], base)
    return False


def _fits(sign: str, digits: str, base: int) -> bool:
    if len(digits.lstrip("0")) > 64:
        return False
    value = int(digits, base)
    if sign:
        return value <= 2**63 - (sign == "+")
    return value < 2**64


def _is_time(text: str) -> bool:
    match = _DAY.fullmatch(text)
    if match is None:
        return False
    mark, zone = match["mark"], match["zone"]
    if mark is not None and (mark == " ") != (zone is None):
        return False
    return _day_exists(match) and (mark is None or _hour_exists(match))


def _day_exists(match: re.Match[str]) -> bool:
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= month <= 12 and 1 <= day <= days[month - 1]


def _hour_exists(match: re.Match[str]) -> bool:
    zone = match["zone"] or "Z"
    offset = zone == "Z" or (int(zone[1:3]) <= 24 and int(zone[4:]) <= 60)
    return int(match["hour"]) < 24 and int(match["minute"]) < 60 and int(match["second"]) < 60 and offset


def _less(a: str, b: str) -> bool:
    for place, (one, other) in enumerate(zip(a, b, strict=False)):
        if one != other:
            return _less_from(a, b, place)
    return len(a) < len(b)


def _less_from(a: str, b: str, place: int) -> bool:
    one, other = a[place], b[place]
    letters = _is_letter(one), _is_letter(other)
    if all(letters):
        return one < other
    if any(letters):
        return letters[1]
    # Zeros that do not lead count as digits of the number before them.
    prefix = 1 if "0" in (one, other) and _number_before(a, place) else 0
    number_a, end_a = _number(a, place, prefix)
    number_b, end_b = _number(b, place, prefix)
    if number_a != number_b:
        return number_a < number_b
    return end_a < end_b if end_a != end_b else one < other


def _is_letter(char: str) -> bool:
    return unicodedata.category(char).startswith("L")


def _is_digit(char: str) -> bool:
    return unicodedata.category(char) == "Nd"


def _number_before(text: str, place: int) -> bool:
    for char in reversed(text[:place]):
        if not _is_digit(char):
            return False
        if char != "0":
            return True
    return False


def _number(text: str, place: int, number: int) -> tuple[int, int]:
    while place < len(text) and _is_digit(text[place]):
        # Go counts in 64 bits and lets them overflow.
        number = (number * 10 + ord(text[place]) - ord("0") + 2**63) % 2**64 - 2**63
        place += 1
    return number, place


def _compare(a: str, b: str) -> int:
    return -1 if _less(a, b) else 1 if _less(b, a) else 0


_key = functools.cmp_to_key(_compare)


def sorted_keys(keys: Iterable[str]) -> list[str]:
    """Put the keys of a mapping in order; numbers in them count as numbers, so that ``a2`` stands before ``a10``.

    Example:
        >>> sorted_keys(["a10", "b", "a2"])
        ['a2', 'a10', 'b']
    """
    found = list(keys)
    simple = [_NUMBERED.fullmatch(key) for key in found]
    if all(simple):  # comparing in pairs takes a hundred times as long
        return sorted(found, key=_numbered_key)
    return sorted(found, key=_key)


def _numbered_key(key: str) -> tuple[str, int, int]:
    letters = key.rstrip("0123456789")
    return letters, int(key[len(letters) :] or -1), len(key)
