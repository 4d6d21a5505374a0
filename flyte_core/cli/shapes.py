"""What the JSON of a record has to look like, for help pages."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from typing import Any

from flyte_core.cli.typenames import is_record, type_name

__all__ = ["shapes"]

#: Records described for one input; whoever needs more looks at the source.
_MOST = 3

#: Characters of a default.
_DEFAULT = 20


def shapes(python_type: Any) -> list[str]:
    """Describe the records in a type, each as an object of its fields.

    Args:
        python_type: an annotation.

    Returns:
        The record itself first, then those in its fields; at most three.

    Example:
        >>> import dataclasses
        >>> @dataclasses.dataclass
        ... class Order:
        ...     article: str
        ...     count: int = 1
        >>> shapes(list[Order])
        ['Order: {"article": str, "count": int = 1}']
    """
    found: list[Any] = []
    waiting = list(_records(python_type))
    while waiting and len(found) < _MOST:
        record = waiting.pop(0)
        if record not in found:
            found.append(record)
            waiting += [inner for field in _types(record).values() for inner in _records(field)]
    return [_shape(record) for record in found]


def _records(python_type: Any) -> Iterator[Any]:
    origin = typing.get_origin(python_type)
    if is_record(origin or python_type):
        yield origin or python_type
    for argument in typing.get_args(python_type):
        yield from _records(argument)


def _shape(record: Any) -> str:
    types, defaults = _types(record), _defaults(record)
    fields = [
        f'"{name}": {type_name(python_type).removesuffix(" as JSON")}{_default(defaults.get(name))}'
        for name, python_type in types.items()
    ]
    return f"{record.__name__}: {{{', '.join(fields)}}}"


def _default(parameter: inspect.Parameter | None) -> str:
    if parameter is None or parameter.default is inspect.Parameter.empty:
        return ""
    text = repr(parameter.default)
    # Factories of dataclasses, attrs and pydantic show as objects of theirs.
    return f" = {text}" if len(text) <= _DEFAULT and not text.startswith("<") else " = ..."


def _defaults(record: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(record).parameters)
    except (TypeError, ValueError):
        return {}


def _types(record: Any) -> dict[str, Any]:
    """Give the fields that a value is made from, and their types, in their order."""
    try:
        hints = typing.get_type_hints(record, include_extras=True)
    except Exception:  # annotations are the user's code; most often a name that only a type checker can see
        hints = dict(getattr(record, "__annotations__", {}))
    known = _defaults(record)
    return {name: hint for name, hint in hints.items() if name in known}
