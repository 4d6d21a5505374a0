"""Records as JSON text."""

from __future__ import annotations

import base64
import dataclasses
import enum
import json
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

__all__ = ["as_json", "is_record", "is_record_type"]


def is_record_type(python_type: type) -> bool:
    """Whether values of a class are records: dicts, dataclasses, attrs values, models of pydantic."""
    return (
        issubclass(python_type, Mapping)
        or dataclasses.is_dataclass(python_type)
        or hasattr(python_type, "__attrs_attrs__")
        or hasattr(python_type, "model_dump_json")
    )


def is_record(value: Any) -> bool:
    """Whether a value is a record."""
    return is_record_type(type(value))


def as_json(value: Any) -> str:
    """Write a record as JSON; what JSON does not have as text: times in ISO 8601, bytes in base64.

    Example:
        >>> as_json({"day": date(2024, 5, 1), "price": Decimal("1.50")})
        '{"day":"2024-05-01","price":"1.50"}'
    """
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(type(value), "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    names = _fields(value)
    if names is not None:
        return {name: _plain(getattr(value, name)) for name in names}
    return _text(value)


def _fields(value: Any) -> list[str] | None:
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    described = getattr(type(value), "__attrs_attrs__", None)
    return None if described is None else [field.name for field in described]


def _text(value: Any) -> str:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"PT{Decimal(value // timedelta(microseconds=1)) / 1_000_000}S"
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    from flyte_core.errors import InvalidTypeError

    raise InvalidTypeError("SQL query", "a record's value", value, "what JSON can write")
