"""Values as text: what a command line takes, what it prints as JSON, and what it reads from JSON."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import typing
from typing import TYPE_CHECKING, Any

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types import lookup
from flyte_core.types.codec import type_name
from flyte_core.types.durations import parse_duration
from flyte_core.types.mismatch import ValueMismatchError, because, shown
from flyte_core.types.tagged import is_structured, meant, wrong_word
from flyte_core.types.transformer import RestrictedTypeTransformer

if TYPE_CHECKING:
    from collections.abc import Callable

    from flyteidl2.core.literals_pb2 import Literal
    from flyteidl2.core.types_pb2 import LiteralType

__all__ = ["from_jsonable", "literal_from_jsonable", "literal_to_jsonable", "parse_text", "to_jsonable"]

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
        The value. In a union the first variant that takes the text wins, with ``str`` asked last: a JSON string in
        double quotes is that ``str`` where the bare text would be something else, and an object or array of JSON is
        never one by chance.

    Raises:
        TypeTransformerFailedError: if the text does not stand for a value of the type.

    Example:
        >>> parse_text("[1, 2]", list[int]), parse_text("1h30m", dt.timedelta)
        ([1, 2], datetime.timedelta(seconds=5400))
    """
    _check_allowed(pytype)
    return _read(text, lookup.underlying(pytype))


def _check_allowed(pytype: Any) -> None:
    """Refuse what no input can be, such as a tuple, though its JSON could be read."""
    t = lookup.underlying(pytype)
    if t is None or _parser(t) is not None:
        return
    origin, arguments = typing.get_origin(t), typing.get_args(t)
    if lookup.is_union(t) or origin is list or (origin is dict and arguments[:1] == (str,)):
        for argument in arguments:
            _check_allowed(argument)
        return
    transformer = lookup.find_transformer(pytype)
    if isinstance(transformer, RestrictedTypeTransformer):
        transformer.get_literal_type(t)  # raises


def _read(text: str, t: Any) -> Any:
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
    if text.lstrip().startswith("{"):
        return _json(text, t)
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
    arguments = typing.get_args(t)
    takes_str = any(lookup.underlying(variant) is str for variant in arguments)
    quoted = _quoted(text) if takes_str else None
    if quoted is not None and not _stands_for_itself(quoted, t):
        return quoted
    structure = _structure(text) if any(map(is_structured, arguments)) else None
    others = [variant for variant in arguments if lookup.underlying(variant) is not str]
    reasons = []
    for variant in sorted(others, key=lambda variant: variant is not type(None)):
        value, reason = _attempt(text, variant)
        if reason is None:
            return value
        if structure is None or is_structured(variant):
            reasons.append(reason)
    if takes_str and structure is None:
        return text
    one = meant(others, structure)
    if one is not None:
        return _read(text, lookup.underlying(one))
    wrong = wrong_word(others, structure)
    if wrong is not None:
        raise wrong
    refused = f"expected {type_name(t)}, got {text!r}"
    if structure is None:
        raise ValueMismatchError(f"{refused} ({'; '.join(reasons)})")
    # the reasons last: that of a record may have a line for each field
    hint = " (a str is given as a JSON string, in double quotes)" if takes_str else ""
    raise ValueMismatchError(f"{refused}{hint}: {'; '.join(reasons)}")


def _quoted(text: str) -> str | None:
    """The content of a JSON string literal."""
    if not text.strip().startswith('"'):
        return None
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, str) else None


def _stands_for_itself(text: str, t: Any) -> bool:
    """Whether a union reads a text as the str that it is; its quotes are a part of it then, as without a union."""
    try:
        found = _union(text, t)
    except TypeTransformerFailedError:
        return False
    return isinstance(found, str) and found == text


