"""Which record of a union an object was meant for: the one whose ``Literal`` field has the object's word."""

from __future__ import annotations

import collections
import typing
from typing import TYPE_CHECKING, Any

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types import lookup
from flyte_core.types.mismatch import ValueMismatchError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["is_structured", "meant", "wrong_word"]

_CONTAINERS = (list, tuple, set, frozenset, dict, collections.deque)
_MARKS = ("from_existing_remote", "_deserialize", "DESCRIPTOR")


def is_structured(t: Any) -> bool:
    """Whether the JSON of a type is an object or an array: containers, records, references and messages.

    Example:
        >>> is_structured(list[int]), is_structured(str)
        (True, False)
    """
    t = lookup.underlying(t)
    if lookup.is_union(t):
        return any(map(is_structured, typing.get_args(t)))
    owner = typing.get_origin(t) or t
    if not isinstance(owner, type):
        return False
    marked = any(hasattr(owner, mark) for mark in _MARKS)
    return marked or issubclass(owner, _CONTAINERS) or lookup.is_record(t) or lookup.is_pydantic(t)


def meant(variants: Iterable[Any], obj: Any) -> Any | None:
    """Give the one variant of a union that an object was meant for.

    Args:
        variants: the union's arguments.
        obj: what ``json.loads`` gave, or the plain form of a record.

    Returns:
        The variant that has ``Literal`` fields among those of the object, all of which take what is there; None where
        that is no variant, or several.

    Example:
        >>> class Cat(typing.TypedDict):
        ...     kind: typing.Literal["cat"]
        >>> class Dog(typing.TypedDict):
        ...     kind: typing.Literal["dog"]
        >>> meant([Cat, Dog], {"kind": "dog"}).__name__
        'Dog'
    """
    if not isinstance(obj, dict):
        return None
    found = []
    for variant in variants:
        words = [(obj[name], known) for name, known in _tags(variant).items() if name in obj]
        if words and all(_is_one(word, known) for word, known in words):
            found.append(variant)
    return found[0] if len(found) == 1 else None


def wrong_word(variants: Iterable[Any], obj: Any) -> ValueMismatchError | None:
    """Give the error of an object whose word is that of no record of a union; None where that is not what is wrong.

    Example:
        >>> class Cat(typing.TypedDict):
        ...     kind: typing.Literal["cat"]
        >>> class Dog(typing.TypedDict):
        ...     kind: typing.Literal["dog"]
        >>> str(wrong_word([Cat, Dog], {"kind": "bird"}))
        "kind: expected one of 'cat', 'dog', got 'bird'"
    """
    all_tags = [_tags(variant) for variant in variants if is_structured(variant)]
    if not isinstance(obj, dict) or len(all_tags) < 2:
        return None
    for name in all_tags[0]:
        if name in obj and all(name in tags for tags in all_tags):
            known = tuple(word for tags in all_tags for word in tags[name])
            if not _is_one(obj[name], known):
                words = ", ".join(map(repr, dict.fromkeys(known)))
                return ValueMismatchError(f"expected one of {words}, got {shown(obj[name])}", f".{name}")
    return None


def _is_one(word: Any, known: tuple[Any, ...]) -> bool:
    return any(type(word) is type(value) and word == value for value in known)


def _tags(t: Any) -> dict[str, tuple[Any, ...]]:
    """The fields of a record whose type is a ``Literal``, with its words."""
    hints = {name: lookup.underlying(hint) for name, hint in _hints(lookup.underlying(t)).items()}
    return {name: typing.get_args(hint) for name, hint in hints.items() if typing.get_origin(hint) is typing.Literal}


def _hints(t: Any) -> dict[str, Any]:
    from flyte_core.types.plain_containers import hints_of, typed_keys
    from flyte_core.types.plain_records import record_fields

    try:
        if hasattr(typing.get_origin(t) or t, "__required_keys__"):
            return {name: hint for name, (hint, _) in typed_keys(t).items()}
        if lookup.is_record(t):
            return {field.name: field.type for field in record_fields(t)}
        return hints_of(t) if lookup.is_pydantic(t) else {}
    except (TypeTransformerFailedError, TypeError):  # annotations that nobody can resolve: it has no tag then
        return {}
