"""Importing plugins one at a time; what one of them breaks is kept for whoever asks for it, and hurts nobody else."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from flyte_core.errors import PluginError, PluginLoadError, PluginVersionError
from flyte_core.registry.claims import kind_label
from flyte_core.registry.versions import allows, requirement_allows

if TYPE_CHECKING:
    from flyte_core.discovery import EntryPoint, PluginIndex

__all__ = ["Failure", "Loader", "describe"]

#: The distribution whose version plugins state their requirement on.
_CORE = "flyte-core"


def describe(ep: EntryPoint) -> str:
    """Name a plugin for people: its kind, name, distribution, version and module."""
    return f"{kind_label(ep.kind)} {ep.name!r} of {ep.label} ({ep.value})"


class Failure(NamedTuple):
    """Why a plugin cannot be used, kept until somebody asks.

    Args:
        error: what is raised, a copy each time.
        traceback: the text of the original error's traceback.
    """

    error: PluginError
    traceback: str

    def fresh(self) -> PluginError:
        """Give a copy of the error with the same cause, so that tracebacks do not pile up on one object."""
        error = copy.copy(self.error)
        error.__cause__ = self.error.__cause__
        return error


class Loader:
    """Loads the object of an entry point, once.

    Args:
        index: knows the installed version of flyte-core.
    """

    def __init__(self, index: PluginIndex) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._loaded: dict[EntryPoint, Any] = {}
        self._failures: dict[EntryPoint, Failure] = {}

    def load(self, ep: EntryPoint) -> Any:
        """Import a plugin.

        Imports happen outside of any lock of ours: a plugin may ask the registry while Python holds the import lock
        of its module.

        Args:
            ep: the plugin.

        Returns:
            The module, or the module's attribute that the entry point names.

        Raises:
            PluginVersionError: it was made for another version of flyte-core or of the hook API.
            PluginLoadError: the import failed, where the original error is chained; or what it lists are no
                transformers.
        """
        failure = self._failures.get(ep)
        if failure is not None:
            raise failure.fresh()
        if ep in self._loaded:
            return self._loaded[ep]
        try:
            loaded = self._load(ep)
        except PluginError as error:
            self.reject(ep, error)
            raise
        with self._lock:
            return self._loaded.setdefault(ep, loaded)

    def reject(self, ep: EntryPoint, error: PluginError) -> None:
        """Remember that a plugin cannot be used."""
        import traceback

        text = "".join(traceback.format_exception(error.__cause__ or error))
        with self._lock:
            self._failures.setdefault(ep, Failure(error, text))

    def failure(self, ep: EntryPoint) -> Failure | None:
        """Say why a plugin that was asked for could not be used."""
        return self._failures.get(ep)

    def version_mismatch(self, ep: EntryPoint) -> PluginVersionError | None:
        """Compare the plugin's requirement on flyte-core with the installed version; imports nothing of the plugin."""
        required = ep.requires(_CORE)
        installed = self._core_version() if required else None
        if installed is None:
            return None
        for requirement in required:
            try:
                if requirement_allows(requirement, installed):
                    continue
                message = f"{describe(ep)} requires {requirement}, but {_CORE} {installed} is installed"
            except PluginVersionError as error:
                message = f"{describe(ep)}: {error}"
            return PluginVersionError(
                f"{message}; install versions of both that fit",
                plugin=ep.name,
                distribution=ep.distribution,
                version=ep.version,
            )
        return None

    def _core_version(self) -> str | None:
        return self._index.version_of(_CORE) or _metadata_version()

    def _load(self, ep: EntryPoint) -> Any:
        mismatch = self.version_mismatch(ep)
        if mismatch is not None:
            raise mismatch
        module_name, _, attribute = ep.value.partition(":")
        module = _import(ep, module_name.strip())
        self._check_api(ep, module)
        loaded = module
        try:
            for part in filter(None, attribute.strip().split(".")):
                loaded = getattr(loaded, part)
        except AttributeError as error:
            raise _load_error(ep, f"{module_name} has no {attribute}") from error
        if ep.kind == "transformer":
            from flyte_core.registry.transformers import transformer_faults

            faults = transformer_faults(loaded)
            if faults:
                raise _load_error(ep, "; ".join(faults))
        return loaded

    def _check_api(self, ep: EntryPoint, module: Any) -> None:
        from flyte_core.hookspecs import HOOK_API_VERSION

        wanted = getattr(module, "flyte_core_api", None)
        if wanted is None:
            return
        version = ".".join(str(number) for number in HOOK_API_VERSION)
        problem, remedy = "", f"install a version of {ep.distribution} or of {_CORE} that fits the other"
        try:
            if not isinstance(wanted, str) or not allows(wanted, version):
                problem = f"was made for version {wanted!r} of the hook API, but this flyte_core has {version}"
        except PluginVersionError as error:
            problem = f"flyte_core_api: {error}"
            remedy = f"it has to be a specifier of versions, such as '>=1,<2'; mend or uninstall {ep.distribution}"
        if problem:
            raise PluginVersionError(
                f"{describe(ep)} {problem}; {remedy}",
                plugin=ep.name,
                distribution=ep.distribution,
                version=ep.version,
            )


def _import(ep: EntryPoint, module_name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module_name)
    except (Exception, SystemExit) as error:  # whatever a plugin does at import, it is that plugin's failure
        raise _load_error(ep, f"{type(error).__name__}: {error}") from error


def _load_error(ep: EntryPoint, reason: str) -> PluginLoadError:
    return PluginLoadError(
        f"{describe(ep)} cannot be loaded: {reason}; mend or uninstall {ep.distribution}",
        plugin=ep.name,
        distribution=ep.distribution,
        version=ep.version,
    )


def _metadata_version() -> str | None:
    """Ask Python for the version, for installations that our index does not see; None for a bare source tree."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(_CORE)
    except PackageNotFoundError:
        return None
