"""A task's outputs as JSON, and as something that people can read."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from flyte_core.cli.console import is_terminal, shortened, table

if TYPE_CHECKING:
    from flyte_core.cli.tasks import Task

__all__ = ["by_name", "jsonable", "readable"]

#: Rows that a table shows; JSON has them all.
_MAX_ROWS = 50

_PLAIN = (str, bytes, int, float, bool, type(None), dt.datetime, dt.date, dt.timedelta, PurePath)


def by_name(task: Task, outputs: Any) -> dict[str, Any]:
    """Give the outputs of a run by their names.

    Args:
        task: the task.
        outputs: what `flyte_core.runtime.Run.outputs` gave: None, one value, or a tuple.
    """
    names = list(task.native_interface.outputs)
    if len(names) < 2:
        return dict.fromkeys(names, outputs)
    return dict(zip(names, outputs, strict=True))


def jsonable(task: Task, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Give the outputs as JSON has them: dates in ISO form, enums by value, records as objects."""
    from flyte_core.types.text import to_jsonable

    types = task.native_interface.outputs
    return {name: _finite(to_jsonable(value, types[name])) for name, value in outputs.items()}


def _finite(value: Any) -> Any:
    """Write floats that JSON does not have as ``NaN``, ``Infinity`` and ``-Infinity`` in quotes, as protobuf does."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def readable(outputs: Mapping[str, Any]) -> str:
    """Write the outputs for people.

    A single output stands alone; several have their names before them. A record is a table of its fields, a list of
    records a table with a row for each.

    Example:
        >>> print(readable({"o0": 3}))
        3
        >>> print(readable({"total": 3, "unit": "km"}))
        total: 3
        unit: km
    """
    if len(outputs) == 1:
        return "\n\n".join(_blocks(None, next(iter(outputs.values()))))
    lines: list[str] = []
    for name, value in outputs.items():
        blocks = list(_blocks(name, value))
        # A table stands apart from its neighbours, a line does not.
        lines += blocks if not _is_table(value) else ["", *blocks, ""]
    return "\n".join(lines).strip("\n").replace("\n\n\n", "\n\n")


def _blocks(name: str | None, value: Any) -> Iterator[str]:
    """Give the parts of one value, to be set apart by blank lines."""
    fields = _fields(value)
    if fields is not None:
        tables = {key: item for key, item in fields.items() if _rows(item)}
        plain = [(key, _cell(item)) for key, item in fields.items() if key not in tables]
        if plain or not tables:
            yield _table(["field", "value"], plain, name)
        for key, item in tables.items():
            yield from _blocks(f"{name}.{key}" if name else key, item)
        return
    rows = _rows(value)
    if rows:
        shown = [[_cell(cell) for cell in row.values()] for row in rows[:_MAX_ROWS]]
        text = _table(list(rows[0]), shown, name)
        more = len(rows) - len(shown)
        yield f"{text}\n... and {more} more; --json gives all" if more else text
    elif isinstance(value, dict) and value:
        yield _table(["key", "value"], [(_cell(key), _cell(item)) for key, item in value.items()], name)
    else:
        yield f"{name}: {_text(value)}" if name else _text(value)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None) -> str:
    """Lay out a table; long cells are folded on a terminal, and cut where nothing limits the width."""
    if is_terminal(sys.stdout):
        return table(columns, rows, title=title)
    shown = [[shortened(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    text = table(columns, shown, title=title)
    is_cut = shown != [list(row) for row in rows]
    return f"{text}\n... long cells are cut; --json gives all" if is_cut else text


def _is_table(value: Any) -> bool:
    return _fields(value) is not None or bool(_rows(value)) or (isinstance(value, dict) and bool(value))


def _fields(value: Any) -> dict[str, Any] | None:
    """Give the fields of a record: a dataclass, an attrs or pydantic value, or a named tuple."""
    cls = type(value)
    for mark in ("__dataclass_fields__", "model_fields"):
        names = getattr(cls, mark, None)
        if isinstance(names, dict):
            return {name: getattr(value, name) for name in names}
    attributes = getattr(cls, "__attrs_attrs__", None)
    names = [item.name for item in attributes if item.repr] if attributes else getattr(cls, "_fields", None)
    return {name: getattr(value, name) for name in names} if isinstance(names, (list, tuple)) else None


def _rows(value: Any) -> list[dict[str, Any]] | None:
    """Give the records of a list that holds records of one type; None for anything else."""
    if not isinstance(value, (list, tuple)) or not value or _fields(value) is not None:
        return None
    if len({type(item) for item in value}) > 1:
        return None
    rows = [_fields(item) for item in value]
    return [row for row in rows if row is not None] if all(row for row in rows) else None


def _cell(value: Any) -> Any:
    """Give a value as one cell of a table; numbers stay numbers, so that they are aligned."""
    if isinstance(value, float):
        # Whoever needs the last digit asks for JSON.
        return round(value, 4) if abs(value) >= 0.001 else value
    return value if isinstance(value, int) and not isinstance(value, (bool, enum.Enum)) else _text(value)


def _text(value: Any) -> str:
    if _is_word(value):
        return _word(value)
    if isinstance(value, Sequence) and all(map(_is_word, value)):
        return ", ".join(map(_word, value)) or "[]"
    simple = _simple(value)
    return simple if isinstance(simple, str) else json.dumps(simple, ensure_ascii=False, default=str)


def _is_word(value: Any) -> bool:
    return isinstance(value, (*_PLAIN, enum.Enum))


def _word(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return str(value.value)
    return value.isoformat() if isinstance(value, (dt.datetime, dt.date)) else str(value)


def _simple(value: Any) -> Any:
    fields = _fields(value)
    if fields is not None:
        return {key: _simple(item) for key, item in fields.items()}
    if isinstance(value, dict):
        return {_text(key): _simple(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_simple(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else _word(value)
