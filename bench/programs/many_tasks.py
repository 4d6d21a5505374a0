"""2,000 tasks of one environment: declared, and serialized."""

from pathlib import Path

import flyte_core
from flyte_core.models import SerializationContext
from flyte_core.serialize import task_spec

COUNT = 2000

CONTEXT = SerializationContext(version="v1", project="p", domain="d", org="o", root_dir=Path(__file__).parent)


def _functions():
    found = []
    for number in range(COUNT):

        async def work(count: int, label: str, weights: list[float]) -> str:
            """Weigh something."""
            return label * count

        work.__name__ = work.__qualname__ = f"work_{number}"
        globals()[work.__name__] = work
        found.append(work)
    return found


FUNCTIONS = _functions()


def declare():
    env = flyte_core.TaskEnvironment(
        "bench",
        image="python:3.12",
        resources=flyte_core.Resources(cpu=("1", "2"), memory=("1Gi", "2Gi"), gpu="T4:1", shm="1Gi"),
        env_vars={"LOG_LEVEL": "20", "REGION": "north"},
        secrets=[
            flyte_core.Secret(key="token", as_env_var="TOKEN"),
            flyte_core.Secret(key="password", group="db", as_env_var="DB_PASSWORD"),
        ],
    )
    # The environment is held by its tasks only weakly, as it is by a module that forgets it.
    return env, [env.task(function, retries=3) for function in FUNCTIONS]


def serialize(tasks):
    return [task_spec(task, CONTEXT) for task in tasks]
