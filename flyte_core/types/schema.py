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
        return typing.cast("dict[str, Any]", build_json_schema(_known(t, ()), plugins=[_plugin()]).to_dict())
    except Exception as error:  # mashumaro knows no schema for some types it can convert, and runs users' code
        logger.warning("no JSON schema for %s, its fields will not show: %s", t, error)
        return None


def _plugin() -> Any:
    from mashumaro.jsonschema.models import JSONSchema
    from mashumaro.jsonschema.plugins import BasePlugin

    class OwnSchemas(BasePlugin):  # type: ignore[misc] # mashumaro is looked at only where it is used
        """Stand-ins bring the schema of the class they stand for."""

        def get_schema(self, instance: Any, ctx: Any, schema: Any = None) -> Any:
            t = instance.type
            return JSONSchema.from_dict(t.model_json_schema()) if hasattr(t, "model_json_schema") else None

    return OwnSchemas()


def _known(t: Any, outer: tuple[Any, ...]) -> Any:
    """A type in terms of what mashumaro knows: references, attrs classes and pydantic models by stand-ins."""
    if lookup.is_class(t):
        if lookup.is_record(t) and not hasattr(t, "_serialize"):
            return _shadow(t, outer) if not outer or dataclasses.is_dataclass(t) else _stand_in(t)
        return _stand_in(t) if hasattr(t, "model_json_schema") else t
    arguments = typing.get_args(t)
    if not arguments or typing.get_origin(t) is typing.Literal:
        return t
    found = tuple(_known(argument, outer) for argument in arguments)
    if all(new is old for new, old in zip(found, arguments, strict=True)):
        return t
    if lookup.is_annotated(t):
        annotated = (found[0], *t.__metadata__)
        return typing.Annotated[annotated]
    return typing.Union[found] if lookup.is_union(t) else typing.get_origin(t)[found]  # noqa: UP007 - built


def _stand_in(t: Any) -> Any:
    """A class that mashumaro can write as the default of a field; only its schema is ever looked at."""
    from mashumaro.types import SerializableType

    class StandIn(SerializableType):  # type: ignore[misc] # mashumaro is looked at only where it is used
        """Stands for one class."""

        def _serialize(self) -> dict[str, Any]:
            raise NotImplementedError

        @classmethod
        def _deserialize(cls, value: dict[str, Any]) -> Any:
            raise NotImplementedError

        @classmethod
        def model_json_schema(cls) -> Any:
            return t.model_json_schema() if hasattr(t, "model_json_schema") else schema_of(t) or {"type": "object"}

    return StandIn


def _shadow(t: Any, outer: tuple[Any, ...]) -> Any:
    """A dataclass of the same name and fields that mashumaro knows; the class itself where it does already."""
    from flyte_core.types.plain_records import is_ordinary, record_fields

    if t in outer or not is_ordinary(t):
        return t
    fields = [(field, _known(field.type, (*outer, t))) for field in record_fields(t)]
    if all(known is field.type for field, known in fields) and dataclasses.is_dataclass(t):
        return t
    namespace = {"__module__": t.__module__}  # where mashumaro looks up what annotations name
    parts = [(field.name, known, _field(field)) for field, known in fields]
    return dataclasses.make_dataclass(t.__name__, parts, namespace=namespace, kw_only=True)


def _field(field: RecordField) -> Any:
    """The same field; a default that cannot be shared, or is made anew each time, has no place in a schema."""
    if field.required:
        return dataclasses.field()
    if field.default is dataclasses.MISSING or getattr(type(field.default), "__hash__", None) is None:
        return dataclasses.field(default_factory=list)
    return dataclasses.field(default=field.default)


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