def _structure(text: str) -> Any:
    """The object or array that a text is as JSON; None for any other text."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return _loads(text)
    except ValueError:
        return None


def _attempt(text: str, variant: Any) -> tuple[Any, str | None]:
    try:
        return _read(text, lookup.underlying(variant)), None
    except TypeTransformerFailedError as error:
        return None, str(error)


def _choice(text: str, t: Any, values: dict[str, Any], names: dict[str, Any]) -> Any:
    for known in (values, names):
        if text in known:
            return known[text]
    raise ValueMismatchError(f"expected one of {', '.join(map(repr, values))} for {type_name(t)}, got {text!r}")


def _json(text: str, t: Any) -> Any:
    """What has no text of its own: JSON, or the string that its JSON would be."""
    try:
        obj = _loads(text)
    except ValueError as error:
        if t in (Any, object):
            return text
        value, reason = _attempt_json(text, t)
        if reason is None:
            return value
        if _is_json_structure(text):
            raise ValueMismatchError(f"expected {type_name(t)} as JSON, got {shown(text)}: {error}") from error
        # Of a decimal or UUID, which is its text, nobody meant JSON.
        hint = f" (and it is no JSON: {error})" if is_structured(t) else ""
        raise ValueMismatchError(f"{reason}{hint}") from error
    if isinstance(obj, (list, dict, str)) or t in (Any, object):
        return from_jsonable(obj, t)
    # 1.10 as a Decimal, 5 as a type of one's own: the text first, since a number of JSON may have lost digits
    value, reason = _attempt_json(text, t)
    return from_jsonable(obj, t) if reason is not None else value


def _is_json_structure(text: str) -> bool:
    return text.lstrip()[:1] in ("[", "{", '"')


def _attempt_json(text: str, t: Any) -> tuple[Any, str | None]:
    try:
        return from_jsonable(text, t), None
    except TypeTransformerFailedError as error:
        return None, str(error)


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
            raise ValueMismatchError(f"expected {name}, got {text!r}{because(error)}") from error

    return call


def _int(text: str) -> int:
    value = int(text)
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError("the wire has 64 bits")
    return value


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value) and "inf" not in text.lower():
        raise ValueError("it is too large; write inf for infinity")
    return value


def _loads(text: str) -> Any:
    return json.loads(text, parse_float=_float)


_PARSERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: _guarded("int", _int),
    float: _guarded("float", _float),
    bool: _bool,
    type(None): _none,
    None: _none,
    dt.datetime: _guarded("datetime in ISO 8601, such as 2024-01-02T03:04:05Z", _datetime),
    dt.date: _guarded("date in ISO 8601, such as 2024-01-02", dt.date.fromisoformat),
    dt.timedelta: parse_duration,
}


# ---- JSON ---------------------------------------------------------------------------------------------


def to_jsonable(value: Any, pytype: Any) -> Any:
    """A value as objects that ``json.dumps`` takes.

    Args:
        value: the value.
        pytype: its type.

    Returns:
        Times in ISO 8601, durations in seconds, bytes in base64, enums by value, records, named tuples and references
        as objects. What JSON and the type together leave open has a tag: ``{"@pickle": ...}`` for what has no form but
        a pickle, ``{"@variant": [type, value]}`` for a union whose other variants would read the same JSON, and
        ``@bytes``, ``@tuple``, ``@dict``, ``@float`` inside of what has no type. `from_jsonable` reads it back.

    Raises:
        TypeTransformerFailedError: if the value does not fit its type.

    Example:
        >>> to_jsonable({1: dt.date(2024, 1, 2)}, dict[int, dt.date])
        {'1': '2024-01-02'}
        >>> to_jsonable(dt.date(2024, 1, 2), str | dt.date)
        {'@variant': ['date', '2024-01-02']}
    """
    from flyte_core.types.forms import form_for

    return form_for(pytype).to(value)


def from_jsonable(obj: Any, pytype: Any) -> Any:
    """A value from what `to_jsonable` gave, or from what a person wrote in its place.

    Reading ``@pickle`` runs code that is in the pickle, as reading any pickled input does.

    Args:
        obj: what ``json.loads`` gave.
        pytype: the type.

    Raises:
        TypeTransformerFailedError: if it is no value of the type; the message says where and what was expected. An
            unknown field of a record is an error too, since here it is a typing error.

    Example:
        >>> from_jsonable({"1": "2024-01-02"}, dict[int, dt.date])
        {1: datetime.date(2024, 1, 2)}
    """
    from flyte_core.types.forms import form_for

    return form_for(pytype).back(obj)


def literal_to_jsonable(literal: Literal, literal_type: LiteralType) -> Any:
    """A literal as objects that ``json.dumps`` takes, where no Python type is at hand.

    What its type does not say, such as the types of a struct's fields, is said as in values without a type. Pickles are
    not read.

    Raises:
        TypeTransformerFailedError: if the literal does not fit its type.

    Example:
        >>> from flyte_core.types import TypeEngine
        >>> from flyte_core.types.codec import codec_for
        >>> t = dict[str, dt.timedelta]
        >>> literal_to_jsonable(codec_for(t).encode({"a": dt.timedelta(hours=1)}), TypeEngine.to_literal_type(t))
        {'a': 3600.0}
    """
    from flyte_core.types.forms_literal import literal_form

    return literal_form(literal_type).to(literal)


def literal_from_jsonable(obj: Any, literal_type: LiteralType) -> Literal:
    """A literal from what `literal_to_jsonable` gave, or from what a person wrote in its place.

    Raises:
        TypeTransformerFailedError: if the object is no value of the type.
    """
    from flyte_core.types.forms_literal import literal_form

    found: Literal = literal_form(literal_type).back(obj)
    return found
