"""Enums of strings, and ``typing.Literal`` of strings, as Flyte enums; a value goes by its string."""

from __future__ import annotations

import enum
import typing
from typing import TYPE_CHECKING, Any

from flyteidl2.core.types_pb2 import EnumType, LiteralType

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import Codec, codec_for, type_name
from flyte_core.types.lookup import underlying
from flyte_core.types.mismatch import ValueMismatchError, shown
from flyte_core.types.simple import CodecTransformer

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal

    from flyte_core.types.transformer import TypeTransformer

__all__ = ["enum_transformers"]

# The reference turns a Literal into an enum of this name, whose values come back as plain strings.
_LITERAL_ENUM = "LiteralEnum"


class _EnumCodec(Codec):
    """Strings on the wire; ``back`` gives the value for each."""

    def __init__(self, python_type: Any, back: dict[str, Any]) -> None:
        super().__init__(python_type, LiteralType(enum_type=EnumType(values=list(back))))
        self._back = back
        self._words: dict[Any, str] = {**{word: word for word in back}, **{value: word for word, value in back.items()}}

    def put(self, value: Any, literal: Literal) -> None:
        try:
            word = self._words.get(value)
        except TypeError:  # not hashable
            word = None
        if word is None or (isinstance(value, enum.Enum) and value is not self._back[word]):
            raise self._unknown(value)
        literal.scalar.primitive.string_value = word

    def decode(self, literal: Literal) -> Any:
        primitive = literal.scalar.primitive
        if primitive.WhichOneof("value") != "string_value":
            return self.packed(literal)
        try:
            return self._back[primitive.string_value]
        except KeyError:
            raise self._unknown(str(primitive.string_value)) from None

    def _unknown(self, value: object) -> ValueMismatchError:
        known = ", ".join(map(repr, self._back))
        return ValueMismatchError(f"expected one of {known} for {type_name(self.python_type)}, got {shown(value)}")


class _EnumTransformer(CodecTransformer):
    def __init__(self) -> None:
        super().__init__("DefaultEnumTransformer", enum.Enum)

    def codec(self, python_type: Any) -> Codec:
        members: Any = underlying(python_type)
        values = [member.value for member in members]
        if not values or not all(isinstance(value, str) for value in values):
            raise TypeTransformerFailedError(
                f"the enum {type_name(members)} must have members, all of them with str values; got {values}"
            )
        if members.__name__ == _LITERAL_ENUM:
            return _EnumCodec(members, {value: value for value in values})
        return _EnumCodec(members, {str(member.value): member for member in members})

    def assert_type(self, t: Any, v: Any) -> None:
        self.codec(t).encode(v)

    def guess_python_type(self, literal_type: LiteralType) -> Any:
        """An enum whose members are named like their values."""
        if literal_type.WhichOneof("type") == "enum_type":
            return enum.Enum("DynamicEnum", {value: value for value in literal_type.enum_type.values})
        return super().guess_python_type(literal_type)


class _PickledLiteralCodec(Codec):
    """A Literal of something else than strings: pickled, but only its own values are taken."""

    def __init__(self, python_type: Any, values: tuple[Any, ...]) -> None:
        self._any = codec_for(typing.Any)
        super().__init__(python_type, self._any.literal_type)
        self._values = values

    def put(self, value: Any, literal: Literal) -> None:
        self._any.put(self._checked(value), literal)

    def decode(self, literal: Literal) -> Any:
        return self._checked(self._any.decode(literal))

    def _checked(self, value: Any) -> Any:
        if any(type(value) is type(known) and value == known for known in self._values):
            return value
        raise ValueMismatchError(f"expected {type_name(self.python_type)}, got {shown(value)}")


class _LiteralTransformer(CodecTransformer):
    def __init__(self) -> None:
        super().__init__("DefaultEnumTransformer", typing.cast(Any, typing.Literal))

    def codec(self, python_type: Any) -> Codec:
        values = typing.get_args(underlying(python_type))
        if all(type(value) is str for value in values):
            return _EnumCodec(python_type, {value: value for value in values})
        return _PickledLiteralCodec(python_type, values)

    def assert_type(self, t: Any, v: Any) -> None:
        self.codec(t).encode(v)


def enum_transformers() -> dict[Any, TypeTransformer[Any]]:
    """The transformers of enums and Literals."""
    return {enum.Enum: _EnumTransformer(), typing.Literal: _LiteralTransformer()}
