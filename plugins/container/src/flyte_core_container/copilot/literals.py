"""Scalars of literals as text for files and as plain objects for metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flyte_core_container.copilot.errors import GrammarError
from flyte_core_container.copilot.gotext import float_text, go_duration, rfc3339

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Primitive
    from google.protobuf.struct_pb2 import ListValue, Struct, Value

    from flyte_core_container.copilot.gojson import Json

__all__ = ["plain_struct", "primitive_forms"]


def primitive_forms(primitive: Primitive) -> tuple[str, Json]:
    """Give a primitive's text for its file, and its plain form for JSON and YAML.

    Raises:
        GrammarError: it is a time out of the range of protobuf's timestamps.

    Example:
        >>> from flyteidl2.core.literals_pb2 import Primitive
        >>> primitive_forms(Primitive(float_value=1.0))
        ('1', 1.0)
    """
    kind = primitive.WhichOneof("value")
    if kind is None:
        return "null", None
    return _FORMS[kind](getattr(primitive, kind))


def _integer(value: int) -> tuple[str, Json]:
    return str(value), value


def _float(value: float) -> tuple[str, Json]:
    return float_text(value), value


def _string(value: str) -> tuple[str, Json]:
    return value, value


def _boolean(value: bool) -> tuple[str, Json]:
    return ("true" if value else "false"), value


def _datetime(value: Any) -> tuple[str, Json]:
    text = rfc3339(value.seconds, value.nanos)
    if text is None:
        raise GrammarError(f"the time {value.seconds} s from 1970 is not within the years 1 to 9999")
    return text, text


def _duration(value: Any) -> tuple[str, Json]:
    nanoseconds = value.seconds * 1_000_000_000 + value.nanos
    return go_duration(nanoseconds), nanoseconds


_FORMS: dict[str, Callable[[Any], tuple[str, Json]]] = {
    "integer": _integer,
    "float_value": _float,
    "string_value": _string,
    "boolean": _boolean,
    "datetime": _datetime,
    "duration": _duration,
}


def plain_struct(struct: Struct) -> dict[str, Json]:
    """Give a protobuf structure as plain objects.

    Example:
        >>> from google.protobuf.struct_pb2 import Struct
        >>> struct = Struct()
        >>> struct.update({"b": 1, "a": [None]})
        >>> plain_struct(struct) == {"a": [None], "b": 1.0}
        True
    """
    return {key: _plain(value) for key, value in struct.fields.items()}


def _plain_list(values: ListValue) -> list[Json]:
    return [_plain(value) for value in values.values]


def _plain(value: Value) -> Json:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return plain_struct(value.struct_value)
    if kind == "list_value":
        return _plain_list(value.list_value)
    if kind is None or kind == "null_value":
        return None
    result: Json = getattr(value, kind)
    return result
