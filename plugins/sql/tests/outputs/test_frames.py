"""Tables: `DataFrame` in memory and in storage, the classes of frames, and declared columns."""

from __future__ import annotations

import asyncio
import datetime as dt
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flyte_core_sql.errors import ConnectionLostError, ResultError

from flyte_core.errors import DataFrameSchemaError
from flyte_core.io import DataFrame
from flyte_core.types import TypeEngine
from flyte_core.types.codec import type_name

EVERYTHING = """
    SELECT 1::TINYINT AS small, 2::BIGINT AS big, 1.50::DECIMAL(10, 2) AS price, 0.5::DOUBLE AS share, 'ä' AS word,
        true AS yes, DATE '2024-02-29' AS day, TIMESTAMP '2024-02-29 10:00:00.000001' AS moment,
        '\\x00\\xff'::BLOB AS data, [1, NULL] AS items, {'a': 1} AS record, '{"a": 1}'::JSON AS doc,
        NULL::VARCHAR AS nothing, INTERVAL '3 days 1 second' AS span, sum(7) AS total
"""
VALUES = {
    "small": 1,
    "big": 2,
    "price": Decimal("1.50"),
    "share": 0.5,
    "word": "ä",
    "yes": True,
    "day": dt.date(2024, 2, 29),
    "moment": dt.datetime(2024, 2, 29, 10, 0, 0, 1),
    "data": b"\x00\xff",
    "items": [1, None],
    "record": {"a": 1},
    "doc": '{"a": 1}',
    "nothing": None,
    "span": dt.timedelta(days=3, seconds=1),
    "total": Decimal(7),
}


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.parametrize("max_in_memory", [0, 2**20])
@pytest.mark.parametrize("t", [DataFrame, DataFrame | None, Annotated[DataFrame, {"big": int}]], ids=str)
def test_every_type_survives_in_a_dataframe(duck, output, t, max_in_memory):
    found = output(duck(EVERYTHING), t, max_in_memory=max_in_memory)
    assert type(found) is DataFrame
    assert found.open(pa.Table).all_sync().to_pylist() == [VALUES]


def test_a_small_result_is_a_table_in_memory(duck, output, tmp_path):
    found = output(duck("SELECT * FROM range(10000) t(a)"), DataFrame)
    assert isinstance(found.val, pa.Table)
    assert found.val.column("a").to_pylist() == list(range(10000))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_large_result_is_stored_as_it_comes(duck, output, form):
    found = output(duck("SELECT * FROM range(10000) t(a)"), Annotated[DataFrame, form], max_in_memory=20_000)
    assert (found.val, found.format) == (None, form)
    assert found.open(pd.DataFrame).all_sync()["a"].tolist() == list(range(10000))


def test_a_stored_result_leaves_the_task_where_it_is(duck, output):
    t = Annotated[DataFrame, {"a": int}]
    found = output(duck("SELECT * FROM range(10) t(a)"), t, max_in_memory=0)
    literal = asyncio.run(TypeEngine.to_literal(found, t, TypeEngine.to_literal_type(t)))
    dataset = literal.scalar.structured_dataset
    assert dataset.metadata.structured_dataset_type.format == "parquet"
    assert [column.name for column in dataset.metadata.structured_dataset_type.columns] == ["a"]


def test_a_format_that_only_an_encoder_knows_stays_in_memory(duck, output):
    assert output(duck("SELECT 1 AS a"), Annotated[DataFrame, "delta"], max_in_memory=0).val is not None


@pytest.mark.parametrize("t", [DataFrame, pa.Table, pd.DataFrame, pl.DataFrame, pl.LazyFrame], ids=str)
def test_no_rows_are_a_table_with_the_columns(duck, output, t):
    found = output(duck("SELECT 1::BIGINT AS a, 'x' AS b WHERE false"), t)
    if t is DataFrame:
        found = found.open(pa.Table).all_sync()
    columns = found.collect_schema().names() if t is pl.LazyFrame else getattr(found, "column_names", None)
    assert list(found.columns if columns is None else columns) == ["a", "b"]


def _plain(frame: Any) -> Any:
    if isinstance(frame, pa.Table):
        return frame.to_pydict()
    if isinstance(frame, pd.DataFrame):
        return {name: list(frame[name]) for name in frame}
    return frame.lazy().collect().to_dict(as_series=False)


