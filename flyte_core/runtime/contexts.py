"""What a task sets for the tasks that it calls: their group, and texts that travel with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flyte_core.context import ctx, use_task_context
from flyte_core.errors import InvalidTypeError
from flyte_core.models import GroupData

__all__ = ["custom_context", "get_custom_context", "group"]


@contextmanager
def group(name: str) -> Iterator[None]:
    """Show the tasks that are called inside the block under one name; outside of a task it does nothing.

    Args:
        name: the group's name.

    Raises:
        InvalidTypeError: the name is not a text.

    Example:
        >>> from flyte_core import TaskEnvironment, ctx, run
        >>> env = TaskEnvironment("grouped")
        >>> @env.task
        ... async def work() -> str:
        ...     with group("first half"):
        ...         return ctx().group_data.name
        >>> run(work).outputs()
        'first half'
    """
    if not isinstance(name, str):
        raise InvalidTypeError("group", "name", name, "a str")
    context = ctx()
    if context is None:
        yield
        return
    with use_task_context(context.replace(group_data=GroupData(name))):
        yield


@contextmanager
def custom_context(**context: str) -> Iterator[None]:
    """Give texts to the tasks called inside the block, and to those that they call.

    They are added to what the calling task has got itself. They are no part of a cache key. Outside of a task the
    block does nothing; there, `with_runcontext` takes a ``custom_context``.

    Args:
        **context: texts by name.

    Raises:
        InvalidTypeError: a value is not a text.

    Example:
        >>> from flyte_core import TaskEnvironment, run
        >>> env = TaskEnvironment("tagged")
        >>> @env.task
        ... async def child() -> str:
        ...     return get_custom_context()["owner"]
        >>> @env.task
        ... async def parent() -> str:
        ...     with custom_context(owner="ann"):
        ...         return await child()
        >>> run(parent).outputs()
        'ann'
    """
    for name, value in context.items():
        if not isinstance(value, str):
            raise InvalidTypeError("custom_context", name, value, "a str")
    task_context = ctx()
    if task_context is None:
        yield
        return
    with use_task_context(task_context.replace(custom_context={**task_context.custom_context, **context})):
        yield


def get_custom_context() -> dict[str, str]:
    """Give the texts that the running task was given; empty outside of a task.

    Returns:
        A copy; changing it changes nothing for the tasks that are called. See `custom_context`.

    Example:
        >>> get_custom_context()
        {}
    """
    context = ctx()
    return {} if context is None else dict(context.custom_context)
