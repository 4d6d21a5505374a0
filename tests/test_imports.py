"""What importing loads: each check runs in an interpreter of its own, since this one has loaded everything already."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

#: All that ``import flyte_core`` may load that is not part of Python.
OWN = {"flyte_core", "flyte_core._lazy"}

#: Standard modules that ``typing`` needs, without leading underscores; nothing else may come with ``import flyte_core``.
STANDARD = {
    "future__",
    "annotationlib",
    "ast",
    "collections",
    "contextlib",
    "copyreg",
    "enum",
    "functools",
    "importlib",
    "itertools",
    "keyword",
    "locale",
    "operator",
    "re",
    "reprlib",
    "sre",
    "sre_compile",
    "sre_constants",
    "sre_parse",
    "types",
    "typing",
    "warnings",
}

#: What only those pay for who use it.
HEAVY = {
    "docker",
    "fsspec",
    "kubernetes",
    "numpy",
    "pandas",
    "pathspec",
    "polars",
    "pyarrow",
    "pydantic",
    "pydantic_core",
}
WIRE = {"flyteidl2", "google", "mashumaro", "msgpack", "ormsgpack"}

DECLARE = """
import flyte_core

env = flyte_core.TaskEnvironment(
    "hello", image="python:3.12", resources=flyte_core.Resources(cpu=1, memory="1Gi"), secrets="key", cache="auto"
)

@env.task(retries=2, timeout=60)
async def greet(name: str, times: int = 1) -> str:
    return name * times
"""

SERIALIZE = (
    DECLARE
    + """
from pathlib import Path
from flyte_core.models import SerializationContext
from flyte_core.serialize import task_spec

task_spec(greet, SerializationContext(version="v1", root_dir=Path.cwd()))
"""
)

RUN = (
    DECLARE
    + """
assert flyte_core.run(greet, name="a", times=2).outputs() == "aa"
"""
)

TOUCH = """
import {module} as module
for name in module.__all__:
    getattr(module, name)
"""


def _loaded_by(code: str, tmp_path: Path) -> set[str]:
    """Names of the modules that a piece of code loads, those left out that the interpreter starts with."""
    script = (
        "import sys, json\n"
        "before = set(sys.modules)\n"
        f"{code}\n"
        "sys.stdout.write('LOADED ' + json.dumps(sorted(set(sys.modules) - before)))\n"
    )
    # From a file: what a task's function is made of is read from its source.
    path = tmp_path / "script.py"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run([sys.executable, path], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.rpartition("LOADED ")[2]))


def _tops(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def _plugins(modules: set[str]) -> set[str]:
    return {top for top in _tops(modules) if top.startswith("flyte_core_")}


def test_importing_the_package_loads_its_lazy_names_and_nothing_else(tmp_path: Path) -> None:
    loaded = _loaded_by("import flyte_core", tmp_path)
    assert {module for module in loaded if module.partition(".")[0].lstrip("_") not in STANDARD} == OWN


@pytest.mark.parametrize("module", ["flyte_core", "flyte_core.errors", "flyte_core.models", "flyte_core.types"])
def test_touching_every_public_name_loads_no_optional_package_and_no_plugin(module: str, tmp_path: Path) -> None:
    loaded = _loaded_by(TOUCH.format(module=module), tmp_path)
    assert _tops(loaded) & HEAVY == set()
    assert _plugins(loaded) == set()


def test_touching_every_name_for_authors_loads_no_plugin_but_the_one_that_gives_a_name(tmp_path: Path) -> None:
    loaded = _loaded_by(TOUCH.format(module="flyte_core.extend"), tmp_path)
    assert _tops(loaded) & HEAVY == set()
    assert _plugins(loaded) == {"flyte_core_python"}


@pytest.mark.parametrize("module", ["flyte_core.models", "flyte_core.errors", "flyte_core.hookspecs"])
def test_the_values_load_no_wire_messages(module: str, tmp_path: Path) -> None:
    assert _tops(_loaded_by(TOUCH.format(module=module), tmp_path)) & WIRE == set()


def test_declaring_a_task_loads_no_wire_messages_and_only_the_owner_of_its_type(tmp_path: Path) -> None:
    loaded = _loaded_by(DECLARE, tmp_path)
    assert _tops(loaded) & (HEAVY | WIRE) == set()
    assert _plugins(loaded) == {"flyte_core_python"}


def test_declaring_a_task_with_an_image_by_name_loads_nothing_of_layers_and_files(tmp_path: Path) -> None:
    loaded = _loaded_by(DECLARE, tmp_path)
    assert {name for name in loaded if re.match(r"flyte_core\.(sources|models\.(layers|image_d))", name)} == set()


@pytest.mark.parametrize("code", [SERIALIZE, RUN], ids=["serialize", "run"])
def test_using_a_task_loads_no_optional_package(code: str, tmp_path: Path) -> None:
    loaded = _loaded_by(code, tmp_path)
    assert _tops(loaded) & HEAVY == set()
    assert _plugins(loaded) == {"flyte_core_python"}
