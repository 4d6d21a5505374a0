"""Batches of types that differ, integers that come as decimals, and intervals."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from flyte_core_sql.errors import ResultError
from flyte_core_sql.outputs.widening import Columns, common_schema, fitted
from hypothesis import given
from hypothesis import strategies as st

INTERVAL = pa.month_day_nano_interval()


def schema(t: pa.DataType) -> pa.Schema:
    return pa.schema({"a": t})


def batch(values: list[object], t: pa.DataType) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(values, t)], names=["a"])


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        (pa.null(), pa.int64(), pa.int64()),
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.int64(), pa.float64(), pa.float64()),
        (pa.int64(), pa.decimal128(10, 2), pa.decimal128(22, 2)),
        (pa.int64(), pa.decimal128(38, 30), pa.decimal256(50, 30)),
        (pa.decimal128(38, 2), pa.decimal128(38, 10), pa.decimal256(46, 10)),
        (pa.string(), pa.large_string(), pa.large_string()),
        (pa.list_(pa.null()), pa.list_(pa.int64()), pa.list_(pa.int64())),
    ],
    ids=str,
)
def test_what_holds_both_types_is_found(first, second, wanted):
    for pair in ([first, second], [second, first]):
        assert common_schema("o", [schema(t) for t in pair]) == schema(wanted)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.int64(), pa.string()),
        (pa.bool_(), pa.int64()),
        (pa.date32(), pa.timestamp("us")),
        (pa.timestamp("us"), pa.timestamp("us", "UTC")),
    ],
    ids=str,
)
def test_types_that_nothing_holds_both_of_are_told(first, second):
    with pytest.raises(ResultError) as error:
        common_schema("task 'top'", [schema(pa.null()), schema(first), schema(second)])
    told = f"task 'top': the values of column 'a' are of several types, {first} and {second}; cast it in the query"
    assert str(error.value) == told


def test_values_keep_their_meaning_in_the_wider_type():
    wide = fitted("o", batch([1, None], pa.int64()), schema(pa.decimal128(22, 2)))
    assert wide.column(0).to_pylist() == [Decimal("1.00"), None]


def test_an_integer_that_no_float_is_exactly_is_refused():
    with pytest.raises(ResultError, match=r"column 'a' has values of int64 that cannot stand among .* double"):
        fitted("o", batch([2**60 + 1], pa.int64()), schema(pa.float64()))


def test_a_batch_of_the_very_schema_is_not_touched():
    found = batch([1], pa.int64())
    assert fitted("o", found, schema(pa.int64())) is found
    assert Columns(subject="o").prepared(found) is found


def test_a_decimal_is_an_integer_where_that_is_declared():
    columns = Columns(subject="task 'top'", integers=["a"])
    found = columns.prepared(batch([Decimal(5), None], pa.decimal128(38, 0)))
    assert found == batch([5, None], pa.int64())
    assert Columns(subject="o", integers=["b"]).prepared(found) is found


@pytest.mark.parametrize("value", [Decimal("1.5"), Decimal(2**64)])
def test_a_decimal_that_is_no_integer_of_64_bits_is_told(value):
    with pytest.raises(ResultError, match="column 'a' is declared int and is decimal128"):
        Columns(subject="o", integers=["a"]).prepared(batch([value], pa.decimal128(38, 1)))


@given(
    st.lists(st.none() | st.tuples(st.integers(-(10**6), 10**6), st.integers(-(10**12), 10**12))),
    st.integers(0, 3),
)
def test_an_interval_of_days_is_a_duration(values, offset):
    intervals = [value and pa.MonthDayNano([0, value[0], value[1] * 1000]) for value in values]
    column = pa.array([None, pa.MonthDayNano([1, 1, 1]), None, *intervals][3 - offset :], INTERVAL).slice(offset)
    found = Columns(subject="o").prepared(pa.RecordBatch.from_arrays([column], names=["a"]))
    assert found.schema.field(0).type == pa.duration("us")
    wanted = [value and dt.timedelta(days=value[0], microseconds=value[1]) for value in values]
    assert found.column(0).to_pylist() == wanted


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([1, 0, 0], "intervals of months"),
        ([-1, 0, 0], "intervals of months"),
        ([0, 0, 1], "of nanoseconds"),
        ([0, 2**31 - 1, 0], "too long"),
    ],
)
def test_an_interval_without_a_length_is_told(parts, told):
    with pytest.raises(ResultError, match=f"column 'a' has .*{told}"):
        Columns(subject="o").prepared(batch([pa.MonthDayNano(parts)], INTERVAL))
