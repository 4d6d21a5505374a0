from __future__ import annotations

import itertools
import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import attrs
import pytest

from flyte_core.cli import main

_numbers = itertools.count()

FLOWS = '''
import dataclasses
import datetime
import enum
from typing import Literal, Optional

from flyte_core import TaskEnvironment

env = TaskEnvironment("flows")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0
    name: str = "p"


@env.task
async def add(a: int, b: int = 2) -> int:
    """Add two numbers.

    They may be negative.

    Args:
        a: the first number.
        b: the second number.

    Returns:
        o0: the sum.
    """
    return a + b


@env.task(short_name="show everything")
def everything(
    i: int,
    f: float,
    s: str,
    flag: bool,
    when: datetime.datetime,
    day: datetime.date,
    gap: datetime.timedelta,
    colour: Colour,
    side: Literal["left", "right"],
    items: list[int],
    table: dict[str, float],
    point: Point,
    maybe: Optional[int] = None,
    max_delay: int = 3,
) -> str:
    return repr((i, f, s, flag, when.isoformat(), day, gap, colour.name, side, items, table, point, maybe, max_delay))


@env.task
def fail(x: int = 1) -> int:
    print("about to fail")
    return divide(x)


def divide(x: int) -> int:
    return 1 // (x - 1)


@env.task
async def points(n: int = 3) -> list[Point]:
    return [Point(x=float(i), y=i * 2.5, name=f"p{i}") for i in range(n)]


@env.task
async def many() -> tuple[int, str]:
    return 1, "two"


@env.task
def noisy() -> float:
    print("noise")
    return float("nan")


other_name = add
'''


@attrs.frozen
class Result:
    """What a command line did."""

    status: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)

    def error(self):
        return json.loads(self.err)["error"]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """Give a folder to work in, with modules of its own that are forgotten afterwards."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FLYTE_CORE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    # Commands set the level of flyte_core's logger; the test's end sets it back.
    monkeypatch.setattr(logging.getLogger("flyte_core"), "level", logging.WARNING)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and file.startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def write(project):
    """Give a function that writes a Python file with a name of its own, and gives that name."""

    def write(source: str, name: str | None = None) -> str:
        path = project / (name or f"user_module_{os.getpid()}_{next(_numbers)}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
        return str(path.relative_to(project))

    return write


@pytest.fixture
def flows(write) -> str:
    """Give the name of a file with tasks of many kinds."""
    return write(FLOWS)


@pytest.fixture
def cli(project, capsys):
    """Give a function that runs a command line in this process."""

    def run(*words: str) -> Result:
        capsys.readouterr()
        status = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return run


@pytest.fixture
def shell(project):
    """Give a function that runs a command line in a process of its own."""

    def run(*words: str, path: tuple[object, ...] = (), program: tuple[str, ...] = ("-m", "flyte_core"), **env: str):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONWARNINGS": "error", **env}
        environment.pop("FLYTE_CORE_PLUGINS", None) if "FLYTE_CORE_PLUGINS" not in env else None
        done = subprocess.run(
            [sys.executable, *program, *map(str, words)],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run
