"""Build the distributions, install them where no source is in reach, and run tasks with what was installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECTS = [ROOT, *sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))]

HELLO = """
import flyte_core

env = flyte_core.TaskEnvironment("hello", image="python:3.12")


@env.task
async def greet(name: str) -> str:
    return f"hello {name}"
"""

FRAMES = """
import pandas

import flyte_core

env = flyte_core.TaskEnvironment("frames")


@env.task
async def make(rows: int) -> pandas.DataFrame:
    return pandas.DataFrame({"number": range(rows)})


@env.task
async def total(rows: int) -> int:
    return int((await make(rows))["number"].sum())
"""

QUERIES = """
from flyte_core_sql import SQLTask

add = SQLTask("add", "SELECT :a + :b AS sum", {"a": int, "b": int}, int)
"""

#: What a plugin needs of its extras for these tasks.
EXTRAS = {"flyte_core_dataframe": "[arrow,pandas]"}


def main(folder: Path) -> None:
    """Build into a folder and try the result there."""
    shutil.rmtree(folder, ignore_errors=True)
    built, installed = folder / "dist", folder / "installed"
    for project in PROJECTS:
        _run([sys.executable, "-m", "build", "--outdir", str(built), str(project)], ROOT)
    wheels = [f"{wheel}{EXTRAS.get(wheel.name.partition('-')[0], '')}" for wheel in sorted(built.glob("*.whl"))]
    assert len(wheels) == len(PROJECTS), wheels
    venv.create(installed, with_pip=True)
    _run([str(installed / "bin" / "python"), "-m", "pip", "install", "--quiet", *wheels], folder)

    (folder / "hello.py").write_text(HELLO, encoding="utf-8")
    (folder / "frames.py").write_text(FRAMES, encoding="utf-8")
    (folder / "queries.py").write_text(QUERIES, encoding="utf-8")
    command = str(installed / "bin" / "flyte-core")
    _run([command, "doctor"], folder)
    said = _run([command, "run", "hello.py", "greet", "--name", "you"], folder)
    assert "hello you" in said, said
    said = _run([command, "run", "frames.py", "total", "--rows", "5"], folder)
    assert "10" in said.split(), said
    said = _run([command, "run", "queries.py", "add", "--a", "40", "--b", "2"], folder)
    assert "42" in said.split(), said
    _run([command, "serialize", "hello.py", "--out", "specs", "--format", "json"], folder)
    packages = installed.glob("lib/*/site-packages/flyte_core*/py.typed")
    assert len(list(packages)) == len(PROJECTS), "a package is installed without py.typed"


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)  # noqa: S603 - our own
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} gave {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
