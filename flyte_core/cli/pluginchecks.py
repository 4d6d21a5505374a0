"""What ``flyte-core doctor`` says about plugins: from their metadata, their files, and from loading those required."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder

import attrs

from flyte_core.cli.finding import Finding
from flyte_core.config import KINDS, PLUGINS_VARIABLE, PluginSettings
from flyte_core.discovery import GROUPS
from flyte_core.errors import FlyteCoreError, near_misses
from flyte_core.registry import PluginInfo, TaskPluginRegistry
from flyte_core.registry.claims import providers_of

__all__ = ["check_plugins", "module_exists"]

_AREA = "plugins"

#: Function tasks are of this type, and nearly everybody has some.
_PYTHON, _PYTHON_DISTRIBUTION = "python", "flyte-core-python"


def check_plugins(*, load: bool = False) -> Iterator[Finding]:
    """Check every claim of every plugin, and the settings against them.

    Args:
        load: whether all plugins are loaded, and not only those that the settings require.
    """
    infos = [_tried(info) if load or info.required else info for info in TaskPluginRegistry.plugins()]
    settings = TaskPluginRegistry.settings.plugins.value
    wrong = {key for key, _ in _wrong_choices(settings, infos)}  # said of the setting, not of each plugin
    contested = [info for info in infos if info.state == "conflict"]
    yield from _check_conflicts([i for i in contested if (settings.choice(i.kind, i.name) or ("",))[0] not in wrong])
    for info in infos:
        if info.state != "conflict":
            yield _check_claim(info)
        if len(info.paths) > 1:
            text = f"{_label(info)} is there {len(info.paths)} times: {' and '.join(info.paths)}; the first counts"
            command = f"pip uninstall {info.distribution}, twice, and install it once"
            yield Finding(area=_AREA, status="note", text=text, command=command)
    yield from _check_required(settings, infos)
    yield from _check_settings(settings, infos)
    yield from _check_groups()
    if not any(info.kind == "task" and info.name == _PYTHON for info in infos):
        text = f"{_PYTHON_DISTRIBUTION} is not installed, so functions cannot be tasks"
        yield Finding(area=_AREA, status="note", text=text, command=f"pip install {_PYTHON_DISTRIBUTION}")


def _tried(info: PluginInfo) -> PluginInfo:
    """Load a plugin and verify it, as a run does; what its metadata already forbids is left alone."""
    if info.state != "ready" or not module_exists(info.value):
        return info
    try:
        TaskPluginRegistry.check(info.kind, info.name)
    except FlyteCoreError as error:
        return attrs.evolve(info, state="broken", reason=str(error))
    return info


def _check_conflicts(contested: Sequence[PluginInfo]) -> Iterator[Finding]:
    """Report contested names, all names of the same distributions at once."""
    claims: dict[tuple[str, str], list[PluginInfo]] = {}
    for info in contested:
        claims.setdefault((info.kind, info.name), []).append(info)
    groups: dict[tuple[str, ...], list[PluginInfo]] = {}
    for infos in claims.values():
        distributions = tuple(sorted({info.distribution for info in infos}))
        if len(distributions) == 1:
            yield Finding(area=_AREA, status="problem", text=infos[0].reason)  # no choice decides that
        else:
            groups.setdefault(distributions, []).append(infos[0])
    choices = [f"{info.kind}:{info.name}={names[0]}" for names, infos in groups.items() for info in infos]
    # The line holds what the variable already says, and decides every conflict, since one export replaces another.
    line = ",".join(filter(None, [os.environ.get(PLUGINS_VARIABLE, "").strip().rstrip(","), *choices]))
    for distributions, infos in groups.items():
        text = infos[0].reason
        if len(infos) > 1:
            names = ", ".join(f"{info.kind} {info.name}" for info in infos)
            text = f"{' and '.join(distributions)} contest {names}; choose one for each, or uninstall the other"
        yield Finding(area=_AREA, status="problem", text=text, command=f'export {PLUGINS_VARIABLE}="{line}"')


def _check_claim(info: PluginInfo) -> Finding:
    label = _label(info)
    if info.state in ("blocked", "not chosen"):
        reason = f": {info.reason}" if info.reason else ""
        return Finding(area=_AREA, status="note", text=f"{label} is {info.state}{reason}")
    if info.state == "version mismatch":
        command = f"pip install --upgrade flyte-core {info.distribution}"
        return Finding(area=_AREA, status="problem", text=info.reason, command=command)
    if info.state == "broken":
        return Finding(area=_AREA, status="problem", text=f"{label} is broken: {info.reason}")
    if not module_exists(info.value):
        text = f"{label} names the module {info.value.partition(':')[0]}, which is not there: its metadata is stale"
        command = f"pip install --force-reinstall {info.distribution}"
        return Finding(area=_AREA, status="problem", text=text, command=command)
    from flyte_core.cli.app import BUILT_IN

    if info.kind == "command" and info.name in BUILT_IN:
        return Finding(area=_AREA, status="note", text=f"{label} is hidden by the built-in command")
    return Finding(area=_AREA, text=f"{label} is {info.state}")


def _label(info: PluginInfo) -> str:
    return f"{info.kind} {info.name} of {info.distribution} {info.version}".rstrip()


def module_exists(value: str) -> bool:
    """Say whether the module that an entry point names can be found, without importing any of it.

    Args:
        value: the entry point's value, ``module`` or ``module:attribute``.

    Example:
        >>> module_exists("json.decoder:JSONDecoder"), module_exists("json.nowhere")
        (True, False)
    """
    top, *rest = value.partition(":")[0].strip().split(".")
    try:
        # Only for names without a dot does find_spec import nothing.
        spec = importlib.util.find_spec(top)
        name = top
        for part in rest:
            if spec is None or spec.submodule_search_locations is None:
                return False
            name = f"{name}.{part}"
            spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    except (ImportError, ValueError, AttributeError):
        return False
    return spec is not None


def _check_required(settings: PluginSettings, infos: Sequence[PluginInfo]) -> Iterator[Finding]:
    for key in sorted(settings.require):
        named = _named(key, infos)
        unusable = [info for info in named if info.state not in ("ready", "not chosen")]
        where = settings.source(key)
        if not named:
            yield _absent(key, where)
        elif unusable:
            text = f"{key} is required by {where} and cannot be used, so nothing runs: it is {unusable[0].state}"
            yield Finding(area=_AREA, status="problem", text=text)
        else:
            yield Finding(area=_AREA, text=f"{key}, required by {where}, is ready")


def _absent(key: str, where: str) -> Finding:
    """Say what to do about a required plugin that is not there; a name that nobody vouches for is not installed."""
    text = f"{key} is required by {where} and not installed, so nothing runs"
    providers = providers_of(key)
    if len(providers) == 1:
        return Finding(area=_AREA, status="problem", text=text, command=f"pip install {providers[0]}")
    which = f"one of {', '.join(providers)}" if providers else "the distribution that provides it"
    text = f"{text}; install {which}, or remove it from require"
    return Finding(area=_AREA, status="problem", text=text)


def _check_settings(settings: PluginSettings, infos: Sequence[PluginInfo]) -> Iterator[Finding]:
    """Find choices and blocks that mean nobody; a misspelt block blocks nothing."""
    names = {info.name for info in infos}
    for key in sorted(settings.block):
        if not _named(key, infos):
            yield Finding(area=_AREA, status="note", text=_nobody(f"block {key}", key, settings, names))
    for key, claims in _wrong_choices(settings, infos):
        distribution = settings.choose[key]
        text = _nobody(f"{key} = {distribution}", key, settings, names)
        if distribution in providers_of(key):
            yield Finding(area=_AREA, status="problem", text=text, command=f"pip install {distribution}")
        else:
            remedy = f"choose {' or '.join(claims)} there" if claims else "correct or remove it there"
            yield Finding(area=_AREA, status="problem", text=f"{text}; {remedy}")


def _wrong_choices(settings: PluginSettings, infos: Sequence[PluginInfo]) -> Iterator[tuple[str, list[str]]]:
    """Give the choices of distributions that do not claim the name, each with those that do."""
    for key, distribution in sorted(settings.choose.items()):
        claims = sorted({info.distribution for info in _named(key, infos)})
        if distribution not in claims:
            yield key, claims


def _nobody(said: str, key: str, settings: PluginSettings, names: set[str]) -> str:
    name = key.rpartition(":")[2]
    close = near_misses(name, names - {name})
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    return f"{settings.source(key)} says {said}, but no such plugin is installed{hint}"


def _named(key: str, infos: Sequence[PluginInfo]) -> list[PluginInfo]:
    kind, _, name = key.rpartition(":")
    return [info for info in infos if info.name == name and kind in ("", info.kind)]


def _check_groups() -> Iterator[Finding]:
    """Find entry points of groups that nobody reads, such as a misspelt one."""
    for ep in TaskPluginRegistry.index.all():
        if ep.kind not in KINDS:
            close = near_misses(ep.group, GROUPS.values())
            hint = f"; did its author mean {close[0]}?" if close else ""
            text = f"{ep.label} has the entry point {ep.name!r} in group {ep.group}, which nobody reads{hint}"
            yield Finding(area=_AREA, status="note", text=text)
