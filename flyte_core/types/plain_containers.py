"""The plain form of containers: lists, sets, tuples, dicts and their kin, named tuples and typed dicts.

On the wire they are lists and dicts, as mashumaro has them.
"""

from __future__ import annotations

import collections
import typing
from functools import partial
from typing import TYPE_CHECKING, Any

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import type_name
from flyte_core.types.generics import arguments_of, substituted
from flyte_core.types.lookup import is_class
from flyte_core.types.mismatch import FieldsMismatchError, ValueMismatchError, fault_of, made, mismatch, shown, under
from flyte_core.types.plain import Plain, plain_for

if TYPE_CHECKING:
    from collections.abc import Callable

    Convert = Callable[[Any], Any]

__all__ = ["container_plain", "dict_parts", "hints_of", "typed_keys"]


def container_plain(t: Any) -> Plain | None:
    """Compile a container; ``None`` for what is none, or one that only mashumaro knows."""
    origin: Any = typing.get_origin(t) or t
    arguments = typing.get_args(t)
    if origin in (list, set, frozenset, collections.deque):
        return _sequence(origin, plain_for(arguments[0] if arguments else Any))
    if origin is tuple:
        return _tuple_of(arguments)
    if not is_class(origin):
        return None
    if issubclass(origin, dict) and hasattr(origin, "__required_keys__"):  # typing's TypedDict and typing_extensions'
        return _typed_dict(t)
    if issubclass(origin, tuple) and hasattr(origin, "_fields"):
        return _named_tuple(t)
    return _dict_of(origin, arguments) if issubclass(origin, dict) else None


def _tuple_of(arguments: tuple[Any, ...]) -> Plain:
    if not arguments:
        return _sequence(tuple, plain_for(Any))
    if arguments[1:] == (...,):
        return _sequence(tuple, plain_for(arguments[0]))
    parts = [plain_for(argument) for argument in arguments]
    return Plain(
        lambda value: _through(value, [part.encode for part in parts]),
        lambda plain: tuple(_through(plain, [part.decode for part in parts])),
    )


def _dict_of(origin: type[dict[Any, Any]], arguments: tuple[Any, ...]) -> Plain:
    keys, values, make = dict_parts(origin, arguments)
    return _mapping(origin, plain_for(keys), plain_for(values), make)


