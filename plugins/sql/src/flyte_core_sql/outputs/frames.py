"""Outputs of tables: `DataFrame`, and the classes of frames that a plugin makes of arrow."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.errors import DataFrameSchemaError, FlyteCoreError
from flyte_core.types.codec import type_name
from flyte_core.types.lookup import find_transformer, is_class, underlying
from flyte_core_sql.errors import ResultError, ResultSchemaError
from flyte_core_sql.outputs.composed import without_none

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from flyteidl2.core.types_pb2 import StructuredDatasetType

    from flyte_core.io import DataFrame
    from flyte_core_sql.drivers.session import Result

__all__ = ["Frame", "frame_of"]


@attrs.frozen(kw_only=True)
class Frame:
    """Output that is a table.

    Attributes:
        subject: the output as messages name it.
        kind: `DataFrame`, a class made from it, or a class of frames.
        is_reference: whether it is the first or the second.
        declared: the columns, format and arrow schema of its annotations.
    """

    subject: str
    kind: type[Any]
    is_reference: bool
    declared: StructuredDatasetType

    def read(self, result: Result, max_in_memory: int) -> Any:
        """Read the output.

        Raises:
            ResultError: the result cannot be such a table.
            ResultSchemaError: its columns are not those that are declared.
            StorageError: it is too large for memory, and cannot be stored.
        """
        self._refuse_twice(result.columns)
        with ExitStack() as stack:
            batches = result.batches()
            stack.callback(getattr(batches, "close", lambda: None))
            if self.is_reference:
                return self._reference(self._prepared(batches), max_in_memory)
            return self._frame(self._prepared(batches))

    def _refuse_twice(self, columns: Any) -> None:
        twice = sorted({name for name in columns if list(columns).count(name) > 1})
        if twice:
            named = ", ".join(map(repr, twice))
            raise ResultError(f"{self.subject}: several columns are named {named}; name each with AS in the query")

    def _prepared(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from flyteidl2.core.types_pb2 import SimpleType

        from flyte_core_sql.outputs.libraries import library_of
        from flyte_core_sql.outputs.widening import Columns

        integers = {c.name for c in self.declared.columns if c.literal_type.simple == SimpleType.INTEGER}
        is_polars = library_of(self.kind) == "polars"
        return map(Columns(subject=self.subject, integers=integers, is_polars=is_polars).prepared, batches)

    def _reference(self, batches: Iterator[pa.RecordBatch], max_in_memory: int) -> DataFrame:
        from flyte_core.io import CSV, PARQUET

        format = self.declared.format or PARQUET
        held = _Held(max_in_memory)
        for batch in batches:
            # A format that only an encoder of somebody's knows is made of the whole.
            if held.add(batch) and format in (PARQUET, CSV):
                return self._stored(held.released(batches), format)
        found: DataFrame = self.kind.from_df(self._table(held.batches))
        return found

    def _stored(self, batches: Iterator[pa.RecordBatch], format: str) -> DataFrame:
        from flyte_core_sql.outputs.storing import store

        uri = store(self.subject, batches, self._check, format)
        found: DataFrame = self.kind(uri=uri, format=format)
        return found

    def _frame(self, batches: Iterator[pa.RecordBatch]) -> Any:
        from flyte_core_dataframe import ArrowFrameTransformer

        from flyte_core_sql.outputs.libraries import exact_integers, library_of

        transformer = find_transformer(self.kind)
        if not isinstance(transformer, ArrowFrameTransformer):
            return self._read_back(batches)
        table = self._table(list(batches))
        try:
            frame = transformer.from_arrow(table)
        except FlyteCoreError:
            raise
        except BaseException as error:
            # A library's own refusal; that of polars is no Exception.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise ResultError(f"{self.subject}: {type(error).__name__}: {error}") from error
        if library_of(self.kind) == "pandas":
            return exact_integers(frame, table)
        return frame

    def _read_back(self, batches: Iterator[pa.RecordBatch]) -> Any:
        """Frames that are read from files, such as lazy ones, which may be collected at any later time."""
        from flyte_core.io import PARQUET, DataFrame
        from flyte_core.storage import random_path, scratch_folder
        from flyte_core_sql.outputs.storing import store

        uri = store(self.subject, batches, self._check, new_place=lambda: random_path(str(scratch_folder())))
        return DataFrame(uri=uri, format=PARQUET).open(self.kind).all_sync()

    def _table(self, held: list[pa.RecordBatch]) -> pa.Table:
        import pyarrow as pa

        from flyte_core_sql.outputs.libraries import library_of
        from flyte_core_sql.outputs.widening import common_schema, fitted

        schema = common_schema(self.subject, [batch.schema for batch in held])
        self._check_declared(schema)
        table = pa.Table.from_batches([fitted(self.subject, batch, schema) for batch in held], schema=schema)
        return table if library_of(self.kind) != "polars" else self._narrowed(table)

    def _narrowed(self, table: pa.Table) -> pa.Table:
        """The table with decimals that polars has; batches of narrow ones may have wide ones in common."""
        from flyte_core_sql.outputs.libraries import has_wide, narrowed

        for index, field in enumerate(table.schema):
            if has_wide(field.type):
                column = narrowed(self.subject, field.name, table.column(index))
                table = table.set_column(index, field.name, column)
        return table

    def _check(self, schema: pa.Schema) -> None:
        """Check the schema of a file that is to be written."""
        self._check_declared(schema)
        from flyte_core_sql.outputs.libraries import library_of, refuse_wide

        if library_of(self.kind) == "polars":
            refuse_wide(self.subject, schema)

    def _check_declared(self, schema: pa.Schema) -> None:
        from flyte_core_dataframe.schema import check_schema, declares

        self._refuse_twice(schema.names)
        if declares(self.declared):
            try:
                check_schema(self.subject, self.declared, schema)
            except DataFrameSchemaError as error:
                text = f"{'; '.join(error.differences)}. The result's columns: {', '.join(error.found)}"
                todo = "Name and cast them in the query, or correct Annotated[...]"
                raise ResultSchemaError(f"{self.subject}: {text}. {todo}", error) from error


class _Held:
    """Batches in memory, and whether they are too many."""

    def __init__(self, most: int) -> None:
        self.batches: list[pa.RecordBatch] = []
        self._most = most
        self._bytes = self._at_most = 0
        self._measured = 0

    def add(self, batch: pa.RecordBatch) -> bool:
        """Keep one more, and say whether they are more than may be."""
        self.batches.append(batch)
        # Buffers that batches share are counted with each, but an exact size takes 80 us, this less than 1.
        self._at_most += batch.get_total_buffer_size()
        if self._at_most <= self._most:
            return False
        self._bytes += sum(other.nbytes for other in self.batches[self._measured :])
        self._measured = len(self.batches)
        return self._bytes > self._most

    def released(self, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """What is held, each let go when it is given, and what follows."""
        self.batches.reverse()
        while self.batches:
            yield self.batches.pop()
        yield from rest


def frame_of(owner: str, name: str, python_type: Any) -> Frame | None:
    """The table that an output is; None where it is none.

    Raises:
        TypeTransformerFailedError: a column's type in its annotations is none.
    """
    inner, _ = without_none(python_type)
    kind = underlying(inner)
    if not is_class(kind) or kind.__module__ == "builtins":
        return None
    from flyte_core.io import DataFrame, DataFrameTransformerEngine

    if not isinstance(find_transformer(kind), DataFrameTransformerEngine):
        return None
    from flyte_core.io.columns import dataset_type

    return Frame(
        subject=f"{owner}: output {name!r} ({type_name(kind)})",
        kind=kind,
        is_reference=issubclass(kind, DataFrame),
        declared=dataset_type(inner),
    )
