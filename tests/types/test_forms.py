"""JSON forms: what JSON and the type together do not say is said by a tag."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import json
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar

import attrs
import pydantic
import pytest
from flyteidl2.core import literals_pb2
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.io import DataFrame, Dir, File
from flyte_core.types.codec import codec_for
from flyte_core.types.text import from_jsonable, literal_from_jsonable, literal_to_jsonable, parse_text, to_jsonable

T = TypeVar("T")
Identifier = NewType("Identifier", int)


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: float = 0.5


class Options(TypedDict):
    a: int
    b: bytes


@dataclass
class Leaf:
    a: int
    b: dt.date | None = None


@dataclass
class Twin:
    a: int
    b: dt.date | None = None


@dataclass
class Tree(Generic[T]):
    value: T
    trees: list[Tree[T]] = field(default_factory=list)


@attrs.define
class Attrs:
    _hidden: int
    at: Point


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    ratio: float
    leaf: Leaf


class Own:
    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return type(other) is Own and other.n == self.n

    __hash__ = None


STRUCT = Struct()
STRUCT.update({"a": [1, None, {"b": "x"}]})
NOON = dt.datetime(2024, 1, 2, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))

CASES = [
    (float, -math.inf, "-Infinity"),
    (bytes, b"\xff", "/w=="),
    (bytearray, bytearray(b"a"), "YQ=="),
    (dt.datetime, NOON, "2024-01-02T12:00:00+02:00"),
    (dt.time, dt.time(1, 2), "01:02:00"),
    (dt.timedelta, dt.timedelta(seconds=1.5), 1.5),
    (dt.timedelta, dt.timedelta(days=999_999_999, microseconds=1), "999999999 days, 0:00:00.000001"),
    (dt.timedelta, dt.timedelta(days=-999_999_999, microseconds=1), "-999999999 days, 0:00:00.000001"),
    (uuid.UUID, uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (decimal.Decimal, decimal.Decimal("1.10"), "1.10"),
    (PurePosixPath, PurePosixPath("/a b"), "/a b"),
    (Colour, Colour.RED, "red"),
    (Colour, Colour.PAIR, "PAIR"),
    (Access, Access.READ | Access.WRITE, 3),
    (Level, Level.LOW, 1),
    (Literal["a", 1, True, None], True, True),
    (Literal["a", 1, True, None], 1, 1),
    (Identifier, 5, 5),
    (Annotated[int, "x"], 5, 5),
    (tuple[int, str], (1, "a"), [1, "a"]),
    (tuple[int, ...], (1, 2), [1, 2]),
    (set[int], {10, 2}, [2, 10]),
    (frozenset[str], frozenset("ba"), ["a", "b"]),
    (collections.deque[int], collections.deque([2, 1]), [2, 1]),
    (collections.OrderedDict[str, int], collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    (collections.Counter[str], collections.Counter("aab"), {"a": 2, "b": 1}),
    (Sequence[int], [1], [1]),
    (dict[int, str], {1: "a"}, {"1": "a"}),
    (dict[float, int], {math.inf: 1, 0.5: 2}, {"Infinity": 1, "0.5": 2}),
    (dict[bool, int], {True: 1}, {"true": 1}),
    (dict[dt.date, int], {dt.date(2024, 1, 2): 1}, {"2024-01-02": 1}),
    (dict[tuple[int, int], str], {(1, 2): "x"}, {"@dict": [[[1, 2], "x"]]}),
    (dict[int | str, int], {1: 2, "1": 3}, {"@dict": [[1, 2], ["1", 3]]}),
    (dict[str, int], {"@dict": 1}, {"@dict": [["@dict", 1]]}),
    (Point, Point(1), {"x": 1, "y": 0.5}),
    (Options, {"a": 1, "b": b""}, {"a": 1, "b": ""}),
    (Leaf, Leaf(1, dt.date(2024, 1, 2)), {"a": 1, "b": "2024-01-02"}),
    (Tree[bytes], Tree(b"", [Tree(b"a")]), {"value": "", "trees": [{"value": "YQ==", "trees": []}]}),
    (Attrs, Attrs(1, Point(2, 3.0)), {"_hidden": 1, "at": {"x": 2, "y": 3.0}}),
    (Model, Model(ratio=math.inf, leaf=Leaf(1)), {"ratio": "Infinity", "leaf": {"a": 1, "b": None}}),
    (File, File(path="s3://b/x", format="csv"), {"path": "s3://b/x", "name": "x", "format": "csv", "hash": None}),
    (int | str, "5", "5"),
    (int | float, 5.0, 5.0),
    (str | dt.date, dt.date(2024, 1, 2), {"@variant": ["date", "2024-01-02"]}),
    (float | str, math.inf, "Infinity"),
    (str | float, math.inf, {"@variant": ["float", "Infinity"]}),
    (Leaf | Twin, Leaf(1), {"a": 1, "b": None}),
    (Leaf | Twin, Twin(1), {"@variant": ["Twin", {"a": 1, "b": None}]}),
    (list[int] | set[int], {1}, {"@variant": ["set[int]", [1]]}),
    (dict[str, int] | None, {"@variant": 1}, {"@dict": [["@variant", 1]]}),
    (Struct, STRUCT, {"a": [1.0, None, {"b": "x"}]}),
    (Timestamp, Timestamp(seconds=1), "1970-01-01T00:00:01Z"),
    (Any, {"a": [1, None, "x", 0.5]}, {"a": [1, None, "x", 0.5]}),
    (Any, (1, b"x"), {"@tuple": [1, {"@bytes": "eA=="}]}),
    (Any, {1: math.inf}, {"@dict": [[1, {"@float": "Infinity"}]]}),
    (Any, {"@tuple": 5}, {"@value": {"@tuple": 5}}),
    (Any, {"@tuple": {"@value": {}}}, {"@value": {"@tuple": {"@value": {"@value": {}}}}}),
]


@pytest.mark.parametrize(("t", "value", "shown"), CASES)
def test_a_value_has_a_json_form_that_comes_back(t, value, shown):
    found = to_jsonable(value, t)
    if t is not File:  # its fields are its own affair
        assert json.dumps(found) == json.dumps(shown)
    back = from_jsonable(json.loads(json.dumps(found, allow_nan=False)), t)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("t", "value"),
    [
        (Own, Own(3)),
        (complex, 1j),
        (list[Own], [Own(1)]),
        (Own | int, Own(1)),
        (Own | int, 5),
        (Any, Own(1)),
        (Any, dt.date(2024, 1, 2)),
        (object, {1, 2}),
        (dict, {"a": Own(1)}),
        (Dir, Dir(path="s3://b/x")),
        (DataFrame, DataFrame(uri="s3://b/x", format="parquet")),
        (File | Dir | str, Dir(path="s3://b/x")),
        (File | Dir | str, "s3://b/x"),
        (Sequence[int], (1, 2)),
    ],
)
def test_what_has_no_form_of_its_own_comes_back_too(t, value):
    back = from_jsonable(json.loads(json.dumps(to_jsonable(value, t))), t)
    assert type(back) is type(value)
    assert back == value or repr(back) == repr(value)


@pytest.mark.parametrize("t", [float, float | None, Any, str | float, int | float])
def test_not_a_number_stays_one(t):
    assert math.isnan(from_jsonable(json.loads(json.dumps(to_jsonable(math.nan, t), allow_nan=False)), t))


def test_a_type_of_a_users_own_has_the_form_of_its_literal(celsius):
    assert to_jsonable([celsius(36.5)], list[celsius]) == [36.5]
    assert from_jsonable([36.5], list[celsius]) == [celsius(36.5)]
    assert parse_text("36.5", celsius) == celsius(36.5)
    with pytest.raises(TypeTransformerFailedError, match="expected float"):
        parse_text("warm", celsius)


@pytest.mark.parametrize(
    ("obj", "t", "message"),
    [
        (True, int, "expected int"),
        (1.5, int, "expected int"),
        ("1", float, "expected float"),
        (1, bool, "expected bool"),
        ("x y", bytes, "expected bytes as base64"),
        ("soon", dt.date, "expected date in ISO 8601"),
        ([], dt.timedelta, "expected timedelta"),
        ("green", Colour, "expected one of 'red', .* for Colour"),
        (True, Literal[1], r"expected Literal\[1\]"),
        ([1, "x"], list[int], r"^\[1\]: expected int"),
        ({"a": 1}, list[int], "expected list as a JSON array"),
        ([1], tuple[int, int], "expected tuple of 2"),
        ([[]], set[Any], "set refuses"),
        ({"x": 1}, dict[int, int], "expected number as key"),
        ({"1": "x"}, dict[int, int], r"^\['1'\]: expected int"),
        ({"@dict": [1]}, dict[int, int], "expected pairs"),
        ({"a": 1, "c": 2}, Leaf, "c: Leaf has no such field"),
        ({"a": 1, "bb": None}, Leaf, "bb: Leaf has no such field; did you mean b?"),
        ({"b": "x"}, Leaf, r"(?s)2 fields do not fit Leaf:.*a: is missing.*b: expected"),
        ([1, 2], Leaf, "expected Leaf as a JSON object"),
        ({"ratio": "x", "more": 1}, Model, r"(?s)3 fields do not fit Model:.*ratio:.*leaf:.*more:"),
        ("x", int | None, r"expected (Optional\[int\]|int \| None).*expected int.*expected None"),
        ({"@variant": ["bool", True]}, int | None, "expected one of 'int', 'None'"),
        ({"a": "x"}, Timestamp, "expected Timestamp"),
        ({"@unknown": 1}, Any, "expected one of the tags @bytes"),
        ({"@bytes": 1}, Any, "@bytes.*expected bytes as base64"),
        ({"@pickle": "AAAA"}, Own, "cannot unpickle"),
        (5, Own, "expected Own, which has no JSON form but a pickle"),
    ],
)
def test_json_that_is_no_value_of_the_type_is_refused_with_what_was_expected(obj, t, message):
    with pytest.raises(TypeTransformerFailedError, match=message):
        from_jsonable(obj, t)


@pytest.mark.parametrize(
    ("value", "t", "message"),
    [
        ("x", int, "expected int"),
        ([Leaf("x")], list[Leaf], r"^\[0\]\.a: expected int"),
        ({"a": 1, "b": b"", "c": 2}, Options, "Options has no key 'c'"),
        (1.5, int | str, r"expected int \| str"),
        (Twin(1), Leaf, "expected Leaf"),
    ],
)
def test_a_value_that_does_not_fit_has_no_form(value, t, message):
    with pytest.raises(TypeTransformerFailedError, match=message):
        to_jsonable(value, t)


@pytest.mark.parametrize(
    ("text", "t", "value"),
    [
        ("1.10", decimal.Decimal, decimal.Decimal("1.10")),
        ("YQ==", bytes, b"a"),
        ("/a", PurePosixPath, PurePosixPath("/a")),
        ('"/a"', PurePosixPath, PurePosixPath("/a")),
        ("01:02", dt.time, dt.time(1, 2)),
        ('{"_hidden": 1, "at": [1, 0.5]}', Attrs, Attrs(1, Point(1))),
        ('{"_hidden": 1, "at": {"x": 1}}', Attrs, Attrs(1, Point(1))),
        ('{"path": "s3://b/x"}', File, File(path="s3://b/x")),
        ("5", Identifier, 5),
        ('{"@tuple": [1]}', Any, (1,)),
    ],
)
def test_text_stands_for_what_its_json_would(text, t, value):
    assert parse_text(text, t) == value


@pytest.mark.parametrize(
    ("t", "value", "shown"),
    [
        (list[Leaf], [Leaf(1)], [{"a": 1, "b": None}]),
        (Literal["a", "b"], "b", "b"),
        (dt.timedelta, dt.timedelta(hours=1), 3600.0),
        (int | str, "5", "5"),
        (str | dt.datetime, NOON, {"@variant": [1, "2024-01-02T10:00:00+00:00"]}),
        (Leaf | Twin, Twin(1), {"@variant": [1, {"a": 1, "b": None}]}),
        (dict[str, int | None], {"b": None, "a": 1}, {"a": 1, "b": None}),
        (Struct, STRUCT, {"a": [1.0, None, {"b": "x"}]}),
        (dict, {"a": b"x"}, {"a": {"@bytes": "eA=="}}),
    ],
)
def test_a_literal_has_a_json_form_without_its_python_type(t, value, shown):
    codec = codec_for(t)
    found = literal_to_jsonable(codec.encode(value), codec.literal_type)
    assert json.dumps(found) == json.dumps(shown)
    assert codec.decode(literal_from_jsonable(found, codec.literal_type)) == value


def test_a_pickle_without_its_type_is_not_read():
    codec = codec_for(Own)
    literal = literals_pb2.Literal()
    literal.scalar.binary.value = b"\x80broken"
    shown = literal_to_jsonable(literal, codec.literal_type)
    assert shown == {"@pickle": "gGJyb2tlbg=="}
    assert literal_from_jsonable(shown, codec.literal_type) == literal
    literal = literals_pb2.Literal()
    literal.scalar.blob.uri = "s3://b/x"
    shown = literal_to_jsonable(literal, codec.literal_type)
    assert shown == {"@file": "s3://b/x"}
    assert literal_from_jsonable(shown, codec.literal_type).scalar.blob.uri == "s3://b/x"


@pytest.mark.parametrize(
    ("obj", "t", "message"),
    [
        ({}, list[int], "JSON array"),
        ([], dict[str, int], "JSON object"),
        ([1, "x"], list[int], r"^\[1\]: expected int"),
        ("c", Literal["a", "b"], "expected one of 'a', 'b'"),
        (1.5, int | str, "expected one of the union's variants"),
        ({"@variant": [7, 1]}, int | str, "from 0 to 1"),
    ],
)
def test_json_that_is_no_literal_of_the_type_is_refused(obj, t, message):
    with pytest.raises(TypeTransformerFailedError, match=message):
        literal_from_jsonable(obj, codec_for(t).literal_type)
