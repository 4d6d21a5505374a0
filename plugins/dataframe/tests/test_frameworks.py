"""pandas, polars and arrow: each framework's frames stored, and read as every other's, here and on an S3 server."""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
from typing import Annotated, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import flyte_core
from flyte_core import storage
from flyte_core.errors import DataFrameSchemaError, StorageNotFoundError, TypeTransformerFailedError
from flyte_core.io import CSV, PARQUET, DataFrame
from flyte_core.types import TypeEngine

FRAMES = [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.Table]

TABLE = pa.table(
    {
        "i": pa.array([1, None], pa.int32()),
        "f": [1.5, None],
        "b": [True, None],
        "s": ["x", None],
        "y": [b"x", None],
        "d": [dt.date(2020, 1, 1), None],
        "ts": pa.array([123_456_789, None], pa.timestamp("ns", "Europe/Berlin")),
        "td": pa.array([5, None], pa.duration("us")),
        "dec": pa.array([decimal.Decimal("1.20"), None], pa.decimal128(9, 2)),
        "cat": pa.array(["a", None]).dictionary_encode(),
        "l": [[1, 2], None],
        "st": [{"x": 1, "y": "q"}, None],
        "nul": pa.nulls(2),
    }
)
PLAIN = pa.table({"a": [1, 2, 3], "b": [1.5, 2.5, 3.5], "s": ["x", "y", "z"], "o": [True, False, True]})


def as_frame(table: pa.Table, kind: Any) -> Any:
    made = {pd.DataFrame: pa.Table.to_pandas, pl.DataFrame: pl.from_arrow, pa.Table: lambda t: t}
    return pl.from_arrow(table).lazy() if kind is pl.LazyFrame else made[kind](table)


def collected(frame: Any) -> Any:
    return frame.collect() if isinstance(frame, pl.LazyFrame) else frame


def names(frame: Any) -> list[str]:
    frame = collected(frame)
    return list(frame.column_names if isinstance(frame, pa.Table) else frame.columns)


def same(one: Any, other: Any) -> bool:
    one, other = collected(one), collected(other)
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
        return True
    return bool(one.equals(other)) and one.schema == other.schema


def values(frame: Any) -> Any:
    frame = collected(frame)
    if isinstance(frame, pd.DataFrame):
        return frame.to_dict("list")
    return frame.to_dict(as_series=False) if isinstance(frame, pl.DataFrame) else frame.to_pydict()


def encode(value: Any, t: Any) -> Any:
    return asyncio.run(TypeEngine.to_literal(value, t, TypeEngine.to_literal_type(t)))


def decode(literal: Any, t: Any) -> Any:
    return asyncio.run(TypeEngine.to_python_value(literal, t))


def stored(frame: Any, uri: str, form: str = PARQUET) -> Any:
    return encode(DataFrame.from_df(frame, uri=uri), Annotated[DataFrame, form])


def reference(uri: str, form: str = PARQUET) -> Any:
    return encode(DataFrame(uri=uri, format=form), DataFrame)


@pytest.mark.parametrize("kind", FRAMES)
def test_all_kinds_of_columns_survive(kind, place):
    frame = as_frame(TABLE, kind)
    assert same(decode(stored(frame, place("t")), kind), frame)


@pytest.mark.parametrize("form", [PARQUET, CSV])
@pytest.mark.parametrize("written", FRAMES)
@pytest.mark.parametrize("read", FRAMES)
def test_what_one_framework_wrote_every_other_reads(written, read, form, place):
    literal = stored(as_frame(PLAIN, written), place("t"), form)
    assert values(decode(literal, read)) == PLAIN.to_pydict()


@pytest.mark.parametrize("form", [PARQUET, CSV])
@pytest.mark.parametrize("kind", FRAMES)
def test_declared_columns_are_the_only_ones_read_and_in_their_order(kind, form, place):
    literal = stored(as_frame(PLAIN, pa.Table), place("t"), form)
    assert names(decode(literal, Annotated[kind, {"s": str, "a": int}])) == ["s", "a"]
    value = decode(literal, Annotated[DataFrame, {"b": float}])
    assert names(value.open(kind).all_sync()) == ["b"]


@pytest.mark.parametrize("kind", FRAMES)
def test_a_declared_field_of_a_struct_brings_its_struct(kind, place):
    literal = stored(TABLE, place("t"))
    assert names(decode(literal, Annotated[kind, {"i": int, "st": {"x": int}}])) == ["i", "st"]


