"""Fifty trivial tasks, each in a container of its own, beside ``docker run`` of a bare Python for each.

Both have as many containers at a time as there are cores.
"""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyperf

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

COUNT = 50

TASKS = """
import asyncio
import os

import flyte_core

env = flyte_core.TaskEnvironment("bench", image=os.environ.get("BENCH_IMAGE", "none:1"))


@env.task
async def same(x: int) -> int:
    return x


@env.task
async def total(count: int) -> int:
    return sum(await asyncio.gather(*[same(x) for x in range(count)]))
"""


def main() -> None:
    """Measure the side that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", choices=("flyte_core", "tools"), required=True)
    runner.argparser.add_argument("--part", choices=("fifty",), required=True)
    args = runner.parse_args()
    if not args.worker:
        runner.bench_func(f"{args.sdk} executor", str)
        return
    with tempfile.TemporaryDirectory() as name:
        image = _image()
        work = _ours(image, Path(name)) if args.sdk == "flyte_core" else _docker(image)
        runner.bench_func(f"{args.sdk} executor", work)


def _image() -> str:
    from tests.support.engines import machine_engine
    from tests.support.task_images import task_image

    return task_image(machine_engine())


def _ours(image: str, folder: Path) -> Callable[[], object]:
    os.environ["BENCH_IMAGE"] = image
    (folder / "fifty.py").write_text(TASKS)
    sys.path.insert(0, str(folder))
    import fifty  # type: ignore[import-not-found]  # just written

    import flyte_core

    runner = flyte_core.with_runcontext("docker")

    def work() -> None:
        if runner.run(fifty.total, COUNT).outputs() != sum(range(COUNT)):
            raise SystemExit("the tasks have not done their work")

    return work


def _docker(image: str) -> Callable[[], object]:
    command = ["docker", "run", "--rm", image, "python", "-c", "pass"]

    def work() -> None:
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            done = [pool.submit(subprocess.run, command, check=True) for _ in range(COUNT)]
            for each in done:
                each.result()

    return work


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--part", args.part])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
