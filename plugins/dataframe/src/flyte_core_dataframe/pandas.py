"""Frames of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from flyte_core import logger, storage
from flyte_core.io import CSV
from flyte_core_dataframe.faults import refuse_duplicates, said_of
from flyte_core_dataframe.places import arrow_place, csv_files, writing
from flyte_core_dataframe.schema import check_schema, declares
from flyte_core_dataframe.tables import ArrowFrameTransformer, table_schema, texts_of

if TYPE_CHECKING:
    from flyteidl2.core.types_pb2 import StructuredDatasetType

__all__ = ["TRANSFORMERS", "PandasTransformer"]

flyte_core_api = ">=1.0,<2"

_SHOWN_ROWS, _SHOWN_COLUMNS = 10, 100


class PandasTransformer(ArrowFrameTransformer[pd.DataFrame]):
    """`pandas.DataFrame`, by pandas' own reader and writer, so that index, categories and nullable types survive."""

    def __init__(self) -> None:
        super().__init__(pd.DataFrame)

    def to_arrow(self, frame: pd.DataFrame) -> pa.Table:
        """With the index as pandas' Parquet has it."""
        return pa.Table.from_pandas(frame)

    def from_arrow(self, table: pa.Table) -> pd.DataFrame:
        """With the index that `to_arrow` put in."""
        return table.to_pandas()

    def write(self, frame: pd.DataFrame, url: str, format: str) -> None:
        """Parquet with the index; CSV without, as the Flyte SDK writes it."""
        with said_of("write", pd.DataFrame, url, format):
            refuse_duplicates(frame.columns)
            if format == CSV and not isinstance(frame.index, pd.RangeIndex):
                logger.warning("the index of a frame is not kept in csv; call reset_index() before, or use parquet")
            with writing(url, format) as file:
                if format == CSV:
                    frame.to_csv(file, index=False, mode="wb")
                else:
                    frame.to_parquet(file, engine="pyarrow")

    def read(self, url: str, format: str, declared: StructuredDatasetType) -> pd.DataFrame:
        """Only the declared columns, if there are any; the index comes with them."""
        with said_of("read", pd.DataFrame, url, format):
            if format == CSV:
                return _read_csv(url, declared)
            with arrow_place(url, whole=not declared.columns) as (path, filesystem):
                columns = check_schema(url, declared, table_schema(path, filesystem)) if declares(declared) else None
                return pd.read_parquet(path, engine="pyarrow", columns=columns, filesystem=filesystem)

    def render(self, frame: pd.DataFrame) -> str:
        """The first and last rows as a table."""
        return str(frame.to_html(max_rows=_SHOWN_ROWS, max_cols=_SHOWN_COLUMNS))


def _read_csv(url: str, declared: StructuredDatasetType) -> pd.DataFrame:
    frames = [_read_csv_file(file, declared) for file in csv_files(url)]
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    if not declares(declared):
        return frame
    columns = check_schema(url, declared, pa.Schema.from_pandas(frame, preserve_index=False))
    return frame if columns is None else frame.loc[:, columns]


def _read_csv_file(url: str, declared: StructuredDatasetType) -> pd.DataFrame:
    columns = [column.name for column in declared.columns] or None
    with storage.open_sync(url, "rb") as file:
        try:
            header = pd.read_csv(file, nrows=0)
        except pd.errors.EmptyDataError:  # what a frame without columns is
            header = pd.DataFrame()
        if not set(columns or ()) <= set(header.columns) or (header.empty and not len(header.columns)):
            check_schema(url, declared, pa.Schema.from_pandas(header, preserve_index=False))
            return header
        file.seek(0)
        frame = pd.read_csv(file, usecols=columns, dtype=dict.fromkeys(texts_of(declared), str))
    return _with_times(frame, declared)


def _with_times(frame: pd.DataFrame, declared: StructuredDatasetType) -> pd.DataFrame:
    """Make times of the texts that are declared as times; what is none is left, for the check to report."""
    from flyteidl2.core.types_pb2 import SimpleType

    makers = {SimpleType.DATETIME: pd.to_datetime, SimpleType.DURATION: pd.to_timedelta}
    for column in declared.columns:
        make = makers.get(column.literal_type.simple) if column.literal_type.HasField("simple") else None
        if make is not None and column.name in frame:
            try:
                frame[column.name] = make(frame[column.name])
            except (ValueError, TypeError):
                continue
    return frame


TRANSFORMERS = [PandasTransformer]
