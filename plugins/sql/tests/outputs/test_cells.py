"""One value of a result as the declared type: exact, or refused."""

from __future__ import annotations

import datetime as dt
import enum
import math
import typing
import uuid
from decimal import Decimal
from typing import Any, Literal, NewType

import pandas as pd
import pyarrow as pa
import pytest
from flyte_core_sql.outputs.cells import cell_for
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import TypeTransformerFailedError

UTC = dt.timezone.utc
ID = uuid.UUID("12345678-1234-5678-1234-567812345678")
Key = NewType("Key", int)


class Word(enum.Enum):
    A = "a"
    B = "b"


class Number(enum.Enum):
    ONE = 1


class Mixed(enum.Enum):
    ONE = 1
    TWO = "2"


@pytest.mark.parametrize(
    ("t", "found", "wanted"),
    [
        (int, 5, 5),
        (int, Decimal("12.00"), 12),
        (int, Decimal(2**100), 2**100),
        (float, 1.5, 1.5),
        (float, 2, 2.0),
        (float, Decimal("2.5"), 2.5),
        (float, Decimal("Infinity"), math.inf),
        (str, "a", "a"),
        (bool, True, True),
        (bool, 0, False),
        (bytes, b"\x00\xff", b"\x00\xff"),
        (bytes, bytearray(b"a"), b"a"),
        pytest.param(bytes, memoryview(b"a"), b"a", id="memoryview"),
        (Decimal, Decimal("1.50"), Decimal("1.50")),
        (Decimal, 3, Decimal(3)),
        (Decimal, "0.10", Decimal("0.10")),
        (dt.date, dt.date(2024, 2, 29), dt.date(2024, 2, 29)),
        (dt.date, "2024-02-29", dt.date(2024, 2, 29)),
        (dt.datetime, dt.datetime(2024, 1, 1, 5), dt.datetime(2024, 1, 1, 5)),
        (dt.datetime, dt.datetime(2024, 1, 1, 5, tzinfo=UTC), dt.datetime(2024, 1, 1, 5, tzinfo=UTC)),
        (dt.datetime, "2024-01-01 05:00:00", dt.datetime(2024, 1, 1, 5)),
        (dt.datetime, "2024-01-01T05:00:00Z", dt.datetime(2024, 1, 1, 5, tzinfo=UTC)),
        (dt.datetime, pd.Timestamp("2024-01-01 05:00"), dt.datetime(2024, 1, 1, 5)),
        (dt.time, dt.time(1, 2), dt.time(1, 2)),
        (dt.time, "01:02:00", dt.time(1, 2)),
        (dt.timedelta, dt.timedelta(1), dt.timedelta(1)),
        (dt.timedelta, pa.MonthDayNano([0, 1, 5000]), dt.timedelta(1, microseconds=5)),
        (dt.timedelta, pd.Timedelta("1s"), dt.timedelta(seconds=1)),
        (uuid.UUID, ID, ID),
        (uuid.UUID, str(ID), ID),
        (uuid.UUID, ID.bytes, ID),
        (Word, "b", Word.B),
        (Number, Decimal(1), Number.ONE),
        (Mixed, "2", Mixed.TWO),
        (Literal["x", 2], Decimal(2), 2),
        (int | None, None, None),
        (int | None, Decimal(4), 4),
        (int | str, "5", "5"),
        (int | str | None, None, None),
        (Decimal | bool, 3, Decimal(3)),
        (Key, 5, 5),
        (typing.Annotated[int, "of something"], 5, 5),
        (Any, {"a": None}, {"a": None}),
        (Any, pa.MonthDayNano([0, 1, 5000]), dt.timedelta(1, microseconds=5)),
        (dict[str, Any], {"a": [pa.MonthDayNano([0, 1, 0])]}, {"a": [dt.timedelta(1)]}),
        (list[int], [1, Decimal(2)], [1, 2]),
        (list[int], (1, 2), [1, 2]),
        (list[str | None], ["a", None], ["a", None]),
        (list[list[float]], "[[1, 2.5], []]", [[1.0, 2.5], []]),
        (list, [1, "a"], [1, "a"]),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[int, str], [1, "a"], (1, "a")),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (dict[str, int], [("a", 1)], {"a": 1}),
        (dict[int, str], '{"1": "a"}', {1: "a"}),
        (dict, '{"a": [1.5, null]}', {"a": [1.5, None]}),
        (dict[str, Decimal], '{"a": 0.1}', {"a": Decimal("0.1")}),
        (list[dt.date], '["2024-02-29"]', [dt.date(2024, 2, 29)]),
    ],
    ids=str,
)
def test_a_value_is_exactly_of_the_declared_type(t, found, wanted):
    value = cell_for(t).convert(found)
    assert value == wanted
    assert type(value) is type(wanted)


