"""Results larger than memory: batch by batch into one Parquet or CSV file of storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from flyte_core_dataframe.faults import said_of
from flyte_core_dataframe.places import files_below, local_copy, writing

from flyte_core import ctx, storage
from flyte_core.errors import StorageError
from flyte_core.io import CSV, PARQUET
from flyte_core_sql.outputs.widening import common_schema, fitted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

__all__ = ["store"]

#: What is gathered for one row group; batches of databases are much smaller, and small groups read slowly.
_GROUP_BYTES = 32 * 2**20
_GROUP_ROWS = 2**20
_REWRITE_ROWS = 2**16


def store(
    subject: str,
    batches: Iterator[pa.RecordBatch],
    check: Callable[[pa.Schema], object],
    format: str = PARQUET,
    new_place: Callable[[], str] = storage.new_path,
) -> str:
    """Write batches into a folder of the task's raw data; memory holds a row group at a time.

    Args:
        subject: the output as messages name it.
        batches: the batches; their types may widen, and then what is written is written once more at the end.
        check: is asked about each schema that the file is to have, before anything is written with it.
        format: ``parquet`` or ``csv``.
        new_place: gives new folders.

    Returns:
        The folder. After an error there is nothing.

    Raises:
        ResultError: the types of a column cannot be brought together.
        TypeTransformerFailedError: the format has no such type.
        StorageError: it cannot be written.
    """
    parts: list[str] = []
    kept = ""
    try:
        schema = _write_parts(subject, batches, check, parts, new_place)
        if len(parts) == 1 and format == PARQUET:
            kept = parts[0]
        else:
            parts.append(new_place())
            _rewrite(subject, parts[:-1], schema, parts[-1], format)
            kept = parts[-1]
    finally:
        for part in parts:
            if part != kept:
                # Where no task runs, each new path of storage has a temporary folder around it.
                _remove(part, with_parent=new_place is storage.new_path and ctx() is None)
    return kept


def _remove(place: str, *, with_parent: bool) -> None:
    # What went wrong before matters more than what cannot be removed.
    with suppress(StorageError):
        storage.delete_sync(place, recursive=True)
    if with_parent:
        with suppress(OSError):
            storage.local_path(place).parent.rmdir()


def _write_parts(
    subject: str,
    batches: Iterator[pa.RecordBatch],
    check: Callable[[pa.Schema], object],
    parts: list[str],
    new_place: Callable[[], str],
) -> pa.Schema:
    """Write Parquet, a new file whenever the types widen, and give the last schema."""
    batch = next(batches)
    schema = batch.schema
    while batch is not None:
        schema = common_schema(subject, [schema, batch.schema])
        check(schema)
        parts.append(new_place())
        batch = _write_part(subject, parts[-1], schema, batch, batches)
    return schema


def _write_part(
    subject: str, place: str, schema: pa.Schema, batch: pa.RecordBatch, batches: Iterator[pa.RecordBatch]
) -> pa.RecordBatch | None:
    """Write batches as long as the schema holds them, and give the first that it does not."""
    with _parquet(place, schema) as groups:
        groups.add(fitted(subject, batch, schema))
        for following in batches:
            if common_schema(subject, [schema, following.schema]) != schema:
                return following
            groups.add(fitted(subject, following, schema))
    return None


class _Groups:
    """Gathers batches into row groups."""

    def __init__(self, place: str, writer: pq.ParquetWriter) -> None:
        self._place, self._writer = place, writer
        self._held: list[pa.RecordBatch] = []
        self._bytes = self._rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep a batch, or write what is kept."""
        self._held.append(batch)
        self._bytes += batch.nbytes
        self._rows += batch.num_rows
        if self._bytes >= _GROUP_BYTES or self._rows >= _GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        if self._held:
            with said_of("write", pa.Table, self._place, PARQUET):
                self._writer.write_table(pa.Table.from_batches(self._held), row_group_size=max(self._rows, 1))
            self._held, self._bytes, self._rows = [], 0, 0


@contextmanager
def _parquet(place: str, schema: pa.Schema) -> Iterator[_Groups]:
    with writing(place, PARQUET) as file, ExitStack() as stack:
        with said_of("write", pa.Table, place, PARQUET):
            writer = stack.enter_context(pq.ParquetWriter(file, schema))
        groups = _Groups(place, writer)
        yield groups
        groups.flush()


def _rewrite(subject: str, parts: list[str], schema: pa.Schema, place: str, format: str) -> None:
    """Make one file of several, or CSV of Parquet."""
    if format == PARQUET:
        with _parquet(place, schema) as groups:
            for batch in _stored_batches(parts):
                groups.add(fitted(subject, batch, schema))
        return
    with writing(place, CSV) as file, said_of("write", pa.Table, place, CSV):
        _write_csv(subject, parts, schema, file)


def _write_csv(subject: str, parts: list[str], schema: pa.Schema, file: IO[bytes]) -> None:
    from pyarrow import csv

    with csv.CSVWriter(file, schema) as writer:
        for batch in _stored_batches(parts):
            writer.write_batch(fitted(subject, batch, schema))


def _stored_batches(parts: list[str]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        for name in files_below(part):
            with local_copy(name) as path, pq.ParquetFile(path) as file:
                yield from file.iter_batches(_REWRITE_ROWS)
