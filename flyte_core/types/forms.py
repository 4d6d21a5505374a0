"""The JSON form of values, and back: what `to_jsonable` and `from_jsonable` compile once for a type.

Where JSON alone does not say what a value was, an object with one key that begins with ``@`` does: ``@bytes``,
``@tuple``, ``@float``, ``@dict``, ``@pickle``, ``@variant`` and, around an object that looks like one, ``@value``.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import enum
import inspect
import math
import typing
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types import lookup
from flyte_core.types.codec import type_key, type_name
from flyte_core.types.durations import parse_duration
from flyte_core.types.mismatch import ValueMismatchError, because, mismatch, shown, under

if TYPE_CHECKING:
    from collections.abc import Callable

    Convert = Callable[[Any], Any]

__all__ = ["Form", "form_for", "same"]

_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Form:
    """How one type becomes what ``json.dumps`` takes, and comes back.

    Args:
        to: value to JSON.
        back: JSON to value.
        is_text: whether the JSON is always a string, so that it may be the key of an object.
    """

    __slots__ = ("back", "is_text", "to")

    def __init__(self, to: Convert, back: Convert, *, is_text: bool = False) -> None:
        self.to, self.back, self.is_text = to, back, is_text


class _Known:
    forms: ClassVar[dict[Any, Form]] = {}
    version = -1


def form_for(t: Any) -> Form:
    """The JSON form of a type, compiled at first use and again after a transformer was registered.

    Example:
        >>> form_for(list[dt.date]).to([dt.date(2024, 1, 2)])
        ['2024-01-02']
    """
    if _Known.version != lookup.version():
        _Known.forms.clear()
        _Known.version = lookup.version()
    key = type_key(t)
    form = _Known.forms.get(key)
    if form is None:
        # a type that contains itself finds this one, which is filled in before anyone can use it
        form = _Known.forms[key] = Form(_same, _same)
        try:
            found = _compile(t)
        except BaseException:  # an interrupt too must not leave the empty form for others
            del _Known.forms[key]
            raise
        form.to, form.back, form.is_text = found.to, found.back, found.is_text
    return form


def _compile(t: Any) -> Form:
    if lookup.is_annotated(t) and lookup.find_transformer(t) is lookup.find_transformer(lookup.underlying(t)):
        return form_for(lookup.underlying(t))
    if isinstance(t, TypeVar):
        return form_for(t.__bound__ or Any)
    if hasattr(t, "__supertype__"):
        return form_for(t.__supertype__)
    if lookup.is_class(t) and issubclass(t, enum.Enum):
        return _enum(t)
    if t is None or _SCALARS.get(t if lookup.is_class(t) else None):
        return _SCALARS[type(None) if t is None else t]
    if typing.get_origin(t) is typing.Literal:
        return _choice(t)
    from flyte_core.types import forms_compound

    return forms_compound.compound(t) or _by_engine(t)


def _same(value: Any) -> Any:
    return value


def same(first: Any, second: Any) -> bool:
    """Whether two JSON forms are the same text: 1, 1.0 and true are not."""
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(item, second[key]) for key, item in first.items())
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


# ---- scalars -----------------------------------------------------------------------------------------


def _exactly(expected: type) -> Form:
    def check(value: Any) -> Any:
        if type(value) is not expected:
            raise mismatch(type_name(expected), value)
        return value

    return Form(check, check, is_text=expected is str)


def _int_back(obj: Any) -> int:
    if isinstance(obj, float) and obj.is_integer():
        return int(obj)
    if type(obj) is not int:
        raise mismatch("int", obj)
    return obj


def _float_to(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise mismatch("float", value)
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _float_back(obj: Any) -> float:
    if isinstance(obj, str) and obj in _FLOATS:
        return _FLOATS[obj]
    if isinstance(obj, bool) or not isinstance(obj, (int, float)):
        raise mismatch("float", obj)
    return float(obj)


def _text(t: type, to: Convert, back: Callable[[str], Any], name: str) -> Form:
    """A type whose JSON is a string."""

    def encode(value: Any) -> str:
        if type(value) is not t:
            raise mismatch(t.__name__, value)
        return str(to(value))

    def decode(obj: Any) -> Any:
        if not isinstance(obj, str):
            raise mismatch(name, obj)
        try:
            return back(obj)
        except (ValueError, binascii.Error) as error:
            raise ValueMismatchError(f"expected {name}, got {shown(obj)}{because(error)}") from error

    return Form(encode, decode, is_text=True)


def _iso(t: Any) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        # Python 3.10 does not know the Z
        return t.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)

    return read


def _duration_to(value: Any) -> Any:
    if type(value) is not dt.timedelta:
        raise mismatch("timedelta", value)
    seconds = value.total_seconds()
    # some centuries of microseconds are more than a float holds
    return seconds if dt.timedelta(seconds=seconds) == value else str(value)


def _duration_back(obj: Any) -> dt.timedelta:
    if isinstance(obj, bool) or not isinstance(obj, (int, float, str)):
        raise mismatch("timedelta as seconds or text", obj)
    return parse_duration(obj if isinstance(obj, str) else repr(obj))


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _to_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


_BYTES = _text(bytes, _to_base64, _base64, "bytes as base64")

_SCALARS: dict[Any, Form] = {
    int: Form(_exactly(int).to, _int_back),
    float: Form(_float_to, _float_back),
    str: _exactly(str),
    bool: _exactly(bool),
    type(None): _exactly(type(None)),
    bytes: _BYTES,
    bytearray: _text(bytearray, _to_base64, lambda text: bytearray(_base64(text)), "bytearray as base64"),
    dt.datetime: _text(dt.datetime, dt.datetime.isoformat, _iso(dt.datetime), "datetime in ISO 8601"),
    dt.date: _text(dt.date, dt.date.isoformat, dt.date.fromisoformat, "date in ISO 8601"),
    dt.time: _text(dt.time, dt.time.isoformat, _iso(dt.time), "time in ISO 8601"),
    dt.timedelta: Form(_duration_to, _duration_back),
}


def _enum(t: type[enum.Enum]) -> Form:
    """A member by its value; by its name where JSON has no such value."""
    if t.__name__ == "LiteralEnum":  # the reference's stand-in for Literal, whose values are plain strings
        return _choice(typing.Literal[tuple(member.value for member in t)])
    untyped = form_for(Any)
    words = [(member, untyped.to(member.value)) for member in t]

    def encode(value: Any) -> Any:
        if not isinstance(value, t):
            raise mismatch(t.__name__, value)
        word = untyped.to(value.value)
        return value.name if isinstance(word, (dict, list)) and value.name is not None else word

    def decode(obj: Any) -> Any:
        for member, word in words:
            if same(word, obj):
                return member
        if isinstance(obj, str) and obj in t.__members__:
            return t[obj]
        try:
            return t(obj)  # several flags together, or what the class itself makes of it
        except (ValueError, TypeError) as error:
            known = ", ".join(repr(word) for _, word in words)
            raise ValueMismatchError(f"expected one of {known} for {t.__name__}, got {shown(obj)}") from error

    return Form(encode, decode, is_text=all(isinstance(word, str) for _, word in words))


def _choice(t: Any) -> Form:
    values = [(value, form_for(type(value)).to(value)) for value in typing.get_args(t)]

    def encode(value: Any) -> Any:
        for known, form in values:
            if type(known) is type(value) and known == value:
                return form
        raise mismatch(type_name(t), value)

    def decode(obj: Any) -> Any:
        for known, form in values:
            if same(form, obj):
                return known
        raise mismatch(type_name(t), obj)

    return Form(encode, decode, is_text=all(isinstance(form, str) for _, form in values))


# ---- without a type ----------------------------------------------------------------------------------


def _untyped_to(value: Any) -> Any:
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        found = _float_to(value)
        return {"@float": found} if isinstance(found, str) else found
    if type(value) is list:
        return [_untyped_to(item) for item in value]
    if type(value) is tuple:
        return {"@tuple": [_untyped_to(item) for item in value]}
    if type(value) is bytes:
        return {"@bytes": _to_base64(value)}
    if type(value) is dict:
        return _untyped_dict(value)
    from flyte_core.types.pickled import dumps

    return {"@pickle": _to_base64(dumps(value))}


def _untyped_dict(value: dict[Any, Any]) -> dict[str, Any]:
    if all(type(key) is str for key in value):
        found = {key: _untyped_to(item) for key, item in value.items()}
        return {"@value": found} if _tag(found) else found
    return {"@dict": [[_untyped_to(key), _untyped_to(item)] for key, item in value.items()]}


def _tag(obj: dict[str, Any]) -> str | None:
    key = next(iter(obj), "")
    return key if len(obj) == 1 and key.startswith("@") else None


def _untyped_back(obj: Any) -> Any:
    if isinstance(obj, list):
        return [_untyped_back(item) for item in obj]
    if not isinstance(obj, dict):
        return obj
    tag = _tag(obj)
    if tag is None:
        return {key: _untyped_back(item) for key, item in obj.items()}
    if tag not in _TAGS:
        raise ValueMismatchError(f"expected one of the tags {', '.join(_TAGS)}, got {tag!r}")
    try:
        return _TAGS[tag](obj[tag])
    except (ValueError, TypeError, AttributeError) as error:
        if isinstance(error, TypeTransformerFailedError):
            raise under(error, f"[{tag!r}]") from error
        raise ValueMismatchError(f"expected what belongs under {tag}, got {shown(obj[tag])}") from error


def _unpickled(obj: Any) -> Any:
    from flyte_core.types.pickled import loads

    return loads(_BYTES.back(obj), "the pickle in the JSON")


_TAGS: dict[str, Convert] = {
    "@bytes": _BYTES.back,
    "@dict": lambda obj: {_untyped_back(key): _untyped_back(item) for key, item in obj},
    "@float": _float_back,
    "@pickle": _unpickled,
    "@tuple": lambda obj: tuple(_untyped_back(item) for item in obj),
    "@value": lambda obj: {key: _untyped_back(item) for key, item in obj.items()},
}

_UNTYPED = Form(_untyped_to, _untyped_back)


def _pickled_back(t: Any) -> Convert:
    def back(obj: Any) -> Any:
        value = _untyped_back(obj)
        if lookup.is_class(t) and not isinstance(value, t):
            raise ValueMismatchError(
                f"expected {type_name(t)}, which has no JSON form but a pickle under '@pickle', got {shown(obj)}"
            )
        return value

    return back


# ---- everything else ---------------------------------------------------------------------------------


def _by_engine(t: Any) -> Form:
    """What mashumaro can write, else what the type's transformer makes of it, else a pickle."""
    from flyte_core.types.pickled import PICKLE

    if t in (Any, object, inspect.Parameter.empty):
        return _UNTYPED
    transformer = lookup.find_transformer(t)
    if transformer is not PICKLE and not lookup.is_record(t):
        return _by_literal(t) or Form(_untyped_to, _pickled_back(t))
    try:
        return _by_plain(t)
    except TypeTransformerFailedError:
        return Form(_untyped_to, _pickled_back(t) if transformer is PICKLE else _untyped_back)


def _by_plain(t: Any) -> Form:
    from flyte_core.types.plain import plain_for

    plain = plain_for(t)
    is_exact = not lookup.is_record(t)

    def encode(value: Any) -> Any:
        found = plain.encode(value)
        if is_exact and not (type(back := plain.decode(found)) is type(value) and back == value):
            return _untyped_to(value)  # a tuple as a Sequence: the plain form forgets what it was
        return _untyped_to(found)

    def decode(obj: Any) -> Any:
        found = _untyped_back(obj)
        return found if isinstance(obj, dict) and _tag(obj) else plain.decode(found)

    return Form(encode, decode)


def _by_literal(t: Any) -> Form | None:
    """A type of a transformer's own: the form of the type that is guessed from its literal type."""
    from flyte_core.types.codec import codec_for
    from flyte_core.types.engine import TypeEngine

    own = codec_for(t)
    try:
        guessed = TypeEngine.guess_python_type(own.literal_type)
    except TypeTransformerFailedError:
        return None
    if guessed is t:
        return None
    other, form = codec_for(guessed), form_for(guessed)
    return Form(
        lambda value: form.to(other.decode(own.encode(value))),
        lambda obj: own.decode(other.encode(form.back(obj))),
        is_text=form.is_text,
    )
