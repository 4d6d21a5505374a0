# ruff: noqa: UP045 - X | None cannot be made of a generated type in Python 3.10
"""Generated types with values of theirs: `decode(encode(value)) == value`, and the literal is of the literal type."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass, make_dataclass
from typing import Literal, Optional

from flyteidl2.core import literals_pb2, types_pb2
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.types.codec import codec_for
from flyte_core.types.plain import plain_for
from flyte_core.types.wire import unpack

UTC = dt.timezone.utc


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Leaf:
    a: int
    b: str = "x"


def pair(t, values):
    return values.map(lambda value: (t, value))


_INT64 = st.integers(-(2**63), 2**63 - 1)
_TEXT = st.text(st.characters(exclude_categories=("Cs",)))
SCALARS = st.one_of(
    pair(int, _INT64),
    pair(float, st.floats(allow_nan=False)),
    pair(bool, st.booleans()),
    pair(str, _TEXT),
    pair(type(None), st.none()),
    pair(dt.datetime, st.datetimes(timezones=st.just(UTC))),
    pair(dt.date, st.dates()),
    # inside a record a duration is a float of seconds, which holds microseconds for some centuries only
    pair(dt.timedelta, st.timedeltas(dt.timedelta(days=-10_000), dt.timedelta(days=10_000))),
    pair(Colour, st.sampled_from(Colour)),
    pair(Literal["a", "b"], st.sampled_from(["a", "b"])),
    pair(Leaf, st.builds(Leaf, _INT64, _TEXT)),
)


def _record(fields):
    names = [f"f{index}" for index in range(len(fields))]
    t = make_dataclass("Made", [(name, field[0]) for name, field in zip(names, fields, strict=True)])
    return t, t(*(value for _, value in fields))


def _containers(inner):
    return st.one_of(
        st.tuples(inner, st.integers(0, 3)).map(lambda found: (list[found[0][0]], [found[0][1]] * found[1])),
        st.tuples(inner, st.lists(_TEXT, max_size=3)).map(
            lambda found: (dict[str, found[0][0]], dict.fromkeys(found[1], found[0][1]))
        ),
        st.tuples(inner, _INT64).map(lambda found: (dict[int, found[0][0]], {found[1]: found[0][1]})),
        inner.map(lambda found: (Optional[found[0]], found[1])),
        inner.map(lambda found: (Optional[found[0]], None)),
        st.lists(inner, min_size=1, max_size=3).map(_record),
    )


PAIRS = st.recursive(SCALARS, _containers, max_leaves=5)


def of_type(literal: literals_pb2.Literal, literal_type: types_pb2.LiteralType) -> bool:
    """Whether a literal is one of a literal type, as another implementation would see it."""
    kind = literal_type.WhichOneof("type")
    if kind == "collection_type":
        return literal.WhichOneof("value") == "collection" and all(
            of_type(item, literal_type.collection_type) for item in literal.collection.literals
        )
    if kind == "map_value_type":
        return literal.WhichOneof("value") == "map" and all(
            of_type(item, literal_type.map_value_type) for item in literal.map.literals.values()
        )
    if kind == "union_type":
        union = literal.scalar.union
        return union.type in list(literal_type.union_type.variants) and of_type(union.value, union.type)
    if kind == "enum_type":
        return literal.scalar.primitive.string_value in literal_type.enum_type.values
    return literal.scalar.WhichOneof("value") in ("primitive", "none_type", "binary")


@given(PAIRS)
def test_a_value_comes_back_equal_and_of_its_class(found):
    t, value = found
    codec = codec_for(t)
    literal = codec.encode(value)
    assert of_type(literal, codec.literal_type)
    again = literals_pb2.Literal.FromString(literal.SerializeToString())
    back = codec.decode(again)
    assert back == value
    assert type(back) is type(value)


@given(PAIRS)
def test_a_value_has_one_and_the_same_bytes_each_time(found):
    t, value = found
    codec = codec_for(t)
    first = codec.encode(value).SerializeToString(deterministic=True)
    assert codec.encode(codec.decode(codec.encode(value))).SerializeToString(deterministic=True) == first


@given(PAIRS)
def test_the_plain_form_comes_back_equal(found):
    t, value = found
    plain = plain_for(t)
    literal = codec_for(dict).encode({"v": plain.encode(value)})
    assert plain.decode(unpack(literal.scalar.binary)["v"]) == value
