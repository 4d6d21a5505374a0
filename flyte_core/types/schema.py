"""JSON schemas of records for a literal type's metadata, and classes guessed back from such schemas.

The schema is mashumaro's (draft 2020-12), with pydantic's own for pydantic models, as in ``flyte`` 2.0.0b33: user
interfaces read it.
"""

from __future__ import annotations

import dataclasses
import typing
from typing import TYPE_CHECKING, Any

from flyte_core._logging import logger
from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types import lookup

if TYPE_CHECKING:
    from flyte_core.types.plain_records import RecordField

__all__ = ["class_from_schema", "schema_of"]

_SIMPLE: dict[str, Any] = {"string": str, "integer": int, "boolean": bool, "number": float, "null": type(None)}


def schema_of(t: Any) -> dict[str, Any] | None:
    """The JSON schema of a dataclass or attrs class; ``None``, with a warning, where it has none."""
    from mashumaro.jsonschema import build_json_schema

    try:
        return typing.cast("dict[str, Any]", build_json_schema(_plain_class(t), plugins=[_plugin()]).to_dict())
    except Exception as error:  # mashumaro knows no schema for some types it can convert, and runs users' code
        logger.warning("no JSON schema for %s, its fields will not show: %s", t, error)
        return None


def _plain_class(t: Any) -> Any:
    """An attrs class as a dataclass of the same name and fields, which is what mashumaro knows."""
    owner = typing.get_origin(t) or t
    if dataclasses.is_dataclass(owner) or not lookup.is_record(owner):
        return t
    from flyte_core.types.plain_records import record_fields

    fields = [(field.name, field.type, _stand_in(field)) for field in record_fields(owner)]
    namespace = {"__module__": owner.__module__}  # where mashumaro looks up what annotations name
    return dataclasses.make_dataclass(owner.__name__, fields, namespace=namespace, kw_only=True)


def _stand_in(field: RecordField) -> Any:
    """A dataclass field like an attrs field; a default that is made anew each time has no place in a schema."""
    if field.required:
        return dataclasses.field()
    if field.default is dataclasses.MISSING or getattr(field.default, "__hash__", None) is None:
        return dataclasses.field(default_factory=list)
    return dataclasses.field(default=field.default)


def _plugin() -> Any:
    from mashumaro.jsonschema.models import JSONSchema
    from mashumaro.jsonschema.plugins import BasePlugin

    class OwnSchemas(BasePlugin):  # type: ignore[misc] # mashumaro is looked at only where it is used
        """Types that bring their own schema, and attrs classes."""

        def get_schema(self, instance: Any, ctx: Any, schema: Any = None) -> Any:
            t = instance.type
            if isinstance(t, type) and hasattr(t, "model_json_schema"):
                return JSONSchema.from_dict(t.model_json_schema())
            if lookup.is_record(t) and not dataclasses.is_dataclass(typing.get_origin(t) or t):
                return JSONSchema.from_dict(schema_of(t) or {"type": "object"})
            return None

    return OwnSchemas()


# ---- back --------------------------------------------------------------------------------------------


def class_from_schema(schema: dict[str, Any]) -> type:
    """A dataclass with the fields that a JSON schema names, or the registered class whose schema it is.

    Raises:
        TypeTransformerFailedError: if the schema is not one of a record.
    """
    if "title" not in schema or "properties" not in schema:
        raise TypeTransformerFailedError("the schema has no title or no properties, so it is not one of a record")
    definitions = schema.get("$defs", {})
    for known in lookup.registered():
        if hasattr(known, "schema_match") and known.schema_match(schema):
            return typing.cast(type, known)
    # sorted, as the metadata comes from a protobuf map, which keeps no order
    fields = [(name, _type_of(part, definitions)) for name, part in sorted(schema["properties"].items())]
    return dataclasses.make_dataclass(schema["title"], fields)


def _type_of(part: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return class_from_schema({"title": name, "$defs": definitions, **definitions.get(name, {})})
    if "anyOf" in part:
        return typing.Union[tuple(_type_of(option, definitions) for option in part["anyOf"])]  # noqa: UP007 - built
    if "enum" in part:
        return str
    kind = part.get("type")
    if kind == "array":
        return typing.List[_type_of(part.get("items", {}), definitions)]  # type: ignore[misc] # noqa: UP006 - built
    if kind == "object":
        return _object_of(part, definitions)
    if kind == "number" and part.get("format") == "integer":
        return int
    return _SIMPLE.get(kind, Any) if isinstance(kind, str) else Any


def _object_of(part: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if isinstance(part.get("additionalProperties"), dict):
        return typing.Dict[str, _type_of(part["additionalProperties"], definitions)]  # type: ignore[misc] # noqa: UP006
    if "title" in part and "properties" in part:
        return class_from_schema({**part, "$defs": definitions})
    return dict
