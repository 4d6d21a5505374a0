"""What polars has and the other frameworks have not: enums, small integers, lazy frames in bounded memory."""

from __future__ import annotations

import asyncio
import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from polars.testing import assert_frame_equal
from polars.testing.parametric import dataframes

from flyte_core.io import DataFrame
from flyte_core.types import TypeEngine


def encode(value: Any, t: Any) -> Any:
    return asyncio.run(TypeEngine.to_literal(value, t, TypeEngine.to_literal_type(t)))


def decode(literal: Any, t: Any) -> Any:
    return asyncio.run(TypeEngine.to_python_value(literal, t))


@pytest.mark.parametrize("kind", [pl.DataFrame, pl.LazyFrame])
@pytest.mark.parametrize(
    "schema",
    [
        {"a": pl.Int8},
        {"a": pl.Enum(["x", "y"])},
        {"a": pl.Categorical},
        {"a": pl.Array(pl.Int64, 2)},
        {"a": pl.Time},
        {"a": pl.Duration("ns")},
        {"a": pl.Struct({"b": pl.List(pl.UInt8)})},
        {"a": pl.Null},
    ],
    ids=str,
)
def test_types_of_polars_own_survive(schema, kind):
    frame = pl.DataFrame({"a": [None, None]}, schema=schema)
    value = frame if kind is pl.DataFrame else frame.lazy()
    found = decode(encode(value, kind), kind).lazy().collect()
    assert found.equals(frame)
    assert found.schema == frame.schema


EXCLUDED = [pl.Object, pl.Decimal, *(getattr(pl, name) for name in ("Float16", "UInt128") if hasattr(pl, name))]


@settings(max_examples=40, deadline=None)
@given(dataframes(max_cols=4, max_size=5, excluded_dtypes=EXCLUDED))
def test_any_frame_comes_back_as_it_was(frame):
    found = decode(encode(frame, pl.DataFrame), pl.DataFrame)
    assert_frame_equal(found, frame, check_exact=True)


def test_a_lazy_frame_is_computed_only_once_while_it_is_stored():
    calls = []

    def count(frame: pl.DataFrame) -> pl.DataFrame:
        calls.append(frame.height)
        return frame

    lazy = pl.DataFrame({"a": [1, 2]}).lazy().map_batches(count)
    literal = encode(lazy, pl.LazyFrame)
    assert sum(calls) == 2
    assert decode(literal, pl.DataFrame)["a"].to_list() == [1, 2]


def test_a_lazy_frame_is_one_piece():
    literal = encode(pl.DataFrame({"a": [1, 2]}).lazy(), pl.LazyFrame)
    (piece,) = decode(literal, DataFrame).open(pl.LazyFrame).iter_sync()
    assert piece.collect().height == 2


def test_dates_of_csv_are_read_as_dates(tmp_path):
    (tmp_path / "data.csv").write_text("d\n2020-01-02\n")
    assert DataFrame(uri=str(tmp_path), format="csv").open(pl.DataFrame).all_sync()["d"][0] == dt.date(2020, 1, 2)


BOUNDED = """
import asyncio, re, sys
import polars as pl
from flyte_core.types import TypeEngine

def peak():  # in MB; not getrusage, whose maximum a process takes over from its parent
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024

source, rows = sys.argv[1], int(sys.argv[2])
lazy = pl.scan_parquet(source)
t = pl.LazyFrame
begin = peak()
literal = asyncio.run(TypeEngine.to_literal(lazy, t, TypeEngine.to_literal_type(t)))
back = asyncio.run(TypeEngine.to_python_value(literal, t))
assert back.select(pl.len()).collect().item() == rows
print(peak() - begin)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_a_lazy_frame_larger_than_the_memory_it_may_take_passes_through(tmp_path):
    rows, groups = 12_000_000, 120
    source = tmp_path / "source.parquet"
    frame = pl.DataFrame({"a": range(rows)}).with_columns(b=pl.col("a") * 0.5, c=pl.col("a") % 7, d=pl.col("a") + 1)
    frame.write_parquet(source, row_group_size=rows // groups, compression="uncompressed")
    size = frame.estimated_size("mb")
    assert size > 350
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(source), str(rows)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < size
