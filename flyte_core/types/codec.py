"""Codecs: what the engine compiles once for a Python type and then uses for every value of it.

A codec is synchronous where every part of its type is; values of such types pass in plain function calls, which
is what makes a local run cheap. `codec_for` keeps the compiled codecs.
"""

from __future__ import annotations

import asyncio
import inspect
import typing
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from flyteidl2.core.literals_pb2 import Literal
from flyteidl2.core.types_pb2 import LiteralType

from flyte_core.errors import FlyteCoreError, TypeTransformerFailedError
from flyte_core.types import lookup
from flyte_core.types.mismatch import ValueMismatchError, describe, under

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence

    from flyte_core.types.transformer import TypeTransformer

__all__ = ["AsyncCodec", "Codec", "TransformerCodec", "codec_for", "in_order", "type_key", "type_name", "wait_for"]

_R = TypeVar("_R")

# A long-lived process that makes classes at run time must not keep them all alive; real programs use far fewer.
_KEPT = 4096
_BATCH = 10


class Codec:
    """The functions of one Python type.

    Subclasses give `put` and `decode`; everything else follows. The literal type is shared: copy it before
    changing it.

    Args:
        python_type: the type.
        literal_type: its literal type.

    Attributes:
        is_sync: whether `encode` and `decode` do no input or output.
    """

    is_sync: bool = True

    def __init__(self, python_type: Any, literal_type: LiteralType) -> None:
        self.python_type = python_type
        self.literal_type = literal_type

    @cached_property
    def is_pickled(self) -> bool:
        """Whether values are pickled, or have parts that are; asked of every variable of every task."""
        from flyte_core.types.pickle_notes import goes_pickled

        return goes_pickled(self.literal_type)

    def put(self, value: Any, literal: Literal) -> None:
        """Write a value into an empty literal, in place; three times as fast as building nested messages."""
        raise NotImplementedError

    def encode(self, value: Any) -> Literal:
        """A value as a literal.

        Raises:
            TypeTransformerFailedError: if the value does not fit the type; the message says where.
        """
        literal = Literal()
        self.put(value, literal)
        return literal

    def decode(self, literal: Literal) -> Any:
        """A literal as a value.

        Raises:
            TypeTransformerFailedError: if the literal does not fit the type; the message says where.
        """
        raise NotImplementedError

    async def aencode(self, value: Any) -> Literal:
        """`encode` for callers that cannot know whether the type needs input or output."""
        return self.encode(value)

    async def adecode(self, literal: Literal) -> Any:
        """`decode` for callers that cannot know whether the type needs input or output."""
        return self.decode(literal)

    def packed(self, literal: Literal) -> Any:
        """Decode a literal that is not this type's own: MessagePack, as attribute access sends it, or a fault."""
        if literal.WhichOneof("value") == "scalar" and literal.scalar.WhichOneof("value") == "binary":
            from flyte_core.types.plain import plain_for
            from flyte_core.types.wire import unpack

            return plain_for(self.python_type).decode(unpack(literal.scalar.binary))
        raise ValueMismatchError(f"expected {type_name(self.python_type)}, got {describe(literal)}")


class AsyncCodec(Codec):
    """A codec whose type needs input or output; the synchronous functions wait for the asynchronous ones."""

    is_sync = False

    def put(self, value: Any, literal: Literal) -> None:
        """Wait for `aencode`."""
        literal.CopyFrom(wait_for(self.aencode(value)))

    def encode(self, value: Any) -> Literal:
        """Wait for `aencode`."""
        return wait_for(self.aencode(value))

    def decode(self, literal: Literal) -> Any:
        """Wait for `adecode`."""
        return wait_for(self.adecode(literal))


class TransformerCodec(AsyncCodec):
    """Any transformer's asynchronous methods as a codec; what they raise is told as the transformer's."""

    def __init__(self, transformer: TypeTransformer[Any], python_type: Any) -> None:
        with _told(transformer, "get_literal_type"):
            literal_type = transformer.get_literal_type(python_type)
        _check_message(transformer, "get_literal_type", literal_type, LiteralType)
        super().__init__(python_type, literal_type)
        self._transformer = transformer

    async def aencode(self, value: Any) -> Literal:
        """Check the value's type where the transformer wants that, then ask it."""
        return await self.aencode_as(value, self.literal_type)

    async def aencode_as(self, value: Any, expected: LiteralType) -> Literal:
        """`aencode` with a literal type that the caller brings."""
        transformer = self._transformer
        if transformer.type_assertions_enabled:
            with _told(transformer, "assert_type"):
                transformer.assert_type(self.python_type, value)
        with _told(transformer, "to_literal"):
            literal = await transformer.to_literal(value, self.python_type, expected)
        _check_message(transformer, "to_literal", literal, Literal)
        return literal

    async def adecode(self, literal: Literal) -> Any:
        """Ask the transformer."""
        with _told(self._transformer, "to_python_value"):
            return await self._transformer.to_python_value(literal, self.python_type)


