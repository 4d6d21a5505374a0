"""The first rows of a frame, as a table for people."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.errors import FlyteCoreError

if TYPE_CHECKING:
    from flyte_core.io import DataFrame

__all__ = ["Preview", "preview"]

#: The classes that a stored table may be read as, the one that reads least first.
_CLASSES = (("pyarrow", "Table"), ("polars", "DataFrame"), ("pandas", "DataFrame"))


@attrs.frozen
class Preview:
    """The beginning of a frame.

    Args:
        columns: the names of its columns.
        rows: its first rows.
        has_more: whether there are others.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    has_more: bool


def preview(value: Any, most: int) -> Preview | None:
    """Give the first rows of a table: one that is stored, or a `pyarrow.Table`.

    Args:
        value: an output of a task.
        most: how many rows to give.

    Returns:
        None for anything else, and for a table that nothing installed can read.
    """
    from flyte_core.io import DataFrame

    if isinstance(value, DataFrame):
        return _stored(value, most)
    arrow = sys.modules.get("pyarrow")
    return _first([value], most) if arrow is not None and isinstance(value, arrow.Table) else None


def _stored(frame: DataFrame, most: int) -> Preview | None:
    # Other formats are read as a whole, which may be long.
    if not frame.uri or frame.format != "parquet":
        return None
    read = (_read_as(frame, module, name, most) for module, name in _CLASSES)
    return next((found for found in read if found is not None), None)


def _read_as(frame: DataFrame, module: str, name: str, most: int) -> Preview | None:
    from flyte_core.io import DataFrame

    # What is missing may be the library, the plugin, or the rights to read the table a second time.
    with contextlib.suppress(ImportError, FlyteCoreError):
        kind = getattr(import_module(module), name)
        return _first(DataFrame(uri=frame.uri, format=frame.format).open(kind).iter_sync(), most)
    return None


def _first(pieces: Iterator[Any] | Sequence[Any], most: int) -> Preview:
    columns: list[str] = []
    rows: list[Sequence[Any]] = []
    for piece in pieces:
        columns = columns or list(map(str, _columns(piece)))
        rows += itertools.islice(_rows(piece), most + 1 - len(rows))
        if len(rows) > most:
            break
    return Preview(columns, rows[:most], len(rows) > most)


def _columns(piece: Any) -> Sequence[Any]:
    return piece.column_names if hasattr(piece, "column_names") else list(piece.columns)


def _rows(piece: Any) -> Iterator[Sequence[Any]]:
    if hasattr(piece, "to_batches"):
        # By column: records would lose one of two columns of one name.
        return zip(*(_cells(column) for column in piece.columns), strict=True)
    return iter(piece.itertuples(index=False, name=None) if hasattr(piece, "itertuples") else piece.iter_rows())


def _cells(column: Any) -> Iterator[Any]:
    return (cell.as_py() for cell in column)
