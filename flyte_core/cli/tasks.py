"""Finding tasks in a user's module, by any of the names that they go by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from flyte_core.cli.failure import Failure
from flyte_core.environment import TaskEnvironment
from flyte_core.errors import near_misses
from flyte_core.template import TaskTemplate

__all__ = ["Task", "find_task", "function_name", "names_of", "tasks_of"]

Task = TaskTemplate[..., Any, Any]


def tasks_of(module: ModuleType) -> list[Task]:
    """List the tasks of a module: those of its environments, and those that stand in variables of it.

    Args:
        module: the module.

    Returns:
        Each task once, environments first, in the order in which the module has them.
    """
    found: dict[int, Task] = {}
    values = list(vars(module).values())
    for value in values:
        if isinstance(value, TaskEnvironment):
            found.update((id(task), task) for task in value.tasks.values())
    found.update((id(value), value) for value in values if isinstance(value, TaskTemplate))
    return list(found.values())


def find_task(module: ModuleType, name: str, target: str) -> Task:
    """Find a task by its variable, its full name, its function's name or its short name.

    Where one name means several tasks, the first of these four that has it decides.

    Args:
        module: where to look.
        name: what the user wrote.
        target: how the user named the module, for the messages.

    Returns:
        The task.

    Raises:
        Failure: with status 2 when no task has the name, with near misses and all tasks; or when several have it.
    """
    tasks = tasks_of(module)
    variable = vars(module).get(name)
    if isinstance(variable, TaskTemplate):
        return variable
    for matching in (
        [task for task in tasks if task.name == name],
        [task for task in tasks if function_name(task) == name],
        [task for task in tasks if task.short_name == name],
    ):
        if len(matching) == 1:
            return matching[0]
        if matching:
            names = " or ".join(sorted(task.name for task in matching))
            raise Failure(f"{target} has several tasks called {name!r}; write {names}")
    raise _unknown(module, tasks, name, target)


def function_name(task: Task) -> str | None:
    """Give the name of a task's function; None for a task without one."""
    name = getattr(getattr(task, "func", None), "__name__", None)
    return name if isinstance(name, str) else None


def names_of(module: ModuleType, tasks: Sequence[Task]) -> Iterator[str]:
    """Give every name by which `find_task` finds one of the tasks."""
    for task in tasks:
        yield task.name
        yield task.short_name
        name = function_name(task)
        if name:
            yield name
    for variable, value in vars(module).items():
        if isinstance(value, TaskTemplate):
            yield variable


def _unknown(module: ModuleType, tasks: Sequence[Task], name: str, target: str) -> Failure:
    if not tasks:
        return Failure(f"{target} has no tasks; declare one with @env.task of a TaskEnvironment")
    close = near_misses(name, names_of(module, tasks))
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    listed = ", ".join(task.name for task in tasks)
    return Failure(f"{target} has no task {name!r}{hint}", hint=f"Its tasks are: {listed}")
