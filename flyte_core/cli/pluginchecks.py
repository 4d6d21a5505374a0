"""What ``flyte-core doctor`` says about plugins, from their metadata and from which files exist."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from itertools import groupby

from flyte_core.cli.finding import Finding
from flyte_core.config import KINDS, PLUGINS_VARIABLE, PluginSettings
from flyte_core.discovery import GROUPS
from flyte_core.errors import near_misses
from flyte_core.registry import PluginInfo, TaskPluginRegistry

__all__ = ["check_plugins", "module_exists"]

_AREA = "plugins"

#: Function tasks are of this type, and nearly everybody has some.
_PYTHON, _PYTHON_DISTRIBUTION = "python", "flyte-core-python"


def check_plugins() -> Iterator[Finding]:
    """Check every claim of every plugin, and the settings against them."""
    infos = TaskPluginRegistry.plugins()
    for _, claims in groupby(infos, key=lambda info: (info.kind, info.name)):
        yield from _check_name(list(claims))
    settings = TaskPluginRegistry.settings.plugins.value
    yield from _check_required(settings, infos)
    yield from _check_settings(settings, infos)
    yield from _check_groups()
    if not any(info.kind == "task" and info.name == _PYTHON for info in infos):
        text = f"{_PYTHON_DISTRIBUTION} is not installed, so functions cannot be tasks"
        yield Finding(area=_AREA, status="note", text=text, command=f"pip install {_PYTHON_DISTRIBUTION}")


def _check_name(claims: Sequence[PluginInfo]) -> Iterator[Finding]:
    contested = [info for info in claims if info.state == "conflict"]
    if contested:
        info = contested[0]
        command = f'export {PLUGINS_VARIABLE}="{info.kind}:{info.name}={info.distribution}"'
        yield Finding(area=_AREA, status="problem", text=info.reason, command=command)
    for info in claims:
        if info.state != "conflict":
            yield _check_claim(info)
        if len(info.paths) > 1:
            text = f"{_label(info)} is there {len(info.paths)} times: {' and '.join(info.paths)}; the first counts"
            command = f"pip uninstall {info.distribution}, twice, and install it once"
            yield Finding(area=_AREA, status="note", text=text, command=command)


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
        usable = [info for info in named if info.state == "ready"]
        where = settings.source(key)
        if not named:
            text = f"{key} is required by {where} and not installed, so nothing runs"
            yield Finding(area=_AREA, status="problem", text=text, command=f"pip install {key.rpartition(':')[2]}")
        elif not usable:
            text = f"{key} is required by {where} and cannot be used, so nothing runs: it is {named[0].state}"
            yield Finding(area=_AREA, status="problem", text=text)
        else:
            yield Finding(area=_AREA, text=f"{key}, required by {where}, is {usable[0].state}")


def _check_settings(settings: PluginSettings, infos: Sequence[PluginInfo]) -> Iterator[Finding]:
    """Find choices and blocks that mean nobody; a misspelt block blocks nothing."""
    names = {info.name for info in infos}
    for key in sorted(settings.block):
        if not _named(key, infos):
            yield Finding(area=_AREA, status="note", text=_nobody(f"block {key}", key, settings, names))
    for key, distribution in sorted(settings.choose.items()):
        if not any(info.distribution == distribution for info in _named(key, infos)):
            text = _nobody(f"{key} = {distribution}", key, settings, names)
            yield Finding(area=_AREA, status="problem", text=text, command=f"pip install {distribution}")


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
