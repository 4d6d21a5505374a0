"""Protobuf messages as structs that name the message's class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.core.types_pb2 import LiteralType, SimpleType
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue

from flyte_core.types.codec import Codec, codec_for, type_name
from flyte_core.types.lookup import underlying
from flyte_core.types.mismatch import ValueMismatchError, describe, mismatch
from flyte_core.types.simple import CodecTransformer

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal

    from flyte_core.types.transformer import TypeTransformer

__all__ = ["message_transformers"]


class _MessageCodec(Codec):
    def put(self, value: Any, literal: Literal) -> None:
        if not isinstance(value, self.python_type):
            raise mismatch(type_name(self.python_type), value)
        if isinstance(value, ListValue):  # as the reference has it: Flyte's backend resolves lists, not list structs
            literal.collection.SetInParent()
            for item in value:
                codec_for(type(item)).put(item, literal.collection.literals.add())
            return
        plain = MessageToDict(value)
        if not isinstance(plain, dict):  # Timestamp, Duration, Value, ... have no object as their JSON form
            raise ValueMismatchError(f"{type_name(self.python_type)} has no struct form; its JSON form is {plain!r}")
        literal.scalar.generic.SetInParent()
        literal.scalar.generic.update(plain)

    def decode(self, literal: Literal) -> Any:
        if literal.scalar.WhichOneof("value") != "generic":
            raise ValueMismatchError(f"expected a struct for {type_name(self.python_type)}, got {describe(literal)}")
        try:
            return ParseDict(MessageToDict(literal.scalar.generic), self.python_type())
        except ParseError as error:
            raise ValueMismatchError(f"expected {type_name(self.python_type)}: {error}") from error


class _MessageTransformer(CodecTransformer):
    def __init__(self) -> None:
        super().__init__("Protobuf-Transformer", Message)

    def codec(self, python_type: Any) -> Codec:
        message = underlying(python_type)
        name = f"{message.__module__}.{message.__name__}"
        return _MessageCodec(message, LiteralType(simple=SimpleType.STRUCT, metadata={"pb_type": name}))


def message_transformers() -> dict[Any, TypeTransformer[Any]]:
    """The transformer of protobuf messages."""
    return {Message: _MessageTransformer()}
