"""HookManager: one pluggy manager with the specifications, a task type's owner, and all cross-cutting plugins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import attrs
import pluggy

from flyte_core import hookspecs
from flyte_core.errors import HookValidationError, PluginLoadError
from flyte_core.hookspecs import PROJECT_NAME, hookimpl
from flyte_core.registry.guard import guarded
from flyte_core.registry.loading import Loader, describe
from flyte_core.registry.verify import HookFunction, Role, inspect_plugin

if TYPE_CHECKING:
    from flyte_core.discovery import EntryPoint

__all__ = ["HookManager", "Plugin", "load_plugin"]


@attrs.frozen(eq=False)
class Plugin:
    """A loaded and verified plugin of hooks.

    Args:
        entry_point: where it comes from.
        module: what its author wrote.
        hooks: its hooks as found.
        adapter: a module of the same name with the guarded hook functions; this is what pluggy registers.
    """

    entry_point: EntryPoint
    module: ModuleType
    hooks: tuple[HookFunction, ...]
    adapter: ModuleType

    def function(self, hook: str) -> Callable[..., Any] | None:
        """Give the guarded function of a hook; None when the plugin has none."""
        return vars(self.adapter).get(hook)


def load_plugin(loader: Loader, ep: EntryPoint, role: Role) -> Plugin:
    """Import a plugin of hooks and verify it.

    Args:
        loader: imports it, and remembers what is wrong with it.
        ep: the plugin.
        role: whether it owns task types or cuts across all.

    Returns:
        The plugin.

    Raises:
        PluginLoadError: it cannot be imported, or is no module.
        HookValidationError: its hooks do not fit; all faults are listed.
    """
    module = loader.load(ep)
    error: PluginLoadError | None = None
    hooks: list[HookFunction] = []
    where = {"plugin": ep.name, "distribution": ep.distribution, "version": ep.version}
    if not isinstance(module, ModuleType):
        error = PluginLoadError(f"{describe(ep)} is no module; hooks are functions of a module", **where)
    else:
        hooks, faults = inspect_plugin(module, role)
        if faults:
            lines = "".join(f"\n  - {fault}" for fault in faults)
            error = HookValidationError(
                f"{describe(ep)} does not fit the hook specifications (docs/hooks.md):{lines}", faults=faults, **where
            )
    if error is not None:
        loader.reject(ep, error)
        raise error
    adapter = ModuleType(module.__name__, module.__doc__)
    for hook in hooks:
        mark = hookimpl(wrapper=True) if hook.wrapper else hookimpl
        setattr(adapter, hook.hook, mark(guarded(ep, hook)))
    return Plugin(ep, module, tuple(hooks), adapter)


class HookManager:
    """The plugins that take part in one task type's hooks.

    Args:
        owner: the type's owner; None for a type nobody claims, and for hooks without a task.
        cross_cutting: all cross-cutting plugins.
    """

    def __init__(self, owner: Plugin | None, cross_cutting: Sequence[Plugin]) -> None:
        self.owner = owner
        self.pluggy = pluggy.PluginManager(PROJECT_NAME)
        self.pluggy.add_hookspecs(hookspecs)
        plugins = [*cross_cutting, *([owner] if owner is not None else [])]
        # pluggy calls what was registered last first, and puts it outermost.
        for plugin in sorted(plugins, key=_place, reverse=True):
            ep = plugin.entry_point
            self.pluggy.register(plugin.adapter, name=f"{ep.kind}:{ep.name}")
        self.pluggy.check_pending()

    def caller(self, hook: str, *, with_owner: bool) -> pluggy.HookCaller:
        """Give pluggy's caller of a hook, with or without the owner's own function."""
        without = [] if with_owner or self.owner is None else [self.owner.adapter]
        return self.pluggy.subset_hook_caller(hook, without)

    def wrappers(self, hook: str) -> list[str]:
        """Name the plugins that wrap a hook, outermost first."""
        return [impl.plugin_name for impl in self._outermost_first(hook) if impl.wrapper]

    def functions(self, hook: str, *, with_owner: bool) -> list[Callable[..., Any]]:
        """Give the functions of a collected hook that are no wrappers, in the order of their calls."""
        owner = None if with_owner or self.owner is None else self.owner.adapter
        found = [impl for impl in self._outermost_first(hook) if not impl.wrapper]
        return [impl.function for impl in found if owner is None or impl.plugin is not owner]

    def _outermost_first(self, hook: str) -> list[pluggy.HookImpl]:
        caller: pluggy.HookCaller = getattr(self.pluggy.hook, hook)
        return caller.get_hookimpls()[::-1]


def _place(plugin: Plugin) -> tuple[str, str, str]:
    ep = plugin.entry_point
    return ep.name, ep.kind, ep.distribution