@pytest.mark.parametrize("annotated", [False, True])
@pytest.mark.parametrize("t", [pa.Table, pd.DataFrame, pl.DataFrame, pl.LazyFrame], ids=str)
def test_a_result_is_a_frame_of_the_declared_class(duck, output, t, annotated):
    declared = Annotated[t, {"n": int, "word": str}] if annotated else t
    found = output(duck("SELECT range AS n, 'x' AS word FROM range(3000)"), declared)
    assert isinstance(found, t)
    assert _plain(found) == {"n": list(range(3000)), "word": ["x"] * 3000}


def test_a_sum_is_an_integer_where_that_is_declared(duck, output):
    query = "SELECT sum(range) AS total FROM range(10)"
    found = output(duck(query), Annotated[pa.Table, {"total": int}])
    assert found.schema.field("total").type == pa.int64()
    stored = output(duck(query), Annotated[DataFrame, {"total": int}], max_in_memory=0)
    assert pq.read_table(stored.uri).to_pydict() == {"total": [45]}


@pytest.mark.parametrize("max_in_memory", [0, 2**20])
@pytest.mark.parametrize("t", [DataFrame, pd.DataFrame, pl.LazyFrame], ids=str)
def test_columns_that_differ_from_the_declared_ones_are_told(duck, output, t, max_in_memory, tmp_path):
    declared = Annotated[t, {"number": int, "word": int}]
    with pytest.raises(ResultError) as error:
        output(duck("SELECT 1::BIGINT AS numbr, 'x' AS word"), declared, max_in_memory=max_in_memory)
    assert str(error.value) == (
        f"task 'top': output 'o0' ({type_name(t)}): column 'number' is declared int and is not there (did you mean "
        "'numbr'?); column 'word' is declared int and is string. The result's columns: numbr (int64), word (string). "
        "Name and cast them in the query, or correct Annotated[...]"
    )
    assert isinstance(error.value, DataFrameSchemaError)
    assert error.value.found == ("numbr (int64)", "word (string)")
    again = pickle.loads(pickle.dumps(error.value))
    assert (type(again), str(again), again.code) == (type(error.value), str(error.value), "ResultError")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_declared_schema_of_arrow_is_checked(duck, output):
    declared = Annotated[DataFrame, pa.schema({"a": pa.string()})]
    with pytest.raises(ResultError, match="column 'a' is declared string and is int32"):
        output(duck("SELECT 1 AS a"), declared)


@pytest.mark.parametrize("t", [DataFrame, pa.Table], ids=str)
def test_two_columns_of_one_name_are_refused_before_anything_is_read(duck, output, t):
    with pytest.raises(ResultError, match="several columns are named 'a'; name each with AS"):
        output(duck("SELECT 1 AS a, 2 AS b, 3 AS a"), t)


def test_types_that_widen_from_batch_to_batch_are_one_table(made, output):
    result = made.of(pa.table({"a": pa.nulls(1)}), pa.table({"a": [1]}), pa.table({"a": [1.5]}))
    assert output(result, DataFrame).val.to_pydict() == {"a": [None, 1.0, 1.5]}
    result = made.of(pa.table({"a": pa.nulls(1)}), pa.table({"a": [1]}), pa.table({"a": [1.5]}))
    assert pq.read_table(output(result, DataFrame, max_in_memory=0).uri).to_pydict() == {"a": [None, 1.0, 1.5]}


@pytest.mark.parametrize("max_in_memory", [0, 2**20])
@pytest.mark.parametrize("t", [DataFrame, pl.LazyFrame, pd.DataFrame], ids=str)
def test_a_database_that_fails_in_the_middle_leaves_nothing(made, output, t, max_in_memory, tmp_path):
    def batches() -> Any:
        yield pa.RecordBatch.from_pydict({"a": [1]})
        yield pa.RecordBatch.from_pydict({"a": [1.5]})
        raise ConnectionLostError("the server went away")

    with pytest.raises(ConnectionLostError, match="the server went away"):
        output(made(["a"], batches=batches()), t, max_in_memory=max_in_memory)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_rest_of_a_result_is_let_go_after_an_error(output):
    class Result:
        columns, row_count, closed = ["a"], None, False

        def batches(self) -> Any:
            try:
                yield pa.RecordBatch.from_pydict({"a": [1]})
                yield pa.RecordBatch.from_pydict({"a": ["x"]})
                yield pa.RecordBatch.from_pydict({"a": [1]})
            finally:
                self.closed = True

    result = Result()
    with pytest.raises(ResultError, match="several types, int64 and string"):
        output(result, DataFrame, max_in_memory=0)
    assert result.closed


