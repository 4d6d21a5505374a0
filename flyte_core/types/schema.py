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


class _Document:
    """One schema while it is written: the classes that are open, and those that refer to themselves."""

    def __init__(self) -> None:
        self.open: list[Any] = []
        self.definitions: dict[str, Any] = {}

    def part(self, t: Any) -> dict[str, Any]:
        """The schema of a class inside of the document; a reference where the class is open already."""
        reference = {"$ref": f"#/$defs/{_name(t)}"}
        if t in self.open:
            self.definitions.setdefault(_name(t), {})
            return reference
        self.open.append(t)
        try:
            schema = self._built(t)
        finally:
            self.open.pop()
        self.definitions.update(schema.pop("$defs", {}))
        if _name(t) not in self.definitions:
            return schema
        if "$ref" not in schema:
            self.definitions[_name(t)] = schema
        return reference

    def _built(self, t: Any) -> dict[str, Any]:
        from mashumaro.jsonschema import build_json_schema

        return typing.cast("dict[str, Any]", build_json_schema(_known(t, ()), plugins=[_plugin(self)]).to_dict())


def schema_of(t: Any) -> dict[str, Any] | None:
    """The JSON schema of a dataclass or attrs class; ``None``, with a warning, where it has none.

    A class that contains itself stands under ``$defs``, and wherever it is used there is a ``$ref``.
    """
    document = _Document()
    try:
        schema = document.part(t)
    except Exception as error:  # mashumaro knows no schema for some types it can convert, and runs users' code
        logger.warning("no JSON schema for %s, its fields will not show: %s", t, error)
        return None
    return {**schema, "$defs": document.definitions} if document.definitions else schema


def _name(t: Any) -> str:
    owner = typing.get_origin(t) or t
    return str(owner.__name__)


def _plugin(document: _Document) -> Any:
    from mashumaro.jsonschema.models import JSONSchema
    from mashumaro.jsonschema.plugins import BasePlugin

    class OwnSchemas(BasePlugin):  # type: ignore[misc] # mashumaro is looked at only where it is used
        """Stand-ins bring the schema of the class they stand for."""

        def get_schema(self, instance: Any, ctx: Any, schema: Any = None) -> Any:
            t = instance.type
            if hasattr(t, "stands_for"):
                return JSONSchema.from_dict(document.part(t.stands_for))
            return JSONSchema.from_dict(t.model_json_schema()) if hasattr(t, "model_json_schema") else None

    return OwnSchemas()


def _known(t: Any, outer: tuple[Any, ...], again: bool = False) -> Any:
    """A type in terms of what mashumaro knows: references, attrs classes and pydantic models by stand-ins.

    Args:
        t: the type.
        outer: the records that it is inside of.
        again: whether one of these needs a stand-in inside of itself.
    """
    if lookup.is_class(t) or _is_generic_attrs(t):
        if lookup.is_record(t) and not hasattr(t, "_serialize"):
            if t in outer:
                return _stand_in(t) if again or not dataclasses.is_dataclass(t) else t
            return _shadow(t, outer, again) if not outer or dataclasses.is_dataclass(t) else _stand_in(t)
        return _stand_in(t) if hasattr(t, "model_json_schema") else t
    arguments = typing.get_args(t)
    if not arguments or typing.get_origin(t) is typing.Literal:
        return t
    found = tuple(_known(argument, outer, again) for argument in arguments)
    if all(new is old for new, old in zip(found, arguments, strict=True)):
        return t
    if lookup.is_annotated(t):
        annotated = (found[0], *t.__metadata__)
        return typing.Annotated[annotated]
    return typing.Union[found] if lookup.is_union(t) else typing.get_origin(t)[found]  # noqa: UP007 - built


def _is_generic_attrs(t: Any) -> bool:
    return lookup.is_record(t) and not dataclasses.is_dataclass(typing.get_origin(t))


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

    if hasattr(t, "model_json_schema"):
        setattr(StandIn, "model_json_schema", t.model_json_schema)  # noqa: B010 - a name that no checker knows there
    else:
        setattr(StandIn, "stands_for", t)  # noqa: B010
    return StandIn


