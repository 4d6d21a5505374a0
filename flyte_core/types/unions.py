"""Unions: a value goes with the type of the variant it was taken for.

The variant of the value's own class wins; otherwise the one variant that takes the value. Several are an error
that lists them.
"""

from __future__ import annotations

import typing
from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs
from flyteidl2.core.literals_pb2 import Literal
from flyteidl2.core.types_pb2 import LiteralType, UnionType

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import AsyncCodec, Codec, codec_for, type_name
from flyte_core.types.lookup import find_transformer, is_class, underlying
from flyte_core.types.mismatch import ValueMismatchError, describe, shown
from flyte_core.types.pickled import PICKLE
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
    is_pickled: bool

    def is_of(self, value: Any) -> bool:
        """Whether a value is an instance of the variant's class."""
        try:
            return isinstance(value, self.python_type)
        except TypeError:  # a protocol that is not made for it
            return True

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
    transformer = find_transformer(python_type)
    tagged.structure.tag = transformer.name
    return _Variant(
        python_type=python_type,
        codec=codec,
        tag=transformer.name,
        tagged=tagged,
        is_pickled=transformer is PICKLE and python_type is not object,
    )


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

    def nearest(self, value: Any) -> list[_Variant]:
        """The variant of the nearest of the value's base classes, if there is one."""
        found = (self.by_class[base] for base in type(value).__mro__ if base in self.by_class)
        return list(islice(found, 1))

    def possible(self, value: Any) -> list[_Variant]:
        """The variants worth trying: pickle takes everything, also what is no instance of the class."""
        return [v for v in self.all if not v.is_pickled or not is_class(v.python_type) or v.is_of(value)]

    def tagged(self, literal: Literal) -> tuple[list[_Variant], Literal]:
        """The variants a literal may be of, and the literal inside."""
        if literal.scalar.WhichOneof("value") != "union":
            return self.all, literal
        union = literal.scalar.union
        tag = union.type.structure.tag
        same = self.by_tag.get(tag, []) if tag else self.all
        if not same:
            known = ", ".join(map(repr, self.by_tag))
            raise ValueMismatchError(
                f"expected {type_name(self.python_type)}, got a union variant tagged {tag!r}; its own tags are {known}"
            )
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
        raise ValueMismatchError(
            f"expected {type_name(self.python_type)}, got {what}" + (f" ({reasons})" if reasons else "")
        )


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
        for variants in (self._variants.nearest(value), self._variants.possible(value)):
            attempts = [variant.attempt(variant.codec.encode, value) for variant in variants]
            if any(attempt.error is None for attempt in attempts):
                break
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
    found = [attempt for attempt in found if type(attempt.result) is attempt.variant.python_type] or found
    if len(found) < 2 or not all(attempt.variant.codec.is_sync for attempt in found):
        return found  # writing once more what needs output would store it once more
    return [attempt for attempt in found if attempt.variant.codec.encode(attempt.result) == inner] or found


class _AsyncUnionCodec(AsyncCodec):
    def __init__(self, variants: _Variants) -> None:
        super().__init__(variants.python_type, variants.literal_type)
        self._variants = variants

    async def aencode(self, value: Any) -> Literal:
        own = self._variants.by_class.get(type(value))
        literal = Literal()
        if own is not None:
            own.wrap(await own.codec.aencode(value), literal)
            return literal
        for variants in (self._variants.nearest(value), self._variants.possible(value)):
            attempts = [await variant.aattempt(variant.codec.aencode, value) for variant in variants]
            if any(attempt.error is None for attempt in attempts):
                break
        chosen = self._variants.only(attempts, shown(value))
        chosen.variant.wrap(chosen.result, literal)
        return literal

    async def adecode(self, literal: Literal) -> Any:
        candidates, inner = self._variants.tagged(literal)
        if len(candidates) == 1:
            return await candidates[0].codec.adecode(inner)
        attempts = [await variant.aattempt(variant.codec.adecode, inner) for variant in candidates]
        return self._variants.only(_meant(attempts, inner), describe(inner)).result


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
