"""TaskHooks: for each hook the callable that answers it for one task type and template class."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from flyte_core.hookcall import HookCall
from flyte_core.hookspecs import ASYNC_HOOKS
from flyte_core.registry.guard import in_thread, like_specification
from flyte_core.registry.loading import describe
from flyte_core.registry.verify import hook_specifications

if TYPE_CHECKING:
    from flyte_core.registry.manager import HookManager

__all__ = ["TaskHooks"]

Answer = Callable[..., Any]

#: Calls of the template's methods. Written out because this is the path of every task without plugins of its own:
#: looking the method up by name would double its cost.
_METHODS: Mapping[str, Answer] = {
    "config": lambda task, sctx: task.config(sctx),
    "custom_config": lambda task, sctx: task.custom_config(sctx),
    "sql": lambda task, sctx: task.sql(sctx),
    "container_args": lambda task, sctx: task.container_args(sctx),
    "data_loading_config": lambda task, sctx: task.data_loading_config(sctx),
    "pre": lambda task, args, kwargs: HookCall(partial(task.pre, *args, **kwargs), "pre"),
    "execute": lambda task, args, kwargs: HookCall(partial(task.execute, *args, **kwargs), "execute"),
    "post": lambda task, return_vals: HookCall(partial(task.post, return_vals), "post"),
}

#: The same for methods that are plain functions and so run in a worker thread.
_METHODS_IN_THREAD: Mapping[str, Answer] = {
    "pre": lambda task, args, kwargs: HookCall(partial(in_thread, task.pre, *args, **kwargs), "pre"),
    "execute": lambda task, args, kwargs: HookCall(partial(in_thread, task.execute, *args, **kwargs), "execute"),
    "post": lambda task, return_vals: HookCall(partial(in_thread, task.post, return_vals), "post"),
}


class TaskHooks:
    """The hooks of one task type and template class, each a callable of the hook's arguments by position.

    Who answers, outermost first: cross-cutting wrappers; the template's own method, where its class overrides it below
    the owner's class; the owner's function, for instances of that class; the template's inherited method. A template's
    method that returns None has answered; an owner's synchronous function that returns None leaves the answer to the
    inherited method. Where no wrapper takes part, the answer is called directly and pluggy is not on the way.

    What a template's method raises is raised unchanged; what a plugin raises is a `HookError` that names it.

    Args:
        manager: the plugins that take part.
        cls: the template's class.
        owner_class: the owner's `task_template_class`; None when it has none.
        base: `flyte_core.template.TaskTemplate`.

    Attributes:
        has_child_context: whether anybody answers ``child_context``; when not, it need not be called.
        has_modify_task_spec: whether anybody answers ``modify_task_spec``; when not, it need not be called.
        has_pre: whether ``pre`` does anything; when not, it need not be called.
        has_post: whether ``post`` does anything; when not, it need not be called.
    """

    __slots__ = (
        "_answered_by",
        "_base",
        "_cls",
        "_manager",
        "_owner_class",
        "child_context",
        "config",
        "container_args",
        "custom_config",
        "data_loading_config",
        "execute",
        "has_child_context",
        "has_modify_task_spec",
        "has_post",
        "has_pre",
        "modify_task_spec",
        "post",
        "pre",
        "sql",
    )

    config: Answer
    custom_config: Answer
    sql: Answer
    container_args: Answer
    data_loading_config: Answer
    pre: Answer
    execute: Answer
    post: Answer
    child_context: Answer
    modify_task_spec: Answer

    def __init__(self, manager: HookManager, cls: type, owner_class: type | None, base: type) -> None:
        self._manager = manager
        self._cls = cls
        self._base = base
        self._owner_class = owner_class
        self._answered_by: dict[str, str] = {}
        for hook in _METHODS:
            setattr(self, hook, self.wrap(hook, self._answer(hook)))
        self.has_pre = self._does_something("pre")
        self.has_post = self._does_something("post")
        functions = {
            hook: manager.functions(hook, with_owner=self._owner_is_asked())
            for hook in ("child_context", "modify_task_spec")
        }
        self.has_child_context = bool(functions["child_context"] or manager.wrappers("child_context"))
        self.has_modify_task_spec = bool(functions["modify_task_spec"] or manager.wrappers("modify_task_spec"))
        self.child_context = _merged(self._collected("child_context", functions["child_context"]))
        self.modify_task_spec = _silent(self._collected("modify_task_spec", functions["modify_task_spec"]))

    def wrap(self, name: str, implementation: Answer) -> Answer:
        """Put the cross-cutting wrappers of a hook round its implementation.

        Args:
            name: the hook's name.
            implementation: takes the hook's arguments by position; for an asynchronous hook it returns an awaitable.

        Returns:
            A callable of the same arguments; the implementation itself when nobody wraps the hook.
        """
        return wrap(self._manager, name, implementation)

    def chain(self, name: str) -> tuple[str, ...]:
        """Say who answers a hook, outermost first, for people.

        Args:
            name: the hook's name.

        Returns:
            The wrappers, then the one that answers.
        """
        wrappers = tuple(f"wrapper {plugin}" for plugin in self._manager.wrappers(name))
        answered_by = self._answered_by.get(name)
        return (*wrappers, answered_by) if answered_by else wrappers

    def _does_something(self, hook: str) -> bool:
        inherited = getattr(self._cls, hook, None) is getattr(self._base, hook, None)
        own = self._answered_by[hook].startswith("method ")
        return bool(self._manager.wrappers(hook)) or not (inherited and own)

    def _owner_is_asked(self) -> bool:
        owner_class = self._owner_class
        return self._manager.owner is not None and (owner_class is None or issubclass(self._cls, owner_class))

    def _answer(self, hook: str) -> Answer:
        method = self._method(hook)
        function = self._manager.owner.function(hook) if self._manager.owner is not None else None
        definer = next((c for c in self._cls.__mro__ if hook in vars(c)), self._cls)
        self._answered_by[hook] = f"method {definer.__qualname__}.{hook}"
        if function is None or not self._owner_is_asked() or self._overrides(hook):
            return method
        assert self._manager.owner is not None
        self._answered_by[hook] = describe(self._manager.owner.entry_point)
        return function if hook in ASYNC_HOOKS else _first_answer(function, method)

    def _overrides(self, hook: str) -> bool:
        """Say whether a class below the owner's, or a mixin before it, has the method."""
        stop = self._owner_class or self._base
        for cls in self._cls.__mro__:
            if cls is stop:
                return False
            if hook in vars(cls):
                return True
        return False

    def _method(self, hook: str) -> Answer:
        if hook in ASYNC_HOOKS and not inspect.iscoroutinefunction(getattr(self._cls, hook, None)):
            return _METHODS_IN_THREAD[hook]
        return _METHODS[hook]

    def _collected(self, hook: str, functions: list[Answer]) -> Callable[..., list[Any]]:
        if not self._manager.wrappers(hook):
            return lambda *args: [function(*args) for function in functions]
        caller = self._manager.caller(hook, with_owner=self._owner_is_asked())
        names = _parameters(hook)
        return lambda *args: caller(**dict(zip(names, args, strict=True)))


