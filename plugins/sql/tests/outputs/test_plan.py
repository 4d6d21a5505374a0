"""Whole outputs: values, lists, several of them, row counts, and what is refused at declaration and after."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import re
import timeit
import uuid
from decimal import Decimal
from typing import Annotated, Any, NamedTuple, TypedDict

import pandas as pd
import pyarrow as pa
import pytest
from flyte_core_sql.errors import ResultError
from flyte_core_sql.outputs import check_outputs

from flyte_core.errors import InvalidTypeError
from flyte_core.io import DataFrame


@dataclasses.dataclass
class Loose:
    a: int
    b: Any


@dataclasses.dataclass
class Mapped:
    a: int
    b: dict[str, Any]


class LooseKeys(TypedDict):
    a: int
    b: Any


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


@pytest.mark.parametrize(
    ("query", "t", "wanted"),
    [
        ("SELECT 1", int, 1),
        ("SELECT sum(range) FROM range(10)", int, 45),
        ("SELECT 170141183460469231731687303715884105727::HUGEINT", int, 2**127 - 1),
        ("SELECT 1.50::DECIMAL(10, 2)", Decimal, Decimal("1.50")),
        ("SELECT 1.5::DECIMAL(10, 2)", float, 1.5),
        ("SELECT 1 > 0", bool, True),
        ("SELECT 'ä'", str, "ä"),
        ("SELECT 'a\\x00b'::BLOB", bytes, b"a\x00b"),
        ("SELECT DATE '2024-02-29'", dt.date, dt.date(2024, 2, 29)),
        ("SELECT TIMESTAMP '2024-02-29 10:00:00.000001'", dt.datetime, dt.datetime(2024, 2, 29, 10, 0, 0, 1)),
        ("SELECT TIME '10:00'", dt.time, dt.time(10)),
        ("SELECT INTERVAL 3 DAYS", dt.timedelta, dt.timedelta(3)),
        (
            "SELECT '12345678-1234-5678-1234-567812345678'::UUID",
            uuid.UUID,
            uuid.UUID("12345678-1234-5678-1234-567812345678"),
        ),
        ("SELECT 'bad'::ENUM('good', 'bad')", Mood, Mood.BAD),
        ("SELECT NULL", int | None, None),
        ("SELECT 1 WHERE false", int | None, None),
        ("SELECT range FROM range(3)", list[int], [0, 1, 2]),
        ("SELECT unnest([1, NULL])", list[int | None], [1, None]),
        ("SELECT 1 WHERE false", list[int], []),
        ("SELECT [1, 2]", list[int], [1, 2]),
        ("SELECT unnest([[1], [2, 3]])", list[list[int]], [[1], [2, 3]]),
        ("SELECT [1, 2]", list[list[int]], [[1, 2]]),
        ("SELECT {'a': 1, 'b': 2}", dict[str, int], {"a": 1, "b": 2}),
        ("SELECT MAP {'a': 1}", dict[str, int], {"a": 1}),
        ("""SELECT '{"a": [1, null]}'::JSON""", dict, {"a": [1, None]}),
        ("SELECT 1 AS a, 2 AS b", dict[str, int], {"a": 1, "b": 2}),
        ("SELECT [1] AS a, 2 AS b", list[dict[str, Any]], [{"a": [1], "b": 2}]),
        ("SELECT [1, 2]", list[Any], [[1, 2]]),
        ("SELECT range AS a, 'x' AS b FROM range(2)", list[dict[str, Any]], [{"a": 0, "b": "x"}, {"a": 1, "b": "x"}]),
    ],
    ids=str,
)
def test_a_result_of_duckdb_is_the_declared_value(duck, output, query, t, wanted):
    found = output(duck(query), t)
    assert found == wanted
    assert type(found) is type(wanted)


def test_several_outputs_are_the_columns_of_one_row_by_name(duck, output):
    result = duck("SELECT 'a' AS word, 2 AS number, [1, 2] AS items, NULL AS nothing")
    types = {"number": int, "word": str, "nothing": int | None, "items": list[int]}
    assert output(result, types) == (2, "a", None, [1, 2])


def test_all_that_is_wrong_with_several_outputs_is_told(duck, output):
    with pytest.raises(ResultError) as error:
        output(duck("SELECT 'a' AS word, 2 AS numbr"), {"word": str, "number": int})
    assert str(error.value) == (
        "task 'top': outputs (word: str, number: int): column 'number' is missing (did you mean 'numbr'?); "
        "column 'numbr' is not declared (did you mean 'number'?). The result's columns: word, numbr"
    )
    with pytest.raises(ResultError, match=r"column 'a': expected str, got 1 .*; column 'b': expected int, got 'x'"):
        output(duck("SELECT 1 AS a, 'x' AS b"), {"a": str, "b": int})


@pytest.mark.parametrize(
    ("query", "t", "told"),
    [
        ("SELECT 1 AS a, 2 AS b", int, r"gives 2 columns; select one, or declare a dataclass .* columns: a, b"),
        ("SELECT range AS n FROM range(2)", int, r"more than one row; narrow it, such as with LIMIT 1"),
        ("SELECT 1 AS n WHERE false", int, r"gives no row; declare \.\.\. \| None"),
        ("SELECT NULL AS n", int, r"column 'n': expected int, got NULL; declare int \| None"),
        ("SELECT 1.5 AS n", int, r"column 'n': expected int, got Decimal\('1.5'\) of type Decimal; round or cast it"),
        ("SELECT 1 AS n", str, r"column 'n': expected str, got 1 of type int"),
        ("SELECT unnest([1, NULL]) AS n", list[int], r"row 2: column 'n': expected int, got NULL"),
        ("SELECT [1, NULL] AS n", list[int], r"\[1\]: expected int, got NULL"),
        ("SELECT 1 AS a, 1 AS a", dict, r"column 'a' is there several times"),
        ("SELECT 1 AS a, 2 AS b WHERE false", {"a": int, "b": int}, r"gives no row"),
    ],
)
def test_what_does_not_fit_is_told(duck, output, query, t, told):
    with pytest.raises(ResultError, match=told) as error:
        output(duck(query), t)
    assert str(error.value).startswith("task 'top': output")


@pytest.mark.parametrize(
    ("t", "told"),
    [
        (dt.timedelta, r"column 'n': expected timedelta, .* months have no fixed length"),
        (list[dt.timedelta], r"row 1: column 'n': expected timedelta, .* months have no fixed length"),
        (list[int], r"row 1: column 'n': expected int, got MonthDayNano"),
        (list[list[int]], r"expected list\[int\], got MonthDayNano"),
    ],
    ids=str,
)
def test_an_interval_of_months_is_neither_a_duration_nor_an_array(made, output, t, told):
    with pytest.raises(ResultError, match=told):
        output(made(["n"], [(pa.MonthDayNano([1, 0, 0]),)]), t)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("DATE '2024-01-02'", "date"),
        ("1.50::DECIMAL(5, 2)", "Decimal"),
        ("uuid()", "UUID"),
        ("TIME '10:00'", "time"),
        ("TIMESTAMP '2024-01-02'", "datetime"),
        ("INTERVAL 1 DAY", "timedelta"),
    ],
)
def test_a_dict_of_what_no_json_has_is_refused_with_its_column(duck, output, written, name):
    for t, row in ((dict, ""), (list[dict], "row 1: "), (dict | None, ""), (dict[Any, Any], "")):
        with pytest.raises(ResultError) as error:
            output(duck(f"SELECT 1 AS a, {written} AS b"), t)
        told = str(error.value)
        assert f": {row}column 'b': expected what JSON has, got " in told
        assert f" of type {name}; declare a dataclass with a field of type {name}, or cast it to text in the" in told


@pytest.mark.parametrize(
    ("query", "t", "place"),
    [
        ("SELECT {'x': [DATE '2024-01-02']}  AS b", dict, "['x'][0]: "),
        ("SELECT 1 AS a, {'x': [DATE '2024-01-02']} AS b", dict, "['x'][0]: "),
        ("SELECT 1 AS a, {'x': DATE '2024-01-02'} AS b", Mapped, "['x']: "),
        ("SELECT 1 AS a, DATE '2024-01-02' AS b", Loose, ""),
        ("SELECT 1 AS a, DATE '2024-01-02' AS b", list[LooseKeys], ""),
        ("SELECT 1 AS a, 170141183460469231731687303715884105727 AS b", dict, ""),
    ],
    ids=str,
)
def test_what_no_json_has_is_refused_wherever_it_would_be_in_a_struct(duck, output, query, t, place):
    with pytest.raises(ResultError, match=f"column 'b': {re.escape(place)}expected what JSON has, got"):
        output(duck(query), t)


def test_a_dict_with_types_or_in_places_that_are_pickled_holds_anything(duck, output):
    day = dt.date(2024, 1, 2)
    assert output(duck("SELECT 1 AS a, DATE '2024-01-02' AS b"), dict[str, Any]) == {"a": 1, "b": day}
    assert output(duck("SELECT DATE '2024-01-02' AS a, DATE '2024-01-02' AS b"), dict[str, dt.date])["a"] == day
    assert output(duck("SELECT 'a'::BLOB AS a, 1.5::DOUBLE AS b, NULL AS c"), dict) == {"a": b"a", "b": 1.5, "c": None}


def test_nothing_is_read_for_no_outputs(output):
    assert output(None, {}) is None
    assert check_outputs("task 'top'", {}).kind == "nothing"


@pytest.mark.parametrize(("count", "t"), [(3, int), (0, int), (3, int | None), (None, int | None)])
def test_a_statement_without_rows_gives_the_number_of_rows_it_changed(made, output, count, t):
    assert output(made(row_count=count), t, returns_rows=False) == count


def test_a_database_that_does_not_count_rows_is_told(made, output):
    with pytest.raises(ResultError, match="does not say how many rows"):
        output(made(), int, returns_rows=False)


@pytest.mark.parametrize("t", [bool, str, list[int], DataFrame, {"a": int, "b": int}], ids=str)
def test_a_statement_without_rows_is_nothing_else(made, output, t):
    with pytest.raises(ResultError, match="gives no rows; declare int for the number of rows"):
        output(made(row_count=3), t, returns_rows=False)


def test_the_rows_that_a_change_returns_are_read_as_rows(duck, output):
    result = duck("CREATE TABLE t (a INT); INSERT INTO t VALUES (7), (8) RETURNING a")
    assert output(result, list[int]) == [7, 8]


@pytest.mark.parametrize("t", [set[int], complex, type, 3, list[set[int]], {"a": int, "b": complex}], ids=str)
def test_a_type_that_no_result_can_be_is_refused_at_declaration(t):
    outputs = t if isinstance(t, dict) else {"o0": t}
    with pytest.raises(InvalidTypeError, match=r"task 'top': output.* is not allowed; expected DataFrame, a class of"):
        check_outputs("task 'top'", outputs)


class Pair(NamedTuple):
    a: int
    b: str


@pytest.mark.parametrize(
    "t",
    [
        Pair,
        Pair | None,
        list[Pair],
        list[Pair | None],
        dict[str, Pair],
        tuple[int, str],
        tuple[int, ...],
        list[tuple[int, str]],
        {"a": int, "b": Pair},
    ],
    ids=str,
)
def test_a_tuple_that_the_wire_does_not_have_is_refused_at_declaration(t):
    outputs = t if isinstance(t, dict) else {"o0": t}
    with pytest.raises(InvalidTypeError, match=r"task 'top': output (o0|b) = .*or a NamedTuple.*the wire has no"):
        check_outputs("task 'top'", outputs)


@pytest.mark.parametrize("t", [DataFrame, pd.DataFrame, Annotated[DataFrame, {"a": int}]], ids=str)
def test_a_table_is_the_only_output(t):
    with pytest.raises(InvalidTypeError, match=r"output a = .* expected a table to be the only output"):
        check_outputs("task 'top'", {"a": t, "b": int})


def test_a_column_of_a_table_that_is_of_no_type_is_refused_at_declaration():
    with pytest.raises(InvalidTypeError, match="cannot be the type of a DataFrame's column"):
        check_outputs("task 'top'", {"o0": Annotated[DataFrame, {"a": complex}]})


def test_a_plan_is_made_once_for_the_same_outputs():
    assert check_outputs("task 'a'", {"o0": int}) is check_outputs("task 'a'", {"o0": int})
    assert check_outputs("task 'a'", {"o0": int}) is not check_outputs("task 'b'", {"o0": int})


def test_a_value_is_read_in_a_few_microseconds(made):
    plan, result = check_outputs("task 'top'", {"o0": int}), made(["n"], [(3,)])
    assert min(timeit.repeat(lambda: plan.collect(result, returns_rows=True), number=200, repeat=20)) / 200 < 30e-6
