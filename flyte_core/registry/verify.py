"""Checking a plugin's hooks against their specifications, and reporting every fault at once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any, Literal, NamedTuple

import pluggy

from flyte_core import hookspecs
from flyte_core.errors import near_misses
from flyte_core.hookspecs import ASYNC_HOOKS, COLLECTED_HOOKS, CORE_HOOKS, PROJECT_NAME

__all__ = ["HookFunction", "hook_specifications", "inspect_plugin"]

Role = Literal["owner", "cross-cutting"]


class HookFunction(NamedTuple):
    """A plugin's function for one hook.

    Args:
        hook: the hook's name.
        function: what the plugin wrote.
        wrapper: whether it runs round the others.
    """

    hook: str
    function: Callable[..., Any]
    wrapper: bool


@cache
def hook_specifications() -> Mapping[str, Callable[..., Any]]:
    """Give every hook's specification by the hook's name."""
    manager = pluggy.PluginManager(PROJECT_NAME)
    found = {
        name: value
        for name, value in vars(hookspecs).items()
        if inspect.isfunction(value) and manager.parse_hookspec_opts(hookspecs, name) is not None
    }
    return MappingProxyType(found)


def inspect_plugin(module: ModuleType, role: Role) -> tuple[list[HookFunction], list[str]]:
    """Find the hooks of a module, and everything that is wrong with them.

    Args:
        module: the plugin.
        role: whether it owns task types or cuts across all.

    Returns:
        The hooks, and one line for each fault; with faults the plugin is not to be used.
    """
    specifications = hook_specifications()
    manager = pluggy.PluginManager(PROJECT_NAME)
    found: dict[str, HookFunction] = {}
    faults: list[str] = []
    for attribute, value in vars(module).items():
        options = manager.parse_hookimpl_opts(module, attribute)
        if options is None:
            faults += _unmarked(module, attribute, value, specifications)
            continue
        hook = options.get("specname") or attribute
        if hook not in specifications:
            if not options.get("optionalhook"):
                faults.append(_unknown(hook, specifications))
            continue
        if hook in found:
            faults.append(f"{hook}: implemented twice")
        wrapper = bool(options.get("wrapper"))
        faults += [f"{hook}: {fault}" for fault in _options_faults(hook, options, role)]
        faults += [f"{hook}: {fault}" for fault in _parameter_faults(value, specifications[hook])]
        faults += [f"{hook}: {fault}" for fault in _kind_faults(hook, value, wrapper or options.get("hookwrapper"))]
        found[hook] = HookFunction(hook, value, wrapper)
    return list(found.values()), faults


def _unmarked(
    module: ModuleType, attribute: str, value: object, specifications: Mapping[str, Callable[..., Any]]
) -> Iterator[str]:
    # A function from elsewhere, such as requests.post, only happens to have a hook's name.
    if attribute in specifications and isinstance(value, FunctionType) and value.__module__ == module.__name__:
        yield f"{attribute}: has a hook's name but is not marked; decorate it with @hookimpl, or rename it"


def _unknown(hook: str, specifications: Mapping[str, Callable[..., Any]]) -> str:
    near = near_misses(hook, specifications)
    return f"{hook}: there is no such hook" + (f"; did you mean {near[0]}?" if near else "")


def _options_faults(hook: str, options: Mapping[str, Any], role: Role) -> Iterator[str]:
    if options.get("hookwrapper"):
        yield "hookwrapper=True is pluggy's old style; use wrapper=True"
    if options.get("tryfirst") or options.get("trylast"):
        yield "tryfirst and trylast are not for here; the order is that of the entry points' names"
    wrapper = options.get("wrapper") or options.get("hookwrapper")
    if role == "owner":
        if wrapper:
            yield "a wrapper runs round every task type; it belongs into the group flyte_core.hooks"
        elif hook in CORE_HOOKS:
            yield "the core answers this hook; it can only be wrapped, in the group flyte_core.hooks"
    elif hook == "task_template_class":
        yield "only the owner of a task type answers this hook"
    elif not wrapper and hook not in COLLECTED_HOOKS:
        yield "a plugin of the group flyte_core.hooks wraps this hook; mark it with wrapper=True"


def _parameter_faults(function: Callable[..., Any], specification: Callable[..., Any]) -> Iterator[str]:
    wanted = list(inspect.signature(specification).parameters)
    given = inspect.signature(function).parameters
    for name in wanted:
        if name not in given:
            yield f"parameter {name!r} is missing; the hook has ({', '.join(wanted)})"
    for name, parameter in given.items():
        if name not in wanted:
            shown = re.split("[:=]", str(parameter))[0].strip()  # with its stars
            yield f"parameter {shown!r} is not the hook's; it has ({', '.join(wanted)})"
        elif parameter.default is not parameter.empty:
            yield f"parameter {name!r} has a default, which would hide that the core does not pass it"
        elif parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            yield f"parameter {name!r} has to be an ordinary one, neither positional-only nor keyword-only"


def _kind_faults(hook: str, function: Callable[..., Any], wrapper: object) -> Iterator[str]:
    asynchronous = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    if wrapper:
        if asynchronous:
            yield "a wrapper is a plain generator function, also round an asynchronous hook; it is async def"
        elif not inspect.isgeneratorfunction(function):
            yield "is a wrapper but no generator; it needs one yield"
    elif inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        yield "yields but is not marked with wrapper=True"
    elif asynchronous and hook not in ASYNC_HOOKS:
        yield "is async def, but the hook is synchronous"
