"""One value of a result as the type that is declared for it: exact, or refused.

Databases that have few types write the others as numbers or text; those are taken where nothing is lost or guessed:
0 and 1 for ``bool``, ISO 8601 for dates and times, digits for ``Decimal``, JSON for containers and records.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import threading
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import type_key, type_name
from flyte_core.types.lookup import underlying
from flyte_core.types.mismatch import ValueMismatchError, shown, under

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Convert = Callable[[Any], Any]

__all__ = ["Cell", "bare", "cell_for", "is_array", "on_wire", "refused"]


class Cell:
    """How a value of the driver becomes one of a declared type.

    Args:
        convert: the value that is declared for one that was found.

            Raises:
                ValueMismatchError: it does not fit.
        exact: the class whose instances pass as they are, so that a loop need not call.
        nullable: whether None passes.
        has_decimals: whether a `Decimal` may be inside, and so the numbers of a JSON text must be kept exact.
        is_list: whether the type is a list, which arrays of the database are too.
    """

    __slots__ = ("convert", "exact", "has_decimals", "is_list", "nullable")

    def __init__(
        self,
        convert: Convert,
        exact: type | None = None,
        *,
        nullable: bool = False,
        has_decimals: bool = False,
        is_list: bool = False,
    ) -> None:
        self.convert, self.exact, self.nullable = convert, exact, nullable
        self.has_decimals, self.is_list = has_decimals, is_list

    def become(self, other: Cell) -> None:
        """Take over what another one has."""
        for name in self.__slots__:
            setattr(self, name, getattr(other, name))


class _Open(threading.local):
    """The types that are being compiled by this thread: one that contains itself meets its own here."""

    def __init__(self) -> None:
        self.cells: dict[Any, Cell] = {}
        self.in_struct = False


_open = _Open()


@contextmanager
def on_wire(*, as_struct: bool) -> Iterator[None]:
    """Compile types for a place inside of a struct, or for one outside of any.

    What has no type is pickled by the wire outside of structs. In one it must be what MessagePack has, and the core
    would refuse all else without knowing its column.
    """
    before, _open.in_struct = _open.in_struct, as_struct
    try:
        yield
    finally:
        _open.in_struct = before


def cell_for(t: Any) -> Cell:
    """Compile a type.

    Args:
        t: the type.

    Returns:
        Its cell. While a type that contains itself is compiled, `Cell.convert` must be reached through the object.

    Raises:
        TypeTransformerFailedError: no value of a database can be one.

    Example:
        >>> cell_for(int).convert(decimal.Decimal("12.00"))
        12
    """
    key = (type_key(t), _open.in_struct)
    if key in _open.cells:
        return _open.cells[key]
    cell = _open.cells[key] = Cell(_same)
    try:
        cell.become(_compile(bare(t)))
    finally:
        del _open.cells[key]
    return cell


def bare(t: Any) -> Any:
    """The type inside ``Annotated[...]`` and ``NewType``."""
    while True:
        inner = getattr(underlying(t), "__supertype__", underlying(t))
        if inner is t:
            return t
        t = inner


def is_array(value: object) -> bool:
    """Whether a value is an array of the database; arrow's intervals are tuples as well."""
    return isinstance(value, (list, tuple)) and not hasattr(value, "months")


def refused(expected: str, value: object, hint: str = "") -> ValueMismatchError:
    """The error for a value where something else is declared."""
    if value is None:
        return ValueMismatchError(f"expected {expected}, got NULL; declare {expected} | None where it may be NULL")
    return ValueMismatchError(
        f"expected {expected}, got {shown(value)} of type {type(value).__name__}{hint and '; ' + hint}"
    )


def _compile(t: Any) -> Cell:
    try:
        scalar = _SCALARS.get(t)
    except TypeError:  # it cannot be hashed
        scalar = None
    if scalar is not None:
        return _PLAIN if _open.in_struct and (t is Any or t is object) else scalar
    from flyte_core_sql.outputs.composed import composed_cell

    cell = composed_cell(t)
    if cell is None:
        raise TypeTransformerFailedError(f"no value of a database becomes a {type_name(t)}")
    return cell


def _same(value: Any) -> Any:
    return value


def _anything(value: Any) -> Any:
    """The value, with arrow's intervals inside of it as Python's: they would be taken for tuples of numbers."""
    if isinstance(value, dict):
        return {key: _anything(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_anything(item) for item in value]
    return _timedelta(value) if isinstance(value, tuple) and hasattr(value, "months") else value


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, float, bytes)):
        return value
    if isinstance(value, int):
        if -(2**63) <= value < 2**64:
            return value
        raise refused("what JSON has", value, "it has more than 64 bits; cast it to text in the query")
    if isinstance(value, dict):
        return {_plain(key): _plain_item(item, f"[{key!r}]") for key, item in value.items()}
    if is_array(value):
        return [_plain_item(item, f"[{index}]") for index, item in enumerate(value)]
    name = type(_anything(value)).__name__
    raise refused(
        "what JSON has", value, f"declare a dataclass with a field of type {name}, or cast it to text in the query"
    )


