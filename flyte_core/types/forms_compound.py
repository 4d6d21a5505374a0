"""The JSON form of what is made of other types: containers, records, unions, references and messages."""

from __future__ import annotations

import collections
import json
import typing
from typing import TYPE_CHECKING, Any

from flyte_core.errors import TypeTransformerFailedError, near_misses
from flyte_core.types import lookup
from flyte_core.types.codec import type_name
from flyte_core.types.forms import Form, form_for, same
from flyte_core.types.mismatch import FieldsMismatchError, ValueMismatchError, fault_of, made, mismatch, shown, under
from flyte_core.types.tagged import meant, wrong_word

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["compound"]

_VARIANT = "@variant"


def compound(t: Any) -> Form | None:
    """Compile a type that is made of others; ``None`` for what is none."""
    if lookup.is_union(t):
        return _union(t)
    origin: Any = typing.get_origin(t) or t
    arguments = typing.get_args(t)
    if origin in (list, set, frozenset, collections.deque):
        return _sequence(origin, form_for(arguments[0] if arguments else Any))
    if origin is tuple:
        return _tuple(arguments)
    if not isinstance(origin, type):
        return None
    if hasattr(origin, "from_existing_remote"):
        return _reference(t, origin)
    return _structured(t, origin, arguments)


def _structured(t: Any, origin: type, arguments: tuple[Any, ...]) -> Form | None:
    from flyte_core.types import plain_records

    if issubclass(origin, tuple) and hasattr(origin, "_fields"):
        return _named_tuple(t, origin)
    if issubclass(origin, dict):
        return _typed_dict(t, origin) if hasattr(origin, "__required_keys__") else _dict(t, origin, arguments)
    if lookup.is_pydantic(t):
        return _model(t)
    if lookup.is_record(t) and not hasattr(origin, "_serialize") and plain_records.is_ordinary(t):
        return _record(t, origin)
    return _message(origin) if hasattr(origin, "DESCRIPTOR") and hasattr(origin, "SerializeToString") else None


# ---- containers --------------------------------------------------------------------------------------


def _sequence(kind: Any, item: Form) -> Form:
    def encode(value: Any) -> Any:
        if not isinstance(value, kind):
            raise mismatch(kind.__name__, value)
        found = _each(value, item, "to")
        # sets have no order, and the same value should have the same text each time
        return sorted(found, key=_order) if kind in (set, frozenset) else found

    def decode(obj: Any) -> Any:
        if not isinstance(obj, list):
            raise mismatch(f"{kind.__name__} as a JSON array", obj)
        found = _each(obj, item, "back")
        return found if kind is list else made(kind, found, kind.__name__)

    return Form(encode, decode)


def _order(item: Any) -> Any:
    return (0, item, "") if isinstance(item, (int, float)) else (1, 0, json.dumps(item, sort_keys=True))


def _each(items: Iterable[Any], form: Form, way: str) -> list[Any]:
    convert = getattr(form, way)
    done: list[Any] = []
    try:
        for item in items:
            done.append(convert(item))  # noqa: PERF401 - how many are done is said in the error
    except TypeTransformerFailedError as error:
        raise under(error, f"[{len(done)}]") from error.__cause__
    return done


def _tuple(arguments: tuple[Any, ...]) -> Form:
    if not arguments or arguments[1:] == (...,):
        return _sequence(tuple, form_for(arguments[0] if arguments else Any))
    forms = [form_for(argument) for argument in arguments]

    def through(items: Any, way: str) -> list[Any]:
        if len(items) != len(forms):
            raise mismatch(f"tuple of {len(forms)}", items)
        done: list[Any] = []
        try:
            for form, item in zip(forms, items, strict=True):
                done.append(getattr(form, way)(item))
        except TypeTransformerFailedError as error:
            raise under(error, f"[{len(done)}]") from error.__cause__
        return done

    def encode(value: Any) -> Any:
        if not isinstance(value, tuple):
            raise mismatch("tuple", value)
        return through(value, "to")

    def decode(obj: Any) -> Any:
        if not isinstance(obj, list):
            raise mismatch("tuple as a JSON array", obj)
        return tuple(through(obj, "back"))

    return Form(encode, decode)


def _dict(t: Any, origin: Any, arguments: tuple[Any, ...]) -> Form:
    """An object where every key has a text of its own, else a list of pairs under ``@dict``."""
    from flyte_core.types.plain_containers import dict_parts

    key_type, value_type, make = dict_parts(origin, arguments)
    keys, values = form_for(key_type), form_for(value_type)
    read_key = keys.back if keys.is_text else _NUMBERS.get(key_type)

    def encode(value: Any) -> Any:
        if not isinstance(value, origin):
            raise mismatch(type_name(t), value)
        pairs = [(keys.to(key), _at(key, values.to, item)) for key, item in value.items()]
        if read_key is None and not all(type(key) is str for key, _ in pairs):
            return {"@dict": [list(pair) for pair in pairs]}
        found = {key if isinstance(key, str) else json.dumps(key): item for key, item in pairs}
        return {"@dict": [list(pair) for pair in pairs]} if _looks_tagged(found) else found

    def decode(obj: Any) -> Any:
        if not isinstance(obj, dict):
            raise mismatch(f"{type_name(t)} as a JSON object", obj)
        if obj.keys() == {"@dict"} and isinstance(obj["@dict"], list):
            found = {keys.back(key): _at(key, values.back, item) for key, item in _pairs(obj["@dict"])}
        else:
            found = {(read_key or keys.back)(key): _at(key, values.back, item) for key, item in obj.items()}
        return found if origin is dict else made(make, found, type_name(t))

    return Form(encode, decode)


