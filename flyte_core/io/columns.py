"""The structured dataset type of a frame's annotations: columns, format and arrow schema."""

from __future__ import annotations

import datetime as dt
import sys
import typing
from typing import TYPE_CHECKING, Any

from flyteidl2.core.types_pb2 import LiteralType, SimpleType, StructuredDatasetType

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import type_name
from flyte_core.types.lookup import is_annotated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["dataset_type"]

_COLUMNS: dict[Any, SimpleType] = {
    int: SimpleType.INTEGER,
    float: SimpleType.FLOAT,
    str: SimpleType.STRING,
    bool: SimpleType.BOOLEAN,
    dt.datetime: SimpleType.DATETIME,
    dt.timedelta: SimpleType.DURATION,
}
_NUMPY = {
    "int32": SimpleType.INTEGER,
    "int64": SimpleType.INTEGER,
    "uint32": SimpleType.INTEGER,
    "uint64": SimpleType.INTEGER,
    "float32": SimpleType.FLOAT,
    "float64": SimpleType.FLOAT,
    "bool": SimpleType.BOOLEAN,
    "bool_": SimpleType.BOOLEAN,
    "datetime64": SimpleType.DATETIME,
    "timedelta64": SimpleType.DURATION,
    "bytes_": SimpleType.STRING,
    "str_": SimpleType.STRING,
    "object_": SimpleType.STRING,
}


def dataset_type(python_type: Any) -> StructuredDatasetType:
    """The structured dataset type that a type's annotations describe.

    Args:
        python_type: a type, bare or as ``Annotated[T, columns, "format"]``; columns are a dict of types, a class
            with annotations, or an arrow schema.

    Raises:
        TypeTransformerFailedError: if a column's type has no literal type, or two formats or columns are given.
    """
    found = StructuredDatasetType()
    annotations = python_type.__metadata__ if is_annotated(python_type) else ()
    for annotation in annotations:
        if isinstance(annotation, str):
            _once(found.format, "format", annotation)
            found.format = annotation
        elif isinstance(annotation, dict) or hasattr(annotation, "__annotations__"):
            _once(found.columns, "columns", annotation)
            columns = annotation if isinstance(annotation, dict) else _hints(annotation)
            for name, column in _flat(columns):
                found.columns.add(name=name, literal_type=_column_type(column))
        elif _is_arrow_schema(annotation):
            found.external_schema_type = "arrow"
            found.external_schema_bytes = annotation.to_string().encode()
    return found


def _once(present: Any, what: str, annotation: Any) -> None:
    if present:
        raise TypeTransformerFailedError(f"a DataFrame type can have {what} only once; {annotation!r} is the second")


def _is_arrow_schema(annotation: Any) -> bool:
    arrow = sys.modules.get("pyarrow")
    return arrow is not None and isinstance(annotation, arrow.Schema)


def _flat(columns: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested columns by dotted names."""
    for name, column in columns.items():
        inner = column if isinstance(column, dict) else _fields(column)
        if inner is None:
            yield prefix + name, column
        else:
            yield from _flat(inner, f"{prefix}{name}.")


def _fields(column: Any) -> dict[str, Any] | None:
    if hasattr(column, "__dataclass_fields__"):
        return _hints(column)
    if hasattr(column, "model_fields"):
        return {name: field.annotation for name, field in column.model_fields.items()}
    return None


def _hints(columns: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(columns)
    except NameError as error:
        raise TypeTransformerFailedError(f"a column of {type_name(columns)} has no type: {error}") from error


def _column_type(column: Any) -> LiteralType:
    if column in _COLUMNS:
        return LiteralType(simple=_COLUMNS[column])
    if getattr(column, "__module__", None) == "numpy" and getattr(column, "__name__", None) in _NUMPY:
        return LiteralType(simple=_NUMPY[column.__name__])
    origin, arguments = typing.get_origin(column), typing.get_args(column)
    if origin is list:
        return LiteralType(collection_type=_column_type(arguments[0]))
    if origin is dict:
        return LiteralType(map_value_type=_column_type(arguments[1]))
    raise TypeTransformerFailedError(f"{type_name(column)} cannot be the type of a DataFrame's column")
