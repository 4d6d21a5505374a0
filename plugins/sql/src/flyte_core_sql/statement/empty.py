"""What stands in for an empty list after IN, which SQL has no way to write."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import types
import typing
import uuid
from functools import lru_cache
from typing import Any

from flyte_core_sql.statement.dialects import TYPED_NULLS

__all__ = ["empty_list"]

# Names of sqlglot's types, which it writes as each dialect calls them; bool before int, datetime before date.
_SQL_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "bigint"),
    (float, "double"),
    (str, "text"),
    (bytes, "varbinary"),
    (dt.datetime, "timestamptz"),
    (dt.date, "date"),
    (dt.timedelta, "interval"),
    (decimal.Decimal, "decimal"),
    (uuid.UUID, "uuid"),
)

#: A SELECT without a table has no WHERE there.
_NEEDS_TABLE = {"oracle": " FROM DUAL", "mysql": " FROM DUAL", "bigquery": " FROM UNNEST([1])"}


@lru_cache(maxsize=256)
def empty_list(dialect: str, element_type: Any) -> str:
    """Write a list without elements: IN it is false, NOT IN it is true, whatever is looked for, also NULL.

    Args:
        dialect: a dialect of sqlglot.
        element_type: of what the list would hold; None when that is not known. Databases that compare nothing with a
            NULL of another type are given it.

    Example:
        >>> empty_list("duckdb", int)
        '(SELECT NULL WHERE 1 = 0)'
        >>> empty_list("postgres", int)
        '(SELECT CAST(NULL AS BIGINT) WHERE 1 = 0)'
    """
    null = _typed_null(dialect, _sql_type(element_type)) if dialect in TYPED_NULLS else "NULL"
    return f"(SELECT {null}{_NEEDS_TABLE.get(dialect, '')} WHERE 1 = 0)"


def _typed_null(dialect: str, sql_type: str | None) -> str:
    if sql_type is None:
        return "NULL"
    from sqlglot import exp

    return exp.cast(exp.null(), sql_type).sql(dialect=dialect)


def _sql_type(element_type: Any) -> str | None:
    if typing.get_origin(element_type) in (typing.Union, types.UnionType):
        members = [each for each in typing.get_args(element_type) if each is not type(None)]
        return _sql_type(members[0]) if len(members) == 1 else None
    if not isinstance(element_type, type):
        return None
    if issubclass(element_type, enum.Enum):
        kinds = {type(each.value) for each in element_type}
        return _sql_type(kinds.pop()) if len(kinds) == 1 else None
    return next((name for each, name in _SQL_TYPES if issubclass(element_type, each)), None)