def _plain_item(value: Any, step: str) -> Any:
    try:
        return _plain(value)
    except ValueMismatchError as error:
        raise under(error, step) from error.__cause__


def _int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    # The sum of a column of integers is a decimal to most databases.
    if isinstance(value, decimal.Decimal) and value.is_finite() and value == int(value):
        return int(value)
    raise refused("int", value, "round or cast it in the query" if isinstance(value, (float, decimal.Decimal)) else "")


def _float(value: Any) -> float:
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (int, decimal.Decimal)) and not isinstance(value, bool):
        try:
            found = float(value)
        except (OverflowError, ValueError):  # a signalling NaN is the latter
            raise refused("float", value, "it is too large") from None
        if not math.isinf(found) or (isinstance(value, decimal.Decimal) and value.is_infinite()):
            return found
        raise refused("float", value, "it is too large")
    raise refused("float", value)


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if type(value) is int and value in (0, 1):
        return value == 1
    raise refused("bool", value)


def _str(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise refused("str", value, "" if value is None else "cast it to text in the query")


def _bytes(value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise refused("bytes", value)


def _decimal(value: Any) -> decimal.Decimal:
    if isinstance(value, decimal.Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return decimal.Decimal(value)
    if isinstance(value, str):
        try:
            return decimal.Decimal(value)
        except decimal.InvalidOperation:
            raise refused("Decimal", value) from None
    raise refused("Decimal", value, "a float has no exact one; cast it in the query" if type(value) is float else "")


def _datetime(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return _without_nanoseconds(value, "nanosecond", "to_pydatetime", "datetime")
    # A date alone is left to `date`, as where the database has both types.
    if isinstance(value, str) and len(value) > len("2000-01-01"):
        return _parsed(dt.datetime, value)
    raise refused("datetime", value, "cast it to a timestamp in the query" if isinstance(value, dt.date) else "")


def _date(value: Any) -> Any:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    if isinstance(value, str):
        return _parsed(dt.date, value)
    raise refused("date", value, "cast it to a date in the query" if isinstance(value, dt.datetime) else "")


def _time(value: Any) -> Any:
    if isinstance(value, dt.time):
        return value
    if isinstance(value, str):
        return _parsed(dt.time, value)
    raise refused("time", value)


def _parsed(t: Any, text: str) -> Any:
    # Python 3.10 does not know Z.
    iso = text[:-1] + "+00:00" if text.endswith("Z") and t is not dt.date else text
    try:
        return t.fromisoformat(iso)
    except ValueError:
        raise refused(f"{t.__name__}, or its text in ISO 8601", text) from None


def _timedelta(value: Any) -> Any:
    if isinstance(value, dt.timedelta):
        return _without_nanoseconds(value, "nanoseconds", "to_pytimedelta", "timedelta")
    months = getattr(value, "months", None)  # what arrow has for an interval
    if months is None:
        raise refused("timedelta", value)
    if months or value.nanoseconds % 1000:
        raise refused("timedelta", value, "months have no fixed length" if months else "it has nanoseconds")
    return dt.timedelta(days=value.days, microseconds=value.nanoseconds // 1000)


def _without_nanoseconds(value: Any, attribute: str, plain: str, expected: str) -> Any:
    """Python's own class of what may be pandas', which arrow gives for times in nanoseconds."""
    convert = getattr(value, plain, None)
    if convert is None:
        return value
    if getattr(value, attribute) % 1000:
        raise refused(expected, value, "it has nanoseconds; cast it in the query")
    return convert()


def _uuid(value: Any) -> uuid.UUID:
    if isinstance(value, uuid.UUID):
        return value
    try:
        if isinstance(value, str):
            return uuid.UUID(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return uuid.UUID(bytes=bytes(value))
    except ValueError:
        raise refused("UUID", value) from None
    raise refused("UUID", value)


_PLAIN = Cell(_plain, nullable=True)

_SCALARS: dict[Any, Cell] = {
    Any: Cell(_anything, nullable=True),
    object: Cell(_anything, nullable=True),
    int: Cell(_int, int),
    float: Cell(_float, float),
    str: Cell(_str, str),
    bool: Cell(_bool, bool),
    bytes: Cell(_bytes, bytes),
    decimal.Decimal: Cell(_decimal, decimal.Decimal, has_decimals=True),
    dt.datetime: Cell(_datetime, dt.datetime),
    dt.date: Cell(_date, dt.date),
    dt.time: Cell(_time, dt.time),
    dt.timedelta: Cell(_timedelta, dt.timedelta),
    uuid.UUID: Cell(_uuid, uuid.UUID),
}
