"""run and with_runcontext: start a task from plain Python."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import attrs

from flyte_core._syncify import SyncAsync, run_coroutine
from flyte_core.errors import BaseRuntimeError, ClusterRequiredError, InvalidTypeError, PluginNotFoundError
from flyte_core.registry import TaskPluginRegistry
from flyte_core.runtime.executor import Executor, RunHandle, RunOptions
from flyte_core.runtime.failures import without_plumbing
from flyte_core.runtime.initialize import init_settings
from flyte_core.template import TaskTemplate
from flyte_core.types.convert import interface_codec

if TYPE_CHECKING:
    from pathlib import Path

    from flyteidl2.task import common_pb2

    from flyte_core.runtime.events import TaskEvent

__all__ = ["Run", "Runner", "run", "with_runcontext"]

R = TypeVar("R")

#: The mode that needs no plugin.
LOCAL = "local"

#: Modes of the reference that need a cluster.
_CLUSTER_MODES = ("remote", "hybrid")


@attrs.frozen(kw_only=True)
class Run(Generic[R]):
    """A run that has ended well.

    Args:
        name: the run's name.
        url: where the run's files are, or its page.
        literals: what the outputs are stored as, where the executor told.
    """

    name: str
    url: str
    _outputs: R = attrs.field(alias="outputs", repr=False)
    literals: common_pb2.Outputs | None = attrs.field(default=None, repr=False, eq=False)

    def outputs(self) -> R:
        """Give the outputs: None, one value, or a tuple with one for each declared output."""
        return self._outputs

    def wait(self, quiet: bool = False, wait_for: Literal["terminal", "running"] = "terminal") -> None:
        """Return at once: the run has ended before this object was made."""


class Runner:
    """Runs tasks with the options that it was made with; made by `with_runcontext`.

    Args:
        executor: name of the executor, ``local`` or one of the entry-point group ``flyte_core.executors``.
        options: how its runs are to go.
    """

    def __init__(self, executor: str, options: RunOptions) -> None:
        self._executor = executor
        self._options = options
        self.run: SyncAsync[..., Run[Any]] = SyncAsync(self._run)

    async def _run(self, task: TaskTemplate, /, *args: Any, **kwargs: Any) -> Run[Any]:
        """Run a task and wait for its end.

        Args:
            task: the template.
            *args: its inputs by position.
            **kwargs: its inputs by name.

        Returns:
            The run, with its outputs.

        Raises:
            InvalidTypeError: when ``task`` is no task.
            InputError: when inputs are missing, unknown or given twice.
            RuntimeUserError: when the task's code raised; the original exception is chained.
        """
        if not isinstance(task, TaskTemplate):
            raise InvalidTypeError("run()", "task", task, "a task, as @env.task makes it")
        executor = self._make_executor()
        inputs = interface_codec(task.native_interface, task.name).bind(args, kwargs, f"task {task.name!r}")
        stored: list[common_pb2.Outputs] = []
        handle = await executor.submit(task, inputs, attrs.evolve(self._options, on_outputs=stored.append))
        outputs = await _wait(executor, handle)
        return Run(name=handle.name, url=handle.url, outputs=outputs, literals=stored[-1] if stored else None)

    def _make_executor(self) -> Executor:
        if self._executor == LOCAL:
            from flyte_core.runtime.local import LocalExecutor

            return LocalExecutor()
        try:
            factory: Any = (self._options.registry or TaskPluginRegistry).load("executor", self._executor)
        except PluginNotFoundError as e:
            if self._executor in _CLUSTER_MODES:
                raise ClusterRequiredError(
                    f"mode {self._executor!r} needs a Flyte cluster, and no plugin provides such an executor "
                    f"(entry-point group flyte_core.executors); use mode='local'"
                ) from e
            raise
        executor = factory()
        if not isinstance(executor, Executor):
            raise InvalidTypeError(
                f"executor {self._executor!r}",
                "factory",
                factory,
                "something that makes an Executor: submit, wait, abort, logs",
            )
        return executor


async def _wait(executor: Executor, handle: RunHandle) -> Any:
    import asyncio

    try:
        return await executor.wait(handle)
    except asyncio.CancelledError:
        # The executor's own clean-up must not be cancelled along with the waiting.
        await asyncio.shield(executor.abort(handle, "the caller was cancelled"))
        raise


def with_runcontext(
    mode: str | None = None,
    *,
    name: str | None = None,
    service_account: str | None = None,
    version: str | None = None,
    copy_style: Literal["loaded_modules", "all", "none"] = "loaded_modules",
    dry_run: bool = False,
    copy_bundle_to: Path | None = None,
    interactive_mode: bool | None = None,
    raw_data_path: str | None = None,
    run_base_dir: str | None = None,
    overwrite_cache: bool = False,
    project: str | None = None,
    domain: str | None = None,
    env_vars: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    interruptible: bool | None = None,
    log_level: int | None = None,
    log_format: Literal["console", "json"] = "console",
    disable_run_cache: bool = False,
    queue: str | None = None,
    custom_context: dict[str, str] | None = None,
    cache_lookup_scope: Literal["global", "project-domain"] = "global",
    on_event: Callable[[TaskEvent], None] | None = None,
) -> Runner:
    """Give something that runs tasks with options.

    Arguments have the names of the Flyte SDK's; ``copy_style`` says which code goes into containers, and
    ``dry_run``, ``copy_bundle_to``, ``interactive_mode`` and ``cache_lookup_scope`` have nothing to act on.

    Args:
        mode: ``local``, or the name of an installed executor; default ``local``.
        name: the run's name; default a random one.
        service_account: service account for what the executor creates.
        version: version of the run's tasks.
        copy_style: which code a bundle holds.
        dry_run: whether only the bundle is made.
        copy_bundle_to: where the bundle is kept.
        interactive_mode: whether this is a notebook.
        raw_data_path: folder or URL for files and large values.
        run_base_dir: folder for what the run itself writes.
        overwrite_cache: whether cached results are computed anew.
        project: project of its actions; default that of `init`.
        domain: domain of its actions; default that of `init`.
        env_vars: environment variables for tasks in containers.
        labels: labels for what the executor creates.
        annotations: annotations for what the executor creates.
        interruptible: overrides the tasks' own setting.
        log_level: level of the logger ``flyte_core`` from now on.
        log_format: accepted for compatibility; an application formats its own log.
        disable_run_cache: whether the result cache is left alone.
        queue: overrides the tasks' own setting.
        custom_context: text by text key, given to every task of the run.
        cache_lookup_scope: where a cluster looks results up.
        on_event: called with each `flyte_core.runtime.TaskEvent`, from any thread.

    Returns:
        A `Runner`: ``runner.run(task, x=1)`` waits, ``await runner.run.aio(task, x=1)`` is its coroutine.

    Example:
        >>> from flyte_core import TaskEnvironment
        >>> env = TaskEnvironment("hello")
        >>> @env.task
        ... def greet(name: str) -> str:
        ...     return f"hello {name}"
        >>> with_runcontext(name="first").run(greet, name="you").outputs()
        'hello you'
    """
    if log_level is not None:
        from flyte_core._logging import logger

        logger.setLevel(log_level)
    settings = init_settings()
    options = RunOptions(
        name=name,
        project=project or settings.project,
        domain=domain or settings.domain,
        org=settings.org,
        version=version,
        raw_data_path=raw_data_path,
        run_base_dir=run_base_dir,
        overwrite_cache=overwrite_cache,
        disable_run_cache=disable_run_cache,
        custom_context=dict(custom_context or {}),
        env_vars=dict(env_vars or {}),
        labels=dict(labels or {}),
        annotations=dict(annotations or {}),
        interruptible=interruptible,
        queue=queue,
        service_account=service_account,
        copy_style=copy_style,
        on_event=on_event,
    )
    return Runner(mode or LOCAL, options)


class _RunFunction:
    """Run a task in this process and give the finished `Run`.

    ``run(task, x=1)`` waits; ``await run.aio(task, x=1)`` is the coroutine. Options: `with_runcontext`.

    Args:
        task: the template, as ``@env.task`` makes it.
        *args: its inputs by position.
        **kwargs: its inputs by name.

    Returns:
        The `Run`; ``outputs()`` gives None, one value, or a tuple with one for each declared output.

    Raises:
        InputError: (a ValueError) when inputs are missing, unknown or given twice.
        RuntimeUserError: when the task's code raised; the original exception is chained.

    Example:
        >>> from flyte_core import TaskEnvironment, run
        >>> env = TaskEnvironment("sums")
        >>> @env.task
        ... async def add(a: int, b: int) -> int:
        ...     return a + b
        >>> run(add, 1, b=2).outputs()
        3
    """

    __name__ = "run"

    def __call__(self, task: TaskTemplate, /, *args: Any, **kwargs: Any) -> Run[Any]:
        try:
            return run_coroutine(self.aio(task, *args, **kwargs))
        except BaseRuntimeError as e:
            # The event loop alone is a screenful, in front of the line that the user is looking for.
            raise e.with_traceback(without_plumbing(e.__traceback__))  # noqa: B904 - its own cause stays

    def aio(self, task: TaskTemplate, /, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Run[Any]]:
        """Give the coroutine of a run, for code that is asynchronous itself."""
        return with_runcontext().run.aio(task, *args, **kwargs)


run = _RunFunction()
