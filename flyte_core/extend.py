"""What authors of task types and plugins import; names and signatures of ``flyte.extend``, imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core._lazy import lazy_names

if TYPE_CHECKING:
    from flyte_core_python import AsyncFunctionTaskTemplate as AsyncFunctionTaskTemplate

    from flyte_core.bundle import download_code_bundle as download_code_bundle
    from flyte_core.hookspecs import HookCall as HookCall
    from flyte_core.hookspecs import hookimpl as hookimpl
    from flyte_core.images import ImageBuildEngine as ImageBuildEngine
    from flyte_core.images import ImageBuilder as ImageBuilder
    from flyte_core.images import ImageChecker as ImageChecker
    from flyte_core.models import PRIMARY_CONTAINER_DEFAULT_NAME as PRIMARY_CONTAINER_DEFAULT_NAME
    from flyte_core.models import Architecture as Architecture
    from flyte_core.registry import TaskPluginRegistry as TaskPluginRegistry
    from flyte_core.runtime import DefaultTaskResolver as DefaultTaskResolver
    from flyte_core.runtime import is_initialized as is_initialized
    from flyte_core.runtime import runtime_args as runtime_args
    from flyte_core.serialize import get_proto_extended_resources as get_proto_extended_resources
    from flyte_core.serialize import get_proto_resources as get_proto_resources
    from flyte_core.serialize import pod_spec_from_resources as pod_spec_from_resources
    from flyte_core.template import TaskTemplate as TaskTemplate

__all__ = [
    "PRIMARY_CONTAINER_DEFAULT_NAME",
    "Architecture",
    "AsyncFunctionTaskTemplate",
    "DefaultTaskResolver",
    "HookCall",
    "ImageBuildEngine",
    "ImageBuilder",
    "ImageChecker",
    "TaskPluginRegistry",
    "TaskTemplate",
    "download_code_bundle",
    "get_proto_extended_resources",
    "get_proto_resources",
    "hookimpl",
    "is_initialized",
    "pod_spec_from_resources",
    "runtime_args",
]

_lazy, _ = lazy_names(
    __name__,
    {
        "PRIMARY_CONTAINER_DEFAULT_NAME": "flyte_core.models",
        "Architecture": "flyte_core.models",
        "DefaultTaskResolver": "flyte_core.runtime.resolver",
        "HookCall": "flyte_core.hookspecs",
        **dict.fromkeys(("ImageBuildEngine", "ImageBuilder", "ImageChecker"), "flyte_core.images"),
        "TaskPluginRegistry": "flyte_core.registry",
        "TaskTemplate": "flyte_core.template",
        "download_code_bundle": "flyte_core.bundle",
        "get_proto_extended_resources": "flyte_core.serialize",
        "get_proto_resources": "flyte_core.serialize",
        "hookimpl": "flyte_core.hookspecs",
        "is_initialized": "flyte_core.runtime",
        "pod_spec_from_resources": "flyte_core.serialize",
        "runtime_args": "flyte_core.runtime.entrypoint_args",
    },
)


def __getattr__(name: str) -> object:
    if name == "AsyncFunctionTaskTemplate":
        # Found through its entry point like any other task type: the core imports no plugin.
        from flyte_core.registry import TaskPluginRegistry

        value = globals()[name] = TaskPluginRegistry.task_template_class("python")
        return value
    return _lazy(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
