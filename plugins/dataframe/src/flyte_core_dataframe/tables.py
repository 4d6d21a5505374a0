"""Tables of arrow to and from files, and `ArrowFrameTransformer` for every library that exchanges such tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import pyarrow as pa

from flyte_core.io import CSV, FrameTransformer
from flyte_core_dataframe.faults import refuse_duplicates, said_of
from flyte_core_dataframe.places import arrow_place, csv_files, local_copy, writing
from flyte_core_dataframe.schema import check_schema, declares

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow.fs as pafs
    from flyteidl2.core.types_pb2 import StructuredDatasetType

__all__ = ["ArrowFrameTransformer", "read_table", "table_schema", "write_table"]

F = TypeVar("F")

#: Batches that arrow reads ahead of the one in hand; its own default holds sixteen in memory.
_READ_AHEAD = 2


class ArrowFrameTransformer(FrameTransformer[F], Generic[F]):
    """Frames of any class that can be turned into a `pyarrow.Table` and back: a subclass says these two.

    Example:
        >>> class Rows(list): ...
        >>> class RowsTransformer(ArrowFrameTransformer[Rows]):
        ...     def to_arrow(self, frame): return pa.Table.from_pylist(frame)
        ...     def from_arrow(self, table): return Rows(table.to_pylist())
        >>> RowsTransformer(Rows).from_arrow(pa.table({"a": [1]}))
        [{'a': 1}]
    """

    def to_arrow(self, frame: F) -> pa.Table:
        """A frame as a table of arrow."""
        raise NotImplementedError(f"{type(self).__name__} has no to_arrow")

    def from_arrow(self, table: pa.Table) -> F:
        """A table of arrow as a frame."""
        raise NotImplementedError(f"{type(self).__name__} has no from_arrow")

    def write(self, frame: F, url: str, format: str) -> None:
        """Write the frame's table."""
        with said_of("write", self.python_type, url, format):
            write_table(self.to_arrow(frame), url, format)

    def read(self, url: str, format: str, declared: StructuredDatasetType) -> F:
        """Read a table, and make a frame of it."""
        with said_of("read", self.python_type, url, format):
            return self.from_arrow(read_table(url, format, declared))

    def read_pieces(self, url: str, format: str, declared: StructuredDatasetType) -> Iterator[F]:
        """Read batches of a table, and make a frame of each; CSV in one piece."""
        if format == CSV:
            yield self.read(url, format, declared)
            return
        with said_of("read", self.python_type, url, format):
            for table in _batches(url, declared):
                yield self.from_arrow(table)


def write_table(table: pa.Table, url: str, format: str) -> None:
    """Write a table into a folder.

    Raises:
        TypeTransformerFailedError: two columns have one name.
        StorageError: it cannot be written.
    """
    refuse_duplicates(table.column_names)
    with writing(url, format) as file:
        if format == CSV:
            from pyarrow import csv

            csv.write_csv(table, file)
        else:
            import pyarrow.parquet as pq

            pq.write_table(table, file)


def read_table(url: str, format: str, declared: StructuredDatasetType) -> pa.Table:
    """Read the declared columns of a table, or all of them.

    Raises:
        DataFrameSchemaError: the columns are not those that are declared.
        StorageError: it cannot be read.
    """
    if format == CSV:
        return _read_csv(url, declared)
    import pyarrow.parquet as pq

    with arrow_place(url, whole=not declared.columns) as (path, filesystem):
        columns = check_schema(url, declared, table_schema(path, filesystem)) if declares(declared) else None
        return pq.read_table(path, columns=columns, filesystem=filesystem)


def table_schema(path: str, filesystem: pafs.FileSystem) -> pa.Schema:
    """The schema of a file or a folder of files, the columns that folder names tell included."""
    import pyarrow.parquet as pq

    if filesystem.get_file_info(path).is_file:
        return pq.read_schema(path, filesystem=filesystem)
    return pq.ParquetDataset(path, filesystem=filesystem).schema


def _batches(url: str, declared: StructuredDatasetType) -> Iterator[pa.Table]:
    import pyarrow.dataset as pds

    with arrow_place(url, whole=not declared.columns) as (path, filesystem):
        dataset = pds.dataset(path, filesystem=filesystem, format="parquet", partitioning="hive")
        columns = check_schema(url, declared, dataset.schema)
        scanner = dataset.scanner(columns=columns, batch_readahead=_READ_AHEAD, fragment_readahead=1)
        count = 0
        for batch in scanner.to_batches():
            if batch.num_rows:
                count += 1
                yield pa.Table.from_batches([batch])
        if not count:
            yield scanner.projected_schema.empty_table()


def _read_csv(url: str, declared: StructuredDatasetType) -> pa.Table:
    from pyarrow import csv

    tables = []
    texts = dict.fromkeys(texts_of(declared), pa.string())
    for file in csv_files(url):
        with local_copy(file) as path:
            if path.stat().st_size <= 1:  # what a frame without columns is
                table = pa.table({})
            else:
                table = csv.read_csv(path, convert_options=csv.ConvertOptions(column_types=texts))
        tables.append(table)
    whole = pa.concat_tables(tables, promote_options="default")
    columns = check_schema(url, declared, whole.schema)
    return whole if columns is None else whole.select(columns)


def texts_of(declared: StructuredDatasetType) -> Sequence[str]:
    """The columns declared as ``str``: a CSV file has no types, and ``007`` would be read as a number."""
    from flyteidl2.core.types_pb2 import SimpleType

    return [
        column.name
        for column in declared.columns
        if column.literal_type.WhichOneof("type") == "simple" and column.literal_type.simple == SimpleType.STRING
    ]
