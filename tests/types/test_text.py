# ruff: noqa: UP007, UP045 - the older spelling is tested too
from __future__ import annotations

import datetime as dt
import enum
import inspect
import json
import math
import uuid
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Optional, TypedDict, Union

import pydantic
import pytest
from flyteidl2.core.literals_pb2 import Binary, Scalar
from flyteidl2.core.literals_pb2 import Literal as WireLiteral
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.io import File
from flyte_core.types.codec import codec_for
from flyte_core.types.text import parse_text, to_jsonable

UTC = dt.timezone.utc


class Colour(enum.Enum):
    RED = "BLUE"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    when: Optional[dt.date] = None


class Model(pydantic.BaseModel):
    name: str
    points: list[int] = []


@pytest.mark.parametrize(
    ("text", "t", "value"),
    [
        ("5", int, 5),
        (" -5 ", int, -5),
        ("1e3", float, 1000.0),
        ("5", str, "5"),
        ("", str, ""),
        ("Yes", bool, True),
        ("false", bool, False),
        ("null", type(None), None),
        ("2024-01-02", dt.date, dt.date(2024, 1, 2)),
        ("2024-01-02T03:04:05", dt.datetime, dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05Z", dt.datetime, dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05+02:00", dt.datetime, dt.datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC)),
        ("1h30m", dt.timedelta, dt.timedelta(minutes=90)),
        ("BLUE", Colour, Colour.RED),
        ("RED", Colour, Colour.RED),
        ("b", Literal["a", "b"], "b"),
        ("2", Literal[1, 2], 2),
        ("none", Optional[str], None),
        ("5", Optional[int], 5),
        ("5", int | str, 5),
        ("five", str | int, "five"),
        ("5", str | int, 5),
        ("[1, 2]", list[int], [1, 2]),
        ('{"1": 0.5}', dict[int, float], {1: 0.5}),
        ('["2024-01-02"]', list[dt.date], [dt.date(2024, 1, 2)]),
        ('{"x": 1, "when": "2024-01-02"}', Point, Point(1, dt.date(2024, 1, 2))),
        ('{"name": "n", "points": [1]}', Model, Model(name="n", points=[1])),
        ('{"a": [1]}', dict, {"a": [1]}),
        ("[1]", Any, [1]),
        ("words", Any, "words"),
        ("5", Annotated[int, "count"], 5),
        ("s3://bucket/x.csv", File, File(path="s3://bucket/x.csv")),
    ],
)
def test_a_value_is_read_from_its_text(text, t, value):
    found = parse_text(text, t)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "t", "named"),
    [
        ("x", int, "int"),
        ("1.5", int, "int"),
        ("x", float, "float"),
        ("maybe", bool, "maybe"),
        ("soon", dt.date, "date"),
        ("soon", dt.datetime, "datetime"),
        ("soon", dt.timedelta, "timedelta"),
        ("x", type(None), "none"),
        ("green", Colour, "'BLUE', 'blue'"),
        ("c", Literal["a", "b"], "'a', 'b'"),
        ("[1, x", list[int], "JSON"),
        ('[1, "x"]', list[int], r"\[1\]"),
        ('{"x": "a"}', Point, "x: expected int"),
        ("{}", Point, "x"),
        ("{}", Model, "name"),
        ("x", int | bool, "int"),
    ],
)
def test_text_that_stands_for_no_value_is_refused_with_what_was_expected(text, t, named):
    with pytest.raises(TypeTransformerFailedError, match=named):
        parse_text(text, t)


@pytest.mark.parametrize(
    ("value", "t", "shown"),
    [
        (5, int, 5),
        (dt.timedelta(seconds=90), dt.timedelta, 90.0),
        (Colour.RED, Colour, "BLUE"),
        ({1: Point(1, dt.date(2024, 1, 2))}, dict[int, Point], {"1": {"x": 1, "when": "2024-01-02"}}),
        ({"b": (1, 2), "raw": b"\x00"}, dict, {"b": {"@tuple": [1, 2]}, "raw": {"@bytes": "AA=="}}),
        (b"\x00", bytes, "AA=="),
        (None, Optional[int], None),
    ],
)
def test_a_value_is_shown_as_json(value, t, shown):
    assert to_jsonable(value, t) == shown
    json.dumps(shown)


def scalars(t, values):
    return values.map(lambda value: (t, value))


PAIRS = st.recursive(
    st.one_of(
        scalars(int, st.integers()),
        scalars(float, st.floats(allow_nan=False)),
        scalars(bool, st.booleans()),
        scalars(str, st.text()),
        scalars(dt.date, st.dates()),
        scalars(dt.datetime, st.datetimes(timezones=st.just(UTC))),
        scalars(Optional[int], st.none() | st.integers()),
        scalars(Colour, st.sampled_from(Colour)),
    ),
    lambda inner: st.one_of(
        inner.map(lambda pair: (list[pair[0]], [pair[1], pair[1]])),
        inner.map(lambda pair: (dict[str, pair[0]], {"k": pair[1]})),
        st.tuples(st.integers(), inner).map(lambda pair: (dict[int, pair[1][0]], {pair[0]: pair[1][1]})),
    ),
    max_leaves=4,
)


@given(PAIRS)
def test_what_is_shown_as_json_reads_back(pair):
    t, value = pair
    shown = to_jsonable(value, t)
    text = shown if isinstance(shown, str) else json.dumps(shown)
    assert parse_text(text, t) == value


def test_infinities_pass_through_json_as_python_writes_it():
    assert parse_text(json.dumps(to_jsonable([math.inf], list[float])), list[float]) == [math.inf]


@dataclass
class Leaf:
    name: str


@dataclass
class Circle:
    kind: Literal["circle"]
    radius: float