def _looks_tagged(found: dict[str, Any]) -> bool:
    return len(found) == 1 and next(iter(found)).startswith("@")


def _pairs(items: list[Any]) -> list[Any]:
    if not all(isinstance(item, list) and len(item) == 2 for item in items):
        raise ValueMismatchError(f"expected pairs of key and value under '@dict', got {shown(items)}")
    return items


def _at(key: Any, convert: Any, item: Any) -> Any:
    try:
        return convert(item)
    except TypeTransformerFailedError as error:
        raise under(error, f"[{key!r}]") from error.__cause__


def _number(form: Form) -> Any:
    def read(text: str) -> Any:
        try:
            return form.back(json.loads(text))
        except ValueError as error:
            raise mismatch("number as key", text) from error

    return read


_NUMBERS = {t: _number(form_for(t)) for t in (int, float, bool)}


# ---- with names --------------------------------------------------------------------------------------


def _record(t: Any, origin: Any) -> Form:
    from flyte_core.types.plain_records import record_fields

    fields = record_fields(t)
    forms = {field.name: (_lax(form_for(field.type), field.default is None), field.required) for field in fields}
    arguments = {field.name: field.argument for field in fields}

    def make(found: dict[str, Any]) -> Any:
        return origin(**{arguments[name]: value for name, value in found.items()})

    return _named(origin, forms, lambda value: {name: getattr(value, name) for name in forms}, make)


def _lax(form: Form, takes_none: bool) -> Form:
    """None passes where it is the default, whatever the annotation says."""
    if not takes_none:
        return form
    return Form(
        lambda value: None if value is None else form.to(value),
        lambda obj: None if obj is None else form.back(obj),
    )


