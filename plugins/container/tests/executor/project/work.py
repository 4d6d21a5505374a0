"""Tasks that a test looks at from outside while they run, or that need their surroundings."""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from flyte_core_container import ContainerTask

from flyte_core import Secret, TaskEnvironment, ctx
from flyte_core.io import Dir, File

IMAGE = os.environ.get("FLYTE_CORE_TEST_IMAGE", "none:1")
env = TaskEnvironment("work", image=IMAGE)
secret_env = TaskEnvironment(
    "secretive", image=IMAGE, env_vars={"COLOUR": "red"}, secrets=[Secret(key="word", as_env_var="WORD")]
)
bare_env = TaskEnvironment("bare", image="flyte-core-test/busybox:1")


@dataclass
class Row:
    name: str
    values: list[float]


@env.task
async def table(rows: list[Row]) -> tuple[Row, int]:
    return rows[0], len(rows)


@env.task
async def read(file: File, folder: Dir) -> str:
    async with file.open("rb") as handle:
        content = bytes(await handle.read()).decode()
    names = sorted([one.name async for one in folder.walk()])
    return f"{content} {names}"


@env.task
async def write(text: str) -> File:
    Path("/tmp/written.txt").write_text(text)
    return File(path="/tmp/written.txt")


@env.task
async def cannot_write(file: File) -> str:
    try:
        Path(file.path).write_text("changed")
    except OSError as error:
        return type(error).__name__
    return "written"


@secret_env.task
async def knows() -> list[str]:
    return [os.environ["WORD"], os.environ["COLOUR"], os.environ["GIVEN"]]


@bare_env.task
async def without_flyte() -> int:
    return 1


@env.task
async def where() -> list[str]:
    found = ctx()
    return [str(Path.cwd()), str(os.getpid()), found.action.name, Path(__file__).name]


@env.task(cache="auto")
async def quick(x: int, salt: str) -> int:
    return x


@env.task
async def waits(seconds: float = 300.0) -> None:
    print("begun", flush=True)
    try:
        await asyncio.sleep(seconds)
    finally:
        print("cleaned up", flush=True)


@env.task(retries=1)
async def waits_once(folder: str) -> str:
    marker = Path(folder) / "second"
    if marker.exists():
        return "second"
    marker.touch()
    print("begun", flush=True)
    await asyncio.sleep(300)
    return "first"


@env.task
async def some_then_wait(salt: str) -> int:
    total = sum(await asyncio.gather(*[quick(n, salt) for n in range(3)]))
    await waits()
    return total


@env.task
async def some(salt: str) -> int:
    return sum(await asyncio.gather(*[quick(n, salt) for n in range(3)]))


@env.task
async def leaves_a_child() -> str:
    child = asyncio.ensure_future(waits())
    await asyncio.sleep(0)
    await quick(7, "left")
    del child
    return "ended"


@env.task
async def gives_up() -> str:
    child = asyncio.ensure_future(waits())
    await quick(8, str(time.time_ns()))
    child.cancel()
    try:
        await child
    except asyncio.CancelledError:
        return "given up"
    return "waited"


@env.task
def prints(megabytes: int) -> str:
    line = "x" * 99
    for _ in range(megabytes * 5_000):
        print(line)
    # A process of the task, and one that writes to the descriptor itself.
    code = f"import sys\nfor _ in range({megabytes * 5_000}): sys.stdout.write('y' * 99 + chr(10))"
    subprocess.run([sys.executable, "-c", code], check=True)
    os.write(1, b"by descriptor\n")
    return "printed"


@env.task
def crashes() -> None:
    print("about to crash", flush=True)
    ctypes.string_at(0)


@env.task
def eats_memory() -> int:
    return len(bytearray(2**30))


to_upper = ContainerTask(
    name="to_upper",
    image="flyte-core-test/busybox:1",
    command=["sh", "-c", "tr a-z A-Z < /var/inputs/text > /var/outputs/upper"],
    inputs={"text": str},
    outputs={"upper": str},
)


@env.task
async def shouts(text: str) -> str:
    return f"{await to_upper(text=text)}!"


@env.task
async def nests(depth: int) -> int:
    return depth if depth == 0 else await nests(depth - 1) + 1


@env.task
async def fails_after_printing() -> float:
    print("about to divide")
    return 1 / 0
