"""Which template class serves a ``plugin_config``: registered by hand, or claimed by an entry point."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flyte_core.errors import InvalidTypeError, PluginConflictError, PluginLoadError
from flyte_core.registry.loading import describe

if TYPE_CHECKING:
    from flyte_core.discovery import EntryPoint

__all__ = ["ConfigTypes", "entry_point_name"]


def entry_point_name(config_type: type) -> str:
    """Give the name under which a class is claimed in ``flyte_core.config_types``: top-level package and class name.

    Example:
        >>> from fractions import Fraction
        >>> entry_point_name(Fraction)
        'fractions.Fraction'
    """
    return f"{config_type.__module__.partition('.')[0]}.{config_type.__name__}"


class ConfigTypes:
    """Template classes by configuration class.

    Args:
        resolve: gives the entry point that claims a name of the group, or None.
        load: imports an entry point's module.
        owned_by: gives the template classes of the task types that the same distribution's module owns.
    """

    def __init__(
        self,
        resolve: Callable[[str], EntryPoint | None],
        load: Callable[[EntryPoint], Any],
        owned_by: Callable[[EntryPoint], list[type]],
    ) -> None:
        self._resolve = resolve
        self._load = load
        self._owned_by = owned_by
        self._lock = threading.Lock()
        self._registered: dict[type, type[Any]] = {}

    def register(self, config_type: type, plugin: type[Any]) -> None:
        """Register a template class by hand; see `flyte_core.registry.Registry.register`."""
        for field, value in (("config_type", config_type), ("plugin", plugin)):
            if not isinstance(value, type):
                raise InvalidTypeError("TaskPluginRegistry.register()", field, value, "a class")
        with self._lock:
            known = self._registered.get(config_type)
            if known is not None and not _same_owner(known, plugin):
                raise PluginConflictError(
                    f"plugin_config class {_full_name(config_type)} is already registered with {_full_name(known)}; "
                    f"{_full_name(plugin)} of another owner cannot take its place. Register one of them only, or "
                    f"derive a configuration class of your own",
                    plugin=_full_name(config_type),
                )
            self._registered[config_type] = plugin

    def registered(self) -> list[type]:
        """List the configuration classes whose template class is known."""
        return list(self._registered)

    def find(self, config_type: type) -> type[Any] | None:
        """Find the template class of a configuration class or of the nearest of its bases that has one."""
        broken_claims: list[PluginLoadError] = []
        for cls in config_type.__mro__:
            found = self._registered.get(cls)
            if found is None and cls.__module__ != "builtins":
                found = self._claimed(cls, broken_claims)
            if found is not None:
                return found
        if broken_claims:
            raise broken_claims[0]
        return None

    def _claimed(self, cls: type, broken_claims: list[PluginLoadError]) -> type[Any] | None:
        """Ask the entry point that claims the class's name whether it means this class."""
        ep = self._resolve(entry_point_name(cls))
        if ep is None:
            return None
        module = self._load(ep)
        template = self._registered.get(cls) or self._verified(cls, module, ep)
        if template is None:
            broken_claims.append(
                PluginLoadError(
                    f"{describe(ep)} does not provide a task template for {_full_name(cls)}: its module has neither "
                    f"config_types = {{{cls.__name__}: <template class>}}, nor called TaskPluginRegistry.register, nor "
                    f"owns exactly one task type",
                    plugin=ep.name,
                    distribution=ep.distribution,
                    version=ep.version,
                )
            )
            return None
        with self._lock:
            return self._registered.setdefault(cls, template)

    def _verified(self, cls: type, module: Any, ep: EntryPoint) -> type[Any] | None:
        stated = getattr(module, "config_types", None)
        if isinstance(stated, Mapping):
            template = stated.get(cls)
            return template if isinstance(template, type) else None
        owned = self._owned_by(ep)
        return owned[0] if len(owned) == 1 else None


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _same_owner(one: type, other: type) -> bool:
    """Say whether two classes come from one distribution or one file.

    A module that is run as ``__main__`` and imported by its name as well, or loaded again, is one owner.
    """
    if _owner(one.__module__) == _owner(other.__module__):
        return True
    files = [getattr(sys.modules.get(cls.__module__), "__file__", None) for cls in (one, other)]
    return files[0] is not None and files[0] == files[1]


def _owner(module: str) -> str:
    """Give the outermost package that belongs to one owner; namespace packages, such as ``flyteplugins``, do not."""
    parts = module.split(".")
    for count in range(1, len(parts)):
        package = sys.modules.get(".".join(parts[:count]))
        if package is None or getattr(package, "__file__", None) is not None:
            return ".".join(parts[:count])
    return module
