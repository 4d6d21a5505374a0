"""`TypeEngine`: the public front of the type system, with the class methods of the reference."""

from __future__ import annotations

import importlib
import typing
from typing import TYPE_CHECKING, Any, ClassVar

from flyteidl2.core.interface_pb2 import Variable, VariableMap
from flyteidl2.core.literals_pb2 import Literal, LiteralMap
from flyteidl2.core.types_pb2 import LiteralType

from flyte_core.errors import InvalidValueError, TypeTransformerFailedError
from flyte_core.types import lookup, pickle_notes, records
from flyte_core.types.codec import TransformerCodec, codec_for, in_order
from flyte_core.types.transformer import RestrictedTypeTransformer

if TYPE_CHECKING:
    from collections.abc import Iterator, KeysView, Mapping

    from flyte_core.types.transformer import TypeTransformer

__all__ = ["TypeEngine"]

# This package, further right in the layers, registers its types when it is imported. Guessing a type from the wire
# has no class in hand that would have imported it, so the engine wakes it by name.
_REFERENCES = "flyte_core.io"


class TypeEngine:
    """Turns Python types into literal types, and values into literals and back.

    Example:
        >>> import asyncio
        >>> literal_type = TypeEngine.to_literal_type(list[int])
        >>> literal = asyncio.run(TypeEngine.to_literal([1, 2], list[int], literal_type))
        >>> asyncio.run(TypeEngine.to_python_value(literal, list[int]))
        [1, 2]
    """

    _RESTRICTED_TYPES: ClassVar[list[Any]] = [tuple, typing.Tuple, typing.NamedTuple]  # noqa: UP006

    # ---- transformers ----------------------------------------------------------------------------

    @classmethod
    def register(cls, transformer: TypeTransformer[Any], additional_types: list[Any] | None = None) -> None:
        """Make a transformer responsible for its Python type, and for more types.

        Raises:
            ValueError: if one of the types has a transformer already; both are named.
        """
        lookup.register(transformer, additional_types)

    @classmethod
    def register_additional_type(
        cls, transformer: TypeTransformer[Any], additional_type: Any, override: bool = False
    ) -> None:
        """Make a transformer responsible for one more type; does nothing if another is, unless ``override``."""
        lookup.register_additional(transformer, additional_type, override)

    @classmethod
    def register_restricted_type(cls, name: str, type: Any) -> None:
        """Refuse a type wherever it is the type of a single value."""
        cls._RESTRICTED_TYPES.append(type)
        lookup.register(RestrictedTypeTransformer(name, type))

    @classmethod
    def get_transformer(cls, python_type: Any) -> TypeTransformer[Any]:
        """The transformer responsible for a type; for unknown types the one that pickles."""
        return lookup.find_transformer(python_type)

    @classmethod
    def get_available_transformers(cls) -> KeysView[Any]:
        """All types with a transformer of their own."""
        return lookup.registered().keys()

    # ---- types -----------------------------------------------------------------------------------

    @classmethod
    def to_literal_type(cls, python_type: Any) -> LiteralType:
        """The literal type of a Python type, as a message of the caller's own.

        Raises:
            TypeTransformerFailedError: if the type cannot be an input or output.
        """
        copy = LiteralType()
        copy.CopyFrom(codec_for(python_type).literal_type)
        if pickle_notes.goes_pickled(copy):
            pickle_notes.say_pickled("a value", python_type)
        return copy

    @classmethod
    def guess_python_type(cls, flyte_type: LiteralType) -> Any:
        """A Python type for a literal type whose own Python type is not at hand.

        Raises:
            TypeTransformerFailedError: if no transformer knows the literal type.
        """
        importlib.import_module(_REFERENCES)
        for transformer in [*lookup.registered().values(), records.RECORD]:
            try:
                return transformer.guess_python_type(flyte_type)
            except ValueError:  # noqa: PERF203 - how the reference's transformers decline
                continue
        raise TypeTransformerFailedError(f"no transformer knows the literal type {flyte_type}")

    @classmethod
    def guess_python_types(cls, flyte_variable_dict: Any) -> dict[str, Any]:
        """Python types for the variables of an interface, given as a mapping or as a `VariableMap`'s entries."""
        return {name: cls.guess_python_type(variable.type) for name, variable in variables(flyte_variable_dict)}

    @classmethod
    def named_tuple_to_variable_map(cls, t: Any) -> VariableMap:
        """The variables of a named tuple's fields, described by their position."""
        found = VariableMap()
        for index, (name, hint) in enumerate(typing.get_type_hints(t, include_extras=True).items()):
            variable = Variable(type=codec_for(hint).literal_type, description=str(index))
            found.variables.add(key=name, value=variable)
        return found

    # ---- values ----------------------------------------------------------------------------------

    @classmethod
    async def to_literal(cls, python_val: Any, python_type: Any, expected: LiteralType) -> Literal:
        """A value as a literal.

        Args:
            python_val: the value.
            python_type: its declared type.
            expected: the literal type; transformers written by users receive it.

        Raises:
            TypeTransformerFailedError: if the value does not fit; the message says where.
        """
        codec = codec_for(python_type)
        if codec.is_sync:
            return codec.encode(python_val)
        if isinstance(codec, TransformerCodec):
            return await codec.aencode_as(python_val, expected)
        return await codec.aencode(python_val)

    @classmethod
    async def to_python_value(cls, lv: Literal, expected_python_type: Any) -> Any:
        """A literal as a value of the expected type.

        Raises:
            TypeTransformerFailedError: if the literal does not fit; the message says where.
        """
        if lv.WhichOneof("value") == "offloaded_metadata":
            lv = await cls.unwrap_offloaded_literal(lv)
        codec = codec_for(expected_python_type)
        return codec.decode(lv) if codec.is_sync else await codec.adecode(lv)

    @classmethod
    async def unwrap_offloaded_literal(cls, lv: Literal) -> Literal:
        """The literal that an offloaded literal points to; any other literal as it is."""
        if lv.WhichOneof("value") != "offloaded_metadata":
            return lv
        from google.protobuf.message import DecodeError

        from flyte_core.types.pickled import aread_file

        data = await aread_file(lv.offloaded_metadata.uri)
        try:
            return Literal.FromString(data)
        except DecodeError as error:
            raise TypeTransformerFailedError(f"{lv.offloaded_metadata.uri} holds no literal: {error}") from error

    @classmethod
    def to_html(cls, python_val: Any, expected_python_type: Any) -> str:
        """A value as HTML; a renderer in ``Annotated`` comes before the transformer."""
        from flyte_core.types.renderer import Renderable

        if lookup.is_annotated(expected_python_type):
            for annotation in expected_python_type.__metadata__:
                if isinstance(annotation, Renderable):
                    return annotation.to_html(python_val)
        transformer = lookup.find_transformer(expected_python_type)
        return transformer.to_html(python_val, lookup.underlying(expected_python_type))

    @classmethod
    async def dict_to_literal_map(cls, d: Mapping[str, Any], type_hints: dict[str, Any] | None = None) -> LiteralMap:
        """Values by name as a literal map; names without a hint go by their value's class.

        Raises:
            TypeTransformerFailedError: if a value does not fit; the name stands in front of the message.
        """
        hints = type_hints or {}

        async def convert(name: str) -> Literal:
            hint = hints.get(name, type(d[name]))
            return await cls.to_literal(d[name], hint, codec_for(hint).literal_type)

        names = list(d)
        literals = await in_order(convert, names, names)
        return LiteralMap(literals=dict(zip(names, literals, strict=True)))

    @classmethod
    async def literal_map_to_kwargs(
        cls,
        lm: LiteralMap,
        python_types: dict[str, Any] | None = None,
        literal_types: Mapping[str, Variable] | None = None,
    ) -> dict[str, Any]:
        """The values of a literal map by name, their types given or guessed from variables.

        Raises:
            ValueError: if neither kind of types is given, or the map has names that the types have not.
            TypeTransformerFailedError: if a literal does not fit; the name stands in front of the message.
        """
        if python_types is None and literal_types is None:
            raise InvalidValueError(
                "TypeEngine.literal_map_to_kwargs", "python_types", None, "python_types or literal_types"
            )
        types = cls.guess_python_types(literal_types) if literal_types else python_types or {}
        unknown = sorted(set(lm.literals) - set(types))
        if unknown:
            known = ", ".join(types) or "no input at all"
            raise InvalidValueError("TypeEngine.literal_map_to_kwargs", "lm", ", ".join(unknown), known)
        names = [name for name in types if name in lm.literals]

        async def convert(name: str) -> Any:
            return await cls.to_python_value(lm.literals[name], types[name])

        return dict(zip(names, await in_order(convert, names, names), strict=True))


def variables(found: Any) -> Iterator[tuple[str, Variable]]:
    """Names and variables of a mapping, or of the ordered entries that newer releases of the IDL have."""
    entries = getattr(found, "variables", found)
    if hasattr(entries, "items"):
        yield from entries.items()
    else:
        yield from ((entry.key, entry.value) for entry in entries)
