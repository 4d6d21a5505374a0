"""Registry: finds, loads and asks plugins; and `TaskPluginRegistry`, the process's own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from flyte_core.config import KINDS, Settings, load_settings
from flyte_core.discovery import GROUPS, EntryPoint, PluginIndex, kind_of
from flyte_core.errors import (
    InvalidValueError,
    PluginError,
    PluginLoadError,
    PluginNotFoundError,
    RequiredPluginError,
    near_misses,
)
from flyte_core.registry.claims import Claims, providers_of
from flyte_core.registry.configs import ConfigTypes
from flyte_core.registry.loading import Loader, describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from flyte_core.registry.hooks import TaskHooks
    from flyte_core.registry.info import PluginInfo
    from flyte_core.registry.manager import HookManager, Plugin

__all__ = ["Registry", "TaskPluginRegistry"]


class _State:
    """Everything that follows from one reading of settings and path; replaced as a whole by `Registry.refresh`."""

    def __init__(self, settings: Settings, index: PluginIndex) -> None:
        self.settings = settings
        self.index = index
        self.claims = Claims(index, settings.plugins.value)
        self.loader = Loader(index)
        self.owners: dict[str, Plugin | None] = {}
        self.classes: dict[str, type | None] = {}
        self.cross_cutting: list[Plugin] | None = None
        self.managers: dict[str | None, HookManager] = {}
        self.hooks: dict[tuple[str, type], TaskHooks] = {}

    def forget(self, task_type: str) -> None:
        """Decide anew at the next look-up who owns a task type."""
        self.owners.pop(task_type, None)
        self.managers.pop(task_type, None)
        for key in [key for key in list(self.hooks) if key[0] == task_type]:
            self.hooks.pop(key, None)


class Registry:
    """The plugins of one process.

    Nothing is read when it is made; the first look-up reads the settings and the index. Looking things up imports only
    the plugin that was asked for, and, when hooks are asked for, the cross-cutting plugins.

    Args:
        index: where plugins are looked up; by default all of ``sys.path``, with the disk cache of the settings.
        settings: which plugins may be used; by default read from environment and file.
        base: the class whose methods count as inherited; by default `flyte_core.template.TaskTemplate`.

    Example:
        >>> registry = Registry()
        >>> class Config: ...
        >>> class Template: ...
        >>> registry.register(Config, Template)
        >>> registry.find(type("Derived", (Config,), {})).__name__
        'Template'
    """

    def __init__(
        self, *, index: PluginIndex | None = None, settings: Settings | None = None, base: type | None = None
    ) -> None:
        self._given_index = index
        self._given_settings = settings
        self._base = base
        self._lock = threading.RLock()
        self._state_now: _State | None = None
        self._configs = ConfigTypes(
            resolve=lambda name: self._state.claims.resolve("config", name),
            load=lambda ep: self._state.loader.load(ep),
            owned_by=self._classes_owned_by,
        )

    @property
    def _state(self) -> _State:
        state = self._state_now
        if state is None:
            with self._lock:
                state = self._state_now
                if state is None:
                    settings = self._given_settings if self._given_settings is not None else load_settings()
                    index = self._given_index
                    if index is None:
                        index = PluginIndex(settings.cache_dir.value)
                    state = self._state_now = _State(settings, index)
        return state

    @property
    def settings(self) -> Settings:
        """The settings in use."""
        return self._state.settings

    @property
    def index(self) -> PluginIndex:
        """The index in use."""
        return self._state.index

    def refresh(self) -> None:
        """Forget what was found and loaded, but not what was registered; for when something was just installed.

        Python's own modules stay imported.
        """
        with self._lock:
            if self._given_index is not None:
                self._given_index.refresh()
            self._state_now = None

    # ---- configuration classes ---------------------------------------------------------------------------

    def register(self, config_type: type, plugin: type[Any]) -> None:
        """Say which task template serves a ``plugin_config`` class.

        Args:
            config_type: the class of the configuration.
            plugin: the class of the task templates.

        Raises:
            PluginConflictError: (a ValueError) a class of another owner is registered. Classes of the same package
                replace each other, as when a module is loaded again.
        """
        self._configs.register(config_type, plugin)

    def find(self, config_type: type) -> type[Any] | None:
        """Find the task template of a ``plugin_config`` class.

        The class and then its bases are looked up: first what was registered, then the entry points of group
        ``flyte_core.config_types`` by the name ``<top-level package>.<class name>``. A claim holds when the module it
        names has ``config_types = {ConfigClass: TemplateClass}`` with this very class, or registers it, or is the owner
        of exactly one task type, whose template class then serves.

        Args:
            config_type: the class of the configuration.

        Returns:
            The class of the task templates, or None when nobody serves it.

        Raises:
            PluginError: the claiming plugin is blocked, contested, broken, or does not hold its claim.
        """
        return self._configs.find(config_type)

    def list_plugins(self) -> list[type]:
        """List the ``plugin_config`` classes whose template is known: registered, or found before."""
        return self._configs.registered()

    def _classes_owned_by(self, config: EntryPoint) -> list[type]:
        names = [
            ep.name
            for ep in self._state.index.all(GROUPS["task"])
            if (ep.distribution, ep.value) == (config.distribution, config.value)
        ]
        return [self.task_template_class(name) for name in names]

    # ---- listing -------------------------------------------------------------------------------------------

    def task_types(self) -> list[str]:
        """List the task types that installed plugins claim, without importing any."""
        return self._state.index.names(GROUPS["task"])

    def plugins(self) -> list[PluginInfo]:
        """Describe every installed plugin from its metadata, without importing any.

        Returns:
            One entry for each claim, sorted by kind and name; contested and blocked ones are among them.
        """
        from flyte_core.registry.info import plugin_infos

        state = self._state
        return plugin_infos(state.claims, state.loader)

    def plugin(self, name: str, kind: str | None = None) -> list[PluginInfo]:
        """Describe the plugins of one name, without importing any.

        Args:
            name: the entry point's name.
            kind: one of `flyte_core.config.KINDS`; all kinds unless given.

        Returns:
            One entry for each claim.

        Raises:
            PluginNotFoundError: no plugin has the name.
        """
        found = [info for info in self.plugins() if info.name == name and kind in (None, info.kind)]
        if not found:
            raise self._state.claims.not_found(_kind(kind), name) if kind is not None else self._unknown(name)
        return found

    def _unknown(self, name: str) -> PluginNotFoundError:
        names = {info.name for info in self.plugins()}
        near = near_misses(name, names)
        hint = f" (did you mean {' or '.join(repr(n) for n in near)}?)" if near else ""
        installed = ", ".join(sorted(names)) or "none"
        return PluginNotFoundError(
            f"no installed plugin is named {name!r}{hint}; installed are: {installed}", plugin=name
        )

    # ---- plugins that are objects ----------------------------------------------------------------------------

    def load(self, kind: str, name: str) -> Any:
        """Load the plugin of a name: an executor, image builder, command or list of transformers.

        Args:
            kind: one of `flyte_core.config.KINDS`, or an entry-point group.
            name: the entry point's name.

        Returns:
            The object that the entry point names.

        Raises:
            PluginNotFoundError: nobody claims the name; the message says what is near, installed, and to be installed.
            PluginConflictError: several distributions claim it.
            PluginBlockedError: the settings forbid it.
            PluginVersionError: it was made for another flyte_core.
            PluginLoadError: it cannot be imported.
        """
        state = self._state
        return state.loader.load(state.claims.require(_kind(kind), name))

    def check(self, kind: str, name: str) -> Plugin | None:
        """Load the plugin of a name as a run would, and verify it.

        Args:
            kind: one of `flyte_core.config.KINDS`, or an entry-point group.
            name: the entry point's name.

        Returns:
            The verified plugin of kinds that have hooks; None for the others.

        Raises:
            PluginError: nobody claims the name, or the plugin is blocked, contested, broken or of another version.
        """
        kind = _kind(kind)
        if kind == "task":
            self.task_template_class(name)
            return self.owner(name)
        if kind == "hooks":
            from flyte_core.registry.manager import load_plugin

            return load_plugin(self._state.loader, self._state.claims.require(kind, name), "cross-cutting")
        self.load(kind, name)
        return None

    # ---- task types --------------------------------------------------------------------------------------------

    def owner(self, task_type: str) -> Plugin | None:
        """Load the owner of a task type.

        Args:
            task_type: the routing name of a template.

        Returns:
            The verified plugin, or None when nobody claims the type.

        Raises:
            PluginError: the owner is blocked, contested, broken or of another version.
        """
        state = self._state
        if task_type in state.owners:
            return state.owners[task_type]
        ep = state.claims.resolve("task", task_type)
        if ep is None:
            return state.owners.setdefault(task_type, None)
        from flyte_core.registry.manager import load_plugin

        return state.owners.setdefault(task_type, load_plugin(state.loader, ep, "owner"))

    def task_template_class(self, task_type: str) -> type[Any]:
        """Find the class of the task templates of a type.

        Args:
            task_type: the routing name.

        Returns:
            What the owner's hook of this name answers; `flyte_core.template.TaskTemplate` when the owner has no class.

        Raises:
            PluginNotFoundError: nobody claims the type.
            PluginError: the owner is blocked, contested, broken or of another version.
        """
        state = self._state
        if state.owners.get(task_type) is None:
            state.claims.require("task", task_type)
            state.forget(task_type)  # it may have been unclaimed before
        return self._owner_class(task_type) or self._base_class()

    def hooks_for(self, task: Any) -> TaskHooks:
        """Give the hooks of a task.

        Args:
            task: a task template.

        Returns:
            The hooks of its task type and class; the same object each time.

        Raises:
            PluginError: the type's owner is blocked, contested, broken or of another version.
            RequiredPluginError: a plugin that the settings require is absent, blocked or broken.
        """
        key = (task.task_type, type(task))
        state = self._state_now
        hooks = state.hooks.get(key) if state is not None else None
        return hooks if hooks is not None else self._make_hooks(*key)

    def wrap(self, name: str, implementation: Callable[..., Any]) -> Callable[..., Any]:
        """Put the cross-cutting wrappers round a hook that has no task, such as ``build_image``.

        Args:
            name: the hook's name.
            implementation: takes the hook's arguments by position.

        Returns:
            A callable of the same arguments; the implementation itself when nobody wraps the hook.

        Raises:
            RequiredPluginError: a plugin that the settings require is absent, blocked or broken.
        """
        from flyte_core.hookspecs import CORE_HOOKS
        from flyte_core.registry.hooks import wrap

        if name not in CORE_HOOKS:
            raise InvalidValueError("Registry.wrap()", "name", name, f"one of {', '.join(sorted(CORE_HOOKS))}")
        return wrap(self._manager(None), name, implementation)

    def _make_hooks(self, task_type: str, cls: type) -> TaskHooks:
        from flyte_core.registry.hooks import TaskHooks

        manager = self._manager(task_type)
        owner_class = self._owner_class(task_type)
        hooks = TaskHooks(manager, cls, owner_class, self._base_class())
        return self._state.hooks.setdefault((task_type, cls), hooks)

    def _owner_class(self, task_type: str) -> type | None:
        state = self._state
        if task_type in state.classes:
            return state.classes[task_type]
        owner = self.owner(task_type)
        answer = owner.function("task_template_class") if owner is not None else None
        found = answer(task_type) if answer is not None else None
        if owner is not None and found is not None:
            self._check_class(owner.entry_point, found)
        if owner is None:
            return None
        return state.classes.setdefault(task_type, found)

    def _check_class(self, ep: EntryPoint, found: object) -> None:
        base = self._base_class()
        if not isinstance(found, type) or not issubclass(found, base):
            raise PluginLoadError(
                f"{describe(ep)}: hook 'task_template_class' gave {found!r}, expected a subclass of "
                f"{base.__module__}.{base.__qualname__}",
                plugin=ep.name,
                distribution=ep.distribution,
                version=ep.version,
            )

    def _base_class(self) -> type:
        if self._base is None:
            from flyte_core.template import TaskTemplate

            self._base = TaskTemplate
        return self._base

    # ---- managers ----------------------------------------------------------------------------------------------

    def _manager(self, task_type: str | None) -> HookManager:
        state = self._state
        manager = state.managers.get(task_type)
        if manager is not None:
            return manager
        from flyte_core.registry.manager import HookManager

        # Both import plugins, which must not happen under a lock of ours: see Loader.load.
        owner = self.owner(task_type) if task_type is not None else None
        cross_cutting = self._cross_cutting()
        with self._lock:
            if task_type not in state.managers:
                state.managers[task_type] = HookManager(owner, cross_cutting)
            return state.managers[task_type]

    def _cross_cutting(self) -> list[Plugin]:
        state = self._state
        if state.cross_cutting is None:
            self._check_required()
            names = state.index.names(GROUPS["hooks"])
            found = [plugin for plugin in map(self._cross_cutting_plugin, names) if plugin is not None]
            state.cross_cutting = found
        return state.cross_cutting

    def _cross_cutting_plugin(self, name: str) -> Plugin | None:
        """Load one cross-cutting plugin; one that is not required and cannot be used is left out with a warning."""
        from flyte_core.registry.manager import load_plugin

        state = self._state
        settings = state.settings.plugins.value
        required = settings.required_by("hooks", name)
        if settings.blocked_by("hooks", name) is not None and required is None:
            return None
        try:
            ep = state.claims.resolve("hooks", name)
            return load_plugin(state.loader, ep, "cross-cutting") if ep is not None else None
        except PluginError as error:
            if required is not None:
                raise _required(required, settings.source(required), str(error), error) from error
            from flyte_core._logging import logger

            logger.warning("a cross-cutting plugin is left out: %s", error)
            return None

    def _check_required(self) -> None:
        """Fail when something that is required is absent, blocked or contested."""
        claims = self._state.claims
        for key in sorted(claims.settings.require):
            source = claims.settings.source(key)
            kinds = claims.kinds_of(key)
            if not kinds:
                raise _required(key, source, f"no installed plugin has this name; {_absent_remedy(key)}")
            try:
                for kind, name in kinds:
                    claims.resolve(kind, name)
            except PluginError as error:
                raise _required(key, source, str(error), error) from error

    def __repr__(self) -> str:
        return f"TaskPluginRegistry(plugins={self.list_plugins()})"


def _required(key: str, source: str, reason: str, error: PluginError | None = None) -> RequiredPluginError:
    return RequiredPluginError(
        f"plugin {key!r} is required by {source} and cannot be used, so nothing runs: {reason}",
        plugin=key,
        distribution=error.distribution if error is not None else None,
        version=error.version if error is not None else None,
    )


def _absent_remedy(key: str) -> str:
    providers = providers_of(key)
    install = f"run pip install {' or '.join(providers)}" if providers else "install the distribution that provides it"
    return f"{install}, or take {key!r} out of require"


def _kind(kind_or_group: str) -> str:
    kind = kind_or_group if kind_or_group in GROUPS else kind_of(kind_or_group)
    if kind is None:
        allowed = ", ".join([*KINDS, *GROUPS.values()])
        raise InvalidValueError("Registry", "kind", kind_or_group, f"one of {allowed}")
    return kind


#: The registry of this process, as in the Flyte SDK.
TaskPluginRegistry = Registry()
