"""One attempt of one task: its hooks, its code, its time limit."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from flyte_core.context import ctx, use_task_context
from flyte_core.errors import RuntimeUserError, TaskTimeoutError, mark_as_task_code
from flyte_core.models import timeout_from_request
from flyte_core.registry import TaskPluginRegistry
from flyte_core.runtime.threads import WorkerThreads

if TYPE_CHECKING:
    from flyte_core.registry import Registry, TaskHooks
    from flyte_core.template import TaskTemplate

__all__ = ["TIME_IS_UP", "around", "attempt", "current_registry", "current_threads", "time_limit"]

#: Argument of the ``CancelledError`` by which a task's code learns that its timeout is over. It may raise a
#: `TaskTimeoutError` of its own then.
TIME_IS_UP = "flyte_core: the timeout is over"

#: Registry and threads of the run that the calling code is part of.
current_registry: ContextVar[Registry] = ContextVar("flyte_core_registry", default=TaskPluginRegistry)
current_threads: ContextVar[WorkerThreads | None] = ContextVar("flyte_core_threads", default=None)


async def call(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call a function of the user's: a coroutine function in the event loop, any other in a worker thread."""
    try:
        return await _call(func, args, kwargs)
    except Exception as e:  # only marked; whatever the user's code raises goes on
        mark_as_task_code(e)
        raise


async def _call(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    if inspect.iscoroutinefunction(func):
        return await func(*args, **kwargs)
    threads = current_threads.get()
    if threads is None:
        threads = WorkerThreads()
    result = await threads.run(functools.partial(func, *args, **kwargs))
    return await result if inspect.isawaitable(result) else result


async def around(task: TaskTemplate, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a function with the task's ``pre`` before it and its ``post`` after it.

    For the ``execute`` of templates that set ``runs_pre_and_post``; all others get both from the runner. What the
    function raises stays the task's own error, also when a plugin's hook is on its way.

    Args:
        task: the template whose hooks are asked.
        func: the function, ``def`` or ``async def``.
        args: its positional arguments.
        kwargs: its named arguments.

    Returns:
        What ``post`` gives, or the function's result where that is None.

    Example:
        ``async def execute(self, *args, **kwargs): return await around(self, self.func, args, kwargs)``
    """
    hooks = current_registry.get().hooks_for(task)
    return await _with_pre_and_post(task, hooks, functools.partial(call, func, args, kwargs), args, kwargs)


async def _with_pre_and_post(
    task: TaskTemplate,
    hooks: TaskHooks,
    work: Callable[[], Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    data = await hooks.pre(task, args, kwargs) if hooks.has_pre else None
    context = ctx()
    if data and context is not None:
        with use_task_context(context.replace(data=data)):
            return await _work_and_post(task, hooks, work)
    return await _work_and_post(task, hooks, work)


async def _work_and_post(task: TaskTemplate, hooks: TaskHooks, work: Callable[[], Any]) -> Any:
    result = await work()
    if not hooks.has_post:
        return result
    replaced = await hooks.post(task, result)
    return result if replaced is None else replaced


def time_limit(task: TaskTemplate) -> float | None:
    """Give the seconds that one attempt of the task may take; None for no limit."""
    if not task.timeout:
        return None
    return timeout_from_request(task.timeout).runtime.total_seconds() or None


async def attempt(task: TaskTemplate, hooks: TaskHooks, kwargs: dict[str, Any]) -> Any:
    """Execute a task once.

    Raises:
        TaskTimeoutError: when it takes longer than its timeout.
    """
    # First, since a wrong timeout raises here, and a coroutine that was made by then would never be awaited.
    limit = time_limit(task)
    if task.runs_pre_and_post:
        work = hooks.execute(task, (), kwargs)
    else:
        work = _with_pre_and_post(task, hooks, lambda: hooks.execute(task, (), kwargs), (), kwargs)
    if limit is None:
        return await _contained(work)
    inner = asyncio.ensure_future(_contained(work))
    try:
        done, _ = await asyncio.wait({inner}, timeout=limit)
    except asyncio.CancelledError:
        await _cancel(inner)
        raise
    if not done:
        own = await _cancel(inner, TIME_IS_UP)
        if isinstance(own, TaskTimeoutError):
            # The task type knows more than how long it took, such as what a container printed.
            raise own
        raise TaskTimeoutError(f"task {task.name!r} ran longer than its timeout of {limit:g} s and was stopped")
    return inner.result()


async def _contained(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except SystemExit as e:
        # It would end the event loop, and with it every other task.
        raise RuntimeUserError("SystemExit", f"the task's code raised SystemExit: {e}") from e


async def _cancel(inner: asyncio.Future[Any], reason: str = "") -> BaseException | None:
    """Cancel the task's code, give it the chance to clean up, and give what it raised instead of being cancelled."""
    inner.cancel(reason)
    await asyncio.wait({inner})
    # Also read so that asyncio does not complain that an exception was never retrieved.
    return None if inner.cancelled() else inner.exception()
