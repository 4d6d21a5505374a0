"""The types of ADBC's driver for PostgreSQL: which results it reads right, which parameters it binds right."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["bound", "is_readable", "normalised"]

_TYPE = b"POSTGRESQL:type"
_MODIFIER = b"POSTGRESQL:typmod"

#: Types that arrive as numbers that are something else: money as cents of whatever currency, oid with a sign.
_MISREAD = frozenset({b"money", b"oid", b"xid", b"cid", b"xid8", b"regproc"})

#: What a driver makes of ``infinity`` and ``-infinity``: PostgreSQL's greatest and least number, counted from 1970.
_DAYS_TO_2000 = 10_957
_MICROSECONDS_TO_2000 = 946_684_800_000_000


def is_readable(schema: pa.Schema) -> bool:
    """Say whether ADBC gives a result's values as they are.

    Left to psycopg are lists, of which it forgets how they are nested, and types that it does not know.

    Args:
        schema: what it says the result will be.
    """
    return all(_is_readable(field) for field in schema)


def _is_readable(field: pa.Field) -> bool:
    import pyarrow as pa

    metadata = field.metadata or {}
    if metadata.get(_TYPE) in _MISREAD:
        return False
    kind = field.type
    if _is_numeric(kind):
        return True
    if isinstance(kind, pa.BaseExtensionType):
        return kind.extension_name in ("arrow.json", "arrow.uuid")
    return not pa.types.is_nested(kind) and not pa.types.is_null(kind)


def _is_numeric(kind: pa.DataType) -> bool:
    return getattr(kind, "extension_name", None) == "arrow.opaque" and getattr(kind, "type_name", None) == "numeric"


def normalised(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Give a batch with decimals as decimals, and JSON and UUIDs as texts.

    Args:
        batch: as ADBC gives it.

    Raises:
        OverflowError: a date or time is infinite.
    """
    import pyarrow as pa

    arrays = [_array(array, field) for array, field in zip(batch.columns, batch.schema, strict=True)]
    fields = [pa.field(field.name, array.type) for array, field in zip(arrays, batch.schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _array(array: pa.Array, field: pa.Field) -> pa.Array:
    import pyarrow as pa

    kind = array.type
    if _is_numeric(kind):
        return _decimals(array.storage, (field.metadata or {}).get(_MODIFIER))
    if isinstance(kind, pa.BaseExtensionType):
        return _uuid_texts(array.storage) if kind.extension_name == "arrow.uuid" else array.storage
    if pa.types.is_timestamp(kind) or pa.types.is_date32(kind):
        _check_finite(array, field.name)
    return array


def _compute() -> Any:
    """Give pyarrow's functions: they are made when it is imported, so that no type checker knows them."""
    import pyarrow.compute

    return pyarrow.compute


def _check_finite(array: pa.Array, name: str) -> None:
    import pyarrow as pa

    pc = _compute()
    days = pa.types.is_date32(array.type)
    found = pc.min_max(array.view(pa.int32() if days else pa.int64())).as_py()
    bits, shift = (32, _DAYS_TO_2000) if days else (64, _MICROSECONDS_TO_2000)
    for value in found.values():
        if value is None:
            continue
        # The sum that the driver makes runs over.
        number = (value - shift + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
        if number in (2 ** (bits - 1) - 1, -(2 ** (bits - 1))):
            raise OverflowError(
                f"column {name!r} has an infinite {'date' if days else 'time'}, which has no counterpart"
            )


def _uuid_texts(storage: pa.Array) -> pa.Array:
    import pyarrow as pa

    return pa.array([None if value is None else str(UUID(bytes=value)) for value in storage.to_pylist()], pa.string())


def _decimals(texts: pa.Array, modifier: bytes | None) -> pa.Array:
    """Make decimals of texts: as wide as the column is declared, else as they need; texts again where none can be."""
    import pyarrow as pa

    declared = _declared(modifier)
    if declared is not None:
        try:
            return texts.cast(declared)
        except pa.ArrowInvalid:
            # NaN, which a declared column may hold too.
            return _as_written(texts)
    fitting = _fitting(texts)
    return _as_written(texts) if fitting is None else texts.cast(fitting)


def _as_written(texts: pa.Array) -> pa.Array:
    """Give numbers as PostgreSQL writes them, and Python reads them: the driver says nan and inf."""
    import pyarrow as pa

    words = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return pa.array([words.get(text, text) for text in texts.to_pylist()], pa.string())


def _declared(modifier: bytes | None) -> pa.DataType | None:
    """Read the type modifier of ``numeric(precision, scale)``: numeric.c, make_numeric_typmod."""
    number = int(modifier or b"-1") - 4
    if number < 0:
        return None
    precision, scale = number >> 16 & 0xFFFF, ((number & 0x7FF) ^ 1024) - 1024
    return _decimal(precision, scale) if 0 <= scale <= precision else None


def _decimal(precision: int, scale: int) -> pa.DataType | None:
    import pyarrow as pa

    if precision > 76:
        return None
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


def _fitting(texts: pa.Array) -> pa.DataType | None:
    """Find the type of decimal that holds each of some numbers; None when none does."""
    import pyarrow as pa

    pc = _compute()
    if pc.any(pc.match_substring_regex(texts, "[a-zA-Z]")).as_py():
        return None
    length, point = pc.binary_length(texts), pc.find_substring(texts, ".")
    fraction = pc.if_else(pc.less(point, 0), pa.scalar(0, pa.int32()), pc.subtract(pc.subtract(length, point), 1))
    whole = pc.subtract(pc.if_else(pc.less(point, 0), length, point), pc.cast(pc.starts_with(texts, "-"), pa.int32()))
    scale = pc.max(fraction).as_py() or 0
    return _decimal(max((pc.max(whole).as_py() or 0) + scale, 1), scale)


def bound(parameters: Sequence[Any], schema: pa.Schema) -> pa.RecordBatch | None:
    """Make parameters of the types that the server expects; None when ADBC cannot do so for each.

    What it sends has a type, so that none can be left to the server as psycopg does with texts: where the server
    expects another one, such as an enum, psycopg is asked.

    Args:
        parameters: the values.
        schema: what the server expects, one field for each ``$1``.
    """
    import pyarrow as pa

    if len(parameters) != len(schema):
        return None
    arrays = []
    for value, field in zip(parameters, schema, strict=True):
        kind = _expected(value, field)
        if kind is None:
            return None
        try:
            arrays.append(kind(value))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeError, ValueError):
            return None
    return pa.RecordBatch.from_arrays(arrays, names=[field.name for field in schema])


def _expected(value: Any, field: pa.Field) -> Callable[[Any], pa.Array] | None:
    """Give what makes the array of a parameter, where the server expects just what it is."""
    import pyarrow as pa

    kind, name = field.type, (field.metadata or {}).get(_TYPE, b"")
    exact = {
        bool: (pa.types.is_boolean,),
        int: (pa.types.is_integer,),
        float: (pa.types.is_floating,),
        str: (pa.types.is_string,),
        bytes: (pa.types.is_binary,),
        dt.datetime: (pa.types.is_timestamp,),
        dt.date: (pa.types.is_date32,),
    }.get(type(value))
    if exact is None or name in _MISREAD or isinstance(kind, pa.BaseExtensionType) or not exact[0](kind):
        return _numeric_parameter if type(value) is Decimal and _is_numeric(kind) and value.is_finite() else None
    if isinstance(value, str) and name not in (b"text", b"varchar", b"bpchar"):
        return None
    if isinstance(value, float) and not pa.types.is_float64(kind):
        return None
    if isinstance(value, dt.datetime) and (value.tzinfo is None) != (kind.tz is None):
        return None
    return lambda given: pa.array([given], kind)


def _numeric_parameter(value: Decimal) -> pa.Array:
    """Make the array of a decimal.

    Raises:
        ValueError: ADBC would forget the zeros behind the point, which the server shows and computes with.
    """
    import pyarrow as pa

    _, digits, exponent = value.as_tuple()
    if int(exponent) < 0 and digits[-1] == 0:
        raise ValueError(value)
    return pa.array([value])
