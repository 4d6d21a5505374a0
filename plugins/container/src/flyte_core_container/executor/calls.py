"""Tasks that a task in a container calls: found here, run by the run's controller, answered."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from flyte_core import logger
from flyte_core.context import use_task_context
from flyte_core.errors import ModuleLoadError
from flyte_core.extend import TaskTemplate
from flyte_core.models import GroupData
from flyte_core.runtime import ErrorReport
from flyte_core.runtime.changes import changed
from flyte_core.runtime.declared import find_in_module
from flyte_core.runtime.loading import load_task
from flyte_core.runtime.resolver import RESOLVER_PATH
from flyte_core_container.local.answers import EngineGone

if TYPE_CHECKING:
    from flyte_core.runtime.local import LocalAction, LocalController
    from flyte_core_container.executor.attached import Attached
    from flyte_core_container.executor.slots import Slot

__all__ = ["Calls", "called_task"]


def called_task(call: dict[str, Any]) -> TaskTemplate:
    """Find the task that a container calls: among this process's modules, else as a container does.

    Args:
        call: what the container said.

    Raises:
        ModuleLoadError: it is not there.
    """
    args: list[str] = list(call.get("args") or ())
    if call.get("resolver") == RESOLVER_PATH and len(args) == 4:
        for name in (args[1], "__main__"):
            module = sys.modules.get(name)
            found = None if module is None else find_in_module(module, args[3])
            if found is not None and found.name == call["name"]:
                return changed(found, call.get("changes") or {})
    if not args:
        return _by_name(call["name"])
    return changed(load_task(call["resolver"], args), call.get("changes") or {})


def _by_name(name: str) -> TaskTemplate:
    # The user's own first, of which tasks of a console or a notebook are.
    modules = [sys.modules["__main__"], *list(sys.modules.values())]
    for module in modules:
        for value in list(vars(module).values()) if hasattr(module, "__dict__") else ():
            if isinstance(value, TaskTemplate) and value.name == name:
                return value
    raise ModuleLoadError(f"task {name!r}, which a pickled task calls, is no variable of a module of this process")


class Calls:
    """The calls of one container.

    Args:
        controller: runs the tasks.
        action: what the container runs.
        slot: the container's, which it lends while it waits.
    """

    def __init__(self, controller: LocalController, action: LocalAction, slot: Slot) -> None:
        self._controller, self._action, self._slot = controller, action, slot
        self._running: dict[int, asyncio.Task[None]] = {}
        self.attached: Attached | None = None

    def take(self, message: dict[str, Any], data: bytes) -> None:
        """Take a message of the container: a call, or the end of one."""
        if "cancel" in message:
            running = self._running.get(message["cancel"])
            if running is not None:
                running.cancel()
            return
        number = message["call"]
        self._slot.lend()
        self._running[number] = asyncio.ensure_future(self._serve(number, message, data))
        self._running[number].add_done_callback(lambda done: self._done(number, done))

    async def end(self) -> None:
        """Cancel what the container has not waited for."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.gather(*running, return_exceptions=True)

    def _done(self, number: int, task: asyncio.Task[None]) -> None:
        self._running.pop(number, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a call of task %r cannot be answered: %s", self._action.task.name, error)

    async def _serve(self, number: int, call: dict[str, Any], data: bytes) -> None:
        succeeded, answer = True, b""
        try:
            answer = await self._run(call, data)
        except Exception as error:  # whatever it is, the calling task gets it
            succeeded, answer = False, ErrorReport.from_exception(error).to_bytes()
        if len(self._running) == 1:
            self._slot.take_back()
        assert self.attached is not None
        try:
            await self.attached.send({"answer": number, "succeeded": succeeded}, answer)
        except EngineGone as error:
            logger.debug("a container does not hear its answer: %s", error)

    async def _run(self, call: dict[str, Any], data: bytes) -> bytes:
        from flyteidl2.task import common_pb2

        task = called_task(call)
        group = call.get("group")
        context = self._action.context.replace(
            group_data=GroupData(group) if group else None, custom_context=dict(call["context"])
        )
        with use_task_context(context):
            outputs = await self._controller.submit_stored(task, common_pb2.Inputs.FromString(data))
        answer: bytes = outputs.SerializeToString(deterministic=True)
        return answer
