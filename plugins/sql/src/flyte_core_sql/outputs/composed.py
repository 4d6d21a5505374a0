"""Cells of types that are made of others: optionals, unions, lists, dicts, enums and literals."""

from __future__ import annotations

import decimal
import enum
import typing
from typing import TYPE_CHECKING, Any

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import type_name
from flyte_core.types.lookup import is_union
from flyte_core.types.mismatch import ValueMismatchError, shown, under
from flyte_core_sql.outputs.cells import Cell, cell_for, is_array, on_wire, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["composed_cell", "without_none"]


def composed_cell(t: Any) -> Cell | None:
    """Compile a type that is made of others, or give None for any other."""
    origin, arguments = typing.get_origin(t) or t, typing.get_args(t)
    if is_union(t):
        return _union(t)
    if origin is typing.Literal:
        return _literal(arguments)
    if origin is list:
        return _list(t, arguments[0] if arguments else Any)
    if origin is tuple:
        return _tuple(t, arguments)
    if origin is dict:
        if arguments and arguments[0] is str:
            return _dict(t, *arguments)
        # Only a dict with texts as keys and a type for its values is a map of the wire, and no struct.
        with on_wire(as_struct=True):
            return _dict(t, *(arguments or (str, Any)))
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return _enum(origin)
    from flyte_core_sql.outputs.records import record_of

    record = record_of(t)
    if record is None:
        return None
    return Cell(_or_json(record.from_mapping, lambda: record.has_decimals), has_decimals=record.has_decimals)


def without_none(t: Any) -> tuple[Any, bool]:
    """The type inside of an optional, and whether it is one.

    Example:
        >>> without_none(typing.Optional[int]), without_none(int)
        ((<class 'int'>, True), (<class 'int'>, False))
    """
    if not is_union(t) or type(None) not in typing.get_args(t):
        return t, False
    rest = tuple(argument for argument in typing.get_args(t) if argument is not type(None))
    return typing.Union[rest], True  # noqa: UP007 - built


def _union(t: Any) -> Cell:
    inner, nullable = without_none(t)
    if not is_union(inner):
        cell = cell_for(inner)
        return Cell(
            lambda value: None if value is None else cell.convert(value),
            cell.exact,
            nullable=True,
            has_decimals=cell.has_decimals,
            is_list=cell.is_list,
        )
    cells = [cell_for(argument) for argument in typing.get_args(inner)]

    def convert(value: Any) -> Any:
        if value is None and nullable:
            return None
        for cell in cells:
            if cell.exact is type(value):
                return value
        for cell in cells:
            try:
                return cell.convert(value)
            except TypeTransformerFailedError:  # noqa: PERF203 - each may be the one that fits
                continue
        raise refused(type_name(t), value)

    return Cell(convert, nullable=nullable, has_decimals=any(cell.has_decimals for cell in cells))


def _literal(values: tuple[Any, ...]) -> Cell:
    cells = [(value, cell_for(type(value))) for value in values]

    def convert(value: Any) -> Any:
        for wanted, cell in cells:
            try:
                if cell.convert(value) == wanted:
                    return wanted
            except TypeTransformerFailedError:  # noqa: PERF203 - another one may fit
                continue
        raise refused(f"one of {', '.join(map(repr, values))}", value)

    return Cell(convert)


def _enum(t: type[enum.Enum]) -> Cell:
    kinds = {type(member.value) for member in t}
    with on_wire(as_struct=False):  # the wire has the member
        cell = cell_for(kinds.pop()) if len(kinds) == 1 else cell_for(Any)

    def convert(value: Any) -> Any:
        if value is None:
            raise refused(t.__name__, value)
        try:
            return t(cell.convert(value))
        except ValueError as error:  # a mismatch is one as well
            known = ", ".join(repr(member.value) for member in t)
            raise ValueMismatchError(f"expected one of {known} for {t.__name__}, got {shown(value)}") from error

    return Cell(convert)


def _list(t: Any, item_type: Any) -> Cell:
    item = cell_for(item_type)

    def convert(value: Any) -> Any:
        if not is_array(value):
            raise refused(type_name(t), value)
        exact, each = item.exact, item.convert
        try:
            return [found if type(found) is exact else each(found) for found in value]
        except TypeTransformerFailedError:
            return list(_each(value, lambda _: item))  # says which one it is

    return Cell(_or_json(convert, lambda: item.has_decimals), has_decimals=item.has_decimals, is_list=True)


def _tuple(t: Any, arguments: tuple[Any, ...]) -> Cell:
    if not arguments or arguments[1:] == (...,):
        inner = _list(t, arguments[0] if arguments else Any)
        return Cell(lambda value: tuple(inner.convert(value)), has_decimals=inner.has_decimals)
    cells = [cell_for(argument) for argument in arguments]

    def convert(value: Any) -> Any:
        if not is_array(value) or len(value) != len(cells):
            raise refused(type_name(t), value)
        return tuple(_each(value, cells.__getitem__))

    has_decimals = any(cell.has_decimals for cell in cells)
    return Cell(_or_json(convert, lambda: has_decimals), has_decimals=has_decimals)


def _each(items: Sequence[Any], cell_at: Callable[[int], Cell]) -> Iterable[Any]:
    for index, item in enumerate(items):
        try:
            yield cell_at(index).convert(item)
        except TypeTransformerFailedError as error:  # noqa: PERF203 - it says which
            raise under(error, f"[{index}]") from error.__cause__


def _dict(t: Any, key_type: Any, item_type: Any) -> Cell:
    keys, items = cell_for(key_type), cell_for(item_type)

    def key_of(key: Any) -> Any:
        if keys.exact is int and isinstance(key, str):  # JSON has no other keys than texts
            try:
                return int(key)
            except ValueError:
                raise refused("int as key", key) from None
        return keys.convert(key)

    def convert(value: Any) -> Any:
        done = {}
        for key, item in _pairs(value, type_name(t)):
            try:
                done[key_of(key)] = items.convert(item)
            except TypeTransformerFailedError as error:  # noqa: PERF203 - it says which
                raise under(error, f"[{key!r}]") from error.__cause__
        return done

    has_decimals = keys.has_decimals or items.has_decimals
    return Cell(_or_json(convert, lambda: has_decimals), has_decimals=has_decimals)


def _pairs(value: Any, expected: str) -> Iterable[tuple[Any, Any]]:
    """The entries of a struct or a map; arrow gives the latter as pairs."""
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        return value
    raise refused(expected, value)


def _or_json(convert: Callable[[Any], Any], has_decimals: Callable[[], bool]) -> Callable[[Any], Any]:
    """Take the text of a JSON value as well: where a database has such a type, its values come as text."""

    def convert_text(value: Any) -> Any:
        return convert(_from_json(value, has_decimals()) if isinstance(value, str) else value)

    return convert_text


def _from_json(text: str, has_decimals: bool) -> Any:
    import json

    try:
        return json.loads(text, parse_float=decimal.Decimal if has_decimals else None, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return text  # it is told as a text where something else is declared


def _no_json(constant: str) -> Any:
    raise ValueError(constant)
