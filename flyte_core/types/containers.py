"""Lists as collections, dicts with string keys as maps, and all other dicts as MessagePack structs."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from flyteidl2.core.literals_pb2 import Literal
from flyteidl2.core.types_pb2 import LiteralType, SimpleType

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import AsyncCodec, Codec, codec_for, in_order, type_name
from flyte_core.types.lookup import underlying
from flyte_core.types.mismatch import ValueMismatchError, mismatch, under
from flyte_core.types.plain import StructCodec, msgpack_type
from flyte_core.types.simple import CodecTransformer

if TYPE_CHECKING:
    from flyte_core.types.transformer import TypeTransformer

__all__ = ["container_transformers"]


class _ListCodec(Codec):
    def __init__(self, python_type: Any, item: Codec) -> None:
        super().__init__(python_type, LiteralType(collection_type=item.literal_type))
        self._item = item

    def put(self, value: Any, literal: Literal) -> None:
        if type(value) is not list:
            raise mismatch("list", value)
        literal.collection.SetInParent()
        literals = literal.collection.literals
        put, add = self._item.put, literals.add
        try:
            for item in value:
                put(item, add())
        except TypeTransformerFailedError as error:
            raise under(error, f"[{len(literals) - 1}]") from error.__cause__

    def decode(self, literal: Literal) -> Any:
        if literal.WhichOneof("value") != "collection":
            return self.packed(literal)
        decode = self._item.decode
        values: list[Any] = []
        append = values.append
        try:
            for item in literal.collection.literals:
                append(decode(item))
        except TypeTransformerFailedError as error:
            raise under(error, f"[{len(values)}]") from error.__cause__
        return values


class _AsyncListCodec(AsyncCodec):
    def __init__(self, python_type: Any, item: Codec) -> None:
        super().__init__(python_type, LiteralType(collection_type=item.literal_type))
        self._item = item

    async def aencode(self, value: Any) -> Literal:
        if type(value) is not list:
            raise mismatch("list", value)
        literal = Literal()
        literal.collection.SetInParent()
        literal.collection.literals.extend(await in_order(self._item.aencode, value, _indices(value)))
        return literal

    async def adecode(self, literal: Literal) -> Any:
        if literal.WhichOneof("value") != "collection":
            return self.packed(literal)
        literals = list(literal.collection.literals)
        return await in_order(self._item.adecode, literals, _indices(literals))


class _DictCodec(Codec):
    """A map; its keys come back sorted, since the wire keeps no order and protobuf's changes with each process."""

    def __init__(self, python_type: Any, item: Codec) -> None:
        super().__init__(python_type, LiteralType(map_value_type=item.literal_type))
        self._item = item

    def put(self, value: Any, literal: Literal) -> None:
        _check_dict(value)
        literal.map.SetInParent()
        literals = literal.map.literals
        put = self._item.put
        key = ""
        try:
            for key, item in value.items():
                put(item, literals[key])
        except TypeTransformerFailedError as error:
            raise under(error, f"[{key!r}]") from error.__cause__

    def decode(self, literal: Literal) -> Any:
        if literal.WhichOneof("value") != "map":
            return self.packed(literal)
        literals = literal.map.literals
        decode = self._item.decode
        key = ""
        try:
            values = {}
            for key in sorted(literals):
                values[key] = decode(literals[key])
        except TypeTransformerFailedError as error:
            raise under(error, f"[{key!r}]") from error.__cause__
        return values


class _AsyncDictCodec(AsyncCodec):
    def __init__(self, python_type: Any, item: Codec) -> None:
        super().__init__(python_type, LiteralType(map_value_type=item.literal_type))
        self._item = item

    async def aencode(self, value: Any) -> Literal:
        _check_dict(value)
        literal = Literal()
        literal.map.SetInParent()
        done = await in_order(self._item.aencode, list(value.values()), [f"[{key!r}]" for key in value])
        for key, item in zip(value, done, strict=True):
            literal.map.literals[key].CopyFrom(item)
        return literal

    async def adecode(self, literal: Literal) -> Any:
        if literal.WhichOneof("value") != "map":
            return self.packed(literal)
        keys = sorted(literal.map.literals)
        literals = [literal.map.literals[key] for key in keys]
        done = await in_order(self._item.adecode, literals, [f"[{key!r}]" for key in keys])
        return dict(zip(keys, done, strict=True))


def _indices(items: Any) -> typing.Iterator[str]:
    return (f"[{index}]" for index in range(len(items)))


def _check_dict(value: Any) -> None:
    if type(value) is not dict:
        raise mismatch("dict", value)
    for key in value:
        if type(key) is not str:
            raise ValueMismatchError(f"expected only str as keys, got {key!r} of type {type(key).__name__}")


class _ListTransformer(CodecTransformer):
    def __init__(self) -> None:
        super().__init__("Typed List", list)

    def codec(self, python_type: Any) -> Codec:
        arguments = typing.get_args(underlying(python_type))
        if len(arguments) != 1:
            raise TypeTransformerFailedError(
                f"{type_name(python_type)} says nothing about its elements; write list[int], or what they are"
            )
        item = codec_for(arguments[0])
        return _ListCodec(python_type, item) if item.is_sync else _AsyncListCodec(python_type, item)

    def guess_python_type(self, literal_type: LiteralType) -> Any:
        if literal_type.WhichOneof("type") == "collection_type":
            from flyte_core.types.engine import TypeEngine

            return typing.List[TypeEngine.guess_python_type(literal_type.collection_type)]  # type: ignore[misc] # noqa: UP006 - made at run time
        return super().guess_python_type(literal_type)


class _DictTransformer(CodecTransformer):
    def __init__(self) -> None:
        super().__init__("Typed Dict", dict)

    def codec(self, python_type: Any) -> Codec:
        inner = underlying(python_type)
        arguments = typing.get_args(inner)
        # others keep an order, or a default, that a map cannot
        if typing.get_origin(inner) is dict and len(arguments) == 2 and arguments[0] is str:
            item = codec_for(arguments[1])
            return _DictCodec(python_type, item) if item.is_sync else _AsyncDictCodec(python_type, item)
        return StructCodec(python_type, msgpack_type())

    def guess_python_type(self, literal_type: LiteralType) -> Any:
        if literal_type.WhichOneof("type") == "map_value_type":
            from flyte_core.types.engine import TypeEngine

            return typing.Dict[str, TypeEngine.guess_python_type(literal_type.map_value_type)]  # type: ignore[misc] # noqa: UP006 - made at run time
        if literal_type.simple == SimpleType.STRUCT and not literal_type.HasField("metadata"):
            return dict
        return super().guess_python_type(literal_type)


def container_transformers() -> dict[Any, TypeTransformer[Any]]:
    """The transformers of list and dict."""
    return {list: _ListTransformer(), dict: _DictTransformer()}
