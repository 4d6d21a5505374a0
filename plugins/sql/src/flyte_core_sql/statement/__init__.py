"""Queries: finding their placeholders, checking them against a task's inputs, and writing them for a driver."""

from flyte_core_sql.statement.query import Query, check_query
from flyte_core_sql.statement.rendering import Rendered, Statement

__all__ = ["Query", "Rendered", "Statement", "check_query"]
