"""The public protocol of executors: what can run a task somewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import attrs

if TYPE_CHECKING:
    from flyteidl2.task import common_pb2

    from flyte_core.registry import Registry
    from flyte_core.runtime.events import TaskEvent
    from flyte_core.template import TaskTemplate

__all__ = ["Executor", "RunHandle", "RunOptions"]


@attrs.frozen(kw_only=True)
class RunOptions:
    """How a run is to go; what an executor has no use for it ignores.

    Args:
        name: the run's name; default a random one.
        project: project of its actions.
        domain: domain of its actions.
        org: organisation of its actions.
        version: version of its tasks; default ``"na"``, as locally there is none.
        raw_data_path: folder or URL for files and large values; default inside the run's own folder.
        run_base_dir: folder for what the run itself writes; default a new temporary one.
        overwrite_cache: whether cached results are computed anew and stored again.
        disable_run_cache: whether the result cache is left alone, reading and writing.
        custom_context: text by text key, given to every task of the run.
        env_vars: environment variables for tasks that run in containers.
        labels: labels for what the executor creates.
        annotations: annotations for what the executor creates.
        interruptible: overrides the tasks' own setting.
        queue: overrides the tasks' own setting.
        service_account: service account for what the executor creates.
        copy_style: which code a bundle holds, where the executor makes one: ``loaded_modules``, ``all`` or ``none``.
        on_event: called with each `TaskEvent`, from any thread; what it raises ends the run.
        on_outputs: called with the literals that the run's outputs are stored as, before the run ends well; never by
            an executor that has none at hand, nor when a plugin replaced the outputs.
        registry: where plugins are looked up; default the process's own.
    """

    name: str | None = None
    project: str | None = None
    domain: str | None = None
    org: str | None = None
    version: str | None = None
    raw_data_path: str | None = None
    run_base_dir: str | None = None
    overwrite_cache: bool = False
    disable_run_cache: bool = False
    custom_context: Mapping[str, str] = attrs.field(factory=dict)
    env_vars: Mapping[str, str] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    annotations: Mapping[str, str] = attrs.field(factory=dict)
    interruptible: bool | None = None
    queue: str | None = None
    service_account: str | None = None
    copy_style: Literal["loaded_modules", "all", "none"] = "loaded_modules"
    on_event: Callable[[TaskEvent], None] | None = None
    on_outputs: Callable[[common_pb2.Outputs], None] | None = None
    registry: Registry | None = None


@attrs.frozen(kw_only=True)
class RunHandle:
    """Names a run to the executor that started it.

    Args:
        name: the run's name.
        url: where people find it: a folder, or a page.
    """

    name: str
    url: str


@runtime_checkable
class Executor(Protocol):
    """Runs tasks somewhere; entry-point group ``flyte_core.executors`` names a class or factory without arguments.

    Example:
        >>> import asyncio
        >>> from flyte_core import TaskEnvironment
        >>> from flyte_core.runtime import LocalExecutor, RunOptions
        >>> env = TaskEnvironment("hello")
        >>> @env.task
        ... async def greet(name: str) -> str:
        ...     return f"hello {name}"
        >>> async def main():
        ...     executor = LocalExecutor()
        ...     handle = await executor.submit(greet, {"name": "you"}, RunOptions())
        ...     return await executor.wait(handle)
        >>> asyncio.run(main())
        'hello you'
    """

    async def submit(self, task: TaskTemplate, inputs: Mapping[str, Any], options: RunOptions) -> RunHandle:
        """Start a run of ``task`` and give its handle; the run goes on by itself."""
        ...

    async def wait(self, run: RunHandle) -> Any:
        """Wait for the run's end and give its outputs, or raise the task's error."""
        ...

    async def abort(self, run: RunHandle, reason: str) -> None:
        """End the run; waiting for it then raises `flyte_core.errors.RunAbortedError`. An ended run is left alone."""
        ...

    def logs(self, run: RunHandle) -> AsyncIterator[str]:
        """Give the run's log, line by line, until it ends."""
        ...
