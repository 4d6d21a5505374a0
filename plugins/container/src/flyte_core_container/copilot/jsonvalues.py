"""Lists and maps that stand in one file as JSON, as outputs of a declared type."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core_container.copilot import scalars
from flyte_core_container.copilot.errors import CopilotVariableError, GrammarError

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal
    from flyteidl2.core.types_pb2 import LiteralType

    from flyte_core_container.copilot.entries import Entry

__all__ = ["literal_of_json"]


def literal_of_json(declared: LiteralType, value: Any, entry: Entry, *, lenient: bool = False) -> Literal:
    """Give the literal of a JSON value.

    Args:
        declared: the type.
        value: the value; files and folders have no form in it.
        entry: the file that it stands in, for messages.
        lenient: whether more texts are read.

    Raises:
        CopilotVariableError: the value is none of this type.
    """
    return _literal(declared, value, entry, lenient)


def _literal(declared: LiteralType, value: Any, entry: Entry, lenient: bool) -> Literal:
    kind = declared.WhichOneof("type")
    read = _READERS.get(kind or "")
    if read is None:
        raise entry.refusal(
            f"a {kind or 'value without a type'} cannot stand in JSON; write a folder with one file for each"
        )
    return read(declared, value, entry, lenient)


def _simple(declared: LiteralType, value: Any, entry: Entry, lenient: bool) -> Literal:
    from flyteidl2.core.literals_pb2 import Literal

    try:
        return Literal(scalar=scalars.scalar_of_json(int(declared.simple), value, lenient=lenient))
    except GrammarError as error:
        raise entry.refusal(str(error)) from error


def _enum(declared: LiteralType, value: Any, entry: Entry, lenient: bool) -> Literal:
    from flyteidl2.core.literals_pb2 import Literal, Primitive, Scalar

    values = list(declared.enum_type.values)
    if value not in values:
        raise entry.refusal(f"expected one of {', '.join(map(repr, values))}, got {str(value)[:60]!r}")
    return Literal(scalar=Scalar(primitive=Primitive(string_value=value)))


def _collection(declared: LiteralType, value: Any, entry: Entry, lenient: bool) -> Literal:
    from flyteidl2.core.literals_pb2 import Literal, LiteralCollection

    if not isinstance(value, list):
        raise entry.refusal(f"expected a JSON array, got {scalars.kind_of_json(value)}")
    items = [
        _literal(declared.collection_type, item, attrs.evolve(entry, label=f"{entry.label}[{index}]"), lenient)
        for index, item in enumerate(value)
    ]
    return Literal(collection=LiteralCollection(literals=items))


def _map(declared: LiteralType, value: Any, entry: Entry, lenient: bool) -> Literal:
    from flyteidl2.core.literals_pb2 import Literal, LiteralMap

    if not isinstance(value, dict):
        raise entry.refusal(f"expected a JSON object, got {scalars.kind_of_json(value)}")
    items = {
        key: _literal(declared.map_value_type, item, attrs.evolve(entry, label=f"{entry.label}[{key}]"), lenient)
        for key, item in value.items()
    }
    try:
        return Literal(map=LiteralMap(literals=items))
    except UnicodeEncodeError as error:
        raise entry.refusal("a key has half a character, a lone surrogate, in it") from error


def _union(declared: LiteralType, value: Any, entry: Entry, lenient: bool) -> Literal:
    from flyteidl2.core.literals_pb2 import Literal, Scalar, Union

    reasons = []
    for variant in sorted(declared.union_type.variants, key=_rank):
        try:
            literal = _literal(variant, value, entry, lenient)
        except CopilotVariableError as error:  # noqa: PERF203 - a union has few types
            reasons.append(error.reason)
        else:
            return Literal(scalar=Scalar(union=Union(value=literal, type=variant)))
    raise entry.refusal(f"it fits none of the union's types: {'; '.join(dict.fromkeys(reasons))}")


def _rank(variant: LiteralType) -> bool:
    # JSON tells numbers from texts; only among texts the types that take certain ones go first.
    return variant.WhichOneof("type") == "simple" and variant.simple not in scalars.STRICT


_READERS: dict[str, Callable[[Any, Any, Entry, bool], Any]] = {
    "simple": _simple,
    "enum_type": _enum,
    "union_type": _union,
    "collection_type": _collection,
    "map_value_type": _map,
}