def dict_parts(origin: Any, arguments: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    """The types of a dict's keys and values, and what makes one of its class from an ordinary dict.

    Example:
        >>> dict_parts(collections.Counter, (str,))
        (<class 'str'>, <class 'int'>, <class 'collections.Counter'>)
    """
    if origin is collections.Counter:
        return arguments[0] if arguments else Any, int, origin
    keys, values = arguments if len(arguments) == 2 else (Any, Any)
    if origin is collections.defaultdict and arguments:
        default = typing.get_origin(values) or values
        return keys, values, partial(collections.defaultdict, default if isinstance(default, type) else None)
    return keys, values, origin


def _sequence(kind: type, part: Plain) -> Plain:
    name = type_name(kind)

    def encode(value: Any) -> Any:
        if not isinstance(value, kind):
            raise mismatch(kind.__name__, value)
        return _each(part.encode, value, part.exact)

    def decode(plain: Any) -> Any:
        if not isinstance(plain, (list, tuple)):
            raise mismatch(kind.__name__, plain)
        items = _each(part.decode, plain, part.exact)
        return items if kind is list else made(kind, items, name)

    return Plain(encode, decode, shape=list, item=part) if kind is list else Plain(encode, decode)


def _each(convert: Convert, items: Any, exact: type | None) -> list[Any]:
    try:
        if exact is None:
            return [convert(item) for item in items]
        return [item if type(item) is exact else convert(item) for item in items]
    except TypeTransformerFailedError:
        done = 0
        try:
            for item in items:
                convert(item)
                done += 1
        except TypeTransformerFailedError as error:
            raise under(error, f"[{done}]") from error.__cause__
        raise


def _through(items: Any, conversions: list[Convert]) -> list[Any]:
    """Fixed places, each with its own conversion."""
    if not isinstance(items, (list, tuple)) or len(items) != len(conversions):
        raise mismatch(f"tuple of {len(conversions)}", items)
    index = 0
    done = []
    try:
        for index, item in enumerate(items):
            done.append(conversions[index](item))
    except TypeTransformerFailedError as error:
        raise under(error, f"[{index}]") from error.__cause__
    return done


def _mapping(kind: type[dict[Any, Any]], keys: Plain, values: Plain, make: Any = None) -> Plain:
    kind_name = type_name(kind)

    def through(items: Any, expected: type[dict[Any, Any]], key_of: Convert, value_of: Convert) -> dict[Any, Any]:
        if not isinstance(items, expected):
            raise mismatch(kind.__name__, items)
        done = {}
        exact, exact_key = values.exact, keys.exact
        key: Any = None
        try:
            for key, item in items.items():
                name = key if type(key) is exact_key else key_of(key)
                done[name] = item if type(item) is exact else value_of(item)
        except TypeTransformerFailedError as error:
            raise under(error, f"[{key!r}]") from error.__cause__
        return done

    def decode(plain: Any) -> Any:
        done = through(plain, dict, _key_back(keys), values.decode)
        return done if kind is dict else made(make or kind, done, kind_name)

    inline = kind is dict and keys.exact is str and not keys.nullable
    return Plain(
        lambda value: through(value, kind, keys.encode, values.encode),
        decode,
        shape=dict if inline else None,
        item=values,
    )


def _key_back(keys: Plain) -> Convert:
    """Keys of an int mapping arrive as strings when the dict came through JSON or a struct."""
    if keys.exact is not int:
        return keys.decode

    def convert(key: Any) -> Any:
        if isinstance(key, str):
            try:
                return int(key)
            except ValueError as error:
                raise mismatch("int as key", key) from error
        return keys.decode(key)

    return convert


# ---- with names --------------------------------------------------------------------------------------


def hints_of(t: Any) -> dict[str, Any]:
    """The resolved annotations of a class, or of a generic over one."""
    owner: Any = typing.get_origin(t) or t
    try:
        hints = typing.get_type_hints(owner, include_extras=True)
    except NameError as error:
        raise TypeTransformerFailedError(f"{owner.__name__}: an annotation cannot be resolved: {error}") from error
    arguments = arguments_of(t)
    return {name: substituted(hint, arguments) for name, hint in hints.items()}


def _named_tuple(t: Any) -> Plain:
    """A list on the wire; fields with a default may be missing at its end."""
    owner: Any = typing.get_origin(t) or t
    hints = hints_of(t)
    parts = [plain_for(hints.get(name, Any)) for name in owner._fields]
    least = len(parts) - len(owner._field_defaults)

    def encode(value: Any) -> Any:
        if not isinstance(value, owner):
            raise mismatch(owner.__name__, value)
        return _through(value, [part.encode for part in parts])

    def decode(plain: Any) -> Any:
        if isinstance(plain, dict):  # a person's JSON
            return made(lambda items: owner(**items), {**plain, **dict(_named(plain))}, type_name(owner))
        count = len(plain) if isinstance(plain, (list, tuple)) else 0
        taken = parts[: max(least, min(count, len(parts)))]
        return owner(*_through(plain, [part.decode for part in taken]))

    def _named(plain: dict[str, Any]) -> typing.Iterator[tuple[str, Any]]:
        for name, part in zip(owner._fields, parts, strict=True):
            if name in plain:
                yield name, part.decode(plain[name])

    return Plain(encode, decode)


def _key(hint: Any, required: bool) -> tuple[Any, bool]:
    """The type inside ``Required``, ``NotRequired`` or ``ReadOnly``, and whether the key must be there.

    The class itself knows less: it cannot see these words in annotations that are texts.
    """
    word = getattr(typing.get_origin(hint), "_name", None)
    if word not in ("Required", "NotRequired", "ReadOnly"):
        return hint, required
    return _key(typing.get_args(hint)[0], required if word == "ReadOnly" else word == "Required")


def typed_keys(t: Any) -> dict[str, tuple[Any, bool]]:
    """The keys of a typed dict with their types, and whether they must be there."""
    owner: Any = typing.get_origin(t) or t
    return {name: _key(hint, name in owner.__required_keys__) for name, hint in hints_of(t).items()}


def _typed_dict(t: Any) -> Plain:
    owner: Any = typing.get_origin(t) or t
    parts = {name: (hint, plain_for(hint), required) for name, (hint, required) in typed_keys(t).items()}

    def through(items: Any, way: str) -> dict[str, Any]:
        if not isinstance(items, dict):
            raise mismatch(owner.__name__, items)
        faults: list[tuple[str, str]] = []
        done = {}
        for name, (hint, part, required) in parts.items():
            if name not in items:
                if required:
                    faults.append((f".{name}", f"is missing, expected {type_name(hint)}"))
                continue
            try:
                done[name] = getattr(part, way)(items[name])
            except TypeTransformerFailedError as error:
                faults += fault_of(error, name)
        faults += [
            (f"[{name!r}]", f"got {shown(item)}, but {owner.__name__} has no such key")
            for name, item in items.items()
            if name not in parts
        ]
        if len(faults) > 1:
            raise FieldsMismatchError(owner.__name__, faults)
        if faults:
            raise ValueMismatchError(faults[0][1], faults[0][0])
        return done

    return Plain(lambda value: through(value, "encode"), lambda plain: through(plain, "decode"))
