"""Running one task with a display of its progress, and saying what went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flyte_core.cli.console import is_terminal
from flyte_core.cli.events import Tally
from flyte_core.cli.failure import CANCELLED, FAILED, USAGE, Failure
from flyte_core.cli.progress import Progress
from flyte_core.cli.settings import read_settings
from flyte_core.cli.tracebacks import user_traceback
from flyte_core.errors import BaseRuntimeError, FlyteCoreError, PluginError, PluginNotFoundError

if TYPE_CHECKING:
    from flyte_core.cli.tasks import Task
    from flyte_core.runtime import Run, TaskEvent

__all__ = ["execute", "explanation", "task_failure"]


def execute(task: Task, inputs: Mapping[str, Any], choices: Mapping[str, Any]) -> Run[Any]:
    """Run a task and wait for it.

    Args:
        task: the task.
        inputs: value by input name.
        choices: the options of ``flyte-core run``.

    Returns:
        The run that has ended.

    Raises:
        Failure: with status 1 when the run failed, 2 when its settings or executor cannot be used, 130 when it was
            cancelled.
    """
    from flyte_core.runtime import with_runcontext

    settings = read_settings(project=choices["project"], domain=choices["domain"])
    _check_executor(choices["on"])
    on_event, progress = _display(choices["on"])
    runner = with_runcontext(
        choices["on"],
        project=settings.project.value,
        domain=settings.domain.value,
        overwrite_cache=choices["overwrite_cache"],
        disable_run_cache=choices["no_cache"],
        on_event=on_event,
    )
    with _told(task, debug=choices["debug"]), progress:
        return runner.run(task, **inputs)


def _display(executor: str) -> tuple[Callable[[TaskEvent], None], Progress]:
    """Give what takes a run's events, and what shows them: counts for tasks of this process, else a tree."""
    if executor == "local":
        tally = Tally()
        return tally, Progress(tally)
    import functools

    from flyte_core.cli.tree import TaskTree, draw_tree, tell

    tree = TaskTree()
    # Where nothing moves, each event is a line.
    on_event = tree if is_terminal(sys.stderr) else tell
    return on_event, Progress(drawn=functools.partial(draw_tree, tree))


def explanation(task: Task, inputs: Mapping[str, Any], *, debug: bool) -> str:
    """Have a task say how it would do its work.

    Args:
        task: the task; one of a type that can explain itself has ``async def explain(self, **inputs) -> str``.
        inputs: value by input name.
        debug: whether a failure shows the framework's frames too.

    Returns:
        The text, such as the plan of a query.

    Raises:
        Failure: with status 2 when the task's type has nothing to explain; else as `execute`.
    """
    from flyte_core._syncify import run_coroutine

    explain = getattr(task, "explain", None)
    if explain is None:
        message = f"--explain: a task of type {task.task_type!r} has no plan to show"
        raise Failure(message, status=USAGE, kind="usage", task=task.name)
    with _told(task, debug=debug):
        text: str = run_coroutine(explain(**inputs))
    return text


@contextlib.contextmanager
def _told(task: Task, *, debug: bool) -> Iterator[None]:
    """Make a `Failure` of whatever ends the work of a task."""
    try:
        yield
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        raise Failure("cancelled", status=CANCELLED, kind="cancelled", code="Cancelled", task=task.name) from error
    except Exception as error:
        raise task_failure(task.name, error, whole=debug) from error


def _check_executor(name: str) -> None:
    """Load the executor beforehand, so that a wrong name is told from a run that failed."""
    if name == "local":
        return
    from flyte_core.registry import TaskPluginRegistry

    try:
        TaskPluginRegistry.load("executor", name)
    except PluginError as error:
        status = USAGE if isinstance(error, PluginNotFoundError) else FAILED
        kind = "usage" if status == USAGE else "system"
        raise Failure(f"--on {name}: {error}", status=status, kind=kind, code=type(error).__name__) from error


def task_failure(task: str, error: Exception, *, whole: bool = False) -> Failure:
    """Describe what ended a run.

    Args:
        task: the task's full name.
        error: what the run raised.
        whole: whether the framework's frames are shown too.

    Returns:
        A failure with the traceback of the user's own code, where that is what failed.
    """
    kind, code = "unknown", type(error).__name__
    cause: BaseException | None = error
    if isinstance(error, BaseRuntimeError):
        kind, code, cause = error.kind, error.code, error.__cause__
    elif isinstance(error, FlyteCoreError):
        kind, cause = "system", error.__cause__
    else:
        whole = True  # nobody expected it, so every frame may matter
    text = user_traceback(error if whole else cause, whole=whole)
    message = str(error)
    if task not in message:  # a storage, say, knows nothing of tasks
        message = f"task {task!r}: {message}"
    return Failure(message, status=FAILED, kind=kind, code=code, task=task, traceback=text)