@contextmanager
def _told(transformer: TypeTransformer[Any], method: str) -> Iterator[None]:
    """Turn what a user's or plugin's transformer raises into an error that names it."""
    try:
        yield
    except FlyteCoreError:
        raise
    except Exception as error:  # a plugin boundary
        raise ValueMismatchError(
            f"{method} of the transformer {transformer.name!r} ({type(transformer).__module__}) failed with "
            f"{type(error).__name__}: {error}"
        ) from error


def _check_message(transformer: TypeTransformer[Any], method: str, found: Any, expected: type) -> None:
    if not isinstance(found, expected):
        raise TypeTransformerFailedError(
            f"{method} of the transformer {transformer.name!r} ({type(transformer).__module__}) must return a "
            f"{expected.__name__}, got {found!r}"
        )


def type_name(t: Any) -> str:
    """A type as one would write it, without its module where it is a class."""
    if t is type(None):
        return "None"
    if t is inspect.Parameter.empty:
        return "Any (it has no annotation)"
    if lookup.is_class(t):
        return str(t.__name__)
    return str(t).replace("typing.", "")


def wait_for(coroutine: Coroutine[Any, Any, _R]) -> _R:
    """Run a coroutine to its end from synchronous code, in a thread of its own where a loop already runs here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


async def in_order(
    convert: Callable[[Any], Coroutine[Any, Any, _R]], items: Sequence[Any], steps: Iterable[str]
) -> list[_R]:
    """Convert items a few at a time, results in order; the first failure is raised with its step in front."""
    done: list[_R] = []
    names = iter(steps)
    for start in range(0, len(items), _BATCH):
        batch = await asyncio.gather(*map(convert, items[start : start + _BATCH]), return_exceptions=True)
        for result, step in zip(batch, islice(names, len(batch)), strict=True):
            if isinstance(result, TypeTransformerFailedError):
                raise under(result, step) from result
            if isinstance(result, BaseException):
                raise result
            done.append(result)
    return done


# ---- the compiled codecs ----------------------------------------------------------------------------


class _Compiled:
    codecs: typing.ClassVar[dict[Any, Codec]] = {}
    # With the type itself, which keeps its identity from being given to another one; ten times as fast as by key.
    by_identity: typing.ClassVar[dict[int, tuple[Any, Codec]]] = {}
    version = -1


def codec_for(python_type: Any) -> Codec:
    """The codec of a type, compiled at first use and again after a transformer was registered.

    Args:
        python_type: a class, a generic, ``Annotated``, ``None`` or ``inspect.Parameter.empty``.

    Raises:
        TypeTransformerFailedError: if the type has no literal type.

    Example:
        >>> codec = codec_for(list[int])
        >>> codec.decode(codec.encode([1, 2]))
        [1, 2]
    """
    if _Compiled.version != lookup.version():
        _Compiled.codecs.clear()
        _Compiled.by_identity.clear()
        _Compiled.version = lookup.version()
    known = _Compiled.by_identity.get(id(python_type))
    return known[1] if known is not None else _codec_by_key(python_type)


def _codec_by_key(python_type: Any) -> Codec:
    key = type_key(python_type)
    codec = _Compiled.codecs.get(key)
    if codec is None:
        codec = lookup.find_transformer(python_type).codec(python_type)
        _keep(_Compiled.codecs, key, codec)
    _keep(_Compiled.by_identity, id(python_type), (python_type, codec))
    return codec


def _keep(kept: dict[Any, Any], key: Any, value: Any) -> None:
    if len(kept) >= _KEPT:
        kept.clear()
    kept[key] = value


def type_key(t: Any) -> Any:
    """A key that keeps apart what ``==`` does not.

    ``Union[int, str] == Union[str, int]`` and ``Literal["a", "b"] == Literal["b", "a"]``, yet the order is on the
    wire. What cannot be hashed is told apart by identity: the codec keeps it alive.
    """
    if typing.get_origin(t) is typing.Literal:
        return ("Literal", *((type(v), v) for v in t.__args__))
    if lookup.is_annotated(t):
        return ("Annotated", type_key(t.__origin__), *(id(m) for m in t.__metadata__))
    arguments = typing.get_args(t)
    if arguments:
        return ("Union" if lookup.is_union(t) else typing.get_origin(t), *map(type_key, arguments))
    try:
        hash(t)
    except TypeError:
        return ("id", id(t))
    return t
