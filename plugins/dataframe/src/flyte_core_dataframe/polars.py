"""Frames of polars, eager and lazy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from flyte_core import storage
from flyte_core.io import CSV, FrameTransformer
from flyte_core_dataframe.faults import said_of
from flyte_core_dataframe.places import (
    arrow_place,
    csv_files,
    download,
    files_below,
    local_copy,
    writing,
)
from flyte_core_dataframe.schema import check_schema, declares
from flyte_core_dataframe.tables import ArrowFrameTransformer, read_table, table_schema, texts_of

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from flyteidl2.core.types_pb2 import StructuredDatasetType

__all__ = ["TRANSFORMERS", "LazyTransformer", "PolarsTransformer"]

flyte_core_api = ">=1.0,<2"

_SHOWN_ROWS = 10


class PolarsTransformer(ArrowFrameTransformer[pl.DataFrame]):
    """`polars.DataFrame`, by polars' own reader and writer; some columns of a remote table by arrow's."""

    def __init__(self) -> None:
        super().__init__(pl.DataFrame)

    def to_arrow(self, frame: pl.DataFrame) -> pa.Table:
        """Mostly without a copy."""
        return frame.to_arrow()

    def from_arrow(self, table: pa.Table) -> pl.DataFrame:
        """Mostly without a copy."""
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def write(self, frame: pl.DataFrame, url: str, format: str) -> None:
        """Write it as polars does."""
        with said_of("write", pl.DataFrame, url, format), writing(url, format) as file:
            if format == CSV:
                frame.write_csv(file)
            else:
                frame.write_parquet(file)

    def read(self, url: str, format: str, declared: StructuredDatasetType) -> pl.DataFrame:
        """Only the declared columns, if there are any."""
        with said_of("read", pl.DataFrame, url, format):
            if format != CSV and declared.columns and storage.is_remote(url):
                return self.from_arrow(read_table(url, format, declared))
            with local_copy(url) as path:
                return _scan(path, url, format, declared).collect()

    def render(self, frame: pl.DataFrame) -> str:
        """The first rows as a table."""
        return frame.head(_SHOWN_ROWS)._repr_html_()


class LazyTransformer(FrameTransformer[pl.LazyFrame]):
    """`polars.LazyFrame`: computed while it is written, and read when it is collected, both in bounded memory.

    A remote table is downloaded into the process's scratch folder first, because a lazy frame may be collected at any
    later time; the copy is there until the process ends.
    """

    def __init__(self) -> None:
        super().__init__(pl.LazyFrame)

    def write(self, frame: pl.LazyFrame, url: str, format: str) -> None:
        """Compute the frame into the file, batch by batch."""
        with said_of("write", pl.LazyFrame, url, format), writing(url, format) as file:
            if format == CSV:
                frame.sink_csv(file)
            else:
                frame.sink_parquet(file)

    def read(self, url: str, format: str, declared: StructuredDatasetType) -> pl.LazyFrame:
        """A scan of the local file, or of a local copy."""
        with said_of("read", pl.LazyFrame, url, format):
            path = download(url) if storage.is_remote(url) else storage.local_path(url)
            return _scan(path, url, format, declared)

    def render(self, frame: pl.LazyFrame) -> str:
        """The plan, not the data: nothing is computed for a report."""
        from html import escape

        return f"<pre>{escape(frame.explain(optimized=False))}</pre>"


def _scan(path: Path, url: str, format: str, declared: StructuredDatasetType) -> pl.LazyFrame:
    if format == CSV:
        return _scan_csv(path, url, declared)
    columns = None
    if declares(declared):
        with arrow_place(str(path), whole=True) as (place, filesystem):
            columns = check_schema(url, declared, table_schema(place, filesystem))
    files = files_below(str(path))
    partitioned = any("=" in file[len(str(path)) :] for file in files)
    frame = pl.scan_parquet(files, hive_partitioning=partitioned)
    return frame if columns is None else frame.select(columns)


def _scan_csv(path: Path, url: str, declared: StructuredDatasetType) -> pl.LazyFrame:
    files = csv_files(str(path))
    texts: Any = dict.fromkeys(texts_of(declared), pl.String)
    frame = pl.scan_csv(
        files, schema_overrides=texts, try_parse_dates=True, infer_schema_length=None, raise_if_empty=False
    )
    if not declares(declared):
        return frame
    columns = check_schema(url, declared, frame.collect_schema().to_frame().to_arrow().schema)
    return frame if columns is None else frame.select(columns)


TRANSFORMERS = [PolarsTransformer, LazyTransformer]