@dataclass
class Square:
    kind: Literal["square"]
    side: float


@dataclass
class Drawing:
    shapes: list[Circle | Square]


class Pair(NamedTuple):
    a: int
    b: int


class Options(TypedDict, total=False):
    depth: int


NumberOrText = Union[int, str, Leaf]


@pytest.mark.parametrize(
    ("text", "t", "value"),
    [
        ("3", NumberOrText, 3),
        ('"3"', NumberOrText, "3"),
        ('"\\"3\\""', NumberOrText, '"3"'),
        ("word", NumberOrText, "word"),
        ('"word"', NumberOrText, '"word"'),
        ('{"name": "x"}', NumberOrText, Leaf("x")),
        (json.dumps('{"nam": "x"}'), NumberOrText, '{"nam": "x"}'),
        ("{no json", NumberOrText, "{no json"),
        ('"none"', Optional[str], "none"),
        ('{"a": 1}', Optional[str], '{"a": 1}'),
        ('"blue"', Union[Colour, str], "blue"),
        ('"1.5"', Union[Decimal, str], "1.5"),
        ("no such file", Union[File, str], "no such file"),
        (str(Path(__file__).parent), Union[File, str], str(Path(__file__).parent)),
        (json.dumps(__file__), Union[File, str], __file__),
    ],
)
def test_a_union_with_str_takes_a_quoted_text_as_str_where_the_bare_one_is_something_else(text, t, value):
    found = parse_text(text, t)
    assert (type(found), found) == (type(value), value)


@given(st.text())
def test_every_str_can_be_given_where_other_variants_compete_for_it(text):
    quoted = json.dumps(text)
    assert parse_text(quoted if parse_or_none(text) != text else text, NumberOrText) == text


def parse_or_none(text):
    try:
        return parse_text(text, NumberOrText)
    except TypeTransformerFailedError:
        return None


@pytest.mark.parametrize("text", ['{"nam": "x"}', "[1]", '{"name": 3}'])
def test_an_object_that_fits_no_variant_is_no_str(text):
    with pytest.raises(TypeTransformerFailedError, match="double quotes") as caught:
        parse_text(text, NumberOrText)
    assert "Leaf" in str(caught.value) or "name: expected str" in str(caught.value)
    assert "expected int," not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "t", "said"),
    [
        ('{"kind": "square", "sid": 2}', Union[Circle, Square], "2 fields do not fit Square"),
        ('{"kind": "square", "side": "x"}', Union[Circle, Square], "side: expected float, got 'x' of type str"),
        ('{"kind": "oval"}', Union[Circle, Square], "kind: expected one of 'circle', 'square', got 'oval'"),
        ('{"shapes": [{"kind": 5}]}', Drawing, "shapes[0].kind: expected one of 'circle', 'square', got 5"),
        ('{"shapes": [{"kind": "circle"}]}', Drawing, "shapes[0].radius: is missing"),
    ],
)
def test_of_tagged_records_only_the_one_that_was_meant_says_what_is_wrong(text, t, said):
    with pytest.raises(TypeTransformerFailedError) as caught:
        parse_text(text, t)
    assert str(caught.value).startswith(said)
    assert ("Circle" in str(caught.value)) == ("Circle" in said)


def test_a_typed_dict_is_named_where_it_has_no_such_key():
    with pytest.raises(TypeTransformerFailedError, match="detph: Options has no such field; did you mean depth"):
        parse_text('{"detph": 1}', Options)


@pytest.mark.parametrize(
    ("text", "t", "said"),
    [
        ("2026-02-30", dt.date, "such as 2024-01-02, got '2026-02-30': day"),
        ("2026-02-30T00:00:00", dt.datetime, "05Z, got '2026-02-30T00:00:00': day"),
        ("soon", dt.date, "such as 2024-01-02, got 'soon'$"),
        ('["2026-02-30"]', list[dt.date], "ISO 8601, got '2026-02-30': day"),
        ("1e400", float, "expected float, got '1e400': it is too large"),
        ("[1e400]", list[float], "too large"),
        ("99999999999999999999", int, "expected int, got '99999999999999999999': the wire has 64 bits"),
    ],
)
def test_a_text_out_of_range_is_refused_with_the_reason(text, t, said):
    with pytest.raises(TypeTransformerFailedError, match=said):
        parse_text(text, t)


def test_infinity_and_the_bounds_of_an_int_are_values():
    assert math.isinf(parse_text("-inf", float))
    assert parse_text("-9223372036854775808", int) == -(2**63)


@pytest.mark.parametrize("t", [tuple[int, int], list[tuple[int, int]], Optional[tuple[int, int]], Pair])
def test_a_tuple_is_refused_before_the_run(t):
    with pytest.raises(TypeTransformerFailedError, match="cannot be the type of a single value"):
        parse_text("[1, 2]", t)


def test_a_variable_without_an_annotation_is_said_to_have_none():
    with pytest.raises(TypeTransformerFailedError, match="where Any .it has no annotation. was expected"):
        codec_for(inspect.Parameter.empty).decode(WireLiteral(scalar=Scalar(binary=Binary(value=b"x"))))


@pytest.mark.parametrize(("t", "name"), [(Decimal, "Decimal"), (uuid.UUID, "UUID")])
def test_a_text_that_is_no_decimal_or_uuid_is_refused_without_what_their_libraries_say(t, name):
    with pytest.raises(TypeTransformerFailedError) as error:
        parse_text("abc", t)
    assert str(error.value) == f"expected {name}, got 'abc'"
    with pytest.raises(TypeTransformerFailedError) as error:
        parse_text('["abc"]', list[t])
    assert str(error.value) == f"[0]: expected {name}, got 'abc'"
