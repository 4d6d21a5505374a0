"""`TypeTransformer`: the base of everything that maps one Python type to literals and back."""

from __future__ import annotations

import typing
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.mismatch import mismatch

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Binary, Literal
    from flyteidl2.core.types_pb2 import LiteralType

    from flyte_core.types.codec import Codec

__all__ = ["RestrictedTypeError", "RestrictedTypeTransformer", "TypeTransformer"]

T = TypeVar("T")


class TypeTransformer(Generic[T]):
    """Maps one Python type to its `LiteralType`, and its values to `Literal` and back.

    Subclasses give `get_literal_type`, `to_literal` and `to_python_value`. A transformer that does no input or
    output may give `codec` as well, whose functions are synchronous and therefore much faster in containers.

    This class is versioned with the hook API (`flyte_core.hookspecs.HOOK_API_VERSION`): a plugin's module of
    transformers may say with ``flyte_core_api = ">=1,<2"`` which versions it was made for. What a transformer raises
    becomes a `TypeTransformerFailedError` that names it.

    Args:
        name: a short name; on the wire it is the tag of this type inside a union.
        t: the Python type.
        enable_type_assertions: whether `assert_type` is asked before `to_literal`.

    Example:
        >>> import asyncio
        >>> from flyteidl2.core.literals_pb2 import Literal, Primitive, Scalar
        >>> from flyteidl2.core.types_pb2 import LiteralType, SimpleType
        >>> class Celsius:
        ...     def __init__(self, degrees): self.degrees = degrees
        >>> class CelsiusTransformer(TypeTransformer):
        ...     def __init__(self): super().__init__("celsius", Celsius)
        ...     def get_literal_type(self, t): return LiteralType(simple=SimpleType.FLOAT)
        ...     async def to_literal(self, python_val, python_type, expected):
        ...         return Literal(scalar=Scalar(primitive=Primitive(float_value=python_val.degrees)))
        ...     async def to_python_value(self, lv, expected_python_type):
        ...         return Celsius(lv.scalar.primitive.float_value)
        >>> literal = asyncio.run(CelsiusTransformer().to_literal(Celsius(36.5), Celsius, LiteralType()))
        >>> literal.scalar.primitive.float_value
        36.5
    """

    def __init__(self, name: str, t: type[T], enable_type_assertions: bool = True) -> None:
        self._name = name
        self._t = t
        self._type_assertions_enabled = enable_type_assertions

    @property
    def name(self) -> str:
        """The transformer's name, and its tag in unions."""
        return self._name

    @property
    def python_type(self) -> type[T]:
        """The Python type it is for."""
        return self._t

    @property
    def type_assertions_enabled(self) -> bool:
        """Whether `assert_type` is asked before `to_literal`."""
        return self._type_assertions_enabled

    def isinstance_generic(self, obj: Any, generic_alias: Any) -> None:
        """Refuse an object that is no instance of the class behind a generic such as ``list[int]``."""
        origin = typing.get_origin(generic_alias)
        if not isinstance(obj, origin):
            raise mismatch(getattr(origin, "__name__", str(origin)), obj)

    def assert_type(self, t: Any, v: Any) -> None:
        """Refuse a value that is no instance of the type.

        Raises:
            TypeTransformerFailedError: if it is not.
        """
        if isinstance(t, GenericAlias):
            return self.isinstance_generic(v, t)
        if not hasattr(t, "__origin__") and not isinstance(v, t):
            raise mismatch(getattr(t, "__name__", str(t)), v)
        return None

    def get_literal_type(self, t: Any) -> LiteralType:
        """The literal type of a Python type."""
        raise _lacking(self, "get_literal_type")

    def guess_python_type(self, literal_type: LiteralType) -> Any:
        """The Python type that a literal type was made from.

        Raises:
            ValueError: if this transformer did not make it; every other transformer is asked then.
        """
        raise TypeTransformerFailedError(f"{self._name} does not turn literal types back into Python types")

    async def to_literal(self, python_val: Any, python_type: Any, expected: LiteralType) -> Literal:
        """Turn a value into a literal; ``expected`` is the literal type of ``python_type``."""
        raise _lacking(self, "to_literal")

    async def to_python_value(self, lv: Literal, expected_python_type: Any) -> Any:
        """Turn a literal into a value of the expected type."""
        raise _lacking(self, "to_python_value")

    def from_binary_idl(self, binary_idl_object: Binary, expected_python_type: Any) -> Any:
        """Turn a MessagePack scalar into a value: an attribute picked out of a dataclass arrives as one."""
        from flyte_core.types.plain import plain_for
        from flyte_core.types.wire import unpack

        return plain_for(expected_python_type).decode(unpack(binary_idl_object))

    def to_html(self, python_val: Any, expected_python_type: Any) -> str:
        """A value as HTML for a report."""
        return str(python_val)

    def codec(self, python_type: Any) -> Codec:
        """Compile the functions for one type; kept by `flyte_core.types.codec.codec_for`."""
        from flyte_core.types.codec import TransformerCodec

        return TransformerCodec(self, python_type)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r} for {self._t!r}>"


def _lacking(transformer: TypeTransformer[Any], method: str) -> TypeTransformerFailedError:
    """The error of a transformer whose author left a method out, or misspelt it."""
    from flyte_core.registry.transformers import method_fault

    owner = type(transformer)
    return TypeTransformerFailedError(
        f"the transformer {transformer.name!r} of {owner.__module__} is incomplete: "
        f"{method_fault(owner, TypeTransformer, method)}"
    )


class RestrictedTypeError(TypeTransformerFailedError):
    """A type that cannot be the type of a single value, such as ``tuple``."""


class RestrictedTypeTransformer(TypeTransformer[T]):
    """Refuses a type, with its name."""

    def _refusal(self, t: Any) -> RestrictedTypeError:
        from flyte_core.types.codec import type_name

        return RestrictedTypeError(
            f"{type_name(t)} cannot be the type of a single value, since the wire has no {self.name}; "
            "expected a list or a dataclass, or several outputs where it is a result"
        )

    def get_literal_type(self, t: Any) -> LiteralType:
        """Refuse."""
        raise self._refusal(t)

    async def to_literal(self, python_val: Any, python_type: Any, expected: LiteralType) -> Literal:
        """Refuse."""
        raise self._refusal(python_type)

    async def to_python_value(self, lv: Literal, expected_python_type: Any) -> Any:
        """Refuse."""
        raise self._refusal(expected_python_type)
