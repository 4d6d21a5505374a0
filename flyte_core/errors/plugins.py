"""Errors of plugins and hooks."""

from __future__ import annotations

from collections.abc import Sequence

from flyte_core.errors.base import FlyteCoreError, rebuild

__all__ = [
    "HookCallError",
    "HookError",
    "HookValidationError",
    "PluginBlockedError",
    "PluginConflictError",
    "PluginError",
    "PluginLoadError",
    "PluginNotFoundError",
    "PluginVersionError",
    "RequiredPluginError",
]


class PluginError(FlyteCoreError):
    """Something is wrong with a plugin, or between plugins.

    Args:
        message: what happened and what to do.
        plugin: the entry point's name.
        distribution: the distribution that declares it.
        version: that distribution's version.
    """

    def __init__(
        self,
        message: str,
        *,
        plugin: str | None = None,
        distribution: str | None = None,
        version: str | None = None,
    ) -> None:
        super().__init__(message)
        self.plugin, self.distribution, self.version = plugin, distribution, version

    def __reduce__(self) -> tuple[object, ...]:
        return rebuild, (type(self), self.args, dict(self.__dict__))


class PluginNotFoundError(PluginError, LookupError, ValueError):
    """Nobody claims a name; the message lists near misses, installed names and the package to install."""


class PluginConflictError(PluginError, ValueError):
    """Two owners claim one name; the message names both and how to choose."""


class PluginBlockedError(PluginError, ValueError):
    """The plugin asked for is blocked by configuration; the message says which setting."""


class PluginLoadError(PluginError, ImportError):
    """A plugin's module cannot be imported; the original error is chained."""


class PluginVersionError(PluginLoadError):
    """A plugin was made for another version of flyte_core or of its hook API; both are named."""


class HookValidationError(PluginLoadError, TypeError):
    """A plugin's hooks do not match their specifications; all faults are listed.

    Args:
        message: the whole text.
        faults: one line for each fault.
    """

    def __init__(
        self,
        message: str,
        *,
        faults: Sequence[str] = (),
        plugin: str | None = None,
        distribution: str | None = None,
        version: str | None = None,
    ) -> None:
        super().__init__(message, plugin=plugin, distribution=distribution, version=version)
        self.faults = tuple(faults)


class RequiredPluginError(PluginLoadError):
    """A plugin that ``require`` names is absent, blocked or broken, so the policy it enforces cannot hold."""


class HookError(PluginError, RuntimeError):
    """A plugin's hook raised; the original exception is chained.

    Args:
        message: the whole text, naming plugin, distribution, version, hook and task.
        hook: the hook's name.
        task: the task's name, where one was in hand.
    """

    def __init__(
        self,
        message: str,
        *,
        hook: str | None = None,
        task: str | None = None,
        plugin: str | None = None,
        distribution: str | None = None,
        version: str | None = None,
    ) -> None:
        super().__init__(message, plugin=plugin, distribution=distribution, version=version)
        self.hook, self.task = hook, task


class HookCallError(FlyteCoreError, RuntimeError):
    """A `HookCall` was awaited twice."""
