"""What `File`, `Dir` and `DataFrame` share: their plain form inside dataclasses and pydantic models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.errors import InvalidTypeError, TypeTransformerFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

__all__ = ["INTERNAL", "Reference", "text"]

#: Metadata of an attrs field that is no part of the value.
INTERNAL: Mapping[str, bool] = {"internal": True}


def text(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Validator: a string.

    Raises:
        InvalidTypeError: if it is something else.
    """
    if not isinstance(value, str):
        raise InvalidTypeError(type(instance).__name__, attribute.name, value, "a string")


class Reference:
    """A value that only refers to data; to turn it into a literal and back touches no data.

    The two methods with an underscore are the ones that mashumaro's ``SerializableType`` has, by which the type
    system takes any class for one that brings its own plain form.
    """

    __slots__ = ()

    def _serialize(self) -> dict[str, Any]:
        """The public fields as a dict."""
        return {a.name: getattr(self, a.name) for a in _public(type(self))}

    @classmethod
    def _deserialize(cls, value: Any) -> Self:
        """From the public fields as a dict; fields that are not known are left out."""
        if not isinstance(value, dict):
            raise TypeTransformerFailedError(f"expected {cls.__name__} as a dict of its fields, got {value!r}")
        fields = _public(cls)
        missing = [a.name for a in fields if a.default is attrs.NOTHING and a.name not in value]
        if missing:
            wanted = ", ".join(missing)
            raise TypeTransformerFailedError(f"expected {cls.__name__} as a dict with {wanted}, got {value!r}")
        try:
            return cls(**{a.name: value[a.name] for a in fields if a.name in value})
        except TypeError as error:
            raise TypeTransformerFailedError(f"expected {cls.__name__} as a dict of its fields: {error}") from error

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        """The JSON schema of the plain form, as pydantic would write it."""
        properties = {a.name: _schema(a) for a in _public(cls)}
        required = [a.name for a in _public(cls) if a.default is attrs.NOTHING]
        schema = {"properties": properties, "title": cls.__name__, "type": "object"}
        return {**schema, "required": required} if required else schema

    @classmethod
    def schema_match(cls, incoming: dict[str, Any]) -> bool:
        """Whether a JSON schema is the one of this type."""
        own = cls.model_json_schema()
        return all(own.get(key) == incoming.get(key) for key in ("title", "type")) and (
            set(own["properties"]) == set(incoming.get("properties", ()))
        )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let pydantic models have fields of this type."""
        from pydantic_core import core_schema

        def validate(value: Any) -> Any:
            return value if isinstance(value, cls) else cls._deserialize(value)

        serialization = core_schema.plain_serializer_function_ser_schema(lambda value: value._serialize())
        # The reference makes pydantic put the schema under ``$defs``, as it does for nested models.
        return core_schema.no_info_plain_validator_function(
            validate, ref=f"{cls.__module__}.{cls.__qualname__}", serialization=serialization
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        """The schema that pydantic models show for a field of this type."""
        return cls.model_json_schema()


def _public(cls: Any) -> list[attrs.Attribute[Any]]:
    return [a for a in attrs.fields(cls) if not a.name.startswith("_") and not a.metadata.get("internal")]


def _schema(a: attrs.Attribute[Any]) -> dict[str, Any]:
    title = a.name.title()
    if a.default is attrs.NOTHING:
        return {"title": title, "type": "string"}
    if "None" in str(a.type):
        return {"anyOf": [{"type": "string"}, {"type": "null"}], "default": a.default, "title": title}
    return {"default": a.default, "title": title, "type": "string"}
