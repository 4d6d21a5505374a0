"""flyte_core_python: found by its entry point alone, and what it puts on a container's command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flyte_core import TaskEnvironment
from flyte_core.errors import RuntimeSystemError
from flyte_core.extend import AsyncFunctionTaskTemplate, TaskPluginRegistry
from flyte_core.models import CodeBundle, ImageCache, SerializationContext

env = TaskEnvironment("entry", image="python:3.12")
ROOT = Path(__file__).parent


@env.task
async def work(x: int) -> int:
    return x


def args(**given) -> list[str]:
    return list(work.container_args(SerializationContext(**{"version": "v", "root_dir": ROOT, **given})))


def after(flag: str, found: list[str]) -> str:
    return found[found.index(flag) + 1]


def test_the_owner_of_the_type_is_this_distribution():
    assert TaskPluginRegistry.owner("python").entry_point.distribution == "flyte-core-python"
    assert TaskPluginRegistry.task_template_class("python") is AsyncFunctionTaskTemplate


def test_importing_the_core_imports_no_plugin():
    code = "import flyte_core, flyte_core.extend, sys; print([m for m in sys.modules if m.startswith('flyte_core_')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_line_leaves_places_for_the_cluster():
    found = args()
    assert found[0] == "fc0"
    assert after("--inputs", found) == "{{.input}}"
    assert after("--prev-checkpoint", found) == "{{.prevCheckpointPrefix}}"
    assert found[-4:] == ["mod", "test_entrypoint", "instance", "work"]


def test_a_pickled_bundle_needs_no_resolver_and_no_root_folder():
    found = args(root_dir=None, code_bundle=CodeBundle(computed_version="c", pkl="s3://b/c.pkl"))
    assert found[-4:] == ["--pkl", "s3://b/c.pkl", "--dest", "."]


def test_an_archive_needs_the_resolver_too():
    found = args(code_bundle=CodeBundle(computed_version="c", tgz="s3://b/c.tgz", destination="/app"))
    assert (after("--tgz", found), after("--dest", found)) == ("s3://b/c.tgz", "/app")
    assert "--resolver" in found


def test_an_image_cache_goes_along_as_it_came():
    assert after("--image-cache", args(image_cache=ImageCache({"a": "b"}, "as-it-came"))) == "as-it-came"


def test_without_a_root_folder_the_module_cannot_be_named():
    with pytest.raises(RuntimeSystemError, match="root_dir is not set"):
        args(root_dir=None)
