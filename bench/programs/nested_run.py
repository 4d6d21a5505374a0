"""A task that calls another one many times, one after the other or all at once."""

import asyncio
import tempfile

import flyte_core

env = flyte_core.TaskEnvironment("bench")


@env.task
async def leaf(number: int) -> int:
    return number + 1


@env.task
async def sequential(count: int) -> int:
    total = 0
    for number in range(count):
        total += await leaf(number)
    return total


@env.task
async def gather(count: int) -> int:
    return sum(await asyncio.gather(*[leaf(number) for number in range(count)]))


def run(task, count):
    with tempfile.TemporaryDirectory() as folder:
        runner = flyte_core.with_runcontext(mode="local", raw_data_path=folder)
        outputs = runner.run(task, count).outputs()
    assert outputs == sum(range(1, count + 1)) or outputs[0] == sum(range(1, count + 1)), outputs


flyte_core.init()
