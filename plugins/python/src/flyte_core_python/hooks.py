"""The owner of task type ``python``; the entry point names this module."""

from __future__ import annotations

from flyte_core.extend import hookimpl
from flyte_core_python.template import AsyncFunctionTaskTemplate

flyte_core_api = ">=1.0,<2"


@hookimpl
def task_template_class(task_type: str) -> type[AsyncFunctionTaskTemplate]:
    """Name the class of function tasks."""
    return AsyncFunctionTaskTemplate
