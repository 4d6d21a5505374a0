"""JSON as Go's ``encoding/json`` writes it: compact, keys sorted, ``<``, ``>`` and ``&`` escaped, its own floats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from json.encoder import encode_basestring as _quoted
from typing import TypeAlias

from flyte_core_container.copilot.errors import GrammarError
from flyte_core_container.copilot.gotext import json_float_text

__all__ = ["Json", "dumps"]

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None

_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def dumps(value: Json) -> str:
    """Give a value as JSON.

    Args:
        value: of plain objects; floats have to be finite. Integers keep all their digits.

    Returns:
        One line.

    Raises:
        GrammarError: a float is NaN or infinite, for which JSON has no form.

    Example:
        >>> dumps({"s": "a<b", "f": 1.0})
        '{"f":1,"s":"a\\\\u003cb"}'
    """
    return "".join(_parts(value))


def _parts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield _string(value)
    elif isinstance(value, Mapping):
        yield from _object(value)
    elif isinstance(value, Sequence):
        yield from _array(value)
    else:
        yield _atom(value)


def _string(value: str) -> str:
    return str(_quoted(value)).translate(_ESCAPES)


def _atom(value: float | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if value - value != 0:
        raise GrammarError(f"JSON has no form for the number {value}")
    return json_float_text(value)


def _object(value: Mapping[str, Json]) -> Iterator[str]:
    separator = "{"
    for key in sorted(value):
        yield f"{separator}{_string(key)}:"
        yield from _parts(value[key])
        separator = ","
    yield "{}" if separator == "{" else "}"


def _array(value: Sequence[Json]) -> Iterator[str]:
    separator = "["
    for item in value:
        yield separator
        yield from _parts(item)
        separator = ","
    yield "[]" if separator == "[" else "]"
