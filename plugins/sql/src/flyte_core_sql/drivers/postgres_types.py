"""The types of PostgreSQL: how psycopg gives their values, and what they are in Arrow."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flyte_core_sql.drivers.rows import ToArrow, decimals, inferred

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

__all__ = ["INTERVAL", "arrow_of", "prepare_loaders", "to_timedelta"]

#: Numbers of PostgreSQL's own types, which never change: src/include/catalog/pg_type.dat.
INTERVAL = 1186
_NUMERIC = 1700
_UUID = 2950

#: What keeps its meaning as PostgreSQL writes it, and has no type in Arrow.
_AS_TEXT = (
    *("json", "jsonb", "inet", "cidr", "record"),
    *("int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange"),
    *("int4multirange", "int8multirange", "nummultirange", "datemultirange", "tsmultirange", "tstzmultirange"),
)

_UNIT = re.compile(r"([-+]?\d+) (year|mon|day)")
_TIME = re.compile(r"([-+])?(\d+):(\d+):(\d+)(?:\.(\d+))?")


def prepare_loaders(connection: psycopg.Connection[Any]) -> None:
    """Have JSON, ranges, addresses and records arrive as their texts, and intervals with their months.

    Args:
        connection: psycopg's, for which alone this holds.
    """
    from psycopg.types.string import TextLoader

    for name in _AS_TEXT:
        connection.adapters.register_loader(name, TextLoader)
    connection.adapters.register_loader("interval", _interval_loader())


@functools.lru_cache(maxsize=1)
def _interval_loader() -> type[Any]:
    from psycopg.adapt import Loader

    class IntervalLoader(Loader):
        """Reads PostgreSQL's own style, ``1 mon 2 days 03:04:05.6``, without taking a month for 30 days."""

        def load(self, data: Any) -> Any:
            return _interval(bytes(data).decode())

    return IntervalLoader


def _interval(text: str) -> pa.MonthDayNano:
    """Read an interval.

    Raises:
        psycopg.DataError: the server writes intervals in another style.
    """
    import pyarrow as pa

    months = days = nanoseconds = 0
    rest = text
    for count, unit in _UNIT.findall(text):
        if unit == "day":
            days = int(count)
        else:
            months += int(count) * (12 if unit == "year" else 1)
    if found := _TIME.search(text):
        sign, hours, minutes, seconds, fraction = found.groups()
        total = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
        nanoseconds = (total * 10**9 + int((fraction or "").ljust(9, "0"))) * (-1 if sign == "-" else 1)
        rest = text[: found.start()]
    if re.sub(r"[-+]?\d+ (?:years?|mons?|days?)", "", rest).strip():
        from psycopg import DataError

        raise DataError(f"the interval {text!r} is not in the style 'postgres': see the setting intervalstyle")
    return pa.MonthDayNano([months, days, nanoseconds])


def to_timedelta(value: Any) -> Any:
    """Give an interval as a timedelta, where it has no months and so a length.

    Args:
        value: a MonthDayNano, or None.
    """
    if value is None or value.months:
        return value
    return timedelta(days=value.days, microseconds=value.nanoseconds // 1000)


def arrow_of(column: psycopg.Column) -> ToArrow:
    """Give what makes the Arrow array of a column, by the type that the server tells.

    Args:
        column: of a cursor's description.
    """
    if column.type_code == _NUMERIC:
        return functools.partial(_numeric, column.precision, column.scale)
    if column.type_code == _UUID:
        return _texts
    kind = _kinds().get(column.type_code)
    if kind is not None:
        return functools.partial(_of_kind, kind())
    element = _array_element(column.type_code)
    if element is None:
        return _texts
    return functools.partial(_arrays, _kinds().get(element))


@functools.lru_cache(maxsize=1)
def _kinds() -> dict[int, Callable[[], pa.DataType]]:
    import pyarrow as pa

    return {
        16: pa.bool_,
        17: pa.binary,
        20: pa.int64,
        21: pa.int16,
        23: pa.int32,
        26: pa.int64,
        700: pa.float32,
        701: pa.float64,
        1082: pa.date32,
        1083: lambda: pa.time64("us"),
        1114: lambda: pa.timestamp("us"),
        1184: lambda: pa.timestamp("us", "UTC"),
        INTERVAL: pa.month_day_nano_interval,
        **dict.fromkeys((18, 19, 25, 114, 1042, 1043, 3802), pa.string),
    }


@functools.lru_cache(maxsize=1)
def _array_elements() -> dict[int, int]:
    import psycopg

    return {info.array_oid: info.oid for info in psycopg.adapters.types if info.array_oid}


def _array_element(number: int) -> int | None:
    return _array_elements().get(number)


def _of_kind(kind: pa.DataType, values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, kind)


def _texts(values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    return pa.array([None if value is None else _as_text(value) for value in values], pa.string())


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _numeric(precision: int | None, scale: int | None, values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    # A scale of PostgreSQL can be negative or exceed the precision, which Arrow's cannot.
    if precision is not None and scale is not None and 0 <= scale <= precision <= 76:
        kind = pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
        if all(value is None or value.is_finite() for value in values):
            return pa.array(values, kind)
    return decimals(values)


def _arrays(element: Callable[[], pa.DataType] | None, values: Sequence[Any]) -> pa.Array:
    """Make an array of lists, as deep as the values are: a column's type does not tell how deep."""
    import pyarrow as pa

    if element is None or element is pa.string:
        found = inferred(values)
        # Nothing in it that tells.
        return (
            found if not pa.types.is_null(_leaf(found.type)) else pa.array(values, _nested(_depth(values), pa.string()))
        )
    depth = _depth(values)
    try:
        return pa.array(values, _nested(depth, element()))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return inferred(values)


def _depth(values: Sequence[Any]) -> int:
    deepest = 1
    for value in values:
        depth = 0
        while isinstance(value, list):
            depth += 1
            value = next((item for item in value if item is not None), None)
        deepest = max(deepest, depth)
    return deepest


def _nested(depth: int, kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    for _ in range(depth):
        kind = pa.list_(kind)
    return kind


def _leaf(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    while pa.types.is_list(kind):
        kind = kind.value_type
    return kind
