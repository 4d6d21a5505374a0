"""How databases are asked for the plan of a statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flyte_core.errors import InvalidValueError

if TYPE_CHECKING:
    from flyte_core_sql.statement import Statement

__all__ = ["explain_command", "no_plan"]

#: What stands before a statement; the rows' last column is the plan.
_COMMANDS = {
    "duckdb": "EXPLAIN ",
    "mysql": "EXPLAIN FORMAT=TREE ",
    "postgres": "EXPLAIN ",
    "redshift": "EXPLAIN ",
    "snowflake": "EXPLAIN USING TEXT ",
    "spark": "EXPLAIN ",
    "databricks": "EXPLAIN ",
    "sqlite": "EXPLAIN QUERY PLAN ",
    "trino": "EXPLAIN ",
    "presto": "EXPLAIN ",
    "": "EXPLAIN ",
}

_COMMENTS_BEFORE = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)
#: Characters of a statement that has no plan.
_SHOWN = 60


def explain_command(dialect: str, task: str) -> str:
    """Give the words that make a database of this dialect explain the statement behind them.

    Args:
        dialect: the dialect's name in sqlglot; "" for ANSI SQL.
        task: the task's name, for the message.

    Raises:
        InvalidValueError: when it has no such statement.

    Example:
        >>> explain_command("sqlite", "top")
        'EXPLAIN QUERY PLAN '
    """
    if dialect not in _COMMANDS:
        known = ", ".join(sorted(filter(None, _COMMANDS)))
        raise InvalidValueError(f"task {task!r}", "dialect", dialect, f"one whose plans can be asked for: {known}")
    return _COMMANDS[dialect]


def no_plan(statement: Statement) -> str:
    """Tell of a statement that databases have no plan for, instead of asking them.

    Only queries and changes of rows have one everywhere; to most databases ``EXPLAIN CREATE TABLE`` is no SQL.

    Args:
        statement: one of a query.

    Returns:
        A line that stands for its plan; empty where the database is to be asked.

    Example:
        >>> from flyte_core_sql.statement import check_query
        >>> query = check_query("task", "CREATE TABLE t (n INT); SELECT n FROM t", dialect="duckdb", parameters={})
        >>> [no_plan(statement) for statement in query.statements]
        ['no plan: CREATE TABLE t (n INT)', '']
    """
    text = _COMMENTS_BEFORE.sub("", statement.text, count=1)
    # Its rows come from a file, or go there.
    is_copy = text[:4].upper() == "COPY"
    if statement.kind in ("select", "dml") and not is_copy:
        return ""
    words = " ".join(text.rstrip("; \t\r\n").split())
    return f"no plan: {words if len(words) <= _SHOWN else words[: _SHOWN - 1].rstrip() + '…'}"
