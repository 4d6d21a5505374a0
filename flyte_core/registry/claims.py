"""Who may answer for a name: choices, blocks and conflicts, decided from metadata alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flyte_core.config import KINDS, PLUGINS_VARIABLE, PluginSettings
from flyte_core.discovery import GROUPS, EntryPoint, PluginIndex
from flyte_core.errors import PluginBlockedError, PluginConflictError, PluginNotFoundError, near_misses

__all__ = ["Claims", "kind_label", "providers_of"]

_LABELS = {
    "task": "task type",
    "config": "plugin_config class",
    "hooks": "cross-cutting plugin",
    "image_builder": "image builder",
    "executor": "executor",
    "transformer": "type transformer",
    "command": "command",
}

#: Names whose plugins this project publishes itself, so that an error can say what to install.
_PROVIDERS = {
    "task": {
        "python": "flyte-core-python",
        "sql": "flyte-core-sql",
        "raw-container": "flyte-core-container",
    },
    "image_builder": {"docker": "flyte-core-image-docker", "buildah": "flyte-core-image-buildah"},
    "executor": {"docker": "flyte-core-container"},
    "transformer": {
        "pandas.DataFrame": "flyte-core-dataframe",
        "polars.DataFrame": "flyte-core-dataframe",
        "polars.LazyFrame": "flyte-core-dataframe",
        "pyarrow.Table": "flyte-core-dataframe",
    },
    "hooks": {"otel": "flyte-core-otel"},
}


def kind_label(kind: str) -> str:
    """Name a kind of plugin for people."""
    return _LABELS.get(kind, kind)


def providers_of(key: str) -> list[str]:
    """Give the distributions of this project that provide a name; nobody else's names are ever proposed to install.

    Args:
        key: a plugin's name, or ``kind:name``.

    Returns:
        Their names, sorted; empty for a name of other people.

    Example:
        >>> providers_of("executor:docker"), providers_of("policy")
        (['flyte-core-container'], [])
    """
    wanted, _, name = key.rpartition(":")
    found = (names.get(name) for kind, names in _PROVIDERS.items() if wanted in ("", kind))
    return sorted({distribution for distribution in found if distribution is not None})


class Claims:
    """Applies the settings to what the index found.

    Args:
        index: what is installed.
        settings: which plugins may be used.
    """

    def __init__(self, index: PluginIndex, settings: PluginSettings) -> None:
        self.index = index
        self.settings = settings

    def resolve(self, kind: str, name: str) -> EntryPoint | None:
        """Find the one plugin that answers for a name.

        Args:
            kind: one of `flyte_core.config.KINDS`.
            name: the entry point's name.

        Returns:
            Its entry point, or None when nobody claims the name.

        Raises:
            PluginBlockedError: the settings forbid it.
            PluginConflictError: several distributions claim the name and none is chosen.
            PluginNotFoundError: the settings choose a distribution that does not claim the name.
        """
        found = self.index.find(GROUPS[kind], name)
        blocked = self.settings.blocked_by(kind, name)
        if found and blocked is not None:
            raise PluginBlockedError(
                f"{kind_label(kind)} {name!r} of {found[0].label} is blocked by {blocked!r} in "
                f"{self.settings.source(blocked)}; take it out there to use the plugin",
                plugin=name,
                distribution=found[0].distribution,
                version=found[0].version,
            )
        found = self._chosen(kind, name, found)
        if len(found) > 1:
            raise PluginConflictError(self._conflict_message(kind, name, found), plugin=name)
        return found[0] if found else None

    def _chosen(self, kind: str, name: str, found: tuple[EntryPoint, ...]) -> tuple[EntryPoint, ...]:
        choice = self.settings.choice(kind, name)
        if choice is None:
            return found
        key, distribution = choice
        chosen = tuple(ep for ep in found if ep.distribution == distribution)
        if chosen:
            return chosen
        if key == name and self._claims_elsewhere(name, distribution):
            return found  # the bare name meant another kind
        claimed = f"it is claimed by {_labels(found)}" if found else "nobody claims it"
        source = self.settings.source(key)
        known = distribution in providers_of(f"{kind}:{name}")
        remedy = f"run pip install {distribution}, or choose another in {source}" if known else f"correct {source}"
        raise PluginNotFoundError(
            f"{source} chooses {distribution} for {kind_label(kind)} {name!r}, but {distribution} "
            f"does not provide it here; {claimed}; {remedy}",
            plugin=name,
            distribution=distribution,
        )

    def _conflict_message(self, kind: str, name: str, found: Sequence[EntryPoint]) -> str:
        """Say who contests a name, and how to decide all that these distributions contest at once."""
        distributions = sorted({ep.distribution for ep in found})
        if len(distributions) == 1:
            values = " and ".join(repr(ep.value) for ep in found)
            return (
                f"{found[0].label} claims {kind_label(kind)} {name!r} twice, as {values}; the package has to be mended"
            )
        names = sorted({name, *self._contested_names(distributions)})
        lines = (",".join(f"{contested}={chosen}" for contested in names) for chosen in distributions)
        ways = " or ".join(f'{PLUGINS_VARIABLE}="{line}"' for line in lines)
        others = [other for other in names if other != name]
        also = f" (they also contest {', '.join(others)})" if others else ""
        return (
            f"{kind_label(kind)} {name!r} is claimed by {_labels(found)}{also}; choose one with {ways}, "
            f"or under [tool.flyte_core.plugins] of pyproject.toml, or uninstall the other"
        )

    def _contested_names(self, distributions: list[str]) -> set[str]:
        """Give the names that exactly these distributions claim and for which none is chosen."""
        return {
            name
            for kind, group in GROUPS.items()
            for name in self.index.names(group)
            if self.settings.choice(kind, name) is None
            and sorted({ep.distribution for ep in self.index.find(group, name)}) == distributions
        }

    def _claims_elsewhere(self, name: str, distribution: str) -> bool:
        return any(ep.distribution == distribution for group in GROUPS.values() for ep in self.index.find(group, name))

    def require(self, kind: str, name: str) -> EntryPoint:
        """Find the one plugin that answers for a name, and fail with everything that helps when there is none.

        Raises:
            PluginNotFoundError: nobody claims the name, also not after a second look at the disk.
        """
        found = self.resolve(kind, name)
        if found is None:
            self.index.refresh()  # it may have been installed since
            found = self.resolve(kind, name)
        if found is None:
            raise self.not_found(kind, name)
        return found

    def not_found(self, kind: str, name: str) -> PluginNotFoundError:
        """Make the error for a name that nobody claims: near misses, installed names, what to install."""
        installed = self.index.names(GROUPS[kind])
        providers = _PROVIDERS.get(kind, {})
        parts = [f"no installed plugin provides {kind_label(kind)} {name!r}"]
        if name in providers:
            parts.append(f"it comes with {providers[name]}: pip install {providers[name]}")
        else:
            near = near_misses(name, {*installed, *providers})
            if near:
                parts.append(f"did you mean {' or '.join(self._suggestion(n, installed, providers) for n in near)}")
        parts.append(f"installed are: {', '.join(installed)}" if installed else f"no {kind_label(kind)} is installed")
        return PluginNotFoundError("; ".join(parts), plugin=name)

    def _suggestion(self, name: str, installed: Sequence[str], providers: dict[str, str]) -> str:
        return repr(name) if name in installed else f"{name!r} (pip install {providers[name]})"

    def kinds_of(self, key: str) -> list[tuple[str, str]]:
        """Split ``kind:name``, or give every kind in which a bare name is claimed, with the name."""
        kind, colon, name = key.rpartition(":")
        if colon:
            return [(kind, name)] if self.index.find(GROUPS[kind], name) else []
        return [(kind, name) for kind in KINDS if self.index.find(GROUPS[kind], name)]


def _labels(found: Iterable[EntryPoint]) -> str:
    return " and ".join(f"{ep.label} ({ep.value})" for ep in found)
