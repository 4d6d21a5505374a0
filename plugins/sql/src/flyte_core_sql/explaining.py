"""How databases are asked for the plan of a statement."""

from __future__ import annotations

from flyte_core.errors import InvalidValueError

__all__ = ["explain_command"]

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
