"""Kinds of inputs: parameters, which are bound as values, and tables; what of each type reaches the driver."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from flyte_core.errors import InvalidTypeError
from flyte_core_sql.plain import as_json, is_record, is_record_type
from flyte_core_sql.tables import TableSource, is_table_type, table_source

__all__ = [
    "TableSource",
    "check_input_type",
    "element_type",
    "is_list",
    "kind_of",
    "table_source",
    "to_parameter",
]

_SCALARS = (bool, int, float, str, bytes, datetime, date, time, timedelta, Decimal, UUID)
_LISTS: tuple[Any, ...] = (
    list,
    tuple,
    set,
    frozenset,
    collections.abc.Sequence,
    collections.abc.Set,
    collections.abc.Iterable,
    collections.abc.Collection,
)
_ALLOWED = (
    "a scalar (bool, int, float, str, bytes, datetime, date, time, timedelta, Decimal, UUID, an Enum), a list of them, "
    "a dict, dataclass or pydantic model (as JSON), or a table (DataFrame, File, Dir, a frame of pandas, polars or "
    "pyarrow)"
)


def kind_of(python_type: Any) -> Literal["parameter", "table"]:
    """Say whether an input of a type is bound as a value or is a table.

    Example:
        >>> kind_of(int), kind_of(list[str])
        ('parameter', 'parameter')
    """
    return "table" if is_table_type(_bare(python_type)) else "parameter"


def is_list(python_type: Any) -> bool:
    """Say whether a parameter of a type is a list, so that ``IN :name`` has one element for each of its values.

    Example:
        >>> is_list(list[int]), is_list(str), is_list(list[int] | None)
        (True, False, True)
    """
    bare = _bare(python_type)
    return (typing.get_origin(bare) or bare) in _LISTS


def element_type(python_type: Any) -> Any:
    """Give the type of a list's elements; `str` where it is not said.

    Example:
        >>> element_type(list[int]), element_type(tuple[date, ...]), element_type(list)
        (<class 'int'>, <class 'datetime.date'>, <class 'str'>)
    """
    arguments = [argument for argument in typing.get_args(_bare(python_type)) if argument is not Ellipsis]
    bare = _bare(arguments[0]) if arguments else str
    if typing.get_origin(bare) is Literal:
        bare = type(typing.get_args(bare)[0])
    if isinstance(bare, type) and issubclass(bare, enum.Enum):
        values = {type(member.value) for member in bare}
        return values.pop() if len(values) == 1 else str
    return bare


def check_input_type(owner: str, name: str, python_type: Any) -> None:
    """Refuse an input of a type that no query can have.

    Args:
        owner: whose input it is, for the message.
        name: its name.
        python_type: its declared type.

    Raises:
        InvalidTypeError: neither a parameter nor a table can be of that type.

    Example:
        >>> check_input_type("task 'top'", "n", int)
    """
    if kind_of(python_type) == "table":
        return
    if not _is_parameter(_bare(python_type)):
        raise InvalidTypeError(owner, f"inputs[{name!r}]", python_type, _ALLOWED)


def to_parameter(name: str, value: Any, python_type: Any) -> Any:
    """Give a value as drivers take it: an enum's member as its value, a record as JSON text, a list's values likewise.

    Args:
        name: the input's name, for the message.
        value: the value.
        python_type: its declared type.

    Raises:
        InvalidTypeError: a value of this type cannot be a parameter.

    Example:
        >>> to_parameter("filter", {"a": [1]}, dict)
        '{"a":[1]}'
    """
    if value is None or type(value) in _SCALARS:
        return value
    if isinstance(value, enum.Enum):
        return to_parameter(name, value.value, type(value.value))
    if is_record(value):
        return as_json(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        inner = element_type(python_type) if is_list(python_type) else None
        return [to_parameter(name, element, inner) for element in value]
    return _subclass_value(name, value)


def _subclass_value(name: str, value: Any) -> Any:
    """A value of a class on top of a scalar's, such as `pandas.Timestamp`, or of numpy, as the scalar itself."""
    for convert in ("to_pydatetime", "item"):
        made = getattr(value, convert, None)
        if made is not None:
            plain = made()
            if plain is None or type(plain) in _SCALARS:
                return plain
    scalars: tuple[Any, ...] = (int, float, str, bytes)
    for scalar in scalars:
        if isinstance(value, scalar):
            return scalar(value)
    if isinstance(value, _SCALARS):
        return value
    raise InvalidTypeError("SQL query", f"parameter {name}", value, _ALLOWED)


def _bare(python_type: Any) -> Any:
    """The type without annotations and without its None."""
    while True:
        origin = typing.get_origin(python_type)
        if origin is typing.Annotated:
            python_type = typing.get_args(python_type)[0]
        elif hasattr(python_type, "__supertype__"):
            python_type = python_type.__supertype__
        elif origin in (typing.Union, types.UnionType):
            others = [argument for argument in typing.get_args(python_type) if argument is not type(None)]
            if len(others) != 1:
                return python_type
            python_type = others[0]
        else:
            return python_type


def _is_parameter(bare: Any) -> bool:
    origin = typing.get_origin(bare)
    if origin in (typing.Union, types.UnionType):
        return all(_is_parameter(_bare(argument)) for argument in typing.get_args(bare))
    if origin is Literal:
        return all(isinstance(value, _SCALARS) for value in typing.get_args(bare))
    if is_list(bare):
        elements = [_bare(argument) for argument in typing.get_args(bare) if argument is not Ellipsis]
        return all(_is_parameter(element) for element in elements)
    if bare is type(None) or bare is None:
        return True
    named = origin or bare
    if not isinstance(named, type):
        return False
    if issubclass(named, (*_SCALARS, enum.Enum, Mapping)):
        return True
    return (dataclasses.is_dataclass(named) and not is_table_type(named)) or is_record_type(named)
