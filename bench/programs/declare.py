"""From a fresh process to one declared task."""

import flyte_core

env = flyte_core.TaskEnvironment("bench", image="python:3.12", resources=flyte_core.Resources(cpu=1, memory="1Gi"))


@env.task
async def greet(name: str) -> str:
    """Greet somebody."""
    return f"hello {name}"
