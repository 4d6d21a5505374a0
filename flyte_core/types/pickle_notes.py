"""Says which inputs and outputs go pickled, and why: one line in the log for each."""

from __future__ import annotations

import inspect
import typing
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from flyte_core._logging import logger
from flyte_core.types import lookup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flyteidl2.core.types_pb2 import LiteralType

__all__ = ["goes_pickled", "say_pickled"]


class _Said:
    lines: ClassVar[set[str]] = set()


def goes_pickled(literal_type: LiteralType) -> bool:
    """Whether values of a literal type are pickled, or have parts that are.

    Example:
        >>> from flyte_core.types.codec import codec_for
        >>> goes_pickled(codec_for(list[complex]).literal_type), goes_pickled(codec_for(list[int]).literal_type)
        (True, False)
    """
    return b"FlytePickle" in literal_type.SerializeToString()


def say_pickled(where: str, t: Any) -> None:
    """Log, once, that something goes pickled.

    Args:
        where: what it is the type of, such as ``task 'a.b', input 'x'``.
        t: its type.
    """
    reasons = dict.fromkeys(_reason(part) for part in _pickled_parts(t))
    if not reasons:
        return
    line = f"{where} goes pickled, so both sides need the same Python and modules: {'; '.join(reasons)}"
    if line not in _Said.lines:
        _Said.lines.add(line)
        logger.warning("%s", line)


def _pickled_parts(t: Any) -> Iterator[Any]:
    """The types inside of a type, as far as they are literals of their own, that have no literal type."""
    from flyte_core.types.pickled import PICKLE

    inner = lookup.underlying(t)
    arguments = typing.get_args(inner)
    if typing.get_origin(inner) is typing.Literal:
        if not all(type(value) is str for value in arguments):
            yield inner
    elif lookup.find_transformer(t) is PICKLE:
        # of parameters without an annotation the interface has told already
        if inner is not inspect.Parameter.empty:
            yield inner
    elif lookup.is_union(inner) or typing.get_origin(inner) in (list, dict):
        for argument in arguments:
            yield from _pickled_parts(argument)


def _reason(t: Any) -> str:
    if t in (Any, object) or isinstance(t, TypeVar):
        return f"{_shown(t)} says nothing about the value"
    if typing.get_origin(t) is typing.Literal:
        return f"{_shown(t)} has values that are no strings"
    if hasattr(t, "__supertype__"):
        return f"{_shown(t)} is a NewType; annotate it as {_shown(t.__supertype__)} to have that one's literal type"
    hint = lookup.provider_hint(t)
    return f"{_shown(t)} has no literal type" + (f"; {hint} gives it one" if hint else "")


def _shown(t: Any) -> str:
    """A class with its module; anything else as one would write it."""
    if not isinstance(t, type) and not hasattr(t, "__supertype__"):
        return str(t).replace("typing.", "")
    name = str(t.__qualname__) if not typing.get_args(t) else str(t)
    return name if t.__module__ in ("builtins", "typing") or typing.get_args(t) else f"{t.__module__}.{name}"
