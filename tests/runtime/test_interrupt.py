"""Ctrl-C and kill in a real process: tasks clean up, the process ends, the cache opens again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, sys, time
from flyte_core import TaskEnvironment, map, run

env = TaskEnvironment("interrupted")

@env.task
async def waits() -> None:
    try:
        print("ready", flush=True)
        await asyncio.sleep(60)
    finally:
        print("cleaned", flush=True)

@env.task
def spins() -> None:
    print("ready", flush=True)
    while True:
        time.sleep(0.01)

@env.task
def counts(i: int) -> int:
    global counted
    counted += 1
    return i

counted = 0

@env.task
def maps() -> int:
    print("ready", flush=True)
    return sum(map(counts, range(20_000)))

@env.task(cache="auto")
async def kept(x: int) -> int:
    return x

@env.task
async def fills() -> None:
    print("ready", flush=True)
    for i in range(10**6):
        await kept(i)

@env.task
async def reads() -> int:
    return sum(await asyncio.gather(*[kept(i) for i in range(20)]))

if __name__ == "__main__":
    try:
        print(run(globals()[sys.argv[1]]).outputs())
    except KeyboardInterrupt:
        before = counted
        time.sleep(0.2)
        print("interrupted" if counted == before else "still running", flush=True)
        sys.exit(130)
"""


@pytest.fixture
def start(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    env = {**os.environ, "FLYTE_CORE_CACHE_DIR": str(tmp_path / "cache")}
    started = []

    def run_program(task: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "program.py", task],
            cwd=tmp_path,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run_program
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("task", "cleaned"), [("waits", True), ("spins", False), ("maps", False)])
def test_ctrl_c_ends_a_run_at_once(start, task, cleaned):
    process = start(task)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert ("cleaned" in out) == cleaned
    assert out.endswith("interrupted\n")
    assert "Traceback" not in err


def test_a_killed_run_leaves_a_cache_that_opens(start):
    for _ in range(3):
        process = start("fills")
        assert process.stdout.readline() == "ready\n"
        for _ in range(50):
            if process.poll() is not None:
                break
            try:
                process.wait(timeout=0.02)
            except subprocess.TimeoutExpired:
                continue
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
    process = start("reads")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "190\n"), err
    assert "corrupt" not in err
