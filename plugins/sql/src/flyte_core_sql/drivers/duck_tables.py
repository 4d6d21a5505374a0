"""Inputs as relations of DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from flyte_core_sql.drivers.common import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from flyte_core_sql.inputs import TableSource

__all__ = ["relation_of"]


def relation_of(cursor: duckdb.DuckDBPyConnection, source: TableSource) -> Any:
    """Give what can be registered as a view of this connection alone: a frame, or a relation over files.

    Paths go to DuckDB as values; no text of SQL is made of them.
    """
    if source.files:
        relation = _files(cursor, source)
        return relation if source.columns is None else relation.project(", ".join(map(quoted, source.columns)))
    frame = source.frame
    if type(frame).__module__.partition(".")[0] == "pandas" and not _native_pandas(frame):
        import pyarrow as pa

        return pa.Table.from_pandas(frame, preserve_index=False)
    return frame


def _files(cursor: duckdb.DuckDBPyConnection, source: TableSource) -> duckdb.DuckDBPyRelation:
    paths = [_literal(path) for path in source.files]
    several = len(paths) > 1
    if source.format == "parquet":
        return cursor.read_parquet(paths, hive_partitioning=source.hive, union_by_name=several)
    # Both take lists since 1.1, and say so in their types since 2.0.
    reader: Any = cursor
    options: dict[str, Any] = {"union_by_name": several, "hive_partitioning": source.hive}
    if source.compression:
        options["compression"] = source.compression
    read: Callable[..., duckdb.DuckDBPyRelation] = reader.read_csv if source.format == "csv" else reader.read_json
    if source.format == "ndjson":
        options["format"] = "newline_delimited"
    return read(paths, **options)


def _literal(path: str) -> str:
    """A path without patterns: DuckDB would take a star in a file's name for one."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in path)


def _native_pandas(frame: Any) -> bool:
    """Whether DuckDB reads such a frame itself: version 1 does not know the texts of pandas 3."""
    if int(duckdb.__version__.partition(".")[0]) >= 2:
        return True
    return not any(str(kind) in ("str", "string") for kind in frame.dtypes)
