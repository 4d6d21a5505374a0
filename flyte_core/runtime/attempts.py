"""Where the attempts of a run's actions are executed: in this process, or wherever an executor has them executed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flyte_core.runtime.actions import attempt

if TYPE_CHECKING:
    from flyteidl2.task import common_pb2

    from flyte_core.registry import TaskHooks
    from flyte_core.runtime.local import LocalAction
    from flyte_core.types.convert import InterfaceCodec

__all__ = ["AttemptRunner", "in_this_process"]


class AttemptRunner(Protocol):
    """Executes one attempt of an action; what `LocalController` asks round which it looks after cache and retries."""

    async def __call__(
        self, action: LocalAction, hooks: TaskHooks, codec: InterfaceCodec, inputs: common_pb2.Inputs, number: int
    ) -> common_pb2.Outputs:
        """Execute the task once.

        Args:
            action: the action, which is also what ``ctx()`` gives.
            hooks: the hooks of its task.
            codec: reads its inputs and writes its outputs.
            inputs: the inputs as a message.
            number: of the attempt, from 1.

        Returns:
            The outputs as a message.
        """
        ...


async def in_this_process(
    action: LocalAction, hooks: TaskHooks, codec: InterfaceCodec, inputs: common_pb2.Inputs, number: int
) -> common_pb2.Outputs:
    """Execute a task here; an `AttemptRunner`."""
    task = action.task
    # Read anew for each attempt, so that one attempt's changes to a list do not reach the next.
    kwargs = codec.decode_inputs(inputs) if codec.is_sync else await codec.adecode_inputs(inputs)
    value = await attempt(task, hooks, kwargs)
    if codec.is_sync:
        return codec.encode_outputs(value, task.name, limit=task.max_inline_io_bytes)
    return await codec.aencode_outputs(value, task.name, limit=task.max_inline_io_bytes)