class _Named:
    """Fields by name as an object; an unknown one is a typing error here, unlike on the wire."""

    def __init__(self, owner: Any, forms: dict[str, tuple[Form, bool]], items_of: Any, make: Any) -> None:
        self._owner, self._forms, self._items_of, self._make = owner, forms, items_of, make
        # no value is an instance of a TypedDict
        self._class = dict if hasattr(owner, "__required_keys__") else owner

    def to(self, value: Any) -> Any:
        if not isinstance(value, self._class):
            raise mismatch(self._owner.__name__, value)
        done = {}
        name = ""
        try:
            for name, item in self._items_of(value).items():
                done[name] = self._forms[name][0].to(item)
        except TypeTransformerFailedError as error:
            raise under(error, f".{name}") from error.__cause__
        return done

    def back(self, obj: Any) -> Any:
        owner = self._owner.__name__
        if not isinstance(obj, dict):
            raise mismatch(f"{owner} as a JSON object", obj)
        done, faults = self._read(obj)
        faults += [(f".{name}", _unknown(name, owner, self._forms)) for name in obj if name not in self._forms]
        if len(faults) > 1:
            raise FieldsMismatchError(owner, faults)
        if faults:
            raise ValueMismatchError(faults[0][1], faults[0][0])
        return made(self._make, done, owner)

    def _read(self, obj: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        done: dict[str, Any] = {}
        faults: list[tuple[str, str]] = []
        for name, (form, required) in self._forms.items():
            if name in obj:
                try:
                    done[name] = form.back(obj[name])
                except TypeTransformerFailedError as error:
                    faults += fault_of(error, name)
            elif required:
                faults.append((f".{name}", "is missing"))
        return done, faults


def _named(owner: Any, forms: dict[str, tuple[Form, bool]], items_of: Any, make: Any) -> Form:
    named = _Named(owner, forms, items_of, make)
    return Form(named.to, named.back)


def _unknown(name: str, owner: str, known: Iterable[str]) -> str:
    close = near_misses(name, known)
    return f"{owner} has no such field" + (f"; did you mean {' or '.join(close)}?" if close else "")


def _typed_dict(t: Any, origin: Any) -> Form:
    from flyte_core.types.plain_containers import typed_keys

    forms = {name: (form_for(hint), required) for name, (hint, required) in typed_keys(t).items()}
    form = _named(origin, forms, lambda value: value, dict)

    def encode(value: Any) -> Any:
        unknown = [name for name in value if name not in forms] if isinstance(value, dict) else []
        if unknown:
            raise ValueMismatchError(f"{origin.__name__} has no key {unknown[0]!r}")
        return form.to(value)

    return Form(encode, form.back)


def _named_tuple(t: Any, origin: Any) -> Form:
    from flyte_core.types.plain_containers import hints_of

    hints = hints_of(t)
    forms = {name: (form_for(hints.get(name, Any)), name not in origin._field_defaults) for name in origin._fields}
    form = _named(origin, forms, lambda value: value._asdict(), lambda found: origin(**found))

    def decode(obj: Any) -> Any:
        if isinstance(obj, list):
            obj = dict(zip(forms, obj, strict=False)) if len(obj) <= len(forms) else obj
        return form.back(obj)

    return Form(form.to, decode)


def _model(t: Any) -> Form:
    """A pydantic model by its own JSON form."""
    from flyte_core.types.plain import plain_for

    plain = plain_for(t)
    return Form(lambda value: _finite(plain.encode(value)), plain.decode)


def _finite(obj: Any) -> Any:
    if isinstance(obj, dict):
        return {key: _finite(item) for key, item in obj.items()}
    if isinstance(obj, list):
        return [_finite(item) for item in obj]
    return form_for(float).to(obj) if type(obj) is float else obj


def _reference(t: Any, origin: Any) -> Form:
    """A file, a folder or a table: an object of what the reference says, or a path or URL alone."""
    from flyte_core.types.plain import plain_for

    plain = plain_for(t)

    def decode(obj: Any) -> Any:
        if not isinstance(obj, str):
            return plain.decode(obj)
        return getattr(origin, "_from_text", origin.from_existing_remote)(obj)

    return Form(plain.encode, decode)


def _message(origin: Any) -> Form:
    from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

    def encode(value: Any) -> Any:
        if not isinstance(value, origin):
            raise mismatch(origin.__name__, value)
        return MessageToDict(value)

    def decode(obj: Any) -> Any:
        try:
            return ParseDict(obj, origin())
        except (ParseError, ValueError, TypeError, AttributeError) as error:
            raise ValueMismatchError(f"expected {origin.__name__}, got {shown(obj)}: {error}") from error

    return Form(encode, decode)


# ---- unions ------------------------------------------------------------------------------------------


class _Union:
    """The variant that would have written a JSON reads it; where that is another one, the variant is named."""

    def __init__(self, t: Any) -> None:
        self._t = t
        arguments = typing.get_args(t)
        self._forms = {name: form_for(argument) for name, argument in zip(_names(arguments), arguments, strict=True)}
        named = zip(self._forms, arguments, strict=True)
        self._own = {argument: name for name, argument in named if isinstance(argument, type)}
        self._arguments = arguments

    def to(self, value: Any) -> Any:
        near = [self._own[base] for base in type(value).__mro__ if base in self._own]
        reasons = []
        for name in [*near, *(name for name in self._forms if name not in near)]:
            try:
                obj = self._forms[name].to(value)
            except TypeTransformerFailedError as error:
                reasons.append(str(error))
                continue
            plain = self._readers(obj)[:1] == [name] and not (isinstance(obj, dict) and _VARIANT in obj)
            return obj if plain else {_VARIANT: [name, obj]}
        raise self._refused(value, reasons)

    def back(self, obj: Any) -> Any:
        if isinstance(obj, dict) and obj.keys() == {_VARIANT} and isinstance(obj[_VARIANT], list):
            return self._named(*obj[_VARIANT])
        reasons: list[str] = []
        readers = self._readers(obj, reasons)
        if not readers:
            one = meant(self._arguments, obj)
            if one is not None:
                return form_for(one).back(obj)  # raises: its own faults, with their places, are what helps
            raise wrong_word(self._arguments, obj) or self._refused(obj, reasons)
        return self._forms[readers[0]].back(obj)

    def _readers(self, obj: Any, reasons: list[str] | None = None) -> list[str]:
        """The variants that read a JSON, first those that would write the same."""
        found: list[tuple[bool, str]] = []
        for name, form in self._forms.items():
            try:
                value = form.back(obj)
                found.append((not same(form.to(value), obj), name))
            except TypeTransformerFailedError as error:  # noqa: PERF203 - each may be the one that fits
                if reasons is not None:
                    reasons.append(str(error))
        return [name for _, name in sorted(found, key=lambda pair: pair[0])]

    def _named(self, name: Any = None, obj: Any = None, *more: Any) -> Any:
        if more or name not in self._forms:
            raise ValueMismatchError(
                f"expected one of {', '.join(map(repr, self._forms))} and its value under {_VARIANT!r}, got {name!r}"
            )
        return self._forms[name].back(obj)

    def _refused(self, value: Any, reasons: list[str]) -> ValueMismatchError:
        refused = mismatch(type_name(self._t), value)
        return ValueMismatchError(f"{refused.reason} ({'; '.join(dict.fromkeys(reasons))})")


def _names(arguments: tuple[Any, ...]) -> list[str]:
    """The variants' names; two of one name are numbered."""
    names = [type_name(argument) for argument in arguments]
    numbered = (f"{name}#{names[:index].count(name) + 1}" for index, name in enumerate(names))
    return [new if names.count(name) > 1 else name for new, name in zip(numbered, names, strict=True)]


def _union(t: Any) -> Form:
    union = _Union(t)
    return Form(union.to, union.back)
