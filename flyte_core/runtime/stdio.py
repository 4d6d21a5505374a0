"""The controller of a container whose task's calls are run by the process that started the container."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyte_core.context import ctx
from flyte_core.errors import RuntimeSystemError
from flyte_core.runtime.changes import changes_of
from flyte_core.runtime.container import ContainerController, keep_files, stored_things
from flyte_core.runtime.declared import declared
from flyte_core.runtime.documents import ErrorReport
from flyte_core.runtime.local import current_action, encode_inputs
from flyte_core.runtime.resolver import RESOLVER_PATH
from flyte_core.types.convert import interface_codec

if TYPE_CHECKING:
    from flyteidl2.task import common_pb2

    from flyte_core.models import TaskContext
    from flyte_core.registry import Registry
    from flyte_core.runtime.channel import StdioChannel
    from flyte_core.template import TaskTemplate

__all__ = ["StdioController"]


class StdioController(ContainerController):
    """Runs the container's task here, and sends the tasks that it calls to whoever started the container.

    A task that the other side could not find, such as one that was made inside a function, runs in this process.

    Args:
        context: the context of the container's task.
        channel: the way to the other side.
        root_dir: the folder that modules are imported from.
        by_name: whether the code came as a pickle, so that tasks go by their names.
        registry: where plugins are looked up; default the process's own.
    """

    def __init__(
        self,
        context: TaskContext,
        channel: StdioChannel,
        *,
        root_dir: Path,
        by_name: bool = False,
        registry: Registry | None = None,
    ) -> None:
        super().__init__(context, registry)
        self._channel, self._root_dir, self._by_name = channel, root_dir, by_name
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, concurrent.futures.Future[tuple[bool, bytes]]] = {}
        self._places: dict[int, tuple[TaskTemplate, dict[str, Any] | None]] = {}
        # Files that are not this container's alone.
        self._seen: set[str] = set()
        self._gone = False
        channel.listen(self._take, self._ended)

    async def submit(self, task: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Have a task run as a child of the calling one."""
        codec = interface_codec(task.native_interface, task.name)
        if current_action.get() is None:
            # The container's own task; plugins have been asked round it on the other side.
            given = codec.bind(args, kwargs, f"task {task.name!r}")
            return await self._run_task(self.registry.hooks_for(task), task, given)
        call = None if task.ref else self._call(task)
        if call is None:
            return await super().submit(task, args, kwargs)
        given = codec.bind(args, kwargs, f"task {task.name!r}")
        inputs = await encode_inputs(codec, task, given)
        await keep_files(inputs.literals, self._context, self._seen)
        outputs = await self._answer(call, inputs.SerializeToString(deterministic=True))
        from flyteidl2.task import common_pb2

        message = common_pb2.Outputs.FromString(outputs)
        self._seen.update(held.uri for named in message.literals for held in stored_things(named.value))
        return await codec.adecode_outputs(message)

    async def run_stored(self, task: TaskTemplate, inputs: common_pb2.Inputs) -> common_pb2.Outputs:
        """Run the container's task; what its outputs refer to outlives the container."""
        self._seen.update(held.uri for named in inputs.literals for held in stored_things(named.value))
        outputs = await super().run_stored(task, inputs)
        await keep_files(outputs.literals, self._context, self._seen)
        return outputs

    # ---- a call -----------------------------------------------------------------------------------------

    def _call(self, task: TaskTemplate) -> dict[str, Any] | None:
        """Say which task is called, and in what context; None for a task that nobody else finds."""
        known = self._places.get(id(task))
        if known is None or known[0] is not task:
            known = self._places[id(task)] = (task, self._place(task))
        place = known[1]
        if place is None:
            return None
        context = ctx()
        assert context is not None, "a task is running"
        group = context.group_data.name if context.group_data is not None else None
        return {**place, "group": group, "context": context.custom_context}

    def _place(self, task: TaskTemplate) -> dict[str, Any] | None:
        if self._by_name:
            return {"name": task.name}
        found = declared(task, self._root_dir)
        if found is None:
            return None
        args = ["mod", found.module, "instance", found.name]
        place: dict[str, Any] = {"name": task.name, "resolver": RESOLVER_PATH, "args": args}
        changes = changes_of(task, found.task)
        return {**place, "changes": changes} if changes else place

    async def _answer(self, call: dict[str, Any], inputs: bytes) -> bytes:
        number = next(self._numbers)
        future: concurrent.futures.Future[tuple[bool, bytes]] = concurrent.futures.Future()
        with self._lock:
            if self._gone:
                raise _controller_gone()
            self._waiting[number] = future
        try:
            # Not in a thread, where a cancellation could overtake the call.
            self._channel.send({"call": number, **call}, inputs)
            succeeded, data = await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            self._channel.send({"cancel": number})
            raise
        finally:
            with self._lock:
                self._waiting.pop(number, None)
        if not succeeded:
            raise ErrorReport.from_bytes(data).as_exception()
        return data

    # ---- the other side, in the channel's thread ----------------------------------------------------------

    def _take(self, message: dict[str, Any], data: bytes) -> None:
        with self._lock:
            future = self._waiting.pop(message["answer"], None)
        if future is not None and future.set_running_or_notify_cancel():
            future.set_result((bool(message["succeeded"]), data))

    def _ended(self) -> None:
        """Stop: whoever started this container is gone, and nobody will read its outputs."""
        with self._lock:
            self._gone, left = True, list(self._waiting.values())
            self._waiting.clear()
        for future in left:
            if future.set_running_or_notify_cancel():
                future.set_exception(_controller_gone())
        os.kill(os.getpid(), signal.SIGTERM)


def _controller_gone() -> RuntimeSystemError:
    return RuntimeSystemError("ControllerGone", "the process that started this container is gone")