def _shadow(t: Any, outer: tuple[Any, ...], again: bool) -> Any:
    """A dataclass of the same name and fields that mashumaro knows; the class itself where it does already."""
    from flyte_core.types.plain_records import is_ordinary, record_fields

    if not is_ordinary(t):
        return t
    fields = [(field, _known(field.type, (*outer, t), again)) for field in record_fields(t)]
    if all(known is field.type for field, known in fields) and dataclasses.is_dataclass(t):
        return t
    fields = [(field, _known(field.type, (*outer, t), again=True)) for field, _ in fields]
    namespace = {"__module__": t.__module__}  # where mashumaro looks up what annotations name
    parts = [(field.name, known, _field(field)) for field, known in fields]
    return dataclasses.make_dataclass(_name(t), parts, namespace=namespace, kw_only=True)


def _field(field: RecordField) -> Any:
    """The same field; a default that cannot be shared, or is made anew each time, has no place in a schema."""
    if field.required:
        return dataclasses.field()
    if field.default is dataclasses.MISSING or getattr(type(field.default), "__hash__", None) is None:
        return dataclasses.field(default_factory=list)
    return dataclasses.field(default=field.default)


# ---- back --------------------------------------------------------------------------------------------


class _Definitions:
    """The named parts of a schema, and those of them that are being read."""

    def __init__(self, schemas: dict[str, Any], open_: frozenset[str] = frozenset()) -> None:
        self.schemas, self.open = schemas, open_

    def with_those_of(self, part: dict[str, Any]) -> _Definitions:
        own = part.get("$defs")
        return _Definitions({**self.schemas, **own}, self.open) if own else self

    def inside(self, name: str) -> _Definitions:
        return _Definitions(self.schemas, self.open | {name})


def class_from_schema(schema: dict[str, Any]) -> type:
    """A dataclass with the fields that a JSON schema names, or the registered class whose schema it is.

    Raises:
        TypeTransformerFailedError: if the schema is not one of a record.
    """
    found = _type_of(schema, _Definitions({})) if "$ref" in schema else schema
    if isinstance(found, type):
        return found
    return _class_of(schema, _Definitions(schema.get("$defs", {})))


def _class_of(schema: dict[str, Any], definitions: _Definitions) -> type:
    if "title" not in schema or "properties" not in schema:
        raise TypeTransformerFailedError("the schema has no title or no properties, so it is not one of a record")
    for known in lookup.registered():
        if hasattr(known, "schema_match") and known.schema_match(schema):
            return typing.cast(type, known)
    # sorted, as the metadata comes from a protobuf map, which keeps no order
    fields = [(name, _type_of(part, definitions)) for name, part in sorted(schema["properties"].items())]
    return dataclasses.make_dataclass(schema["title"], fields)


def _referred(schema: dict[str, Any], definitions: _Definitions) -> Any:
    name = schema["$ref"].rpartition("/")[2]
    if name in definitions.open or name not in definitions.schemas:
        return dict  # inside of itself: a class that is not made yet
    return _type_of({"title": name, **definitions.schemas[name]}, definitions.inside(name))


def _type_of(part: dict[str, Any], outer: _Definitions) -> Any:
    definitions = outer.with_those_of(part)
    if "$ref" in part:
        return _referred(part, definitions)
    for word in ("anyOf", "oneOf"):
        if word in part:
            return typing.Union[tuple(_type_of(option, definitions) for option in part[word])]  # noqa: UP007 - built
    if "enum" in part or "const" in part:
        return _choice_of(part.get("enum") or [part["const"]])
    kind = part.get("type")
    if kind == "array":
        return _array_of(part, definitions)
    if kind == "object":
        return _object_of(part, definitions)
    if kind == "number" and part.get("format") == "integer":
        return int
    return _SIMPLE.get(kind, Any) if isinstance(kind, str) else Any


def _choice_of(values: list[Any]) -> Any:
    """Text goes as text, like every string; other values as the choice they are, numbers with their type restored."""
    if all(isinstance(value, str) for value in values):
        return str
    whole = [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]
    if any(isinstance(value, float) for value in whole):
        return Any
    return typing.Literal[tuple(whole)]


def _array_of(part: dict[str, Any], definitions: _Definitions) -> Any:
    if part.get("prefixItems"):
        return tuple.__class_getitem__(tuple(_type_of(item, definitions) for item in part["prefixItems"]))
    return typing.List[_type_of(part.get("items", {}), definitions)]  # type: ignore[misc] # noqa: UP006 - built


def _object_of(part: dict[str, Any], definitions: _Definitions) -> Any:
    if isinstance(part.get("additionalProperties"), dict):
        return typing.Dict[str, _type_of(part["additionalProperties"], definitions)]  # type: ignore[misc] # noqa: UP006
    if "title" in part and "properties" in part:
        return _class_of(part, definitions)
    return dict
