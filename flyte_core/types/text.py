"""Values as text: what a command line takes, and what it prints as JSON."""

from __future__ import annotations

import datetime as dt
import enum
import json
import typing
from typing import TYPE_CHECKING, Any

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types import lookup
from flyte_core.types.codec import type_name
from flyte_core.types.durations import parse_duration
from flyte_core.types.mismatch import ValueMismatchError, shown

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["parse_text", "to_jsonable"]

_BOOLS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_NOTHING = ("none", "null")


# ---- text to value -----------------------------------------------------------------------------------


def parse_text(text: str, pytype: Any) -> Any:
    """A value from the text that stands for it on a command line.

    Args:
        text: the text. Strings stand for themselves; times are ISO 8601, in UTC unless they name a zone; durations
            see `parse_duration`; enums go by value, then by name; files and folders by path or URL; containers and
            records are JSON.
        pytype: the type.

    Returns:
        The value. In a union the first variant that takes the text wins, with ``str`` asked last.

    Raises:
        TypeTransformerFailedError: if the text does not stand for a value of the type.

    Example:
        >>> parse_text("[1, 2]", list[int]), parse_text("1h30m", dt.timedelta)
        ([1, 2], datetime.timedelta(seconds=5400))
    """
    t = lookup.underlying(pytype)
    if lookup.is_union(t):
        return _union(text, t)
    if typing.get_origin(t) is typing.Literal:
        return _choice(text, t, {str(value): value for value in typing.get_args(t)}, {})
    parse = _parser(t)
    if parse is not None:
        return parse(text)
    if lookup.is_class(t) and issubclass(t, enum.Enum):
        values = {str(member.value): member for member in t}
        return _literal_enum(t, _choice(text, t, values, dict(t.__members__)))
    owner = typing.get_origin(t) or t
    for reference in ("_from_text", "from_existing_remote"):
        if hasattr(owner, reference):
            return getattr(owner, reference)(text)
    return _json(text, t)


def _parser(t: Any) -> Callable[[str], Any] | None:
    return _PARSERS.get(t) if lookup.is_class(t) or t is None else None


def _literal_enum(t: type, member: enum.Enum) -> Any:
    # the reference's stand-in for Literal, whose values are plain strings
    return member.value if t.__name__ == "LiteralEnum" else member


def _union(text: str, t: Any) -> Any:
    variants = sorted(typing.get_args(t), key=lambda variant: lookup.underlying(variant) is str)
    reasons = []
    for variant in sorted(variants, key=lambda variant: variant is not type(None)):
        value, reason = _attempt(text, variant)
        if reason is None:
            return value
        reasons.append(reason)
    raise ValueMismatchError(f"expected {type_name(t)}, got {text!r} ({'; '.join(reasons)})")


def _attempt(text: str, variant: Any) -> tuple[Any, str | None]:
    try:
        return parse_text(text, variant), None
    except TypeTransformerFailedError as error:
        return None, str(error)


def _choice(text: str, t: Any, values: dict[str, Any], names: dict[str, Any]) -> Any:
    for known in (values, names):
        if text in known:
            return known[text]
    raise ValueMismatchError(f"expected one of {', '.join(map(repr, values))} for {type_name(t)}, got {text!r}")


def _json(text: str, t: Any) -> Any:
    from flyte_core.types.plain import plain_for

    try:
        plain = json.loads(text)
    except ValueError as error:
        if t in (Any, object):
            return text
        raise ValueMismatchError(f"expected {type_name(t)} as JSON, got {shown(text)}: {error}") from error
    return plain_for(t).decode(plain)


def _none(text: str) -> None:
    if text.strip().lower() not in _NOTHING:
        raise ValueMismatchError(f"expected none or null, got {text!r}")


def _bool(text: str) -> bool:
    value = _BOOLS.get(text.strip().lower())
    if value is None:
        raise ValueMismatchError(f"expected bool: true, false, yes, no, on, off, 1 or 0; got {text!r}")
    return value


def _datetime(text: str) -> dt.datetime:
    written = text.strip()
    if written.endswith(("Z", "z")):  # Python 3.10 does not know it
        written = written[:-1] + "+00:00"
    value = dt.datetime.fromisoformat(written)
    return value.replace(tzinfo=dt.timezone.utc) if value.tzinfo is None else value


def _guarded(name: str, parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def call(text: str) -> Any:
        try:
            return parse(text.strip())
        except ValueError as error:
            raise ValueMismatchError(f"expected {name}, got {text!r}") from error

    return call


_PARSERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: _guarded("int", int),
    float: _guarded("float", float),
    bool: _bool,
    type(None): _none,
    None: _none,
    dt.datetime: _guarded("datetime in ISO 8601, such as 2024-01-02T03:04:05Z,", _datetime),
    dt.date: _guarded("date in ISO 8601, such as 2024-01-02,", dt.date.fromisoformat),
    dt.timedelta: parse_duration,
}


# ---- value to JSON -----------------------------------------------------------------------------------


def to_jsonable(value: Any, pytype: Any) -> Any:
    """A value as objects that ``json.dumps`` takes, for programs that read a command's output.

    Args:
        value: the value.
        pytype: its type.

    Returns:
        Its plain form: times in ISO 8601, durations in seconds, records and references as dicts; what has no plain
        form as its ``repr``. `parse_text` reads it back, save such a ``repr``.

    Example:
        >>> to_jsonable({1: dt.date(2024, 1, 2)}, dict[int, dt.date])
        {'1': '2024-01-02'}
    """
    from flyte_core.types.plain import plain_for

    try:
        plain = plain_for(pytype).encode(value)
    except TypeTransformerFailedError:  # pickled types, and values that were never checked
        plain = value
    return _cleaned(plain)


def _cleaned(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {key if isinstance(key, str) else str(key): _cleaned(item) for key, item in plain.items()}
    if isinstance(plain, (list, tuple)):
        return [_cleaned(item) for item in plain]
    if isinstance(plain, (bytes, bytearray)):
        import base64

        return base64.b64encode(plain).decode()
    return plain if plain is None or isinstance(plain, (str, int, float)) else repr(plain)
