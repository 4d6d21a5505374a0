"""SQL tasks on the wire: the statement, and what Flyte's form has no field for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flyte_core_sql.declaration import as_connection

if TYPE_CHECKING:
    from flyteidl2.core import tasks_pb2

    from flyte_core.models import SecretRequest, SerializationContext
    from flyte_core_sql.connection import Connection
    from flyte_core_sql.template import SQLTask

__all__ = ["container_args", "custom_config", "sql", "with_connection_secrets"]


def sql(task: SQLTask) -> tasks_pb2.Sql | None:
    """Give the statement, as the author wrote it, and its dialect.

    Flyte's form knows of three (``flyteidl2/core/tasks.proto``, message ``Sql``); which other one it is stands in the
    custom part.
    """
    if task.as_container:
        return None
    from flyteidl2.core import tasks_pb2

    known = {"": tasks_pb2.Sql.Dialect.ANSI, "hive": tasks_pb2.Sql.Dialect.HIVE}
    return tasks_pb2.Sql(statement=task.query, dialect=known.get(task.dialect, tasks_pb2.Sql.Dialect.OTHER))


def container_args(task: SQLTask, sctx: SerializationContext) -> Sequence[str]:
    """Give the arguments with which the task's container starts the runtime."""
    from flyte_core.extend import runtime_args

    return runtime_args(task, sctx)


def custom_config(task: SQLTask) -> Mapping[str, Any]:
    """Give the connection, the dialect and the other fields of the task that differ from their defaults."""
    connection = as_connection(task.connection)
    given = {
        "connection": {"name": task.connection} if connection is None else connection.custom(),
        "dialect": task.dialect or "ansi",
        "fragments": {name: dict(texts) for name, texts in task.fragments.items()} or None,
        "readOnly": task.read_only or None,
        "statementTimeout": task.statement_timeout,
        # A container's task is versioned by its definition, and its arguments do not have the query.
        "statement": task.query if task.as_container else None,
    }
    return {key: value for key, value in given.items() if value is not None}


def with_connection_secrets(secrets: SecretRequest | None, connection: str | Connection | None) -> SecretRequest | None:
    """Give a task's secrets with those that its connection needs, so that a cluster hands them to it."""
    from flyte_core.models import secrets_from_request

    known = as_connection(connection)
    if known is None or not known.secrets:
        return secrets
    have = [] if secrets is None else secrets_from_request(secrets)
    return [*have, *(secret for secret in known.secrets if secret not in have)]
