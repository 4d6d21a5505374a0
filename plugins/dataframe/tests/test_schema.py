"""Which stored types fit which declared ones."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import pyarrow as pa
import pytest
from flyte_core_dataframe.schema import check_schema

from flyte_core.errors import DataFrameSchemaError
from flyte_core.io import DataFrame
from flyte_core.types import TypeEngine


def declared(columns: Any) -> Any:
    return TypeEngine.to_literal_type(Annotated[DataFrame, columns]).structured_dataset_type


STORED = {
    int: [pa.int8(), pa.uint64(), pa.dictionary(pa.int32(), pa.int32())],
    float: [pa.float16(), pa.float64(), pa.int64(), pa.decimal128(9, 2)],
    str: [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string()), pa.time64("us")],
    bool: [pa.bool_()],
    dt.datetime: [pa.timestamp("ns", "Europe/Berlin"), pa.timestamp("s"), pa.date32()],
    dt.timedelta: [pa.duration("ns")],
    list[int]: [pa.list_(pa.int32()), pa.large_list(pa.int64()), pa.list_(pa.int64(), 2)],
    list[list[str]]: [pa.list_(pa.list_(pa.string()))],
    dict[str, int]: [pa.map_(pa.string(), pa.int64()), pa.struct([("x", pa.int64()), ("y", pa.int8())])],
}
FITS = [(t, stored) for t, fitting in STORED.items() for stored in fitting]
ALL = [stored for fitting in STORED.values() for stored in fitting]
NOT = [(t, stored) for t in STORED for stored in ALL if stored not in STORED[t]]
#: Integers and what pandas keeps as objects fit two declared types.
ALSO = {
    (float, pa.int8()),
    (float, pa.uint64()),
    (float, pa.dictionary(pa.int32(), pa.int32())),
    (str, pa.decimal128(9, 2)),
}
ALSO |= {(int, pa.int64())}


@pytest.mark.parametrize(("t", "stored"), [*FITS, *((t, pa.null()) for t in STORED)], ids=str)
def test_a_stored_type_of_the_same_kind_fits(t, stored):
    assert check_schema("t", declared({"a": t}), pa.schema([("a", stored)])) == ["a"]


@pytest.mark.parametrize(("t", "stored"), [pair for pair in NOT if pair not in ALSO], ids=str)
def test_a_stored_type_of_another_kind_does_not(t, stored):
    with pytest.raises(DataFrameSchemaError, match="column 'a' is declared"):
        check_schema("t", declared({"a": t}), pa.schema([("a", stored)]))


SCHEMAS = [
    (pa.int64(), pa.int32(), True),
    (pa.int32(), pa.int64(), False),
    (pa.float64(), pa.float32(), True),
    (pa.uint8(), pa.int8(), False),
    (pa.float64(), pa.int32(), False),
    (pa.string(), pa.large_string(), True),
    (pa.string(), pa.dictionary(pa.int32(), pa.string()), True),
    (pa.timestamp("us", "UTC"), pa.timestamp("us", "UTC"), True),
    (pa.timestamp("us", "UTC"), pa.timestamp("us"), False),
    (pa.list_(pa.field("item", pa.int64())), pa.large_list(pa.field("element", pa.int64())), True),
    (pa.struct([("x", pa.int64())]), pa.struct([("x", pa.int64())]), True),
    (pa.struct([("x", pa.int64())]), pa.struct([("y", pa.int64())]), False),
    (pa.decimal128(9, 2), pa.decimal128(9, 2), True),
    (pa.decimal128(9, 2), pa.decimal128(9, 3), False),
]


@pytest.mark.parametrize(("wanted", "stored", "fits"), SCHEMAS, ids=str)
def test_an_arrow_schema_takes_the_type_or_a_narrower_one(wanted, stored, fits):
    schema = declared(pa.schema([("a", wanted)], metadata={"k": "v"}))
    if fits:
        assert check_schema("t", schema, pa.schema([("a", stored)])) is None
    else:
        with pytest.raises(DataFrameSchemaError, match="column 'a'"):
            check_schema("t", schema, pa.schema([("a", stored)]))


def test_a_name_with_a_dot_is_a_column_before_it_is_a_field():
    found = pa.schema([("a.b", pa.int64()), ("a", pa.struct([("b", pa.string())]))])
    assert check_schema("t", declared({"a.b": int}), found) == ["a.b"]
    with pytest.raises(DataFrameSchemaError, match=r"'a\.c' is declared int and is not there"):
        check_schema("t", declared({"a": {"c": int}}), found)


def test_fields_of_one_struct_bring_it_once():
    found = pa.schema([("a", pa.struct([("b", pa.struct([("c", pa.int64())])), ("d", pa.string())]))])
    assert check_schema("t", declared({"a": {"b": {"c": int}, "d": str}}), found) == ["a"]


def test_every_difference_is_told_with_what_there_is():
    found = pa.schema([("city", pa.string()), ("degrees", pa.float64())])
    with pytest.raises(DataFrameSchemaError) as caught:
        check_schema("s3://key:secret@b/t", declared({"city": int, "degree": float}), found)
    assert "column 'city' is declared int and is string; column 'degree' is declared float and is not there" in str(
        caught.value
    )
    assert "did you mean 'degrees'?" in str(caught.value)
    assert "the table has city (string), degrees (double)" in str(caught.value)
    assert "secret" not in str(caught.value)
