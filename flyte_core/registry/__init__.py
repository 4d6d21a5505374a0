"""Plugins at run time: who owns a task type, who wraps its hooks, and what to say when that cannot be answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyte_core.registry.core import Registry, TaskPluginRegistry

if TYPE_CHECKING:
    from flyte_core.registry.hooks import TaskHooks
    from flyte_core.registry.info import PluginInfo
    from flyte_core.registry.manager import Plugin

__all__ = ["Plugin", "PluginInfo", "Registry", "TaskHooks", "TaskPluginRegistry"]

_LAZY = {
    "PluginInfo": "flyte_core.registry.info",
    "TaskHooks": "flyte_core.registry.hooks",
    "Plugin": "flyte_core.registry.manager",
}


def __getattr__(name: str) -> Any:
    # These need pluggy, which a process that only declares or lists plugins does not.
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
