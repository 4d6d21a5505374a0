"""Running one task with a display of its progress, and saying what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyte_core.cli.events import Tally
from flyte_core.cli.failure import CANCELLED, FAILED, USAGE, Failure
from flyte_core.cli.progress import Progress
from flyte_core.cli.settings import read_settings
from flyte_core.cli.tracebacks import user_traceback
from flyte_core.errors import BaseRuntimeError, FlyteCoreError, PluginError, PluginNotFoundError

if TYPE_CHECKING:
    from flyte_core.cli.tasks import Task
    from flyte_core.runtime import Run

__all__ = ["execute", "task_failure"]


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
    tally = Tally()
    runner = with_runcontext(
        choices["on"],
        project=settings.project.value,
        domain=settings.domain.value,
        overwrite_cache=choices["overwrite_cache"],
        disable_run_cache=choices["no_cache"],
        on_event=tally,
    )
    try:
        with Progress(tally):
            return runner.run(task, **inputs)
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        raise Failure("cancelled", status=CANCELLED, kind="cancelled", code="Cancelled", task=task.name) from error
    except Exception as error:
        raise task_failure(task.name, error, whole=choices["debug"]) from error


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
