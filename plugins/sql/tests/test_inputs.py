"""Kinds of inputs, parameters and sources of tables."""

from __future__ import annotations

import dataclasses
import enum
import gzip
import json
import pickle
import typing
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flyte_core_sql.connection import resolve_connection
from flyte_core_sql.drivers.duck import DuckSession, open_duckdb
from flyte_core_sql.errors import InputError
from flyte_core_sql.inputs import check_input_type, element_type, is_list, kind_of, table_source, to_parameter

from flyte_core.errors import DataFrameSchemaError, InvalidTypeError, StorageNotFoundError
from flyte_core.io import DataFrame, Dir, File
from flyte_core.types.codec import codec_for


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


@dataclasses.dataclass
class Filter:
    day: date
    price: Decimal
    sizes: list[Size]


TABLES = [DataFrame, File, Dir, File["csv"], File | None, pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.Table]
PARAMETERS = [
    bool, int, float, str, bytes, datetime, date, timedelta, Decimal, UUID, Size, Literal["a"], Filter, dict,
    dict[str, int], list[int], list[Size], tuple[str, ...], Sequence[date], int | None, Annotated[int, "n"], list,
]  # fmt: skip


@pytest.mark.parametrize("python_type", TABLES, ids=str)
def test_a_frame_a_file_and_a_folder_are_tables(python_type: Any) -> None:
    assert kind_of(python_type) == kind_of(Annotated[python_type, "x"]) == "table"
    check_input_type("task 'top'", "t", python_type)


@pytest.mark.parametrize("python_type", PARAMETERS, ids=str)
def test_a_scalar_a_list_and_a_record_are_parameters(python_type: Any) -> None:
    assert kind_of(python_type) == "parameter"
    check_input_type("task 'top'", "n", python_type)


@pytest.mark.parametrize("python_type", [object, typing.Any, pd.Series, list[object], typing.Callable], ids=str)
def test_an_input_of_another_type_is_refused_where_it_is_declared(python_type: Any) -> None:
    with pytest.raises(InvalidTypeError, match=r"task 'top'.*inputs\['n'\]"):
        check_input_type("task 'top'", "n", python_type)


@pytest.mark.parametrize(
    ("python_type", "element"),
    [(list[int], int), (tuple[str, ...], str), (list[Size], int), (list[date] | None, date), (list, str)],
    ids=str,
)
def test_a_list_knows_the_type_of_its_elements(python_type: Any, element: type) -> None:
    assert is_list(python_type)
    assert element_type(python_type) is element


@pytest.mark.parametrize(
    ("value", "python_type", "parameter"),
    [
        (None, int | None, None),
        (True, bool, True),
        (Size.LARGE, Size, 2),
        ([Size.SMALL, None], list[Size | None], [1, None]),
        ((1, 2), tuple[int, ...], [1, 2]),
        (Filter(date(2024, 5, 1), Decimal(1), [Size.SMALL]), Filter, '{"day":"2024-05-01","price":"1","sizes":[1]}'),
        ({"a": {"ü": [b"x", timedelta(seconds=1.5)]}}, dict, '{"a":{"ü":["eA==","PT1.5S"]}}'),
        (pd.Timestamp(2024, 5, 1), datetime, datetime(2024, 5, 1)),
    ],
)  # fmt: skip
def test_a_value_is_given_as_drivers_take_it(value: Any, python_type: Any, parameter: Any) -> None:
    found = to_parameter("n", value, python_type)
    assert found == parameter
    assert type(found) is type(parameter)


def test_a_value_that_is_no_parameter_is_refused() -> None:
    with pytest.raises(InvalidTypeError, match="parameter n"):
        to_parameter("n", object(), int)


# ---- tables ----------------------------------------------------------------------------------------

ROWS = [(1, "a"), (2, "it's")]
FRAME = pa.table({"x": [1, 2], "s": ["a", "it's"]})


@pytest.fixture(name="session")
def _session() -> Iterator[DuckSession]:
    session = open_duckdb(resolve_connection(None), private=False)
    yield session
    session.close()


def _rows(session: DuckSession, value: Any, python_type: Any, name: str = "t") -> Any:
    with table_source(name, value, python_type) as source:
        session.add_table(name, source)
        return session.execute(f'SELECT x, s FROM "{name}" ORDER BY x').rows()


def _write(path: Path) -> Path:
    name = path.name
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [dict(zip(("x", "s"), row, strict=True)) for row in ROWS]
    if ".parquet" in name or name == "00000":
        pq.write_table(FRAME, path)
        return path
    if ".csv" in name:
        text = "x,s\n1,a\n2,it's\n"
    elif ".json" in name and ".jsonl" not in name:
        text = json.dumps(records)
    else:
        text = "\n".join(map(json.dumps, records))
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize(
    "frame",
    [FRAME, FRAME.to_pandas(), pl.from_arrow(FRAME), pl.from_arrow(FRAME).lazy()],  # type: ignore[union-attr] # a frame
    ids=["pyarrow", "pandas", "polars", "lazy"],
)
def test_a_frame_is_a_table_alone_and_in_a_dataframe(session: DuckSession, frame: Any) -> None:
    assert _rows(session, frame, type(frame)) == ROWS
    assert _rows(session, DataFrame.from_df(frame), DataFrame, "u") == ROWS


