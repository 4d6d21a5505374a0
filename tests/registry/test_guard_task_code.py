"""Exceptions of a task's own code pass an owner's hook without being laid at the plugin's door."""

from __future__ import annotations

import asyncio

import pytest

from flyte_core.errors import HookError, RuntimeUserError
from flyte_core.extend import TaskTemplate
from flyte_core.models import NativeInterface
from flyte_core.registry import Registry
from flyte_core.runtime import LocalExecutor, RunOptions

OWNER = """
from flyte_core.extend import hookimpl
from flyte_core.runtime import around

@hookimpl
async def execute(task, args, kwargs):
    {body}
"""


class Guest(TaskTemplate):
    def func(self) -> None:
        raise LookupError("the user's")


def run(site, body: str) -> None:
    site.plugin("flyte_core.task_types", "guest", OWNER.format(body=body))

    async def main() -> None:
        executor = LocalExecutor()
        task = Guest(name="guest", task_type="guest", interface=NativeInterface({}, {}))
        await executor.wait(await executor.submit(task, {}, RunOptions(registry=Registry())))

    asyncio.run(main())


def test_what_the_function_raises_stays_the_user_s(site):
    with pytest.raises(RuntimeUserError, match="the user's") as raised:
        run(site, "return await around(task, task.func, args, kwargs)")
    assert raised.value.code == "LookupError"


def test_what_the_hook_itself_raises_is_the_plugin_s(site):
    with pytest.raises(HookError, match="dist-guest"):
        run(site, "raise LookupError('the plugin')")
