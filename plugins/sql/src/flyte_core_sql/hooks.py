"""The owner of task type ``sql``; the entry point names this module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flyte_core.extend import hookimpl
from flyte_core_sql import wire
from flyte_core_sql.template import SQLTask

if TYPE_CHECKING:
    from flyteidl2.core import tasks_pb2

    from flyte_core.models import SerializationContext

flyte_core_api = ">=1.0,<2"


@hookimpl
def task_template_class(task_type: str) -> type[SQLTask]:
    """Name the class of SQL tasks."""
    return SQLTask


@hookimpl
def sql(task: SQLTask, sctx: SerializationContext) -> tasks_pb2.Sql | None:
    """Give the statement and its dialect; None for a task that runs as a container."""
    return wire.sql(task)


@hookimpl
def container_args(task: SQLTask, sctx: SerializationContext) -> Sequence[str]:
    """Give the command line of the runtime, which runs the query in the task's container."""
    return wire.container_args(task, sctx)


@hookimpl
def custom_config(task: SQLTask, sctx: SerializationContext) -> Mapping[str, Any]:
    """Give the connection and how to use it; no password is among it."""
    return wire.custom_config(task)
