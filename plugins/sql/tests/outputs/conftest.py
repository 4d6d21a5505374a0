"""Results to read outputs from: made of Python rows and arrow tables, and of a real DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from flyte_core_sql.outputs import check_outputs

from tests.support.s3 import s3_server

__all__ = ["s3_server"]


class Made:
    """A result made by hand: rows, or batches, either of which may be a function that raises."""

    def __init__(
        self,
        columns: Sequence[str] = (),
        rows: Sequence[Sequence[Any]] = (),
        *,
        batches: Iterator[pa.RecordBatch] | Sequence[pa.RecordBatch] = (),
        row_count: int | None = None,
    ) -> None:
        self.columns, self.row_count = list(columns), row_count
        self._rows, self._batches = rows, batches

    def rows(self, at_most: int | None = None) -> Sequence[Sequence[Any]]:
        return self._rows[:at_most]

    def batches(self) -> Iterator[pa.RecordBatch]:
        yield from self._batches

    @classmethod
    def of(cls, *tables: pa.Table) -> Made:
        """A result whose batches are these tables."""
        whole = [batch for table in tables for batch in table.combine_chunks().to_batches() or _empty(table)]
        rows = [tuple(row.values()) for table in tables for row in table.to_pylist()]
        return cls(tables[0].column_names, rows, batches=whole)


def _empty(table: pa.Table) -> list[pa.RecordBatch]:
    return [pa.RecordBatch.from_pylist([], schema=table.schema)]


class Duck:
    """A query's result on a DuckDB of its own."""

    row_count = None

    def __init__(self, query: str, batch_rows: int = 2048) -> None:
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute(query)
        self._query, self._batch_rows = query, batch_rows
        self.columns = [column[0] for column in self._connection.description]

    def rows(self, at_most: int | None = None) -> Sequence[Sequence[Any]]:
        return self._connection.fetchall() if at_most is None else self._connection.fetchmany(at_most)

    def batches(self) -> Iterator[pa.RecordBatch]:
        relation = self._connection.cursor().sql(self._query)
        # DuckDB 1.4 has the older name alone.
        read = getattr(relation, "to_arrow_reader", None) or relation.fetch_record_batch
        reader = read(self._batch_rows)
        found = False
        for batch in reader:
            found = True
            yield batch
        if not found:
            yield pa.RecordBatch.from_pylist([], schema=reader.schema)


@pytest.fixture
def made() -> type[Made]:
    return Made


@pytest.fixture
def duck() -> type[Duck]:
    return Duck


@pytest.fixture
def output() -> Callable[..., Any]:
    """Give a function that reads a result as outputs; a type alone is the output ``o0``."""

    def read(result: Any, outputs: Any, *, returns_rows: bool = True, **options: Any) -> Any:
        by_name = outputs if isinstance(outputs, dict) else {"o0": outputs}
        return check_outputs("task 'top'", by_name).collect(result, returns_rows=returns_rows, **options)

    return read
