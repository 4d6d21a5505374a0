"""The context of a running task, and the controller that runs the tasks it calls.

Both live in context variables, so they follow coroutines and worker threads without being passed along.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import concurrent.futures

    from flyte_core.models import TaskContext
    from flyte_core.template import TaskTemplate

__all__ = ["Controller", "ctx", "current_controller", "use_controller", "use_task_context"]


class Controller(Protocol):
    """Runs the tasks that a running task calls.

    A run puts its controller into the context; `TaskTemplate.__call__` finds it there. Without one, a call of a task
    is a call of its function.
    """

    def submit(self, task: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[Any]:
        """Run a task and give its outputs as Python values; nothing starts until the result is awaited."""
        ...

    def submit_sync(
        self, task: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> concurrent.futures.Future[Any]:
        """Start a task at once and give a future whose ``result()`` may be waited for on the calling thread."""
        ...


_task_context: ContextVar[TaskContext | None] = ContextVar("flyte_core_task_context", default=None)
_controller: ContextVar[Controller | None] = ContextVar("flyte_core_controller", default=None)


def ctx() -> TaskContext | None:
    """Give the context of the task that is running, or None outside of one.

    Example:
        >>> ctx() is None
        True
    """
    return _task_context.get()


def current_controller() -> Controller | None:
    """Give the controller of the run that the calling code is part of, or None outside of one."""
    return _controller.get()


@contextmanager
def use_task_context(value: TaskContext | None) -> Iterator[TaskContext | None]:
    """Make ``value`` what `ctx` gives inside the block."""
    token = _task_context.set(value)
    try:
        yield value
    finally:
        _task_context.reset(token)


@contextmanager
def use_controller(value: Controller | None) -> Iterator[None]:
    """Make ``value`` what `current_controller` gives inside the block."""
    token = _controller.set(value)
    try:
        yield
    finally:
        _controller.reset(token)