@pytest.mark.parametrize(
    ("t", "found"),
    [
        (int, True),
        (int, "5"),
        (int, 5.0),
        (int, Decimal("1.5")),
        (int, Decimal("NaN")),
        (float, "1.5"),
        (float, True),
        (float, 10**400),
        (float, Decimal("1e400")),
        (float, Decimal("sNaN")),
        (str, 5),
        (str, b"a"),
        (str, ID),
        (bool, 2),
        (bool, "true"),
        (bool, 1.0),
        (bytes, "a"),
        (Decimal, 0.1),
        (Decimal, "one"),
        (Decimal, True),
        (dt.date, dt.datetime(2024, 1, 1)),
        (dt.date, "yesterday"),
        (dt.datetime, dt.date(2024, 1, 1)),
        (dt.datetime, "2024-01-01"),
        (dt.datetime, 0),
        (dt.datetime, pd.Timestamp("2024-01-01 00:00:00.000000001")),
        (dt.time, 5),
        (dt.timedelta, pa.MonthDayNano([1, 0, 0])),
        (dt.timedelta, pa.MonthDayNano([0, 0, 1])),
        (Any, pa.MonthDayNano([1, 0, 0])),
        (dict, {"a": pa.MonthDayNano([1, 0, 0])}),
        (list[object], [{"a": [pa.MonthDayNano([1, 0, 0])]}]),
        (dt.timedelta, 5),
        (uuid.UUID, "5"),
        (uuid.UUID, b"5"),
        (uuid.UUID, 5),
        (Word, "c"),
        (Word, None),
        (Number, True),
        (Literal["x"], "y"),
        (int | str, 1.5),
        (list[int], [1, None]),
        (list[int], 5),
        (list[int], "[1, 2"),
        (list[float], "[NaN]"),
        (dict[str, int], [1]),
        (dict[int, str], '{"a": "b"}'),
        (tuple[int, str], [1]),
    ],
    ids=str,
)
def test_what_is_not_exactly_it_is_refused(t, found):
    with pytest.raises(TypeTransformerFailedError, match="expected"):
        cell_for(t).convert(found)


@pytest.mark.parametrize("t", [int, float, str, bool, bytes, Decimal, dt.datetime, dt.date, uuid.UUID, Word, list[int]])
def test_null_is_only_where_it_is_declared(t):
    with pytest.raises(TypeTransformerFailedError, match=r"got NULL; declare .* \| None"):
        cell_for(t).convert(None)
    assert cell_for(t | None).convert(None) is None


def test_the_place_inside_of_an_array_is_told():
    with pytest.raises(TypeTransformerFailedError, match=r"^\[1\]\['k'\]: expected int, got 'x' of type str"):
        cell_for(list[dict[str, int]]).convert([{"k": 1}, {"k": "x"}])


@pytest.mark.parametrize("t", [set[int], complex, 3, type, typing.Callable[[], int]], ids=str)
def test_a_type_that_no_database_has_a_value_of_is_refused(t):
    with pytest.raises(TypeTransformerFailedError, match="no value of a database"):
        cell_for(t)


@given(st.decimals(allow_nan=True, allow_infinity=True), st.sampled_from([int, float, bool, str]))
def test_a_number_is_converted_exactly_or_refused(number, t):
    try:
        value = cell_for(t).convert(number)
    except TypeTransformerFailedError:
        return
    assert type(value) is t
    if t is int:
        assert value == number


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(JSON))
def test_any_json_comes_back_from_its_text(value):
    import json

    assert cell_for(list[Any]).convert(json.dumps(value)) == value
