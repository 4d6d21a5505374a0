"""Unions: a value goes with the type of the variant it was taken for.

The variant of the value's own class wins; otherwise the one variant that takes the value. Several are an error
that lists them.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

import attrs
from flyteidl2.core.literals_pb2 import Literal
from flyteidl2.core.types_pb2 import LiteralType, UnionType

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import AsyncCodec, Codec, codec_for, type_name
from flyte_core.types.lookup import find_transformer, underlying
from flyte_core.types.mismatch import ValueMismatchError, describe, shown
from flyte_core.types.simple import CodecTransformer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flyte_core.types.transformer import TypeTransformer

__all__ = ["union_transformers"]


@attrs.frozen(kw_only=True)
class _Variant:
    python_type: Any
    codec: Codec
    tag: str
    tagged: LiteralType

    def wrap(self, value: Literal, union: Literal) -> None:
        """Make ``union`` a union literal of this variant."""
        union.scalar.union.type.CopyFrom(self.tagged)
        union.scalar.union.value.CopyFrom(value)

    def attempt(self, convert: Callable[[Any], Any], value: Any) -> _Attempt:
        """Whether a conversion takes the value."""
        try:
            return _Attempt(variant=self, result=convert(value))
        except TypeTransformerFailedError as error:
            return _Attempt(variant=self, error=error)

    async def aattempt(self, convert: Callable[[Any], Awaitable[Any]], value: Any) -> _Attempt:
        """Whether an asynchronous conversion takes the value."""
        try:
            return _Attempt(variant=self, result=await convert(value))
        except TypeTransformerFailedError as error:
            return _Attempt(variant=self, error=error)


@attrs.frozen(kw_only=True)
class _Attempt:
    variant: _Variant
    result: Any = None
    error: Exception | None = None


def _variant(python_type: Any) -> _Variant:
    codec = codec_for(python_type)
    tagged = LiteralType()
    tagged.CopyFrom(codec.literal_type)
    tag = find_transformer(python_type).name
    tagged.structure.tag = tag
    return _Variant(python_type=python_type, codec=codec, tag=tag, tagged=tagged)


class _Variants:
    """What the synchronous and the asynchronous codec share: choosing."""

    def __init__(self, python_type: Any) -> None:
        self.python_type = python_type
        self.all = [_variant(argument) for argument in typing.get_args(underlying(python_type))]
        self.by_class = {v.python_type: v for v in self.all if isinstance(v.python_type, type)}
        self.by_tag: dict[str, list[_Variant]] = {}
        for variant in self.all:
            self.by_tag.setdefault(variant.tag, []).append(variant)
        self.literal_type = LiteralType(union_type=UnionType(variants=[v.tagged for v in self.all]))
        self.is_sync = all(v.codec.is_sync for v in self.all)

    def tagged(self, literal: Literal) -> tuple[list[_Variant], Literal]:
        """The variants a literal may be of, and the literal inside."""
        if literal.scalar.WhichOneof("value") != "union":
            return self.all, literal
        union = literal.scalar.union
        tag = union.type.structure.tag
        same = self.by_tag.get(tag, []) if tag else self.all
        if not same:
            raise ValueMismatchError(f"expected {type_name(self.python_type)}, got a union variant tagged {tag!r}")
        return [v for v in same if v.tagged == union.type] or same, union.value

    def only(self, attempts: list[_Attempt], what: str) -> _Attempt:
        """The one that fitted."""
        found = [attempt for attempt in attempts if attempt.error is None]
        if len(found) == 1:
            return found[0]
        names = ", ".join(type_name(attempt.variant.python_type) for attempt in found)
        if found:
            raise TypeTransformerFailedError(
                f"{what} is ambiguous for {type_name(self.python_type)}: it fits {names} alike"
            )
        reasons = "; ".join(str(attempt.error) for attempt in attempts)
        raise ValueMismatchError(f"expected {type_name(self.python_type)}, got {what} ({reasons})")


class _UnionCodec(Codec):
    def __init__(self, variants: _Variants) -> None:
        super().__init__(variants.python_type, variants.literal_type)
        self._variants = variants

    def put(self, value: Any, literal: Literal) -> None:
        own = self._variants.by_class.get(type(value))
        if own is not None:
            union = literal.scalar.union
            own.codec.put(value, union.value)
            union.type.CopyFrom(own.tagged)
            return
        attempts = [variant.attempt(variant.codec.encode, value) for variant in self._variants.all]
        chosen = self._variants.only(attempts, shown(value))
        chosen.variant.wrap(chosen.result, literal)

    def decode(self, literal: Literal) -> Any:
        candidates, inner = self._variants.tagged(literal)
        if len(candidates) == 1:
            return candidates[0].codec.decode(inner)
        attempts = [variant.attempt(variant.codec.decode, inner) for variant in candidates]
        return self._variants.only(_meant(attempts, inner), describe(inner)).result


def _meant(attempts: list[_Attempt], inner: Literal) -> list[_Attempt]:
    """Of several variants that read a literal, the one that would have written it: an integer reads as float too."""
    found = [attempt for attempt in attempts if attempt.error is None]
    if len(found) < 2:
        return attempts
    return [attempt for attempt in found if attempt.variant.codec.encode(attempt.result) == inner] or found


class _AsyncUnionCodec(AsyncCodec):
    def __init__(self, variants: _Variants) -> None:
        super().__init__(variants.python_type, variants.literal_type)
        self._variants = variants

    async def aencode(self, value: Any) -> Literal:
        own = self._variants.by_class.get(type(value))
        variants = self._variants.all if own is None else [own]
        attempts = [await variant.aattempt(variant.codec.aencode, value) for variant in variants]
        chosen = self._variants.only(attempts, shown(value))
        literal = Literal()
        chosen.variant.wrap(chosen.result, literal)
        return literal

    async def adecode(self, literal: Literal) -> Any:
        candidates, inner = self._variants.tagged(literal)
        attempts = [await variant.aattempt(variant.codec.adecode, inner) for variant in candidates]
        return self._variants.only(attempts, describe(inner)).result


class _UnionTransformer(CodecTransformer):
    def __init__(self) -> None:
        super().__init__("Typed Union", typing.cast(Any, typing.Union))

    def codec(self, python_type: Any) -> Codec:
        variants = _Variants(python_type)
        return _UnionCodec(variants) if variants.is_sync else _AsyncUnionCodec(variants)

    def assert_type(self, t: Any, v: Any) -> None:
        self.codec(t).encode(v)

    def guess_python_type(self, literal_type: LiteralType) -> Any:
        if literal_type.WhichOneof("type") == "union_type":
            from flyte_core.types.engine import TypeEngine

            variants = tuple(TypeEngine.guess_python_type(v) for v in literal_type.union_type.variants)
            return typing.Union[variants]  # noqa: UP007 - made at run time
        return super().guess_python_type(literal_type)


def union_transformers() -> dict[Any, TypeTransformer[Any]]:
    """The transformer of unions, for both spellings."""
    import types

    union = _UnionTransformer()
    return {typing.Union: union, types.UnionType: union}
