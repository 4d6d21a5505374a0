"""Inputs that are tables: frames in memory, stored tables, files and folders, brought where DuckDB reads them."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs

from flyte_core import storage
from flyte_core.errors import DataFrameSchemaError, InvalidTypeError, StorageNotFoundError, without_secrets
from flyte_core.io import DataFrame, Dir, File
from flyte_core_sql.errors import InputError, InputNotFoundError, InputSchemaError

__all__ = ["TableSource", "is_table_type", "table_source"]

#: Formats by the ending of a file's name, and by what a `File` calls them.
_FORMATS = {
    "csv": "csv",
    "tsv": "csv",
    "parquet": "parquet",
    "pq": "parquet",
    "json": "json",
    "ndjson": "ndjson",
    "jsonl": "ndjson",
}
_PACKED = {"gz": "gzip", "gzip": "gzip", "zst": "zstd"}
_KNOWN = f"{', '.join(_FORMATS)}; all but parquet also with .gz"
#: Classes that have no protocol of Arrow, or not in all versions.
_FRAMES = {("pandas", "DataFrame"), ("polars", "DataFrame"), ("polars", "LazyFrame"), ("pyarrow", "Table")}
_COLUMNS_ALONE = ("Series", "ChunkedArray", "Array")


@attrs.frozen(kw_only=True, eq=False)
class TableSource:
    """Where a table's rows are: a frame in memory, or local files.

    Args:
        name: what the query calls it.
        frame: the frame.
        files: the files.
        format: theirs: ``parquet``, ``csv``, ``json`` or ``ndjson``.
        compression: ``gzip`` or ``zstd`` where their names do not say it.
        hive: whether the names of folders have values of columns, as in ``year=2024``.
        columns: the ones that the query is to see; None for all.
    """

    name: str
    frame: Any = None
    files: Sequence[str] = ()
    format: str = ""
    compression: str | None = None
    hive: bool = False
    columns: Sequence[str] | None = None


def is_table_type(bare: Any) -> bool:
    """Whether values of a type are tables; the type without annotations and None."""
    kind = typing.get_origin(bare) or bare
    if not isinstance(kind, type):
        return False
    if issubclass(kind, (DataFrame, File, Dir)):
        return True
    if any((base.__module__.partition(".")[0], base.__name__) in _FRAMES for base in kind.__mro__):
        return True
    return hasattr(kind, "__arrow_c_stream__") and kind.__name__ not in _COLUMNS_ALONE


@contextmanager
def table_source(name: str, value: Any, python_type: Any) -> Iterator[TableSource]:
    """Give the source of a table; what lies elsewhere is downloaded, and removed after the block.

    Args:
        name: the input's name, which is the table's.
        value: a `DataFrame`, `File`, `Dir`, or a frame.
        python_type: the declared type; the parameter of ``File["csv"]`` is the format.

    Raises:
        InvalidTypeError: the value is no table.
        InputError: there is nothing, a file's format is not known, or a stored table has not the declared columns.
        StorageError: it cannot be read.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "a.csv")
        >>> _ = path.write_text("x")
        >>> with table_source("t", File(path=str(path)), File) as source:
        ...     source.format
        'csv'
    """
    with ExitStack() as stack:
        try:
            source = stack.enter_context(_source(name, value, python_type))
        except StorageNotFoundError as error:
            text = f"{error}; check the path, and that what should have written it has"
            raise InputNotFoundError(f"input {name!r}: {text}", error) from error
        except DataFrameSchemaError as error:
            raise InputSchemaError(f"input {name!r}: {_differing(error)}", error) from error
        yield source


@contextmanager
def _source(name: str, value: Any, python_type: Any) -> Iterator[TableSource]:
    if isinstance(value, DataFrame):
        with _dataframe_source(name, value) as source:
            yield source
    elif isinstance(value, (File, Dir)):
        with _place_source(name, value, python_type) as source:
            yield source
    elif is_table_type(type(value)):
        yield TableSource(name=name, frame=value)
    else:
        raise InvalidTypeError("SQL query", f"table {name}", value, "a DataFrame, File, Dir or a frame")


def _differing(error: DataFrameSchemaError) -> str:
    columns = ", ".join(error.found) or "none"
    todo = "Correct Annotated[...], or the task that wrote the table"
    return f"{without_secrets(error.uri)}: {'; '.join(error.differences)}. The table's columns: {columns}. {todo}"


@contextmanager
def _dataframe_source(name: str, value: DataFrame) -> Iterator[TableSource]:
    if value.val is not None:
        if not is_table_type(type(value.val)):
            raise InvalidTypeError("SQL query", f"table {name}", value.val, "a DataFrame with a frame in it")
        yield TableSource(name=name, frame=value.val)
        return
    stored = value.literal if value.literal is not None else value.as_literal()
    declared = (value.metadata or stored.metadata).structured_dataset_type
    found = stored.metadata.structured_dataset_type.format or declared.format
    kind = _FORMATS.get((found or _ending(stored.uri)[0] or "parquet").lower(), "")
    from flyte_core_dataframe.places import csv_files, files_below, local_copy
    from flyte_core_dataframe.schema import declares

    if kind not in ("parquet", "csv") or (kind == "csv" and declares(declared)):
        import pyarrow as pa

        yield TableSource(name=name, frame=value.open(pa.Table).all_sync())
        return
    storage.info_sync(stored.uri)  # what is not there is said the same way everywhere
    with local_copy(stored.uri) as copy:
        files = csv_files(str(copy)) if kind == "csv" else files_below(str(copy))
        columns = _declared_columns(stored.uri, declared, str(copy)) if declares(declared) else None
        yield TableSource(name=name, files=files, format=kind, hive=_is_hive(files, str(copy)), columns=columns)


def _declared_columns(uri: str, declared: Any, path: str) -> list[str] | None:
    from flyte_core_dataframe.schema import check_schema
    from flyte_core_dataframe.tables import table_schema
    from pyarrow.fs import LocalFileSystem

    return check_schema(uri, declared, table_schema(path, LocalFileSystem()))


@contextmanager
def _place_source(name: str, value: File[Any] | Dir[Any], python_type: Any) -> Iterator[TableSource]:
    from flyte_core_dataframe.places import files_below, local_copy

    storage.info_sync(value.path if isinstance(value, File) or not storage.is_remote(value.path) else f"{value.path}/")
    said = _said_format(value, python_type)
    with local_copy(value.path) as copy:
        files = files_below(str(copy))
        if isinstance(value, Dir):
            files = _of_one_format(name, value, files, said[0])
        kind, packed = said if said[0] else _ending(files[0])
        if not kind:
            raise InputError(
                f"input {name!r}: {without_secrets(value.path)} is of no format that is known; expected a name that "
                f"ends in one of {_KNOWN}; or say the format in the type, as File['csv'] does"
            )
        compression = packed if _ending(files[0])[1] is None else None
        hive = _is_hive(files, str(copy))
        yield TableSource(name=name, files=files, format=kind, compression=compression, hive=hive)


def _of_one_format(name: str, folder: Dir[Any], files: list[str], said: str) -> list[str]:
    """The files of a folder that belong to the table."""
    by_format: dict[str, list[str]] = {}
    for file in files:
        by_format.setdefault(_ending(file)[0], []).append(file)
    if said:
        return by_format.get(said) or by_format.get("") or files
    known = [kind for kind in by_format if kind]
    if len(known) != 1:
        found = ", ".join(known) or "none that is known"
        raise InputError(
            f"input {name!r}: {without_secrets(folder.path)} has files of formats: {found}; expected one format, or "
            f"Dir['csv'] to say which; known: {_KNOWN}"
        )
    return by_format[known[0]]


def _said_format(value: File[Any] | Dir[Any], python_type: Any) -> tuple[str, str | None]:
    """The format and compression that the declared type or the value names; "" where neither does."""
    from flyte_core.io.place import format_of

    declared = next((format_of(argument) for argument in typing.get_args(python_type)), "")
    for said in (declared, value.format):
        found = _split(f".{said.lower().lstrip('.')}")
        if found[0]:
            return found
    return "", None


def _ending(path: str) -> tuple[str, str | None]:
    return _split(storage.last_part(path).lower())


def _split(name: str) -> tuple[str, str | None]:
    head, _, last = name.rpartition(".")
    packed = _PACKED.get(last)
    if packed is not None:
        last = head.rpartition(".")[2]
    return _FORMATS.get(last, ""), packed


def _is_hive(files: Sequence[str], base: str) -> bool:
    return any("=" in part for file in files for part in file[len(base) :].split("/")[:-1])
