"""Rows of Python values become Arrow without a change of meaning."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from flyte_core_sql.drivers.rows import decimals, inferred, to_batch
from hypothesis import given
from hypothesis import strategies as st

UTC = dt.timezone.utc


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([None, None], pa.null()),
        ([1, None], pa.int64()),
        ([1, 2.5], pa.float64()),
        ([True, None], pa.bool_()),
        (["é", None], pa.string()),
        ([b"\0\xff"], pa.binary()),
        ([dt.date(2020, 1, 2)], pa.date32()),
        ([dt.datetime(2020, 1, 2)], pa.timestamp("us")),
        ([dt.datetime(2020, 1, 2, tzinfo=UTC)], pa.timestamp("us", "UTC")),
        ([dt.timedelta(days=1)], pa.duration("us")),
        ([Decimal("1.50"), 2], pa.decimal128(3, 2)),
        ([Decimal(1).scaleb(50)], pa.decimal256(51, 0)),
        ([2**70, 1], pa.decimal128(22, 0)),
        ([[1], [2, None]], pa.list_(pa.int64())),
    ],
)
def test_a_column_has_the_type_of_its_values(values: list[Any], kind: pa.DataType) -> None:
    array = inferred(values)

    assert array.type == kind
    assert array.to_pylist() == values


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1, "a"], ["1", "a"]),
        ([b"\xff", "b"], ["\\xff", "b"]),
        ([2**60 + 1, 0.5], ["1152921504606846977", "0.5"]),
        ([[[1]], [2]], ["[[1]]", "[2]"]),
        ([Decimal("NaN"), Decimal("1.5")], ["NaN", "1.5"]),
        ([Decimal("Infinity"), None], ["Infinity", None]),
        ([Decimal(1).scaleb(80)], ["1E+80"]),
        ([2**300], [str(2**300)]),
        ([True, 7], ["True", "7"]),
        ([0.1, Decimal("0.1")], ["0.1", "0.1"]),
    ],
)
def test_values_with_nothing_in_common_become_texts(values: list[Any], texts: list[str | None]) -> None:
    array = inferred(values)

    assert array.type == pa.string()
    assert array.to_pylist() == texts


def test_uuids_and_json_become_texts() -> None:
    number = uuid.uuid4()

    assert inferred([number, None]).to_pylist() == [str(number), None]
    assert inferred([{"a": [1, "é"]}]).to_pylist() == ['{"a": [1, "é"]}']
    assert inferred([memoryview(b"a")]).to_pylist() == [b"a"]


@given(
    st.lists(
        st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**30), max_value=10**30)
    )
)
def test_decimals_keep_every_digit(values: list[Decimal | None]) -> None:
    assert decimals(values).to_pylist() == values


@given(st.lists(st.none() | st.decimals(), min_size=1))
def test_any_decimals_can_be_read_back(values: list[Decimal | None]) -> None:
    found = [None if value is None else Decimal(value) for value in decimals(values).to_pylist()]

    assert [str(value) if value is not None and value.is_nan() else value for value in found] == [
        str(value) if value is not None and value.is_nan() else value for value in values
    ]


def test_an_empty_result_has_its_columns() -> None:
    batch = to_batch(["a", "a"], [], [inferred, inferred])

    assert batch.schema.names == ["a", "a"]
    assert batch.num_rows == 0
