"""Ctrl-C while a query runs: the process ends in silence."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from flyte_core_sql.drivers import duck_databases

_PROJECT = """
import os
import signal
import threading

import flyte_core
from flyte_core_sql import SQLTask
from flyte_core_sql.drivers.duck_guard import Guard

running = threading.Event()
call = Guard.run


def told(self, *arguments):
    running.set()
    return call(self, *arguments)


def press():
    running.wait()
    os.kill(os.getpid(), signal.SIGINT)


Guard.run = told
threading.Thread(target=press).start()
slow = SQLTask(
    name="slow",
    query="SELECT count(*) FROM range(100000000000) AS a(n) WHERE n % :m = 1",
    inputs={"m": int},
    outputs=int,
)
env = flyte_core.TaskEnvironment.from_task("queries", slow)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize("attempt", range(4))
def test_a_query_that_is_interrupted_leaves_nothing_behind_that_duckdb_complains_of(
    tmp_path: Path, attempt: int
) -> None:
    (tmp_path / "long.py").write_text(_PROJECT)
    program = "import sys; from flyte_core.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "run", "long.py", "slow", "--m", "3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines() == ["cancelled"]


def test_the_exit_waits_for_threads_that_interrupt_a_query() -> None:
    ending = threading.Thread(target=threading.Event().wait, args=[0.05], name="flyte_core-sql-cancel")
    ending.start()
    duck_databases._settle()
    assert not ending.is_alive()
