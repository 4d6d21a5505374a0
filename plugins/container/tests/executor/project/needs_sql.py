"""A task whose module needs a plugin that is not in the image."""

from __future__ import annotations

import os

import flyte_core_sql

from flyte_core import TaskEnvironment

env = TaskEnvironment("needs_sql", image=os.environ.get("FLYTE_CORE_TEST_IMAGE", "none:1"))


@env.task
async def work() -> str:
    return str(flyte_core_sql.__name__)
