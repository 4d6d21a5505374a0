"""Rows of Python values as Arrow: by the database's types where it tells them, else by what the values are."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CHUNK", "decimals", "inferred", "to_batch"]

#: Rows in one batch: some megabytes of Python values.
CHUNK = 50_000

ToArrow = Callable[[Sequence[Any]], "pa.Array"]
"""Makes an array of a column's values."""

#: 10**76 is the first number that Arrow's decimals do not hold.
_MOST_DIGITS = 76


def to_batch(columns: Sequence[str], rows: Sequence[Sequence[Any]], to_arrow: Sequence[ToArrow]) -> pa.RecordBatch:
    """Make a batch of rows.

    Args:
        columns: the names of the columns.
        rows: the rows.
        to_arrow: for each column, what makes its array.
    """
    import pyarrow as pa

    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    arrays = [make(of_column) for make, of_column in zip(to_arrow, values, strict=True)]
    schema = pa.schema([pa.field(name, array.type) for name, array in zip(columns, arrays, strict=True)])
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def inferred(values: Sequence[Any]) -> pa.Array:
    """Make an array whose type is that of the values; where they have nothing in common, of their texts.

    Args:
        values: a column's, as a driver gives them.

    Example:
        >>> inferred([1, None, 2.5]).type
        DataType(double)
    """
    import pyarrow as pa

    plain = [_plain(value) for value in values]
    kinds = {type(value) for value in plain if value is not None}
    if Decimal in kinds or (int in kinds and float not in kinds and _is_large(plain)):
        if kinds <= {int, Decimal}:
            return decimals(plain)
    elif kinds <= {int, float} or len(kinds) <= 1 or not kinds & {str, bytes, int, float, bool}:
        try:
            return pa.array(plain)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            # Lists of different depth, integers that no float holds beside floats.
            pass
    return pa.array([None if value is None else _text(value) for value in plain], pa.string())


def decimals(values: Sequence[Any]) -> pa.Array:
    """Make an array of decimals, as wide as they need; of their texts where one is not finite or longer than Arrow's.

    Args:
        values: decimals, integers and None.

    Example:
        >>> decimals([Decimal("1.50"), None]).type, decimals([Decimal("NaN")]).to_pylist()
        (Decimal128Type(decimal128(3, 2)), ['NaN'])
    """
    import pyarrow as pa

    whole = scale = 0
    for value in values:
        if value is not None:
            _, digits, exponent = Decimal(value).as_tuple()
            if not isinstance(exponent, int):
                whole = _MOST_DIGITS + 1
                break
            whole = max(whole, len(digits) + exponent)
            scale = max(scale, -exponent)
    if whole + scale > _MOST_DIGITS:
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    wide = max(whole + scale, 1)
    kind = pa.decimal128(wide, scale) if wide <= 38 else pa.decimal256(wide, scale)
    return pa.array([None if value is None else Decimal(value) for value in values], kind)


def _is_large(values: Sequence[Any]) -> bool:
    return any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in values)


def _plain(value: Any) -> Any:
    """Give a driver's value as one that Arrow knows."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (str, bool, int, float, bytes, Decimal, dt.date, dt.time)):
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, Mapping):
        return json.dumps(value, default=str, ensure_ascii=False)
    if isinstance(value, (list, tuple, set, frozenset)) and not hasattr(value, "_fields"):
        return [_plain(item) for item in value]
    return value if isinstance(value, dt.timedelta) else str(value)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return json.dumps(value, default=str, ensure_ascii=False) if isinstance(value, list) else str(value)
