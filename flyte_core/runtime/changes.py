"""What ``override`` changed on a task, as data: a container finds the task as it was declared.

Only values of `flyte_core.models` and plain ones travel; nothing in the data names code.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.errors import SerializationError

if TYPE_CHECKING:
    from flyte_core.template import TaskTemplate

__all__ = ["changed", "changes_of"]

#: What cannot be overridden, what belongs to where a task was declared, and what override() derives.
_NOT_CHANGED = frozenset({"name", "image", "docs", "interface", "func", "ref", "parent_env", "parent_env_name"})


def changes_of(task: TaskTemplate, declared: TaskTemplate) -> dict[str, Any]:
    """Give what a task has other than the one that it was made from.

    Args:
        task: the task, of which ``override`` may have made a copy.
        declared: the task as its module has it.

    Returns:
        What JSON can say, for `changed`; empty when nothing is changed.

    Raises:
        SerializationError: (a ValueError) when a changed value is no plain data.
    """
    found: dict[str, Any] = {}
    if task is declared:
        return found
    before = vars(declared)
    for name, value in vars(task).items():
        if name.startswith("_") or name in _NOT_CHANGED:
            continue
        if name in before and (before[name] is value or before[name] == value):
            continue
        try:
            found[name] = _data("off" if name == "reusable" and value is None else value)
        except _NoData as error:
            raise SerializationError(
                f"task {task.name!r}: override({name}=...) cannot go into a container: {error} is no plain value; "
                f"declare a task with it instead"
            ) from None
    return found


def changed(task: TaskTemplate, changes: Mapping[str, Any]) -> TaskTemplate:
    """Give a task with changes that `changes_of` found.

    Args:
        task: the task as its module has it.
        changes: the changes.

    Example:
        >>> from flyte_core import TaskEnvironment
        >>> env = TaskEnvironment("changes")
        >>> @env.task
        ... def work() -> None: ...
        >>> changed(work, changes_of(work.override(timeout=5), work)).timeout
        5
    """
    if not changes:
        return task
    return task.override(**{name: _value(data) for name, data in changes.items()})


class _NoData(Exception):
    """A value that has no form as data."""


def _data(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return {"tuple" if isinstance(value, tuple) else "list": [_data(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_data(key), _data(item)] for key, item in value.items()]}
    if isinstance(value, timedelta):
        return {"seconds": value.total_seconds()}
    if isinstance(value, PurePath):
        return {"path": str(value)}
    cls = type(value)
    if attrs.has(cls) and _model(cls.__name__) is cls:
        fields = {field.alias: _data(getattr(value, field.name)) for field in attrs.fields(cls) if field.init}
        return {"model": cls.__name__, "fields": fields}
    raise _NoData(cls.__qualname__)


def _value(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    if "model" in data:
        cls = _model(data["model"])
        if cls is None:
            raise SerializationError(f"there is no value {data['model']!r} in flyte_core.models")
        return cls(**{name: _value(item) for name, item in data["fields"].items()})
    kind, content = next(iter(data.items()))
    if kind in ("list", "tuple"):
        items = [_value(item) for item in content]
        return tuple(items) if kind == "tuple" else items
    if kind == "dict":
        return {_value(key): _value(item) for key, item in content}
    if kind == "seconds":
        return timedelta(seconds=content)
    from pathlib import Path

    return Path(content)


def _model(name: str) -> type[Any] | None:
    from flyte_core import models

    found = getattr(models, name) if name in models.__all__ else None
    return found if isinstance(found, type) and attrs.has(found) else None
