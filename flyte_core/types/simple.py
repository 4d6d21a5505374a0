"""int, float, str, bool, None, datetime, date and timedelta as primitives."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from flyteidl2.core.types_pb2 import LiteralType, SimpleType

from flyte_core.types.codec import Codec, type_name
from flyte_core.types.lookup import is_class, underlying
from flyte_core.types.mismatch import ValueMismatchError, made, mismatch, shown
from flyte_core.types.transformer import TypeTransformer

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal

__all__ = ["CodecTransformer", "simple_transformers"]

# The bound of google.protobuf.Duration; the message itself holds more, but no other reader takes it.
_LONGEST = dt.timedelta(seconds=315_576_000_000)


class CodecTransformer(TypeTransformer[Any]):
    """A transformer that is nothing but a way to compile codecs; subclasses give `codec`."""

    def codec(self, python_type: Any) -> Codec:
        """Compile the codec of one type."""
        raise NotImplementedError

    def get_literal_type(self, t: Any) -> LiteralType:
        """The codec's literal type, copied."""
        copy = LiteralType()
        copy.CopyFrom(self.codec(t).literal_type)
        return copy

    async def to_literal(self, python_val: Any, python_type: Any, expected: LiteralType) -> Literal:
        """Ask the codec."""
        return await self.codec(python_type).aencode(python_val)

    async def to_python_value(self, lv: Literal, expected_python_type: Any) -> Any:
        """Ask the codec."""
        return await self.codec(expected_python_type).adecode(lv)


class _IntCodec(Codec):
    def put(self, value: Any, literal: Literal) -> None:
        if type(value) is not int:
            raise mismatch("int", value)
        try:
            literal.scalar.primitive.integer = value
        except ValueError as error:
            raise ValueMismatchError(f"expected int of at most 64 bits, got {shown(value)}") from error

    def decode(self, literal: Literal) -> int:
        primitive = literal.scalar.primitive
        kind = primitive.WhichOneof("value")
        if kind == "integer":
            return int(primitive.integer)
        # Flyte's console knows one kind of number and drops or keeps the fraction as it likes
        if kind == "float_value" and primitive.float_value.is_integer():
            return int(primitive.float_value)
        return self.packed(literal)  # type: ignore[no-any-return] # decoded for int, or it raises


class _FloatCodec(Codec):
    def put(self, value: Any, literal: Literal) -> None:
        if type(value) is not float:
            raise mismatch("float", value)
        literal.scalar.primitive.float_value = value

    def decode(self, literal: Literal) -> float:
        primitive = literal.scalar.primitive
        kind = primitive.WhichOneof("value")
        if kind == "float_value":
            return float(primitive.float_value)
        if kind == "integer":
            return float(primitive.integer)
        return self.packed(literal)  # type: ignore[no-any-return] # decoded for float, or it raises


class _StrCodec(Codec):
    def put(self, value: Any, literal: Literal) -> None:
        if type(value) is not str:
            raise mismatch("str", value)
        try:
            literal.scalar.primitive.string_value = value
        except ValueError as error:  # lone surrogates have no UTF-8 form
            raise ValueMismatchError(f"expected str that UTF-8 can hold, got {shown(value)}") from error

    def decode(self, literal: Literal) -> str:
        primitive = literal.scalar.primitive
        if primitive.WhichOneof("value") == "string_value":
            return str(primitive.string_value)
        return self.packed(literal)  # type: ignore[no-any-return] # decoded for str, or it raises


class _BoolCodec(Codec):
    def put(self, value: Any, literal: Literal) -> None:
        if type(value) is not bool:
            raise mismatch("bool", value)
        literal.scalar.primitive.boolean = value

    def decode(self, literal: Literal) -> bool:
        primitive = literal.scalar.primitive
        if primitive.WhichOneof("value") == "boolean":
            return bool(primitive.boolean)
        return self.packed(literal)  # type: ignore[no-any-return] # decoded for bool, or it raises


class _NoneCodec(Codec):
    def put(self, value: Any, literal: Literal) -> None:
        if value is not None:
            raise mismatch("None", value)
        literal.scalar.none_type.SetInParent()

    def decode(self, literal: Literal) -> None:
        if not literal.scalar.HasField("none_type"):
            self.packed(literal)