@pytest.mark.parametrize("form", [PARQUET, CSV])
@pytest.mark.parametrize("kind", FRAMES)
def test_columns_that_are_absent_or_of_another_type_are_all_listed(kind, form, place):
    literal = stored(PLAIN, place("t"), form)
    with pytest.raises(DataFrameSchemaError) as caught:
        collected(decode(literal, Annotated[kind, {"a": bool, "o": int, "b": float}]))
    assert [text.partition(" and is ")[0] for text in caught.value.differences] == [
        "column 'a' is declared bool",
        "column 'o' is declared int",
    ]
    with pytest.raises(DataFrameSchemaError, match=r"column 'aa' is declared int and is not there") as caught:
        collected(decode(literal, Annotated[kind, {"aa": int}]))
    assert len(caught.value.found) == 4


@pytest.mark.parametrize("kind", FRAMES)
def test_hive_partitions_are_columns(kind, place):
    for key in (1, 2):
        stored(PLAIN, place(f"t/k={key}"))
    storage.write_bytes_sync(place("t/_SUCCESS"), b"")
    literal = reference(place("t"))
    whole = collected(decode(literal, kind))
    assert names(whole) == [*PLAIN.column_names, "k"]
    assert len(whole) == 6
    assert names(decode(literal, Annotated[kind, {"k": int, "a": int}])) == ["k", "a"]


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("form", [PARQUET, CSV])
def test_a_single_file_and_a_folder_of_files_are_tables(kind, form, place):
    for part in ("one", "two"):
        stored(PLAIN, place(f"made/{part}"), form)
        data = storage.read_bytes_sync(storage.join(place(f"made/{part}"), "00000" if form == PARQUET else "data.csv"))
        storage.write_bytes_sync(place(f"t/{part}.{form}"), data)
    assert same(decode(reference(place(f"t/one.{form}"), form), kind), as_frame(PLAIN, kind))
    assert same(decode(reference(place(f"t/one.{form}"), ""), kind), as_frame(PLAIN, kind))
    assert len(collected(decode(reference(place("t"), form), kind))) == 6


@pytest.mark.parametrize("kind", FRAMES)
def test_a_table_that_is_not_there_is_said_to_be_so(kind, place):
    for form in (PARQUET, CSV):
        with pytest.raises(StorageNotFoundError, match="nowhere"):
            DataFrame(uri=place("nowhere"), format=form).open(kind).all_sync()


@pytest.mark.parametrize("kind", FRAMES)
def test_what_is_no_parquet_is_refused_with_its_place(kind, place):
    storage.write_bytes_sync(place("t/00000"), b"this is text")
    with pytest.raises(TypeTransformerFailedError, match=r"as parquet at .*t"):
        collected(decode(reference(place("t")), Annotated[kind, {"a": int}]))


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.Table])
def test_pieces_together_are_the_whole(kind, place):
    rows = 300_000
    literal = stored(pa.table({"a": range(rows), "b": range(rows)}), place("t"))
    pieces = list(decode(literal, Annotated[DataFrame, {"a": int}]).open(kind).iter_sync())
    assert len(pieces) > 1
    assert sum(map(len, pieces)) == rows
    assert {tuple(names(piece)) for piece in pieces} == {("a",)}


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.Table])
def test_an_empty_table_is_one_empty_piece(kind, place):
    literal = stored(PLAIN.slice(0, 0), place("t"))
    pieces = list(decode(literal, DataFrame).open(kind).iter_sync())
    assert [len(piece) for piece in pieces] == [0]
    assert names(pieces[0]) == PLAIN.column_names


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("table", [pa.table({}), PLAIN.slice(0, 0)], ids=["without columns", "without rows"])
def test_empty_frames_survive(kind, table, place):
    frame = as_frame(table, kind)
    assert same(decode(stored(frame, place("t")), kind), frame)


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_without_columns_survives_csv(kind, place):
    assert names(decode(stored(as_frame(pa.table({}), kind), place("t"), CSV), kind)) == []


@pytest.mark.parametrize("form", [PARQUET, CSV])
@pytest.mark.parametrize(
    "frame",
    [pa.table([[1], [2]], names=["a", "a"]), pd.DataFrame([[1, 2]], columns=["a", "a"])],
    ids=["arrow", "pandas"],
)
def test_two_columns_of_one_name_are_refused(frame, form, tmp_path):
    with pytest.raises(TypeTransformerFailedError, match="several columns named 'a'"):
        stored(frame, str(tmp_path / "t"), form)
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    "frame",
    [pd.DataFrame({"a": [1, "x"]}), pl.DataFrame({"a": [object()]}), pl.DataFrame({"a": [object()]}).lazy()],
    ids=["pandas", "polars", "lazy"],
)
def test_what_parquet_cannot_hold_is_refused_and_leaves_nothing(frame, place):
    with pytest.raises(TypeTransformerFailedError, match=r"cannot write a \w+\.\w+ as parquet at "):
        stored(frame, place("t"))
    assert not storage.exists_sync(storage.join(place("t"), "00000"))


