"""One action inside its container: stored inputs in, stored outputs out; tasks that it calls run in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flyte_core.context import use_task_context
from flyte_core.errors import FlyteCoreError, RuntimeSystemError, RuntimeUserError, StorageError
from flyte_core.runtime.actions import attempt
from flyte_core.runtime.executor import RunHandle, RunOptions
from flyte_core.runtime.local import LocalAction, LocalController, current_action, home_loop, write_report
from flyte_core.types.convert import interface_codec
from flyte_core.types.variables import MISSING

if TYPE_CHECKING:
    from flyteidl2.core import literals_pb2
    from flyteidl2.task import common_pb2

    from flyte_core.models import PathRewrite, TaskContext
    from flyte_core.registry import Registry, TaskHooks
    from flyte_core.template import TaskTemplate

__all__ = ["ContainerController", "keep_files", "rewrite_paths", "stored_things"]


class ContainerController(LocalController):
    """Runs the task that a container was started for, and those that it calls.

    That task is tried once and not looked up in the cache: the platform that started the container does both. The
    tasks that it calls are actions as in a local run, with their own retries and cache.

    Args:
        context: the context of the container's task.
        registry: where plugins are looked up; default the process's own.
    """

    def __init__(self, context: TaskContext, registry: Registry | None = None) -> None:
        name = context.action.run_name or context.action.name
        options = RunOptions(name=name, registry=registry)
        super().__init__(options, RunHandle(name=name, url=context.run_base_dir.rstrip("/")))
        self._context = context

    async def run_stored(self, task: TaskTemplate, inputs: common_pb2.Inputs) -> common_pb2.Outputs:
        """Run the container's task.

        Args:
            task: the template.
            inputs: its inputs; one that has a default may be absent.

        Returns:
            Its outputs, or those by which a plugin replaced them.

        Raises:
            BaseRuntimeError: when the inputs do not fit, or the task failed.
            CancelledError: when this was cancelled; every coroutine and thread of the run has ended by then.
        """
        try:
            with use_task_context(self._context):
                values = await _decoded(task, inputs)
            result = await self.run_root(task, values)
        except asyncio.CancelledError:
            await self._wind_up()
            raise
        stored = self._root_outputs
        if stored is not None and stored[0] is result:
            return stored[1]
        with use_task_context(self._context):
            return await _encoded(task, result)

    async def _run_task(self, hooks: TaskHooks, task: TaskTemplate, inputs: Mapping[str, Any]) -> Any:
        if current_action.get() is not None:
            return await super()._run_task(hooks, task, inputs)
        action = LocalAction(task, self._context, None)
        started = time.monotonic()
        self._tell("started", action)
        tokens = (current_action.set(action), home_loop.set(asyncio.get_running_loop()))
        try:
            with use_task_context(self._context):
                value = await attempt(task, hooks, dict(inputs))
                self._root_outputs = value, await _encoded(task, value)
                await write_report(action)
        except Exception as e:  # whatever it is, the task has failed
            error = await self._failed(action, started, e)
            if error is e:
                raise
            raise error from error.__cause__
        finally:
            home_loop.reset(tokens[1])
            current_action.reset(tokens[0])
        self._tell("succeeded", action, seconds=time.monotonic() - started)
        return value

    async def _wind_up(self) -> None:
        """Let everything that belongs to a cancelled run clean up: its coroutines first, then its threads."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        while self._threads.busy:
            await asyncio.sleep(0.01)

    def _root_context(self) -> TaskContext:
        return self._context


async def _encoded(task: TaskTemplate, value: Any) -> common_pb2.Outputs:
    codec = interface_codec(task.native_interface, task.name)
    return await codec.aencode_outputs(value, task.name, limit=task.max_inline_io_bytes)


async def _decoded(task: TaskTemplate, inputs: common_pb2.Inputs) -> dict[str, Any]:
    """Give the inputs as Python values, defaults converted as those that were given."""
    codec = interface_codec(task.native_interface, task.name)
    there = {named.name for named in inputs.literals}
    try:
        for variable in codec.inputs:
            if variable.name not in there and variable.default is not MISSING:
                inputs.literals.add(name=variable.name).value.CopyFrom(variable.default_literal())
        return await codec.adecode_inputs(inputs)
    except FlyteCoreError as e:
        message = f"task {task.name!r}: its inputs cannot be read: {e}"
        if _is_of_storage(e):
            raise RuntimeSystemError(type(e).__name__, message) from e
        raise RuntimeUserError("DataValidationError", message) from e


def _is_of_storage(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, StorageError):
            return True
        error = error.__cause__
    return False


# ---- paths -----------------------------------------------------------------------------------------------


def rewrite_paths(inputs: common_pb2.Inputs, rewrite: PathRewrite) -> None:
    """Change the beginning of the path of every file, folder and frame among the inputs, also inside of others.

    Args:
        inputs: changed in place.
        rewrite: what is replaced, and by what.
    """
    for named in inputs.literals:
        for held in stored_things(named.value):
            if held.uri.startswith(rewrite.old_prefix):
                held.uri = rewrite.new_prefix + held.uri[len(rewrite.old_prefix) :]


def stored_things(literal: literals_pb2.Literal) -> Iterator[literals_pb2.Blob | literals_pb2.StructuredDataset]:
    """Give every file, folder and frame of a value, also those inside of others; what is changed is the value's.

    Args:
        literal: the value.
    """
    kind = literal.WhichOneof("value")
    if kind == "collection":
        for item in literal.collection.literals:
            yield from stored_things(item)
    elif kind == "map":
        for item in literal.map.literals.values():
            yield from stored_things(item)
    elif kind == "scalar":
        scalar = literal.scalar
        what = scalar.WhichOneof("value")
        if what == "union":
            yield from stored_things(scalar.union.value)
        elif what == "blob":
            yield scalar.blob
        elif what == "structured_dataset":
            yield scalar.structured_dataset


async def keep_files(
    literals: Iterable[common_pb2.NamedLiteral], context: TaskContext, known: Collection[str] = ()
) -> None:
    """Copy what values refer to in this container's own file system to where the task's files go.

    Args:
        literals: the values; changed in place.
        context: of the task, whose run's folders outlive the container.
        known: paths that others see too, as the inputs' are.
    """
    from flyte_core import storage

    urls = (context.run_base_dir, context.raw_data_path.path, *known)
    outliving = [storage.local_path(url) for url in urls if url and not storage.is_remote(url)]
    for held in [held for named in literals for held in stored_things(named.value)]:
        if not held.uri or storage.is_remote(held.uri):
            continue
        path = storage.local_path(held.uri)
        if path.exists() and not any(path.is_relative_to(folder) for folder in outliving):
            with use_task_context(context):
                held.uri = str(await storage.put(path, recursive=path.is_dir()))