@pytest.mark.parametrize(
    "name",
    ["a.csv", "a.csv.gz", "a.parquet", "a.json", "a.json.gz", "a.ndjson", "a.jsonl.gz", "it's [1]*?$x;--.csv"],
)
def test_a_file_is_a_table_by_the_ending_of_its_name(session: DuckSession, tmp_path: Path, name: str) -> None:
    assert _rows(session, File(path=str(_write(tmp_path / name))), File) == ROWS


@pytest.mark.parametrize("said", ["type", "value"])
def test_a_files_format_can_be_said_by_the_type_and_by_the_value(
    session: DuckSession, tmp_path: Path, said: str
) -> None:
    path = _write(tmp_path / "a.csv").rename(tmp_path / "data")
    file = File(path=str(path), format="csv" if said == "value" else "")
    assert _rows(session, file, File["csv"] if said == "type" else File) == ROWS


def test_a_file_of_unknown_format_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_text("x")
    with (
        pytest.raises(InputError, match=r"^input 't': .*a\.xlsx is of no format that is known.*parquet.*File\['csv'\]"),
        table_source("t", File(path=str(tmp_path / "a.xlsx")), File),
    ):
        pass


def test_a_file_that_is_not_there_is_told_before_the_database_is_asked(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"^input 't': cannot find .*a\.csv: .*check the path") as caught,
        table_source("t", File(path=str(tmp_path / "a.csv")), File),
    ):
        pass
    assert isinstance(caught.value, StorageNotFoundError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.url) == (type(caught.value), str(caught.value), str(tmp_path / "a.csv"))


def test_a_folder_without_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^input 't': .*no file"), table_source("t", Dir(path=str(tmp_path)), Dir):
        pass


def test_columns_that_a_stored_table_has_not_are_told(tmp_path: Path) -> None:
    _write(tmp_path / "a.parquet")
    declared = Annotated[DataFrame, {"x": str, "more": int}]
    codec = codec_for(declared)
    stored = codec.decode(codec.encode(DataFrame(uri=str(tmp_path / "a.parquet"), format="parquet")))
    with pytest.raises(InputError) as caught, table_source("t", stored, declared):
        pass
    uri = caught.value.uri  # type: ignore[attr-defined] # of a DataFrameSchemaError
    assert str(caught.value) == (
        f"input 't': {uri}: column 'x' is declared str and is int64; column 'more' is declared int and "
        "is not there. The table's columns: x (int64), s (string). Correct Annotated[...], or the task that wrote the "
        "table"
    )
    assert isinstance(caught.value, DataFrameSchemaError)


def test_an_error_of_what_is_done_with_a_table_stays_what_it_is(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageNotFoundError, match="it is gone") as caught,
        table_source("t", File(path=str(_write(tmp_path / "a.csv"))), File),
    ):
        raise StorageNotFoundError("there", "find", "it is gone")
    assert not isinstance(caught.value, InputError)


def test_a_folder_is_the_table_of_all_its_files(session: DuckSession, tmp_path: Path) -> None:
    _write(tmp_path / "a" / "1.csv")
    (tmp_path / "a" / "2.csv").write_text("x,s,more\n3,b,1\n")
    (tmp_path / "a" / "_SUCCESS").write_text("")
    assert _rows(session, Dir(path=str(tmp_path / "a")), Dir) == [*ROWS, (3, "b")]


def test_folders_named_as_columns_are_columns(session: DuckSession, tmp_path: Path) -> None:
    _write(tmp_path / "a" / "year=2024" / "1.parquet")
    with table_source("t", Dir(path=str(tmp_path / "a")), Dir) as source:
        session.add_table("t", source)
        assert session.execute("SELECT DISTINCT year FROM t").rows() == [(2024,)]


def test_a_folder_with_files_of_two_formats_needs_to_say_which(session: DuckSession, tmp_path: Path) -> None:
    _write(tmp_path / "a" / "1.csv")
    _write(tmp_path / "a" / "1.parquet")
    with pytest.raises(InputError, match="csv, parquet"), table_source("t", Dir(path=str(tmp_path / "a")), Dir):
        pass
    assert _rows(session, Dir(path=str(tmp_path / "a")), Dir["parquet"]) == ROWS


def test_a_stored_dataframe_is_a_table(session: DuckSession, tmp_path: Path) -> None:
    _write(tmp_path / "a" / "00000")
    stored = DataFrame.from_existing_remote(str(tmp_path / "a"), format="parquet")
    assert _rows(session, stored, DataFrame) == ROWS


def test_a_table_elsewhere_is_downloaded_and_removed_afterwards(session: DuckSession, tmp_path: Path) -> None:
    from flyte_core import storage

    storage.write_bytes_sync("memory://sql-inputs/a.csv", b"x,s\n1,a\n2,it's\n")
    with table_source("t", File(path="memory://sql-inputs/a.csv"), File) as source:
        (copy,) = source.files
        session.add_table("t", source)
        assert session.execute("SELECT x, s FROM t").rows() == ROWS
    assert not Path(copy).exists()


def test_a_table_may_have_any_name(session: DuckSession) -> None:
    session.add_table('we"ird name', FRAME)
    quoted = session.quote('we"ird name')
    assert session.execute(f"SELECT count(*) FROM {quoted}").rows() == [(2,)]


def test_an_arrow_table_is_read_without_a_copy(session: DuckSession) -> None:
    table = pa.table({"x": pa.array(range(4_000_000), pa.int64())})
    before = pa.total_allocated_bytes()
    session.add_table("t", table)
    assert session.execute("SELECT sum(x) FROM t").rows() == [(7999998000000,)]
    assert pa.total_allocated_bytes() - before < 4_000_000