def test_batches_that_share_memory_are_counted_once(made, output):
    whole = pa.RecordBatch.from_pydict({"a": list(range(1000))})
    pieces = [whole.slice(start, 10) for start in range(0, 1000, 10)]
    assert output(made(["a"], batches=pieces), DataFrame, max_in_memory=8000).val.num_rows == 1000
    assert output(made(["a"], batches=pieces), DataFrame, max_in_memory=7999).val is None


WIDE = pa.decimal256(50, 2)


@pytest.mark.parametrize("t", [pl.DataFrame, pl.LazyFrame], ids=str)
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (WIDE, Decimal("1.50")),
        (WIDE, Decimal("9" * 36 + ".99")),
        (WIDE, None),
        (pa.list_(WIDE), [Decimal("1.50"), None]),
        (pa.struct({"x": pa.large_list(WIDE)}), {"x": [Decimal("-1.50")]}),
        (pa.struct({"decimal256": pa.int64()}), {"decimal256": 1}),
    ],
    ids=str,
)
def test_polars_gets_decimals_of_the_width_that_it_has(made, output, t, kind, value):
    found = output(made.of(pa.table({"a": pa.array([value, value], kind)})), t)
    assert found.lazy().collect().to_dicts() == [{"a": value}, {"a": value}]


def test_polars_gets_decimals_that_are_wide_only_together(made, output):
    narrow = pa.table({"a": pa.array([Decimal("1.5")], pa.decimal128(38, 1))})
    exact = pa.table({"a": pa.array([Decimal("2.0625")], pa.decimal128(38, 4))})
    found = output(made.of(narrow, exact), pl.DataFrame)
    assert found.to_dicts() == [{"a": Decimal("1.5")}, {"a": Decimal("2.0625")}]
    with pytest.raises(ResultError, match=r"column 'a' is decimal256\(41, 4\), and polars has 38 digits"):
        output(made.of(narrow, exact), pl.LazyFrame)


@pytest.mark.parametrize("t", [pl.DataFrame, pl.LazyFrame], ids=str)
@pytest.mark.parametrize(
    ("kind", "value"),
    [(WIDE, Decimal("9" * 37)), (pa.decimal256(50, 40), Decimal("0.5")), (pa.list_(WIDE), [Decimal("9" * 40)])],
    ids=str,
)
def test_what_polars_has_no_decimals_for_is_refused(made, output, t, kind, value, tmp_path):
    with pytest.raises(ResultError, match=r"output 'o0' \(.*Frame\): column 'a' is .*decimal256.*; cast it"):
        output(made.of(pa.table({"a": pa.array([value], kind)})), t)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_type_at_which_polars_panics_is_an_error(made, output, monkeypatch):
    panic = type("PanicException", (BaseException,), {})

    def panics(_: Any) -> Any:
        raise panic("no such type")

    monkeypatch.setattr(pl, "from_arrow", panics)
    with pytest.raises(ResultError, match="PanicException: no such type"):
        output(made.of(pa.table({"a": [1]})), pl.DataFrame)


@pytest.mark.parametrize(
    ("kind", "wanted"), [(pa.int64(), "Int64"), (pa.int32(), "Int32"), (pa.uint64(), "UInt64"), (pa.int8(), "Int8")]
)
def test_integers_of_pandas_stay_exact_beside_null(made, output, kind, wanted):
    most = 2 ** (kind.bit_width - (0 if wanted.startswith("U") else 1)) - 1
    columns = {
        "word": ["x", None],
        "a": pa.array([most, None], kind),
        "b": pa.array([most, 1], kind),
        "none": pa.nulls(2, kind),
    }
    found = output(made.of(pa.table(columns)), pd.DataFrame)
    assert list(found) == ["word", "a", "b", "none"]
    assert [str(found[name].dtype) for name in ("a", "b", "none")] == [wanted, wanted.lower(), wanted]
    assert found["a"].tolist() == [most, pd.NA]
    assert found["b"].tolist() == [most, 1]


def test_exact_integers_of_pandas_pass_from_task_to_task(made, output):
    found = output(made.of(pa.table({"a": [2**53 + 1, None]})), pd.DataFrame)
    literal = asyncio.run(TypeEngine.to_literal(found, pd.DataFrame, TypeEngine.to_literal_type(pd.DataFrame)))
    assert asyncio.run(TypeEngine.to_python_value(literal, pd.DataFrame))["a"].tolist() == [2**53 + 1, pd.NA]
