"""Task classes of plugins under the names of ``flyte.extras``, found through their entry points on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    ContainerTask: Any

__all__ = ["ContainerTask"]

#: Name here, and the task type whose owner provides the class.
_TASK_TYPES = {"ContainerTask": "raw-container"}


def __getattr__(name: str) -> object:
    if name not in _TASK_TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flyte_core.registry import TaskPluginRegistry

    value = globals()[name] = TaskPluginRegistry.task_template_class(_TASK_TYPES[name])
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_TASK_TYPES})
