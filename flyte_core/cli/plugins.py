"""``flyte-core plugins``: what is installed, from metadata alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flyte_core.cli.console import out, out_json, printable, shortened, styled, table
from flyte_core.cli.failure import FAILED, USAGE, Failure
from flyte_core.cli.settings import read_settings
from flyte_core.config import KINDS
from flyte_core.errors import PluginError
from flyte_core.registry import PluginInfo, TaskPluginRegistry

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]

_COLOURS = {"ready": "green", "not chosen": "white"}


@click.group("plugins")
def command() -> None:
    """List and describe installed plugins, without importing them."""


@command.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="Only plugins of this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def _list(kind: str | None, as_json: bool) -> None:
    """List installed plugins.

    Long reasons are shortened here; "flyte-core plugins show NAME" has them whole.
    """
    read_settings()
    infos = [info for info in TaskPluginRegistry.plugins() if kind in (None, info.kind)]
    if as_json:
        out_json({"plugins": [_as_dict(info) for info in infos]})
    elif infos:
        rows = [(i.name, i.kind, i.distribution, i.version, i.state, _short_reason(i, infos)) for i in infos]
        out(table(["name", "kind", "distribution", "version", "state", "reason"], rows))
    else:
        out(f"no plugins of kind {kind} are installed" if kind else "no plugins are installed")


@command.command("show")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), help="Only plugins of this kind.")
@click.option("--load", is_flag=True, help="Import the plugin: show its hooks, or why it cannot be loaded.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def _show(name: str, kind: str | None, load: bool, as_json: bool) -> None:
    """Describe the plugins of one name."""
    read_settings()
    try:
        infos = TaskPluginRegistry.plugin(name, kind)
    except PluginError as error:
        raise Failure(str(error), status=USAGE, code=type(error).__name__) from error
    descriptions = [_described(info, load=load) for info in infos]
    if as_json:
        out_json({"plugins": descriptions})
    else:
        out("\n\n".join(_page(description) for description in descriptions))
    if any(description.get("traceback") for description in descriptions):
        raise click.exceptions.Exit(FAILED)


def _short_reason(info: PluginInfo, infos: Sequence[PluginInfo]) -> str:
    if info.state != "conflict" or TaskPluginRegistry.settings.plugins.value.choice(info.kind, info.name):
        return shortened(info.reason)
    others = {i.distribution for i in infos if (i.kind, i.name) == (info.kind, info.name)} - {info.distribution}
    return shortened(f"also claimed by {', '.join(sorted(others))}" if others else "claimed twice")


def _as_dict(info: PluginInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "kind": info.kind,
        "value": info.value,
        "distribution": info.distribution,
        "version": info.version,
        "state": info.state,
        "reason": info.reason,
        "required": info.required,
        "paths": list(info.paths),
    }


def _described(info: PluginInfo, *, load: bool) -> dict[str, Any]:
    """Give all that is known of a claim; with ``load`` also what the plugin itself says."""
    found = _as_dict(info)
    found["claims"] = _claims(info)
    if load:
        hooks, traceback = _loaded(info)
        found["hooks"] = hooks
        found["traceback"] = traceback
        after = next((i for i in TaskPluginRegistry.plugin(info.name, info.kind) if _same(i, info)), info)
        found["state"], found["reason"] = after.state, after.reason
    return found


def _same(one: PluginInfo, other: PluginInfo) -> bool:
    return (one.distribution, one.value) == (other.distribution, other.value)


def _claims(info: PluginInfo) -> list[str]:
    """Give everything that the same module of the same distribution claims."""
    module = info.value.partition(":")[0]
    return [
        f"{other.kind}:{other.name}"
        for other in TaskPluginRegistry.plugins()
        if other.distribution == info.distribution and other.value.partition(":")[0] == module
    ]


def _loaded(info: PluginInfo) -> tuple[list[str] | None, str | None]:
    """Load a plugin; give the hooks it implements, or the traceback of what broke it."""
    if info.state in ("blocked", "conflict", "not chosen"):
        return None, None  # asking for the name would load another plugin, or none
    try:
        if info.kind == "task":
            owner = TaskPluginRegistry.owner(info.name)
            return ([hook.hook for hook in owner.hooks] if owner is not None else None), None
        loaded = TaskPluginRegistry.load(info.kind, info.name)
    except PluginError as error:
        after = TaskPluginRegistry.plugin(info.name, info.kind)
        stored = next((i.traceback for i in after if _same(i, info) and i.traceback), None)
        return None, stored or str(error)
    if info.kind != "hooks":
        return None, None
    from flyte_core.registry.verify import inspect_plugin

    functions, faults = inspect_plugin(loaded, "cross-cutting")
    return [function.hook for function in functions], "\n".join(faults) or None


def _page(description: dict[str, Any]) -> str:
    state = styled(description["state"], fg=_COLOURS.get(description["state"], "red"))
    lines = [
        styled(f"{description['kind']} {description['name']}", bold=True),
        f"  distribution  {description['distribution']} {description['version']}",
        f"  module        {description['value']}",
        f"  state         {state}" + (f": {printable(description['reason'])}" if description["reason"] else ""),
        f"  required      {'yes' if description['required'] else 'no'}",
        *_listed("found in", description["paths"]),
        *_listed("claims", description["claims"]),
    ]
    if description.get("hooks") is not None:
        lines += _listed("hooks", description["hooks"] or ["none"])
    if description.get("traceback"):
        lines += ["", printable(description["traceback"].rstrip())]
    return "\n".join(lines)


def _listed(name: str, values: Sequence[str]) -> list[str]:
    return [f"  {name if at == 0 else '':<12}  {printable(value)}" for at, value in enumerate(values)]