def wrap(manager: HookManager, name: str, implementation: Answer) -> Answer:
    """Put the wrappers of a hook round an implementation; gives the implementation itself when there are none."""
    if not manager.wrappers(name):
        return implementation
    caller = manager.caller(name, with_owner=False)
    names = _parameters(name)

    def asynchronous(*args: Any) -> Any:
        return HookCall(lambda: implementation(*args), name)

    def synchronous(*args: Any) -> Any:
        return implementation(*args)

    inner = like_specification(asynchronous if name in ASYNC_HOOKS else synchronous, hook_specifications()[name])

    def call(*args: Any) -> Any:
        return caller.call_extra([inner], dict(zip(names, args, strict=True)))

    return call


def _parameters(hook: str) -> tuple[str, ...]:
    return tuple(inspect.signature(hook_specifications()[hook]).parameters)


def _first_answer(function: Answer, method: Answer) -> Answer:
    def answer(task: Any, sctx: Any) -> Any:
        result = function(task, sctx)
        return method(task, sctx) if result is None else result

    return answer


def _merged(collect: Callable[..., list[Any]]) -> Answer:
    def child_context(task: Any) -> dict[str, str]:
        merged: dict[str, str] = {}
        for context in collect(task):
            merged.update(context or {})
        return merged

    return child_context


def _silent(collect: Callable[..., list[Any]]) -> Answer:
    def modify_task_spec(task: Any, sctx: Any, spec: Any) -> None:
        collect(task, sctx, spec)

    return modify_task_spec
