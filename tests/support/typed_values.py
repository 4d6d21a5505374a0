"""Generated types with values of them, and a check of literals against literal types."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import itertools
import typing
import uuid
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple

import attrs
import pydantic
from flyteidl2.core import literals_pb2, types_pb2
from hypothesis import strategies as st
from typing_extensions import NotRequired, TypedDict

__all__ = ["PAIRS", "misfit", "pair"]

UTC = dt.timezone.utc
_numbers = itertools.count()


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


def pair(t: Any, values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    """One type with values of it."""
    return values.map(lambda value: (t, value))


INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
ZONES = st.sampled_from([UTC, dt.timezone(dt.timedelta(hours=2)), dt.timezone(dt.timedelta(hours=-3, minutes=-30))])
SCALARS = st.one_of(
    pair(int, INT64),
    pair(float, st.floats(allow_nan=False)),
    pair(bool, st.booleans()),
    pair(str, TEXT),
    pair(type(None), st.none()),
    # a zone that moves year 1 or 9999 out of the calendar has no place on the wire
    pair(dt.datetime, st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1), timezones=ZONES)),
    pair(dt.date, st.dates()),
    # inside a record a duration is a float of seconds, which holds microseconds for some centuries only
    pair(dt.timedelta, st.timedeltas(dt.timedelta(days=-10_000), dt.timedelta(days=10_000))),
    pair(Colour, st.sampled_from(Colour)),
    pair(Literal["a", "b"], st.sampled_from(["a", "b"])),
)
# What only the inside of a struct knows: a value alone of these goes pickled, or is refused.
INNER = st.one_of(
    pair(bytes, st.binary(max_size=8)),
    pair(uuid.UUID, st.uuids()),
    pair(decimal.Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    pair(PurePosixPath, TEXT.filter(lambda text: "\0" not in text).map(PurePosixPath)),
    pair(dt.time, st.times()),
    pair(Level, st.sampled_from(Level)),
    pair(Literal[1, "x", None], st.sampled_from([1, "x", None])),
)

Found = tuple[Any, Any]


def _named(fields: list[Found]) -> dict[str, Found]:
    return {f"f{index}": field for index, field in enumerate(fields)}


def _dataclass(fields: list[Found]) -> Found:
    named = _named(fields)
    t = dataclasses.make_dataclass(f"Data{next(_numbers)}", [(name, found[0]) for name, found in named.items()])
    return t, t(**{name: found[1] for name, found in named.items()})


def _attrs(fields: list[Found]) -> Found:
    named = _named(fields)
    t = attrs.make_class(f"Attrs{next(_numbers)}", {name: attrs.field(type=found[0]) for name, found in named.items()})
    return t, t(**{name: found[1] for name, found in named.items()})


def _model(fields: list[Found]) -> Found:
    named = _named(fields)
    t = pydantic.create_model(f"Model{next(_numbers)}", **{name: (found[0], ...) for name, found in named.items()})
    return t, t(**{name: found[1] for name, found in named.items()})


def _typed_dict(fields: list[Found]) -> Found:
    named = _named(fields)
    hints: dict[str, Any] = {name: found[0] for name, found in named.items()}
    t = TypedDict(f"Keys{next(_numbers)}", {**hints, "more": NotRequired[int]})  # type: ignore[misc] # made at run time
    return t, {name: found[1] for name, found in named.items()}


def _named_tuple(fields: list[Found]) -> Found:
    named = _named(fields)
    t = NamedTuple(f"Tuple{next(_numbers)}", [(name, found[0]) for name, found in named.items()])  # type: ignore[misc] # made at run time
    return t, t(*(found[1] for found in named.values()))


def _hashable(found: Found) -> bool:
    try:
        hash(found[1])
    except TypeError:
        return False
    return found[0] is not type(None)


def _inside(inner: st.SearchStrategy[Found]) -> st.SearchStrategy[Found]:
    """What may stand in a struct: containers that no literal type knows."""
    fields = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        fields.map(lambda found: (tuple[tuple(t for t, _ in found)], tuple(value for _, value in found))),
        st.tuples(inner, st.integers(0, 2)).map(lambda found: (tuple[found[0][0], ...], (found[0][1],) * found[1])),
        fields.map(_named_tuple),
        fields.map(_typed_dict),
    )


def _anywhere(inner: st.SearchStrategy[Found]) -> st.SearchStrategy[Found]:
    return st.one_of(
        st.tuples(inner, st.integers(0, 3)).map(lambda found: (list[found[0][0]], [found[0][1]] * found[1])),
        st.tuples(inner, st.lists(TEXT, max_size=3)).map(
            lambda found: (dict[str, found[0][0]], dict.fromkeys(found[1], found[0][1]))
        ),
        st.tuples(inner, INT64).map(lambda found: (dict[int, found[0][0]], {found[1]: found[0][1]})),
        inner.map(lambda found: (typing.Optional[found[0]], found[1])),  # noqa: UP045 - made at run time
        inner.map(lambda found: (typing.Optional[found[0]], None)),  # noqa: UP045 - made at run time
        st.tuples(inner, st.booleans()).map(lambda found: _union(found[0], first=found[1])),
    )


def _union(found: Found, *, first: bool) -> Found:
    """A union of the type with a record of its own, which nothing else can be mistaken for."""
    t, value = found
    other, other_value = _dataclass([(int, 5)])
    members = (t, other) if first else (other, t)
    return typing.Union[members], value if first else other_value  # noqa: UP007 - made at run time


def _records(inner: st.SearchStrategy[Found]) -> st.SearchStrategy[Found]:
    fields = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(fields.map(_dataclass), fields.map(_attrs))


_STRUCT = st.recursive(
    st.one_of(SCALARS, INNER),
    lambda inner: st.one_of(_anywhere(inner), _inside(inner), _records(inner)),
    max_leaves=4,
)
# pydantic guesses between members of a union and changes what it reads, so models hold what it leaves alone
_MODELS = st.lists(st.one_of(pair(int, INT64), pair(str, TEXT), pair(bool, st.booleans())), min_size=1, max_size=3).map(
    _model
)
PAIRS = st.recursive(
    st.one_of(SCALARS, _records(_STRUCT), _MODELS, st.lists(_STRUCT, min_size=1, max_size=2).map(_typed_dict)),
    lambda inner: st.one_of(_anywhere(inner), _records(inner)),
    max_leaves=4,
)
"""Types that a task may take, with values of them."""


def misfit(literal: literals_pb2.Literal, literal_type: types_pb2.LiteralType) -> str | None:
    """What is wrong with a literal of a literal type, as another implementation would see it; ``None`` if nothing is.

    Example:
        >>> from flyte_core.types.codec import codec_for
        >>> misfit(codec_for(str).encode("x"), codec_for(list[int]).literal_type)
        'scalar is no collection'
    """
    kind = literal_type.WhichOneof("type")
    value = literal.WhichOneof("value")
    if kind == "collection_type":
        if value != "collection":
            return f"{value} is no collection"
        return _first(misfit(item, literal_type.collection_type) for item in literal.collection.literals)
    if kind == "map_value_type":
        if value != "map":
            return f"{value} is no map"
        return _first(misfit(item, literal_type.map_value_type) for item in literal.map.literals.values())
    if kind == "union_type":
        return _union_misfit(literal, literal_type)
    if kind == "enum_type":
        word = literal.scalar.primitive.string_value
        return None if word in literal_type.enum_type.values else f"{word!r} is none of the enum's values"
    return _scalar_misfit(literal, literal_type)


def _first(faults: typing.Iterable[str | None]) -> str | None:
    return next((fault for fault in faults if fault), None)


def _union_misfit(literal: literals_pb2.Literal, literal_type: types_pb2.LiteralType) -> str | None:
    union = literal.scalar.union
    if union.type not in list(literal_type.union_type.variants):
        return f"{union.type.structure.tag!r} is none of the union's variants"
    return misfit(union.value, union.type)


_SIMPLE = {
    types_pb2.INTEGER: "integer",
    types_pb2.FLOAT: "float_value",
    types_pb2.STRING: "string_value",
    types_pb2.BOOLEAN: "boolean",
    types_pb2.DATETIME: "datetime",
    types_pb2.DURATION: "duration",
}


def _scalar_misfit(literal: literals_pb2.Literal, literal_type: types_pb2.LiteralType) -> str | None:
    simple = literal_type.simple
    scalar = literal.scalar.WhichOneof("value")
    if simple in _SIMPLE:
        found = literal.scalar.primitive.WhichOneof("value")
        return None if found == _SIMPLE[simple] else f"{found} is no {_SIMPLE[simple]}"
    wanted = {types_pb2.NONE: ("none_type",), types_pb2.STRUCT: ("binary", "generic")}.get(simple, ())
    return None if scalar in wanted else f"{scalar} is none of {wanted}"