class _DatetimeCodec(Codec):
    """A time without a zone is taken for UTC; every time comes back in UTC, as the wire keeps no zone."""

    def put(self, value: Any, literal: Literal) -> None:
        if type(value) is not dt.datetime:
            raise mismatch("datetime", value)
        try:
            literal.scalar.primitive.datetime.FromDatetime(value)
        except (ValueError, OverflowError) as error:  # a zone that moves year 1 or 9999 out of the calendar
            raise ValueMismatchError(f"expected datetime between years 1 and 9999 in UTC, got {value!r}") from error

    def decode(self, literal: Literal) -> dt.datetime:
        primitive = literal.scalar.primitive
        if primitive.WhichOneof("value") == "datetime":
            return primitive.datetime.ToDatetime(dt.timezone.utc)  # type: ignore[no-any-return] # untyped protobuf
        return self.packed(literal)  # type: ignore[no-any-return] # decoded for datetime, or it raises


class _DateCodec(Codec):
    """A date goes as its midnight in UTC."""

    def put(self, value: Any, literal: Literal) -> None:
        if type(value) is not dt.date:
            raise mismatch("date", value)
        literal.scalar.primitive.datetime.FromDatetime(dt.datetime.combine(value, dt.time.min))

    def decode(self, literal: Literal) -> dt.date:
        primitive = literal.scalar.primitive
        if primitive.WhichOneof("value") == "datetime":
            return primitive.datetime.ToDatetime().date()  # type: ignore[no-any-return] # untyped protobuf
        return self.packed(literal)  # type: ignore[no-any-return] # decoded for date, or it raises


class _TimedeltaCodec(Codec):
    def put(self, value: Any, literal: Literal) -> None:
        if type(value) is not dt.timedelta:
            raise mismatch("timedelta", value)
        if not -_LONGEST <= value <= _LONGEST:
            raise ValueMismatchError(f"expected timedelta of at most 10,000 years, got {value!r}")
        literal.scalar.primitive.duration.FromTimedelta(value)

    def decode(self, literal: Literal) -> dt.timedelta:
        primitive = literal.scalar.primitive
        if primitive.WhichOneof("value") == "duration":
            return primitive.duration.ToTimedelta()  # type: ignore[no-any-return] # untyped protobuf
        return self.packed(literal)  # type: ignore[no-any-return] # decoded for timedelta, or it raises


class _DerivedCodec(Codec):
    """``class Age(int)``: an int on the wire, made an Age again when it is read."""

    def __init__(self, t: type, base: Codec) -> None:
        super().__init__(t, base.literal_type)
        self._base, self._name = base, type_name(t)

    def put(self, value: Any, literal: Literal) -> None:
        if not isinstance(value, self.python_type):
            raise mismatch(self._name, value)
        self._base.put(self._base.python_type(value), literal)

    def decode(self, literal: Literal) -> Any:
        return made(self.python_type, self._base.decode(literal), self._name)


class _SimpleTransformer(CodecTransformer):
    """One primitive type, its codec made once."""

    def __init__(self, name: str, t: Any, simple: SimpleType, codec: type[Codec]) -> None:
        super().__init__(name, t)
        self._codec = codec(t, LiteralType(simple=simple))

    def codec(self, python_type: Any) -> Codec:
        """The one codec; around it for a class derived from the type, which goes as what it derives from."""
        t = underlying(python_type)
        if t is not self.python_type and is_class(t) and self.python_type in (int, float, str):
            return _DerivedCodec(t, self._codec)
        return self._codec

    def guess_python_type(self, literal_type: LiteralType) -> Any:
        """The type, if this is its literal type; datetime wins over date, being registered before it."""
        if literal_type.WhichOneof("type") == "simple" and literal_type.simple == self._codec.literal_type.simple:
            return self.python_type
        return super().guess_python_type(literal_type)


def simple_transformers() -> dict[Any, TypeTransformer[Any]]:
    """The transformers of the primitive types, in the order in which they are asked to guess."""
    none = _SimpleTransformer("none", type(None), SimpleType.NONE, _NoneCodec)
    return {
        int: _SimpleTransformer("int", int, SimpleType.INTEGER, _IntCodec),
        float: _SimpleTransformer("float", float, SimpleType.FLOAT, _FloatCodec),
        str: _SimpleTransformer("str", str, SimpleType.STRING, _StrCodec),
        dt.datetime: _SimpleTransformer("datetime", dt.datetime, SimpleType.DATETIME, _DatetimeCodec),
        dt.date: _SimpleTransformer("date", dt.date, SimpleType.DATETIME, _DateCodec),
        dt.timedelta: _SimpleTransformer("timedelta", dt.timedelta, SimpleType.DURATION, _TimedeltaCodec),
        bool: _SimpleTransformer("bool", bool, SimpleType.BOOLEAN, _BoolCodec),
        type(None): none,
        None: none,
    }
