"""The local runner: tasks in this process, with the conversions, caching and retries that they meet remotely."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import contextvars
import functools
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.context import ctx, use_controller, use_task_context
from flyte_core.errors import ReferenceTaskError, RunAbortedError, TypeTransformerFailedError
from flyte_core.models import (
    ActionID,
    Checkpoints,
    RawDataPath,
    TaskContext,
    generate_random_name,
    retry_from_request,
)
from flyte_core.registry import TaskPluginRegistry
from flyte_core.report import Report
from flyte_core.runtime.actions import current_registry, current_threads
from flyte_core.runtime.attempts import AttemptRunner, in_this_process
from flyte_core.runtime.events import EventKind, TaskEvent
from flyte_core.runtime.executor import RunHandle, RunOptions
from flyte_core.runtime.failures import as_task_error, is_retryable
from flyte_core.runtime.results import RunResults
from flyte_core.runtime.threads import WorkerThreads
from flyte_core.types.convert import interface_codec

if TYPE_CHECKING:
    from flyteidl2.task import common_pb2

    from flyte_core.registry import TaskHooks
    from flyte_core.runtime.tracing import TraceRecord
    from flyte_core.template import TaskTemplate
    from flyte_core.types.convert import InterfaceCodec

__all__ = [
    "LocalAction",
    "LocalController",
    "LocalExecutor",
    "current_action",
    "encode_inputs",
    "home_loop",
    "runs_folder",
    "write_report",
]

#: Name of a run's first action, as on a cluster.
ROOT_ACTION = "a0"

#: How many tasks of synchronous callers may wait for the event loop to start them.
_STARTS_AT_ONCE = 64

#: How many events a run keeps for `LocalExecutor.logs`.
_KEPT_EVENTS = 10_000


@attrs.define(eq=False)
class LocalAction:
    """One call of one task while it goes on."""

    task: TaskTemplate
    context: TaskContext
    parent: LocalAction | None
    # How many equal calls this action has made, so that each gets a name of its own.
    calls: collections.Counter[tuple[str, str, str | None]] = attrs.field(factory=collections.Counter)


#: The action that the calling code is part of, and the event loop that its run goes on in.
current_action: ContextVar[LocalAction | None] = ContextVar("flyte_core_action", default=None)
home_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("flyte_core_loop", default=None)


class _SyncFuture(concurrent.futures.Future[Any]):
    """A future whose ``result()`` lets another worker thread run while it waits."""

    def __init__(self, threads: WorkerThreads) -> None:
        super().__init__()
        self._flyte_core_threads = threads

    def result(self, timeout: float | None = None) -> Any:
        if self.done():
            return super().result(timeout)
        with self._flyte_core_threads.waiting():
            return super().result(timeout)


class LocalController:
    """Runs the tasks of one run, orchestrated by this process.

    Args:
        options: the run's options.
        handle: the run's name and folder.
        execute: executes one attempt of an action; default in this process.
    """

    def __init__(self, options: RunOptions, handle: RunHandle, execute: AttemptRunner = in_this_process) -> None:
        self._execute = execute
        self.registry = options.registry if options.registry is not None else TaskPluginRegistry
        self.handle = handle
        self.events: collections.deque[TaskEvent] = collections.deque(maxlen=_KEPT_EVENTS)
        self.event_count = 0
        self.traces: list[TraceRecord] = []
        self._options = options
        self._threads = WorkerThreads()
        self._starting = threading.Semaphore(_STARTS_AT_ONCE)
        self._results = RunResults(enabled=not options.disable_run_cache, overwrite=options.overwrite_cache)
        # The root action's outputs: what its callers see, and as what they are stored.
        self._root_outputs: tuple[Any, common_pb2.Outputs] | None = None

    # ---- the Controller protocol ---------------------------------------------------------------------

    async def submit(self, task: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a task as a child of the calling one."""
        if task.ref:
            raise ReferenceTaskError(f"task {task.name!r} is a reference to a task on a cluster; it cannot run locally")
        hooks = self.registry.hooks_for(task)
        codec = interface_codec(task.native_interface, task.name)
        inputs = codec.bind(args, kwargs, f"task {task.name!r}")
        core = functools.partial(self._run_task, hooks)
        run = hooks.wrap("run_task", core)
        # Only a plugin in between needs to see the defaults; the codec keeps theirs converted.
        return await run(task, inputs if run is core else codec.with_defaults(inputs))

    def submit_sync(
        self, task: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> concurrent.futures.Future[Any]:
        """Start a task as a child of the calling one, and give a future to wait for."""
        future = _SyncFuture(self._threads)
        context = contextvars.copy_context()
        home = home_loop.get()
        if home is not None and home.is_running() and asyncio._get_running_loop() is not home:

            def start() -> None:
                self._starting.release()
                if not future.cancelled():
                    _settle(future, home.create_task(self.submit(task, args, kwargs)))

            # A thread that maps over thousands must not fill the loop's queue in front of everything else.
            self._starting.acquire()
            home.call_soon_threadsafe(start, context=context)
            return future

        # The caller is the event loop itself and will block it, so the child gets a loop of its own.
        def work() -> None:
            try:
                future.set_result(context.run(asyncio.run, self.submit(task, args, kwargs)))
            except BaseException as e:  # handed to the thread that waits
                future.set_exception(e)

        threading.Thread(target=work, name="flyte_core-nested-run", daemon=True).start()
        return future

    async def submit_stored(self, task: TaskTemplate, inputs: common_pb2.Inputs) -> common_pb2.Outputs:
        """Run a task as a child of the calling one, with inputs and outputs as they are stored.

        Args:
            task: the template.
            inputs: its inputs as a message, defaults among them.
        """
        parent = current_action.get()
        assert parent is not None, "only tasks call with stored inputs"
        hooks = self.registry.hooks_for(task)
        codec = interface_codec(task.native_interface, task.name)
        core = functools.partial(self._run_task, hooks)
        run = hooks.wrap("run_task", core)
        if run is core:
            action = self._new_action(task, parent, inputs.SerializeToString(deterministic=True))
            return (await self._run_action(action, hooks, codec, inputs, decoded=False))[1]
        # A plugin in between wants to see values.
        value = await run(task, await codec.adecode_inputs(inputs))
        return await codec.aencode_outputs(value, task.name, limit=task.max_inline_io_bytes)

    def record_trace(self, record: TraceRecord) -> None:
        """Keep what a traced function did."""
        self.traces.append(record)

    # ---- one action -------------------------------------------------------------------------------------

    async def run_root(self, task: TaskTemplate, inputs: Mapping[str, Any]) -> Any:
        """Run the first task of the run."""
        tokens = (current_registry.set(self.registry), current_threads.set(self._threads))
        try:
            with use_controller(self):
                value = await self.submit(task, (), dict(inputs))
            self._tell_outputs(value)
            return value
        except asyncio.CancelledError:
            # At once: until the event loop has cancelled thousands of tasks, the threads would have started them.
            self._threads.stop()
            raise
        finally:
            current_threads.reset(tokens[1])
            current_registry.reset(tokens[0])
            self._results.close()

    async def _run_task(self, hooks: TaskHooks, task: TaskTemplate, inputs: Mapping[str, Any]) -> Any:
        """Round one action: the core's implementation of the hook ``run_task``."""
        codec = interface_codec(task.native_interface, task.name)
        parent = current_action.get()
        if parent is None:
            action = LocalAction(task, self._root_context(), None)
            # What a caller outside of any task gives is stored with the run's own data.
            with use_task_context(action.context):
                message = await encode_inputs(codec, task, inputs)
        else:
            message = await encode_inputs(codec, task, inputs)
            action = self._new_action(task, parent, message.SerializeToString(deterministic=True))
        value, outputs = await self._run_action(action, hooks, codec, message)
        if parent is None:
            self._root_outputs = value, outputs
        return value

    async def _run_action(
        self,
        action: LocalAction,
        hooks: TaskHooks,
        codec: InterfaceCodec,
        message: common_pb2.Inputs,
        *,
        decoded: bool = True,
    ) -> tuple[Any, common_pb2.Outputs]:
        """Give an action's outputs, as the value too where that is wanted."""
        started = time.monotonic()
        self._tell("started", action)
        tokens = (current_action.set(action), home_loop.set(asyncio.get_running_loop()))
        value = None
        try:
            with use_task_context(action.context):
                outputs, cached = await self._results.lookup_or_run(
                    action.task, message, lambda: self._attempts(action, hooks, codec, message)
                )
                if decoded:
                    value = codec.decode_outputs(outputs) if codec.is_sync else await codec.adecode_outputs(outputs)
                await write_report(action)
        except Exception as e:  # whatever it is, the task has failed
            error = await self._failed(action, started, e)
            if error is e:
                raise
            raise error from error.__cause__
        finally:
            home_loop.reset(tokens[1])
            current_action.reset(tokens[0])
        self._tell("cached" if cached else "succeeded", action, seconds=time.monotonic() - started)
        return value, outputs

    async def _failed(self, action: LocalAction, started: float, e: Exception) -> Exception:
        """Write the report of an action that failed, tell of it, and give the error that is the task's."""
        await write_report(action)
        error = as_task_error(e, action.task.name)
        self._tell("failed", action, seconds=time.monotonic() - started, error=error)
        return error

    def _tell_outputs(self, value: Any) -> None:
        stored = self._root_outputs
        # A plugin round the task may have given something else, which nobody has stored.
        if self._options.on_outputs is not None and stored is not None and stored[0] is value:
            self._options.on_outputs(stored[1])

    async def _attempts(self, action: LocalAction, hooks: TaskHooks, codec: InterfaceCodec, message: Any) -> Any:
        """Execute the task until it succeeds or has no retries left; give the outputs as a message."""
        task = action.task
        retries = retry_from_request(task.retries)
        for number in range(1, retries.count + 2):
            try:
                return await self._execute(action, hooks, codec, message, number)
            except Exception as e:  # whatever it is, another attempt may do without
                error = as_task_error(e, task.name)
                if number > retries.count or not is_retryable(error):
                    raise error from error.__cause__
                self._tell("retrying", action, attempt=number, error=error)
            await asyncio.sleep(retries.delay(number - 1))
        raise AssertionError("the last attempt returns or raises")

    def _new_action(self, task: TaskTemplate, parent: LocalAction, inputs: bytes) -> LocalAction:
        above = ctx() or parent.context
        group = above.group_data.name if above.group_data is not None else None
        digest = _digest(inputs)
        key = (task.name, digest, group)
        sequence = parent.calls[key]
        parent.calls[key] += 1
        identity = above.action.new_sub_action_from(sequence, task.name, digest, group)
        changes: dict[str, Any] = {
            "action": identity,
            "output_path": f"{self.handle.url}/{identity.name}",
            "report": Report(task.short_name),
            "group_data": None,
        }
        hooks = self.registry.hooks_for(parent.task)
        if hooks.has_child_context:
            changes["custom_context"] = {**above.custom_context, **hooks.child_context(parent.task)}
        context = above.replace(**changes)
        # What plugins kept for the calling action is none of the child's business.
        context.__dict__["data"] = {}
        return LocalAction(task, context, parent)

    def _root_context(self) -> TaskContext:
        options, base = self._options, self.handle.url
        raw_data = options.raw_data_path or f"{base}/raw_data"
        return TaskContext(
            action=ActionID(
                name=ROOT_ACTION,
                run_name=self.handle.name,
                project=options.project,
                domain=options.domain,
                org=options.org,
            ),
            version=options.version or "na",
            raw_data_path=RawDataPath(path=raw_data),
            output_path=f"{base}/{ROOT_ACTION}",
            run_base_dir=base,
            report=Report(ROOT_ACTION),
            checkpoints=Checkpoints(prev_checkpoint_path=raw_data, checkpoint_path=raw_data),
            mode="local",
            custom_context=dict(options.custom_context),
        )

    def _tell(
        self,
        kind: EventKind,
        action: LocalAction,
        *,
        attempt: int = 1,
        seconds: float | None = None,
        error: BaseException | None = None,
    ) -> None:
        event = TaskEvent(
            kind=kind,
            task=action.task.name,
            short_name=action.task.short_name,
            action=action.context.action.name,
            parent=action.parent.context.action.name if action.parent is not None else None,
            attempt=attempt,
            seconds=seconds,
            error=error,
        )
        self.events.append(event)
        self.event_count += 1
        if self._options.on_event is not None:
            self._options.on_event(event)


async def encode_inputs(codec: InterfaceCodec, task: TaskTemplate, inputs: Mapping[str, Any]) -> common_pb2.Inputs:
    """Give the inputs of a call as a message."""
    limit = task.max_inline_io_bytes
    try:
        if codec.is_sync:
            return codec.encode_inputs((), inputs, limit=limit)
        return await codec.aencode_inputs((), inputs, limit=limit)
    except TypeTransformerFailedError as e:
        raise TypeTransformerFailedError(f"task {task.name!r}, {e}") from e


def runs_folder() -> Path:
    """Give the user's own folder for runs without a ``run_base_dir``; nothing in it is ever removed.

    Another user's must neither be in the way nor readable, so it has the user's name.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    return Path(tempfile.gettempdir()) / f"flyte_core-{user}" / "runs"


async def write_report(action: LocalAction) -> None:
    """Write the report of a task that has one, also when it failed: that is when it is wanted most."""
    report = action.context.report
    if action.task.report and report.has_content:
        from flyte_core.report import flush

        with use_task_context(action.context):
            await flush.aio()


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def _settle(future: concurrent.futures.Future[Any], task: asyncio.Task[Any]) -> None:
    """Hand the task's end over to the future, and the future's cancellation to the task."""
    loop = task.get_loop()

    def finish(done: asyncio.Task[Any]) -> None:
        if not future.set_running_or_notify_cancel():
            if not done.cancelled():
                # Read, so that asyncio does not complain that an exception was never retrieved.
                done.exception()
        elif done.cancelled():
            future.set_exception(asyncio.CancelledError())
        elif (error := done.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result())

    def pass_on(ended: concurrent.futures.Future[Any]) -> None:
        if ended.cancelled() and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)

    task.add_done_callback(finish)
    future.add_done_callback(pass_on)


@attrs.define(eq=False)
class _LocalRun:
    controller: LocalController
    work: asyncio.Task[Any]
    abort_reason: str | None = None


class LocalExecutor:
    """Runs tasks in this process; the executor that ``run`` uses unless told otherwise.

    Executors whose runs this process orchestrates derive from it and have a `make_controller` of their own.

    Example:
        See `flyte_core.runtime.Executor`.
    """

    def __init__(self) -> None:
        self._runs: dict[str, _LocalRun] = {}

    async def submit(self, task: TaskTemplate, inputs: Mapping[str, Any], options: RunOptions) -> RunHandle:
        """Start a run in the running event loop."""
        name = options.name or f"r{generate_random_name().replace('-', '')[:19]}"
        base = options.run_base_dir or str(runs_folder() / name)
        handle = RunHandle(name=name, url=base)
        controller = self.make_controller(options, handle)
        work = asyncio.ensure_future(controller.run_root(task, inputs))
        self._runs[name] = _LocalRun(controller, work)
        return handle

    def make_controller(self, options: RunOptions, handle: RunHandle) -> LocalController:
        """Make the controller of a run."""
        return LocalController(options, handle)

    async def wait(self, run: RunHandle) -> Any:
        """Wait for the run's end; when the waiting is cancelled, so is the run."""
        state = self._runs[run.name]
        try:
            return await state.work
        except asyncio.CancelledError:
            if state.abort_reason is not None:
                raise RunAbortedError(f"run {run.name!r} was aborted: {state.abort_reason}") from None
            raise
        finally:
            self._runs.pop(run.name, None)

    async def abort(self, run: RunHandle, reason: str) -> None:
        """Cancel the run's tasks; coroutines see ``CancelledError``, worker threads are interrupted."""
        state = self._runs.get(run.name)
        if state is not None and not state.work.done():
            state.abort_reason = reason
            state.work.cancel()

    async def logs(self, run: RunHandle) -> AsyncIterator[str]:
        """Give a line for each event of the run; those older than the last 10,000 are left out."""
        state = self._runs.get(run.name)
        if state is None:
            return
        controller, told = state.controller, 0
        while True:
            finished = state.work.done()
            new = controller.event_count - told
            for event in list(controller.events)[-new:] if new else []:
                yield str(event)
            told += new
            if finished:
                return
            await asyncio.wait({state.work}, timeout=0.05)
