"""flyte_core_python: found by its entry point alone, and what it puts on a container's command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flyte_core import TaskEnvironment
from flyte_core.extend import AsyncFunctionTaskTemplate, TaskPluginRegistry
from flyte_core.models import SerializationContext

env = TaskEnvironment("entry", image="python:3.12")
ROOT = Path(__file__).parent


@env.task
async def work(x: int) -> int:
    return x


def test_the_owner_of_the_type_is_this_distribution():
    assert TaskPluginRegistry.owner("python").entry_point.distribution == "flyte-core-python"
    assert TaskPluginRegistry.task_template_class("python") is AsyncFunctionTaskTemplate


def test_importing_the_core_imports_no_plugin():
    code = "import flyte_core, flyte_core.extend, sys; print([m for m in sys.modules if m.startswith('flyte_core_')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_function_goes_by_its_module_and_name():
    found = work.container_args(SerializationContext(version="v", root_dir=ROOT))
    assert found[:3] == ["fc0", "--inputs", "{{.input}}"]
    assert found[-4:] == ["mod", "test_entrypoint", "instance", "work"]
