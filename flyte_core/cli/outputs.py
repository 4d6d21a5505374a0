"""A task's outputs as JSON, and as something that people can read."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from flyte_core.cli.console import table

if TYPE_CHECKING:
    from flyte_core.cli.stored import StoredOutput
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


def jsonable(
    task: Task, outputs: Mapping[str, Any], stored: Mapping[str, StoredOutput] | None = None
) -> dict[str, Any]:
    """Give the outputs as JSON has them: dates in ISO form, decimals and UUIDs as text, records as objects.

    Args:
        task: the task.
        outputs: value by name.
        stored: what `flyte_core.cli.stored.stored_outputs` gave. Where an output lies is known from there; a frame in
            memory would have to be stored a second time to have a place.
    """
    from flyte_core.types.text import to_jsonable

    types = task.native_interface.outputs
    known = {name: one.form for name, one in (stored or {}).items()}
    forms = {}
    for name, value in outputs.items():
        # On the wire a decimal is a pickle, and as JSON a text, as in a record.
        if name in known and _is_pickled(known[name]):
            own = to_jsonable(value, types[name])
            forms[name] = known[name] if _is_pickled(own) else own
        else:
            forms[name] = known[name] if name in known else to_jsonable(value, types[name])
    return {name: _finite(form) for name, form in forms.items()}


def _is_pickled(form: Any) -> bool:
    """Whether there is a pickle in what is about to be JSON."""
    if isinstance(form, dict):
        return form.keys() == {"@pickle"} or any(map(_is_pickled, form.values()))
    return isinstance(form, list) and any(map(_is_pickled, form))


def _finite(value: Any) -> Any:
    """Write floats that JSON does not have as ``NaN``, ``Infinity`` and ``-Infinity`` in quotes, as protobuf does."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def readable(outputs: Mapping[str, Any], stored: Mapping[str, StoredOutput] | None = None) -> str:
    """Write the outputs for people.

    A single output stands alone; several have their names before them. A record is a table of its fields, a list of
    records a table with a row for each. A frame is a table of its first rows with the place where it is stored below;
    of frames inside of lists and dicts, the place is all.

    Args:
        outputs: value by name.
        stored: what `flyte_core.cli.stored.stored_outputs` gave.

    Example:
        >>> print(readable({"o0": 3}))
        3
        >>> print(readable({"total": 3, "unit": "km"}))
        total: 3
        unit: km
    """
    outputs = {name: _told(value, (stored or {}).get(name)) for name, value in outputs.items()}
    if len(outputs) == 1:
        return "\n\n".join(_blocks(None, next(iter(outputs.values()))))
    lines: list[str] = []
    for name, value in outputs.items():
        blocks = list(_blocks(name, value))
        # A table stands apart from its neighbours, a line does not.
        lines += blocks if not _is_table(value) else ["", *blocks, ""]
    return "\n".join(lines).strip("\n").replace("\n\n\n", "\n\n")


def _told(value: Any, stored: StoredOutput | None) -> Any:
    """Give what is to be written of an output that is stored elsewhere: its text and place, or only the places."""
    if stored is None or not stored.has_table:
        return value
    if stored.uri is None:
        return stored.form
    shown = _first_rows(value)
    if shown is None and _is_reference(value):
        return value
    return f"{shown or _text(value)}\n\nstored as {stored.format or 'a table'}: {stored.uri}"


def _first_rows(value: Any) -> str | None:
    from flyte_core.cli.previews import preview

    found = preview(value, _MAX_ROWS)
    if found is None:
        return None
    text = table(found.columns, [[_cell(cell) for cell in row] for row in found.rows])
    if not found.rows:
        return f"{text}\nno rows"
    return f"{text}\n... and more; the first {_MAX_ROWS} rows are shown" if found.has_more else text


def _is_reference(value: Any) -> bool:
    from flyte_core.io.reference import Reference

    return isinstance(value, Reference)


def _blocks(name: str | None, value: Any) -> Iterator[str]:
    """Give the parts of one value, to be set apart by blank lines."""
    fields = _fields(value)
    if fields is not None:
        if _is_reference(value):
            # Its place is the thing wanted, and one that is folded cannot be copied.
            known = [(key, _text(item)) for key, item in fields.items() if item not in ("", None)]
            yield table(["field", "value"], known, title=name, fold=False)
            return
        tables = {key: item for key, item in fields.items() if _rows(item)}
        plain = [(key, _cell(item)) for key, item in fields.items() if key not in tables]
        if plain or not tables:
            yield table(["field", "value"], plain, title=name)
        for key, item in tables.items():
            yield from _blocks(f"{name}.{key}" if name else key, item)
        return
    rows = _rows(value)
    if rows:
        columns = list(rows[0])
        if _is_reference(value[0]):
            columns = [key for key in columns if any(row[key] not in ("", None) for row in rows)]
        shown = [[_cell(row[key]) for key in columns] for row in rows[:_MAX_ROWS]]
        text = table(columns, shown, title=name)
        more = len(rows) - len(shown)
        yield f"{text}\n... and {more} more; --json gives all" if more else text
    elif isinstance(value, dict) and value:
        yield table(["key", "value"], [(_cell(key), _cell(item)) for key, item in value.items()], title=name)
    else:
        text = _text(value)
        yield text if not name else f"{name}:\n{text}" if "\n" in text else f"{name}: {text}"


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
        words = list(map(_word, value))
        # Between items that have commas or line ends of their own, nobody could tell where one ends.
        if all(word == word.strip() and word.isprintable() and "," not in word and word for word in words):
            return ", ".join(words) or "[]"
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
