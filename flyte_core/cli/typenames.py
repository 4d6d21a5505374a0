"""How types are written for people: on help pages and in messages about arguments."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import types
import typing
from typing import Any

from flyte_core.template import TaskTemplate

__all__ = ["is_flag", "is_record", "type_name"]

#: What the plain text of a value looks like, where its type's name does not say.
_EXAMPLES = {
    dt.datetime: "2013-01-31T12:00:00",
    dt.date: "2013-01-31",
    dt.timedelta: "1h30m",
}


def type_name(python_type: Any, *, example: bool = False) -> str:
    """Write a type.

    Args:
        python_type: an annotation.
        example: whether an example follows, where the name does not say how a value is written.

    Returns:
        Its short name; of choices the choices themselves; of what is given as JSON, that it is.

    Example:
        >>> type_name(int | None), type_name(dict[str, float])
        ('int or None', 'dict[str, float] as JSON')
    """
    name = _name(python_type)
    if _is_json(python_type):
        return f"{name} as JSON"
    if _is_reference(typing.get_origin(python_type) or python_type):
        return f"{name} by path or URL"
    found = _EXAMPLES.get(python_type) if example and isinstance(python_type, type) else None
    return f"{name}, such as {found}" if found else name


def _name(python_type: Any) -> str:
    if python_type is Any or python_type is inspect.Parameter.empty:
        return "any"
    if python_type is None or python_type is type(None):
        return "None"
    origin, args = typing.get_origin(python_type), typing.get_args(python_type)
    if origin is typing.Annotated:
        return _name(args[0])
    if _is_union(origin):
        return " or ".join(_name(arg) for arg in args)
    if origin is typing.Literal:
        return "|".join(str(value) for value in args)
    if origin is not None:
        inner = ", ".join("..." if arg is Ellipsis else _name(arg) for arg in args)
        return f"{_name(origin)}[{inner}]" if inner else _name(origin)
    if isinstance(python_type, type):
        if issubclass(python_type, enum.Enum):
            return "|".join(str(member.value) for member in python_type)
        return python_type.__name__
    return str(python_type)


def _is_union(origin: object) -> bool:
    return origin is typing.Union or origin is types.UnionType


def _is_reference(python_type: Any) -> bool:
    """Say whether values are given by where they lie: files, folders, data frames."""
    return hasattr(python_type, "from_existing_remote")


def _is_json(python_type: Any) -> bool:
    origin, args = typing.get_origin(python_type), typing.get_args(python_type)
    if origin is typing.Annotated:
        return _is_json(args[0])
    if _is_union(origin):
        return any(_is_json(arg) for arg in args)
    plain = origin or python_type
    if not isinstance(plain, type):
        return False
    if issubclass(plain, (list, tuple, dict, set, frozenset)):
        return True
    return is_record(plain)


def is_record(python_type: Any) -> bool:
    """Say whether a type is a class with fields: a dataclass, attrs or pydantic class, but no file, folder or frame."""
    if not isinstance(python_type, type) or _is_reference(python_type):
        return False
    has_fields = any(hasattr(python_type, mark) for mark in ("__dataclass_fields__", "__attrs_attrs__", "model_fields"))
    return has_fields and not issubclass(python_type, TaskTemplate)


def is_flag(python_type: Any) -> bool:
    """Say whether values are given as ``--name`` and ``--no-name``: bool, also where it may be None."""
    origin, args = typing.get_origin(python_type), typing.get_args(python_type)
    if origin is typing.Annotated:
        return is_flag(args[0])
    if _is_union(origin):
        return {arg for arg in args if arg is not type(None)} == {bool}
    return python_type is bool
