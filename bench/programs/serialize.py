"""From a fresh process to the bytes of one serialized task."""

from pathlib import Path

import flyte_core
from flyte_core.models import SerializationContext
from flyte_core.serialize import task_spec

env = flyte_core.TaskEnvironment("bench", image="python:3.12", resources=flyte_core.Resources(cpu=1, memory="1Gi"))


@env.task
async def greet(name: str) -> str:
    """Greet somebody."""
    return f"hello {name}"


context = SerializationContext(version="v1", project="p", domain="d", org="o", root_dir=Path(__file__).parent)
assert task_spec(greet, context).SerializeToString(deterministic=True)
