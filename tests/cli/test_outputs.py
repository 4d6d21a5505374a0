from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
from typing import NamedTuple

import attrs
import pytest

from flyte_core.cli.outputs import by_name, jsonable, readable
from flyte_core.io import File
from flyte_core.models import NativeInterface
from flyte_core.template import TaskTemplate


class Side(enum.Enum):
    LEFT = "left"


@dataclasses.dataclass
class Row:
    name: str
    delay: float


@attrs.frozen
class Report:
    total: int
    rows: list[Row]
    side: Side = Side.LEFT


class Pair(NamedTuple):
    a: int
    b: str


def task(**outputs):
    return TaskTemplate(name="env.work", interface=NativeInterface({}, outputs))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ("two\nlines", "two\nlines"),
        (None, "None"),
        (True, "True"),
        (Side.LEFT, "left"),
        (dt.date(2013, 1, 2), "2013-01-02"),
        (dt.timedelta(hours=1), "1:00:00"),
        ([1, 2], "1, 2"),
        ([], "[]"),
        ([[1], [2]], "[[1], [2]]"),
        ([{"a": Side.LEFT}], '[{"a": "left"}]'),
        ({}, "{}"),
    ],
)
def test_plain_values_are_written_plainly(value, text):
    assert readable({"o0": value}) == text


def test_a_record_is_a_table_of_its_fields():
    assert readable({"o0": Row("a", 1.23456789)}).splitlines() == [
        "field  value",
        "-------------",
        "name   a",
        "delay  1.2346",
    ]


def test_lists_of_records_in_a_record_are_tables_of_their_own():
    text = readable({"o0": Report(2, [Row("a", 1.0), Row("b", 2.0)])})
    assert text.split("\n\n")[1].splitlines() == ["rows", "name  delay", "-----------", "a       1.0", "b       2.0"]
    assert "side   left" in text


def test_several_outputs_with_tables_are_set_apart():
    assert readable({"n": 1, "rows": [Row("a", 1.0)], "m": 2}) == (
        "n: 1\n\nrows\nname  delay\n-----------\na       1.0\n\nm: 2"
    )


def test_a_named_tuple_is_a_record():
    assert "a      1" in readable({"o0": Pair(1, "x")})


def test_a_dict_is_a_table():
    assert readable({"o0": {"AA": 1, "UA": 2}}).splitlines()[2:] == ["AA       1", "UA       2"]


def test_long_tables_are_shortened_and_say_so():
    text = readable({"o0": [Row(str(i), 0.0) for i in range(60)]})
    assert text.endswith("... and 10 more; --json gives all")


def test_cells_are_never_cut():
    lines = readable({"o0": [Row("x" * 5000, 0.5), Row("b", 1.0)]}).splitlines()
    assert lines[2].split() == ["x" * 5000, "0.5"]


def test_a_reference_shows_its_whole_path_and_nothing_that_is_empty():
    lines = readable({"o0": File(path="/x/" * 500 + "y")}).splitlines()
    assert [line.split() for line in lines[2:]] == [["path", "/x/" * 500 + "y"], ["name", "y"]]
    assert readable({"o0": [File(path="/x/y"), File(path="/x/z")]}).split()[:2] == ["path", "name"]


@pytest.mark.parametrize("items", [["a, b", "c"], ["a\nb", "c"], ["", "c"], [" a", "b"]])
def test_texts_that_a_comma_would_not_set_apart_are_written_as_json(items):
    assert json.loads(readable({"o0": items})) == items


def test_a_text_of_several_lines_begins_below_its_name():
    assert readable({"n": 1, "text": "a\nb"}) == "n: 1\ntext:\na\nb"


def test_a_plain_text_is_never_cut():
    assert readable({"o0": "x" * 5000}) == "x" * 5000


def test_records_of_different_types_are_no_table():
    assert readable({"o0": [Row("a", 1.0), Pair(1, "x")]}).startswith("[{")


def test_outputs_are_named_by_the_interface():
    assert by_name(task(), None) == {}
    assert by_name(task(o0=tuple), (1, 2)) == {"o0": (1, 2)}
    assert by_name(task(a=int, b=str), (1, "x")) == {"a": 1, "b": "x"}


def test_floats_that_json_does_not_have_are_words():
    values = [1.0, math.nan, math.inf, -math.inf]
    assert jsonable(task(o0=list[float]), {"o0": values}) == {"o0": [1.0, "NaN", "Infinity", "-Infinity"]}


def test_records_are_objects_in_json():
    found = jsonable(task(o0=list[Row]), {"o0": [Row("a", 1.5)]})
    assert found == {"o0": [{"name": "a", "delay": 1.5}]}


class Own:
    """What nothing is known of but how it is written."""

    def __str__(self) -> str:
        return "own"


def test_an_object_that_is_no_record_is_written_as_it_writes_itself():
    assert readable({"o0": Own()}) == "own"
    assert readable({"o0": [Own(), {"a": 1j}]}) == '["own", {"a": "1j"}]'
    assert readable({"o0": (Own(), None)}) == '["own", null]'
