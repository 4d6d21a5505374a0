"""What the libraries of frames cannot hold as arrow has it: wide decimals of polars, integers beside null of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flyte_core_sql.errors import ResultError

if TYPE_CHECKING:
    from pandas import DataFrame as PandasFrame

__all__ = ["exact_integers", "has_wide", "library_of", "narrow_type", "narrowed", "refuse_wide"]

_DIGITS = 38
_NULLABLE = {
    "int8": "Int8",
    "int16": "Int16",
    "int32": "Int32",
    "int64": "Int64",
    "uint8": "UInt8",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
}


def library_of(kind: type[Any]) -> str:
    """The package of a class of frames.

    Example:
        >>> library_of(pa.Table)
        'pyarrow'
    """
    return kind.__module__.partition(".")[0]


def narrow_type(t: pa.DataType) -> pa.DataType:
    """A type with decimals of 128 bits in place of those of 256; a scale that they cannot have stays.

    Example:
        >>> narrow_type(pa.list_(pa.decimal256(50, 2)))
        ListType(list<item: decimal128(38, 2)>)
    """
    if pa.types.is_decimal256(t):
        return pa.decimal128(_DIGITS, t.scale) if t.scale <= _DIGITS else t
    if pa.types.is_struct(t):
        return pa.struct([field.with_type(narrow_type(field.type)) for field in t])
    if pa.types.is_map(t):
        return pa.map_(narrow_type(t.key_type), narrow_type(t.item_type), keys_sorted=t.keys_sorted)
    if pa.types.is_fixed_size_list(t):
        return pa.list_(t.value_field.with_type(narrow_type(t.value_type)), t.list_size)
    for is_list, make in ((pa.types.is_list, pa.list_), (pa.types.is_large_list, pa.large_list)):
        if is_list(t):
            return make(t.value_field.with_type(narrow_type(t.value_type)))
    return t


def has_wide(t: pa.DataType) -> bool:
    """Whether decimals of 256 bits are in a type."""
    return bool(pa.types.is_decimal256(t)) or any(has_wide(t.field(index).type) for index in range(t.num_fields))


def narrowed(subject: str, name: str, column: Any) -> Any:
    """A column of arrow with decimals of 128 bits, which are all that polars has.

    Args:
        subject: the output as messages name it.
        name: the column's name.
        column: an array, in one piece or in several.

    Raises:
        ResultError: a value has more digits.
    """
    try:
        found = column.cast(narrow_type(column.type))
    except pa.ArrowInvalid as error:
        raise _too_wide(subject, name, column.type) from error
    refuse_wide(subject, pa.schema({name: found.type}))
    return found


def refuse_wide(subject: str, schema: pa.Schema) -> None:
    """Refuse decimals that polars does not have.

    Raises:
        ResultError: there is one.
    """
    for field in schema:
        if has_wide(field.type):
            raise _too_wide(subject, field.name, field.type)


def _too_wide(subject: str, name: str, t: pa.DataType) -> ResultError:
    return ResultError(
        f"{subject}: column {name!r} is {t}, and polars has {_DIGITS} digits, with which not all of its values can be "
        "written; cast it to a decimal of fewer digits or to text in the query, or declare another class of frames"
    )


def exact_integers(frame: PandasFrame, table: pa.Table) -> PandasFrame:
    """Give the integers that have nulls beside them the types of pandas that can be null.

    Pandas would make floats of them, and lose the digits beyond 2**53.

    Args:
        frame: what became of the table; it is changed.
        table: the table.
    """
    for name in table.column_names:
        column = table.column(name)
        nullable = _NULLABLE.get(str(column.type))
        if nullable is not None and column.null_count:
            import pandas as pd

            dtype: Any = pd.api.types.pandas_dtype(nullable)
            frame[name] = column.to_pandas(types_mapper=lambda _, dtype=dtype: dtype).array
    return frame
