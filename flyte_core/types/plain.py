"""Values as plain objects that MessagePack and JSON can hold, and back: the inside of every struct on the wire.

Records, containers and scalars are compiled here; what else mashumaro knows (dates, decimals, paths, ...) is left
to mashumaro, so that the plain form is the one of the Flyte SDK. Unlike mashumaro, scalars are checked when they
are written, and every error says where.
"""

from __future__ import annotations

import enum
import threading
import typing
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from flyteidl2.core.types_pb2 import LiteralType, SimpleType, TypeAnnotation

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types import lookup
from flyte_core.types.codec import Codec, type_key, type_name
from flyte_core.types.mismatch import ValueMismatchError, because, mismatch, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from flyteidl2.core.literals_pb2 import Literal

    Convert = Callable[[Any], Any]

__all__ = ["Plain", "StructCodec", "is_ready", "msgpack_type", "plain_for"]

MSGPACK = "msgpack"
_KEPT = 4096


class Plain:
    """How one type becomes plain objects and comes back.

    Args:
        encode: value to plain object.
        decode: plain object to value.
        exact: the class whose instances pass both ways unchanged, for scalars; generated code tests it in line.
        nullable: whether None passes both ways unchanged, for optionals.
        shape: ``list``, or ``dict`` with string keys, which generated code goes through in line.
        item: the plain form of such a container's items.
        fields: the names of a record's fields.
    """

    __slots__ = ("decode", "encode", "exact", "fields", "item", "nullable", "shape")

    def __init__(
        self,
        encode: Convert,
        decode: Convert,
        exact: type | None = None,
        *,
        nullable: bool = False,
        shape: type | None = None,
        item: Plain | None = None,
        fields: frozenset[str] | None = None,
    ) -> None:
        self.encode, self.decode, self.exact = encode, decode, exact
        self.nullable, self.shape, self.item, self.fields = nullable, shape, item, fields

    def become(self, other: Plain) -> None:
        """Take over what another one has."""
        for name in self.__slots__:
            setattr(self, name, getattr(other, name))


# ---- the wire ----------------------------------------------------------------------------------------


def msgpack_type(schema: dict[str, Any] | None = None) -> LiteralType:
    """The literal type of a value that goes as MessagePack, with its JSON schema where it has one."""
    annotation = TypeAnnotation()
    annotation.annotations.update({"cache-key-metadata": {"serialization-format": MSGPACK}})
    return LiteralType(simple=SimpleType.STRUCT, metadata=schema, annotation=annotation)


class StructCodec(Codec):
    """A value as one MessagePack scalar; read from a protobuf struct too, which is what user interfaces send."""

    def __init__(self, python_type: Any, literal_type: LiteralType) -> None:
        super().__init__(python_type, literal_type)
        from flyte_core.types import wire

        plain = plain_for(python_type)
        self._from_value, self._to_value = plain.encode, plain.decode
        self._pack, self._unpack = wire.pack, wire.unpack

    def put(self, value: Any, literal: Literal) -> None:
        """Write the value's plain form."""
        binary = literal.scalar.binary
        binary.value = self._pack(self._from_value(value))
        binary.tag = MSGPACK

    def decode(self, literal: Literal) -> Any:
        """Read MessagePack or a struct."""
        scalar = literal.scalar
        if scalar.HasField("binary"):
            return self._to_value(self._unpack(scalar.binary))
        if scalar.HasField("generic"):
            from google.protobuf.json_format import MessageToDict

            return self._to_value(MessageToDict(scalar.generic))
        return self.packed(literal)


# ---- compiling ---------------------------------------------------------------------------------------


class _Known:
    plains: ClassVar[dict[Any, Plain]] = {}
    building: ClassVar[dict[Any, Plain]] = {}
    lock = threading.RLock()


def plain_for(t: Any) -> Plain:
    """The plain form of a type, compiled at first use.

    Raises:
        TypeTransformerFailedError: if the type has none.

    Example:
        >>> plain_for(list[int]).decode([1, 2])
        [1, 2]
    """
    key = type_key(t)
    plain = _Known.plains.get(key)
    if plain is not None:
        return plain
    with _Known.lock:
        if key in _Known.building:  # a type that contains itself: filled in before anyone can use it
            return _Known.building[key]
        plain = _Known.building[key] = Plain(_not_ready, _not_ready)
        try:
            plain.become(_compile(t))
        finally:
            del _Known.building[key]
        if len(_Known.plains) >= _KEPT:
            _Known.plains.clear()
        _Known.plains[key] = plain
    return plain


def is_ready(plain: Plain) -> bool:
    """Whether the functions can be taken out already, or must be reached through the object."""
    return plain.encode is not _not_ready


def _not_ready(value: Any) -> Any:
    raise AssertionError("a plain form was used while it was being compiled")


def _compile(t: Any) -> Plain:
    t = lookup.underlying(t)
    if t in _SCALARS:
        return _SCALARS[t]
    if t in (Any, object) or isinstance(t, TypeVar):
        return Plain(_same, _same)
    if lookup.is_union(t):
        return _union(t)
    from flyte_core.types.plain_containers import container_plain

    compiled = container_plain(t)
    if compiled is not None:
        return compiled
    if isinstance(t, type) and issubclass(t, enum.Enum):
        return _enum(t)
    return _class(t)


def _class(t: Any) -> Plain:
    from flyte_core.types import plain_records

    if lookup.is_pydantic(t):
        return plain_records.pydantic_plain(t)
    if hasattr(t, "_serialize") and hasattr(t, "_deserialize"):  # mashumaro's SerializableType, by its methods
        return Plain(lambda value: _instance(t, value)._serialize(), t._deserialize)
    if lookup.is_record(t) and plain_records.is_ordinary(t):
        return plain_records.record_plain(t)
    return _by_mashumaro(t)


