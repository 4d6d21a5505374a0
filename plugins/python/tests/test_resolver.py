"""flyte_core_python.resolver: which words find a task again."""

from __future__ import annotations

import importlib
import sys

import pytest
from flyte_core_python import DefaultTaskResolver

from flyte_core.errors import ModuleLoadError, SerializationError

SOURCE = """
from flyte_core import TaskEnvironment
from flyte_core.extend import AsyncFunctionTaskTemplate
from flyte_core.models import NativeInterface

env = TaskEnvironment("resolved")

@env.task
def declared() -> None: ...

def function() -> None: ...

by_hand = AsyncFunctionTaskTemplate(
    name="by-hand", func=function, interface=NativeInterface.from_callable(function)
)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    package = tmp_path / "root" / "resolver_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "resolver_tasks.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path / "root"))
    yield importlib.import_module("resolver_package.resolver_tasks")
    for name in [name for name in sys.modules if name.startswith("resolver_package")]:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["declared", "by_hand"])
def test_a_task_is_found_by_the_words_written_for_it(module, tmp_path, name):
    resolver, task = DefaultTaskResolver(), getattr(module, name)
    words = resolver.loader_args(task, tmp_path / "root")
    assert words[:2] == ["mod", "resolver_package.resolver_tasks"]
    assert resolver.load_task(words) is task


def test_the_module_is_named_from_the_root_folder(module, tmp_path):
    words = DefaultTaskResolver().loader_args(module.declared, tmp_path)
    assert words == ["mod", "root.resolver_package.resolver_tasks", "instance", "declared"]


def test_a_file_outside_of_the_root_folder_is_refused(module, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(SerializationError, match="neither below the root folder"):
        DefaultTaskResolver().loader_args(module.declared, tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "not of the form mod <module> instance <name>"),
        (["mod", "a", "other", "b"], "not of the form"),
        (["mod", "no_such_module_anywhere", "instance", "b"], "looked in"),
        (["mod", "flyte_core_python", "instance", "b"], "has no task 'b'; tasks in it: none"),
    ],
)
def test_words_that_lead_nowhere_say_why(words, message):
    with pytest.raises(ModuleLoadError, match=message):
        DefaultTaskResolver().load_task(words)
