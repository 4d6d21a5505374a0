"""Durations as people write them: ``1h30m``, ``90``, ``PT1H30M``, ``1 day, 1:30:00``."""

from __future__ import annotations

import re
from datetime import timedelta

from flyte_core.types.mismatch import ValueMismatchError

__all__ = ["parse_duration"]

_NUMBER = r"\d+(?:\.\d+)?"
_SHORT = re.compile(
    rf"(?P<sign>[-+])?(?:(?P<weeks>{_NUMBER})w)?(?:(?P<days>{_NUMBER})d)?(?:(?P<hours>{_NUMBER})h)?"
    rf"(?:(?P<minutes>{_NUMBER})m(?!s))?(?:(?P<seconds>{_NUMBER})s)?(?:(?P<milliseconds>{_NUMBER})ms)?"
)
_ISO = re.compile(
    rf"(?P<sign>[-+])?P(?:(?P<weeks>{_NUMBER})W)?(?:(?P<days>{_NUMBER})D)?"
    rf"(?:T(?:(?P<hours>{_NUMBER})H)?(?:(?P<minutes>{_NUMBER})M)?(?:(?P<seconds>{_NUMBER})S)?)?"
)
_PYTHON = re.compile(
    r"(?:(?P<days>-?\d+) days?, )?(?P<hours>\d+):(?P<minutes>[0-5]?\d):(?P<seconds>[0-5]?\d(?:\.\d+)?)"
)


def parse_duration(text: str) -> timedelta:
    """A duration from text.

    Args:
        text: a number of seconds; numbers with the units w, d, h, m, s and ms, largest first; ISO 8601 without years
            and months, whose length is not fixed; or what ``str(timedelta)`` gives.

    Raises:
        TypeTransformerFailedError: if it is none of these, or too long for a `timedelta`.

    Example:
        >>> parse_duration("1h30m") == parse_duration("PT1H30M") == parse_duration("5400")
        True
    """
    written = text.strip()
    try:
        found = _parts(written)
        return timedelta(seconds=float(written)) if found is None else found
    except (ValueError, OverflowError) as error:
        raise ValueMismatchError(
            f"expected timedelta such as 1h30m, 90 (seconds), PT1H30M or 1:30:00, got {text!r}"
        ) from error


def _parts(written: str) -> timedelta | None:
    for pattern, form in ((_SHORT, written.lower()), (_ISO, written.upper()), (_PYTHON, written)):
        match = pattern.fullmatch(form)
        if match is None:
            continue
        groups = match.groupdict()
        sign = -1 if groups.pop("sign", None) == "-" else 1
        parts = {unit: float(number) for unit, number in groups.items() if number is not None}
        if parts:
            return sign * timedelta(**parts)
    return None
