"""Dataclasses, attrs classes and pydantic models as one MessagePack scalar, their JSON schema in the literal type."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from flyte_core.types.lookup import underlying
from flyte_core.types.mismatch import ValueMismatchError, shown
from flyte_core.types.plain import MSGPACK, StructCodec, msgpack_type, plain_for
from flyte_core.types.simple import CodecTransformer

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal
    from flyteidl2.core.types_pb2 import LiteralType

    from flyte_core.types.codec import Codec

__all__ = ["PYDANTIC", "RECORD"]


class _RecordCodec(StructCodec):
    """Takes a dict with the record's fields as well, as the reference does, and sends those it has."""

    def put(self, value: Any, literal: Literal) -> None:
        if type(value) is not dict:
            super().put(value, literal)
            return
        plain = self._from_value(self._from_dict(value))
        literal.scalar.binary.value = self._pack({name: plain[name] for name in value})
        literal.scalar.binary.tag = MSGPACK

    def _from_dict(self, value: dict[Any, Any]) -> Any:
        owner: Any = typing.get_origin(self.python_type) or self.python_type
        names = {field.name for field in _fields(owner)}
        extra = sorted(str(key) for key in value if key not in names)
        if extra:
            raise ValueMismatchError(f"{owner.__name__} has no field {', '.join(extra)}; got {shown(value)}")
        return self._to_value(value)


def _fields(owner: type) -> typing.Iterable[Any]:
    import dataclasses

    import attrs

    return dataclasses.fields(owner) if dataclasses.is_dataclass(owner) else attrs.fields(owner)


class _RecordTransformer(CodecTransformer):
    def __init__(self) -> None:
        super().__init__("Object-Dataclass-Transformer", object)

    def codec(self, python_type: Any) -> Codec:
        from flyte_core.types.schema import schema_of

        record = underlying(python_type)
        plain_for(record)  # tells of a field that has no form before the schema is missed
        return _RecordCodec(record, msgpack_type(schema_of(record)))

    def guess_python_type(self, literal_type: LiteralType) -> Any:
        """A dataclass made from the schema."""
        if literal_type.WhichOneof("type") == "simple" and literal_type.HasField("metadata"):
            from google.protobuf.json_format import MessageToDict

            from flyte_core.types.schema import class_from_schema

            return class_from_schema(MessageToDict(literal_type.metadata))
        return super().guess_python_type(literal_type)


class _PydanticTransformer(CodecTransformer):
    def __init__(self) -> None:
        super().__init__("Pydantic Transformer", object, enable_type_assertions=False)

    def codec(self, python_type: Any) -> Codec:
        model = underlying(python_type)
        return StructCodec(model, msgpack_type(model.model_json_schema()))


RECORD = _RecordTransformer()
PYDANTIC = _PydanticTransformer()