@pytest.mark.parametrize("kind", FRAMES)
def test_texts_that_look_like_numbers_stay_texts_where_they_are_declared_so(kind, place):
    literal = stored(pa.table({"zip": ["007", "010"], "n": [1, 2]}), place("t"), CSV)
    frame = collected(decode(literal, Annotated[kind, {"zip": str}]))
    column = frame["zip"].to_pylist() if kind is pa.Table else list(frame["zip"])
    assert column == ["007", "010"]


@pytest.mark.parametrize("kind", FRAMES)
def test_times_come_back_from_csv_where_they_are_declared(kind, place):
    literal = stored(pa.table({"t": [dt.datetime(2020, 1, 2, 3, 4, 5)]}), place("t"), CSV)
    frame = collected(decode(literal, Annotated[kind, {"t": dt.datetime}]))
    value = frame["t"].to_pylist()[0] if kind is pa.Table else frame["t"][0]
    assert value == dt.datetime(2020, 1, 2, 3, 4, 5)


@pytest.mark.parametrize("kind", FRAMES)
def test_an_arrow_schema_is_checked_too(kind, place):
    narrow = pa.table({"a": pa.array([1], pa.int32()), "l": [[1]]})
    literal = stored(narrow, place("t"))
    fitting = pa.schema([("a", pa.int64()), ("l", pa.list_(pa.int64()))])
    assert names(decode(literal, Annotated[kind, fitting])) == ["a", "l"]
    with pytest.raises(DataFrameSchemaError, match=r"'a' is declared int16 and is int32; column 'c' is declared str"):
        collected(decode(literal, Annotated[kind, pa.schema([("a", pa.int16()), ("c", pa.string())])]))


def test_the_files_have_the_names_that_the_flyte_sdk_gives_them(tmp_path):
    stored(PLAIN, str(tmp_path / "p"))
    stored(PLAIN, str(tmp_path / "c"), CSV)
    assert pq.read_table(tmp_path / "p" / "00000").equals(PLAIN)
    assert pd.read_csv(tmp_path / "c" / "data.csv").shape == (3, 4)


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_of_one_framework_may_be_given_where_another_is_declared(kind):
    env = flyte_core.TaskEnvironment("across", image="python:3.12")

    async def total(df: pd.DataFrame) -> int:
        return int(df["a"].sum())

    assert flyte_core.run(env.task(total), as_frame(PLAIN, kind)).outputs() == 6


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_show_in_reports(kind):
    assert "a" in TypeEngine.to_html(as_frame(PLAIN, kind), kind)


def test_a_lazy_frame_is_shown_without_computing_it():
    def never(frame: pl.DataFrame) -> pl.DataFrame:
        raise AssertionError("computed")

    lazy = pl.DataFrame({"a": [1]}).lazy().map_batches(never)
    assert "<pre>" in TypeEngine.to_html(lazy, pl.LazyFrame)


def test_the_event_loop_lives_while_a_frame_is_written(monkeypatch):
    import threading

    from flyte_core_dataframe.arrow import ArrowTransformer

    reached, go_on = threading.Event(), threading.Event()

    def write(self, frame, url, format):
        reached.set()
        assert go_on.wait(30)

    monkeypatch.setattr(ArrowTransformer, "write", write)

    async def meanwhile() -> bool:
        writing = asyncio.create_task(TypeEngine.to_literal(PLAIN, pa.Table, TypeEngine.to_literal_type(pa.Table)))
        while not reached.is_set():
            await asyncio.sleep(0)
        turned = not writing.done()
        go_on.set()
        await writing
        return turned

    assert asyncio.run(meanwhile())


def test_copies_of_remote_tables_are_removed_after_an_eager_read(place, request):
    literal = stored(PLAIN, place("t"))
    before = sorted(storage.scratch_folder().iterdir())
    for kind in (pd.DataFrame, pl.DataFrame, pa.Table):
        decode(literal, kind)
    assert sorted(storage.scratch_folder().iterdir()) == before
