"""Literals in words: the short form that tables and logs show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyte_core.errors import InvalidTypeError, TypeTransformerFailedError

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal, LiteralMap, Primitive, Scalar
    from flyteidl2.task.common_pb2 import Inputs, NamedLiteral, Outputs

__all__ = ["literal_string_repr"]


def literal_string_repr(lm: Literal | NamedLiteral | Inputs | Outputs | LiteralMap | dict[str, Literal] | None) -> Any:
    """A literal, or literals by name, as plain objects: files and tables as their URI, structs as JSON text.

    Args:
        lm: one literal, or several by name.

    Returns:
        The plain object; a dict for several, empty for ``None``.

    Raises:
        TypeError: if it is something else.
        TypeTransformerFailedError: if a literal is empty.

    Example:
        >>> from flyteidl2.core.literals_pb2 import Literal, Primitive, Scalar
        >>> literal_string_repr({"a": Literal(scalar=Scalar(primitive=Primitive(integer=3)))})
        {'a': 3}
    """
    from flyteidl2.core import literals_pb2
    from flyteidl2.task import common_pb2

    if lm is None:
        return {}
    if isinstance(lm, literals_pb2.Literal):
        return _literal(lm)
    if isinstance(lm, literals_pb2.LiteralMap):
        return {name: _literal(lm.literals[name]) for name in sorted(lm.literals)}
    if isinstance(lm, common_pb2.NamedLiteral):
        return {lm.name: _literal(lm.value)}
    if isinstance(lm, (common_pb2.Inputs, common_pb2.Outputs)):
        return {named.name: _literal(named.value) for named in lm.literals}
    if isinstance(lm, dict):
        return {name: _literal(literal) for name, literal in lm.items()}
    raise InvalidTypeError("literal_string_repr", "lm", lm, "a Literal, NamedLiteral, LiteralMap, Inputs or Outputs")


def _literal(literal: Literal) -> Any:
    kind = literal.WhichOneof("value")
    if kind == "scalar":
        return _scalar(literal.scalar)
    if kind == "collection":
        return [_literal(item) for item in literal.collection.literals]
    if kind == "map":
        return {key: _literal(literal.map.literals[key]) for key in sorted(literal.map.literals)}
    if kind == "offloaded_metadata":
        return f"Offloaded literal metadata: {literal.offloaded_metadata}"
    raise TypeTransformerFailedError("the literal is empty")


def _scalar(scalar: Scalar) -> Any:
    kind = scalar.WhichOneof("value")
    if kind == "primitive":
        return _primitive(scalar.primitive)
    if kind == "none_type":
        return None
    if kind == "union":
        return _literal(scalar.union.value)
    if kind in ("blob", "schema", "structured_dataset"):
        return getattr(scalar, kind).uri
    return _opaque(scalar, kind)


def _opaque(scalar: Scalar, kind: str | None) -> Any:
    if kind == "error":
        return scalar.error.message
    if kind == "generic":
        from google.protobuf.json_format import MessageToDict

        return MessageToDict(scalar.generic)
    if kind == "binary":
        return _binary(scalar.binary)
    raise TypeTransformerFailedError("the scalar is empty")


def _binary(binary: Any) -> Any:
    if binary.tag != "msgpack":
        import base64

        return base64.b64encode(binary.value)
    import json

    from flyte_core.types.wire import unpack

    return json.dumps(unpack(binary))


def _primitive(primitive: Primitive) -> Any:
    kind = primitive.WhichOneof("value")
    if kind == "datetime":
        return primitive.datetime.ToDatetime().isoformat()
    if kind == "duration":
        return primitive.duration.ToSeconds()
    if kind is None:
        raise TypeTransformerFailedError("the primitive is empty")
    return getattr(primitive, kind)