def _instance(t: type, value: Any) -> Any:
    if not isinstance(value, t):
        raise mismatch(t.__name__, value)
    return value


def _same(value: Any) -> Any:
    return value


# ---- scalars -----------------------------------------------------------------------------------------


def _int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise mismatch("int", value)


def _int_back(value: Any) -> int:
    # JSON through a struct, or JavaScript, writes 3 as 3.0
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return _int(value)


def _float(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise mismatch("float", value)


def _float_back(value: Any) -> float:
    return float(_float(value))


def _exactly(expected: type) -> Convert:
    def check(value: Any) -> Any:
        if isinstance(value, expected):
            return value
        raise mismatch(type_name(expected), value)

    return check


_SCALARS: dict[Any, Plain] = {
    int: Plain(_int, _int_back, int),
    float: Plain(_float, _float_back, float),
    str: Plain(_exactly(str), _exactly(str), str),
    bool: Plain(_exactly(bool), _exactly(bool), bool),
    type(None): Plain(_exactly(type(None)), _exactly(type(None)), type(None)),
    None: Plain(_exactly(type(None)), _exactly(type(None)), type(None)),
}


def _enum(t: type[enum.Enum]) -> Plain:
    def encode(value: Any) -> Any:
        return _instance(t, value).value

    def decode(plain: Any) -> Any:
        try:
            return t(plain)
        except ValueError as error:
            known = ", ".join(repr(member.value) for member in t)
            raise ValueMismatchError(f"expected one of {known} for {t.__name__}, got {shown(plain)}") from error

    return Plain(encode, decode)


# ---- unions and containers ---------------------------------------------------------------------------


def _union(t: Any) -> Plain:
    arguments = typing.get_args(t)
    parts = [plain_for(argument) for argument in arguments]
    if len(parts) == 2 and type(None) in arguments:
        return _optional(parts[0] if arguments[1] is type(None) else parts[1])
    exact = {part.exact for part in parts if part.exact is not None}
    own = {argument: part for argument, part in zip(arguments, parts, strict=True) if isinstance(argument, type)}

    def encode(value: Any) -> Any:
        if type(value) in own:
            return own[type(value)].encode(value)
        near = [own[base] for base in type(value).__mro__ if base in own]
        return _first([*near, *parts], "encode", value, t)

    def decode(plain: Any) -> Any:
        if type(plain) in exact:
            return plain
        return _first(_closest(parts, plain) if isinstance(plain, dict) else parts, "decode", plain, t)

    return Plain(encode, decode)


def _closest(parts: list[Plain], plain: dict[Any, Any]) -> list[Plain]:
    """Of several records those first that lose nothing of what is there, then those that miss the least."""

    def distance(part: Plain) -> tuple[bool, int]:
        if part.fields is None:
            return False, 0
        return not plain.keys() <= part.fields, len(part.fields - plain.keys())

    return sorted(parts, key=distance)


def _optional(part: Plain) -> Plain:
    def encode(value: Any) -> Any:
        return None if value is None else part.encode(value)

    def decode(plain: Any) -> Any:
        return None if plain is None else part.decode(plain)

    return Plain(encode, decode, part.exact, nullable=True)


def _first(parts: list[Plain], way: str, value: Any, t: Any) -> Any:
    """What the first part that converts the value makes of it."""
    reasons = []
    for part in parts:
        try:
            return getattr(part, way)(value)
        except TypeTransformerFailedError as error:  # noqa: PERF203 - each may be the one that fits
            reasons.append(str(error))
    refused = mismatch(type_name(t), value)
    raise ValueMismatchError(f"{refused.reason} ({'; '.join(dict.fromkeys(reasons))})")


# ---- everything else ---------------------------------------------------------------------------------


def _by_mashumaro(t: Any) -> Plain:
    """Dates, decimals, paths, named tuples, customised dataclasses, ...: mashumaro's form of them."""
    from mashumaro.codecs import BasicDecoder, BasicEncoder
    from mashumaro.mixins.msgpack import MessagePackDialect

    try:
        encoder: Any = BasicEncoder(t, default_dialect=MessagePackDialect)
        decoder: Any = BasicDecoder(t, default_dialect=MessagePackDialect)
    except Exception as error:  # mashumaro runs users' class bodies and hooks
        raise TypeTransformerFailedError(_no_form(t, error)) from error
    return Plain(_guarded(encoder.encode, t), _guarded(decoder.decode, t))


def _no_form(t: Any, error: Exception) -> str:
    """What to do about a type that cannot stand inside of a record; mashumaro's own words name only its code."""
    if not isinstance(t, type) or lookup.is_record(t):
        return f"{type_name(t)} has no MessagePack form: {error}"
    transformer = lookup.registered().get(t)
    own = f", and its transformer {transformer.name!r} serves whole inputs and outputs only" if transformer else ""
    return (
        f"{type_name(t)} has no form inside of a record{own}; give the class _serialize(self), which returns what "
        "MessagePack holds, and a class method _deserialize(cls, value), or take it out of the record"
    )


def _guarded(convert: Convert, t: Any) -> Convert:
    def call(value: Any) -> Any:
        try:
            return convert(value)
        except TypeTransformerFailedError:
            raise
        except Exception as error:  # whatever the type's own conversion raises means: it does not fit
            raise ValueMismatchError(f"expected {type_name(t)}, got {shown(value)}{because(error)}") from error

    return call
