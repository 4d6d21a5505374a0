"""Run tasks: locally here, and through the public executor protocol anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core._lazy import lazy_names

if TYPE_CHECKING:
    from flyte_core.runtime.actions import around
    from flyte_core.runtime.cache import ResultCache
    from flyte_core.runtime.contexts import custom_context, get_custom_context, group
    from flyte_core.runtime.documents import ErrorReport
    from flyte_core.runtime.entrypoint_args import runtime_args
    from flyte_core.runtime.events import TaskEvent
    from flyte_core.runtime.executor import Executor, RunHandle, RunOptions
    from flyte_core.runtime.failures import user_frames
    from flyte_core.runtime.initialize import (
        current_domain,
        init,
        init_from_config,
        init_in_cluster,
        is_initialized,
    )
    from flyte_core.runtime.local import LocalExecutor
    from flyte_core.runtime.mapping import map
    from flyte_core.runtime.resolver import DefaultTaskResolver
    from flyte_core.runtime.runner import Run, Runner, run, with_runcontext
    from flyte_core.runtime.tracing import TraceRecord, trace

__all__ = [
    "DefaultTaskResolver",
    "ErrorReport",
    "Executor",
    "LocalExecutor",
    "ResultCache",
    "Run",
    "RunHandle",
    "RunOptions",
    "Runner",
    "TaskEvent",
    "TraceRecord",
    "around",
    "current_domain",
    "custom_context",
    "get_custom_context",
    "group",
    "init",
    "init_from_config",
    "init_in_cluster",
    "is_initialized",
    "map",
    "run",
    "runtime_args",
    "trace",
    "user_frames",
    "with_runcontext",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        **dict.fromkeys(("custom_context", "get_custom_context", "group"), ".contexts"),
        **dict.fromkeys(("Executor", "RunHandle", "RunOptions"), ".executor"),
        **dict.fromkeys(
            ("current_domain", "init", "init_from_config", "init_in_cluster", "is_initialized"), ".initialize"
        ),
        **dict.fromkeys(("Run", "Runner", "run", "with_runcontext"), ".runner"),
        **dict.fromkeys(("TraceRecord", "trace"), ".tracing"),
        "DefaultTaskResolver": ".resolver",
        "ErrorReport": ".documents",
        "LocalExecutor": ".local",
        "ResultCache": ".cache",
        "TaskEvent": ".events",
        "around": ".actions",
        "map": ".mapping",
        "runtime_args": ".entrypoint_args",
        "user_frames": ".failures",
    },
)
