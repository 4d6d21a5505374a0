"""Literals as the words that a cluster puts into a command.

The forms are those of Flyte's template engine, which prints with Go: ``fmt.Sprintf("%v")`` for numbers and for what
MessagePack holds, RFC 3339 for datetimes, the text form of protobuf for durations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyte_core.errors import SerializationError
from flyte_core_container.copilot.gotext import general_float_text, rfc3339

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Binary, Literal, Primitive, Scalar
    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.timestamp_pb2 import Timestamp

__all__ = ["go_text", "literal_text"]

_MSGPACK = "msgpack"


def literal_text(literal: Literal) -> str:
    """Give the word that stands for a literal.

    Raises:
        SerializationError: for maps, unions, none, structures, structured datasets and errors, which have no such
            form, and for binary values that are not MessagePack.

    Example:
        >>> from flyteidl2.core.literals_pb2 import Literal, Primitive, Scalar
        >>> literal_text(Literal(scalar=Scalar(primitive=Primitive(boolean=True))))
        'true'
    """
    kind = literal.WhichOneof("value")
    if kind == "scalar":
        return _scalar_text(literal.scalar)
    if kind == "collection":
        return f"[{','.join(literal_text(item) for item in literal.collection.literals)}]"
    raise SerializationError(f"a literal of kind {kind or 'nothing'} cannot stand in a command; {_INSTEAD}")


_INSTEAD = "read it from its file in the input folder"


def _scalar_text(scalar: Scalar) -> str:
    kind = scalar.WhichOneof("value")
    if kind == "primitive":
        return _primitive_text(scalar.primitive)
    if kind == "blob":
        return str(scalar.blob.uri)
    if kind == "schema":
        return str(scalar.schema.uri)
    if kind == "binary":
        return _binary_text(scalar.binary)
    raise SerializationError(f"a value of kind {kind or 'nothing'} cannot stand in a command; {_INSTEAD}")


def _primitive_text(primitive: Primitive) -> str:
    kind = primitive.WhichOneof("value")
    if kind == "boolean":
        return "true" if primitive.boolean else "false"
    if kind == "integer":
        return str(primitive.integer)
    if kind == "float_value":
        return general_float_text(primitive.float_value)
    if kind == "string_value":
        return str(primitive.string_value)
    if kind == "datetime":
        return _datetime_text(primitive.datetime)
    if kind == "duration":
        return _duration_text(primitive.duration)
    raise SerializationError(f"an empty value cannot stand in a command; {_INSTEAD}")


def _datetime_text(value: Timestamp) -> str:
    text = rfc3339(value.seconds, value.nanos)
    if text is None:
        raise SerializationError(f"the time {value.seconds} s from 1970 is not within the years 1 to 9999; {_INSTEAD}")
    return text


def _duration_text(value: Duration) -> str:
    parts = [f"{field}:{number}" for field, number in (("seconds", value.seconds), ("nanos", value.nanos)) if number]
    return " ".join(parts)


def _binary_text(binary: Binary) -> str:
    if binary.tag != _MSGPACK:
        raise SerializationError(f"a binary value with tag {binary.tag!r} cannot stand in a command; {_INSTEAD}")
    import msgpack

    try:
        value = msgpack.unpackb(binary.value, strict_map_key=False)
    except Exception as e:  # the package raises ValueError, its subclasses and others
        raise SerializationError(f"a binary value is not MessagePack: {e}; {_INSTEAD}") from e
    return go_text(value)


def go_text(value: Any) -> str:
    """Give what Go's ``%v`` prints for a value of JSON's kinds, or for bytes.

    Example:
        >>> go_text({"b": [1, None], "a": 1e7})
        'map[a:1e+07 b:[1 <nil>]]'
    """
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return general_float_text(value)
    if isinstance(value, Mapping):
        entries = sorted((go_text(key), go_text(item)) for key, item in value.items())
        return f"map[{' '.join(f'{key}:{item}' for key, item in entries)}]"
    if isinstance(value, (list, tuple, bytes, bytearray)):
        return f"[{' '.join(go_text(item) for item in value)}]"
    return str(value)
