"""flyte_core.runtime.resolver: which words find a task again, of a function or of a variable."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from flyte_core.errors import ModuleLoadError, SerializationError
from flyte_core.runtime import DefaultTaskResolver
from flyte_core.runtime.declared import why_only_by_pickle

SOURCE = """
from flyte_core import TaskEnvironment
from flyte_core.extend import AsyncFunctionTaskTemplate, TaskTemplate
from flyte_core.models import NativeInterface

env = TaskEnvironment("resolved")

@env.task
def declared() -> None: ...

def function() -> None: ...

by_hand = AsyncFunctionTaskTemplate(
    name="by-hand", func=function, interface=NativeInterface.from_callable(function)
)
same_function = AsyncFunctionTaskTemplate(
    name="same-function", func=function, interface=NativeInterface.from_callable(function)
)

class Query(TaskTemplate):
    async def execute(self, **kwargs): ...

top = Query(name="queries.top", interface=NativeInterface({}, {}))
bottom = Query(name="queries.bottom", interface=NativeInterface({}, {}))

def make():
    return Query(name="queries.made", interface=NativeInterface({}, {}))

def factory(factor):
    @env.task
    def scaled(x: int) -> int:
        return factor * x
    return scaled

held = factory(2)
"""

IMPORTER = "from resolver_package.resolver_tasks import bottom, top as aliased"


@pytest.fixture
def module(tmp_path, monkeypatch):
    package = tmp_path / "root" / "resolver_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "resolver_tasks.py").write_text(SOURCE)
    (package / "a_first.py").write_text(IMPORTER)
    monkeypatch.syspath_prepend(str(tmp_path / "root"))
    yield importlib.import_module("resolver_package.resolver_tasks")
    for name in [name for name in sys.modules if name.startswith("resolver_package")]:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["declared", "by_hand", "same_function", "top", "bottom"])
def test_a_task_is_found_by_the_words_written_for_it(module, tmp_path, name):
    resolver, task = DefaultTaskResolver(), getattr(module, name)
    words = resolver.loader_args(task, tmp_path / "root")
    assert words[:2] == ["mod", "resolver_package.resolver_tasks"]
    assert resolver.load_task(words) is task


def test_a_template_without_a_function_goes_by_the_variable_that_holds_it(module, tmp_path):
    words = DefaultTaskResolver().loader_args(module.top, tmp_path / "root")
    assert words == ["mod", "resolver_package.resolver_tasks", "instance", "top"]


def test_the_module_that_declares_a_task_is_named_and_none_that_imports_it(module, tmp_path):
    importlib.import_module("resolver_package.a_first")
    words = DefaultTaskResolver().loader_args(module.top, tmp_path / "root")
    assert words == ["mod", "resolver_package.resolver_tasks", "instance", "top"]


def test_the_copy_that_override_made_is_found_as_the_task_it_was_made_from(module, tmp_path):
    copy = module.top.override(retries=3)
    words = DefaultTaskResolver().loader_args(copy, tmp_path / "root")
    assert DefaultTaskResolver().load_task(words) is module.top


def test_a_template_that_no_variable_holds_is_refused(module, tmp_path):
    with pytest.raises(
        SerializationError, match=r"task 'queries.made' is no variable of a module .* at the top of its"
    ):
        DefaultTaskResolver().loader_args(module.make(), tmp_path / "root")


def test_a_task_is_found_by_its_own_name_too(module):
    words = ["mod", "resolver_package.resolver_tasks", "instance", "queries.bottom"]
    assert DefaultTaskResolver().load_task(words) is module.bottom


def test_finding_a_task_loads_nothing_that_a_lazy_module_puts_off(module, tmp_path, monkeypatch):
    class Lazy(type(sys)):
        def __getattr__(self, name):
            raise AssertionError(name)

    monkeypatch.setitem(sys.modules, "a_lazy_module", Lazy("a_lazy_module"))
    assert DefaultTaskResolver().loader_args(module.top, tmp_path / "root")[-1] == "top"


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
        (
            ["mod", "flyte_core_nowhere.sub", "instance", "b"],
            r"add it: Image.with_pip_packages\('flyte-core-nowhere'\)",
        ),
    ],
)
def test_words_that_lead_nowhere_say_why(words, message):
    with pytest.raises(ModuleLoadError, match=message):
        DefaultTaskResolver().load_task(words)


def test_a_wrong_name_gets_the_right_one_told(module):
    with pytest.raises(ModuleLoadError, match="did you mean 'bottom'"):
        DefaultTaskResolver().load_task(["mod", "resolver_package.resolver_tasks", "instance", "botom"])


@pytest.mark.parametrize("source", ["raise SystemExit(3)", "1 / 0", "import no_such_thing_at_all", "def ("])
def test_what_a_module_raises_is_chained(tmp_path, monkeypatch, source):
    (tmp_path / "resolver_broken.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleLoadError, match="module 'resolver_broken' of task 'a' cannot be imported") as raised:
        DefaultTaskResolver().load_task(["mod", "resolver_broken", "instance", "a"])
    assert type(raised.value.__cause__).__name__ in str(raised.value)


# ---- tasks that are made in functions, and those of scripts and notebooks ---------------------------------------


def test_a_task_that_a_function_made_is_found_by_the_variable_that_holds_it(module, tmp_path, caplog):
    words = DefaultTaskResolver().loader_args(module.held, tmp_path / "root")
    assert DefaultTaskResolver().load_task(words) is module.held
    assert "inside a function" not in caplog.text
    assert why_only_by_pickle(module.held, tmp_path / "root") is None


def test_a_task_that_only_a_function_has_needs_a_pickle_and_says_why(tmp_path):
    code = (
        "from pathlib import Path\nfrom flyte_core import TaskEnvironment\n"
        "from flyte_core.runtime.declared import why_only_by_pickle\nenv = TaskEnvironment('script')\n"
        "def make():\n    @env.task\n    def inner() -> None: ...\n    return inner\n"
        "@env.task\ndef outer() -> None: ...\n"
        "print(why_only_by_pickle(outer, Path.cwd()))\nprint(why_only_by_pickle(make(), Path.cwd()))"
    )
    (tmp_path / "script.py").write_text(code)
    words = [sys.executable, "script.py"]
    printed = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
    assert printed[0] == "None"
    assert "task 'script.inner' is defined inside a function" in printed[1]
    words = [sys.executable, "-c", code]
    printed = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
    assert all("is in module '__main__'" in line and "pickled code bundle" in line for line in printed)


# ---- packages in a folder named src -----------------------------------------------------------------------------

FINDING = (
    "import sys\nfrom flyte_core.runtime import DefaultTaskResolver\n"
    "sys.path.insert(0, sys.argv[1])\n"
    "task = DefaultTaskResolver().load_task(['mod', sys.argv[2], 'instance', 'declared'])\n"
    "print(task.name, task.func.__module__)"
)


@pytest.fixture
def sources(tmp_path):
    package = tmp_path / "src" / "layout"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from layout.shared import env")
    (package / "shared.py").write_text("from flyte_core import TaskEnvironment\nenv = TaskEnvironment('layout')")
    text = "from pathlib import Path\nfrom layout.shared import env\n@env.task\ndef declared() -> None: ...\n"
    (package / "tasks.py").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("named", "module"), [("layout.tasks", "layout.tasks"), ("src.layout.tasks", "src.layout.tasks")]
)
def test_a_package_in_a_folder_src_is_found_from_the_projects_root(sources, named, module):
    words = [sys.executable, "-c", FINDING, str(sources), named]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.stdout == f"layout.declared {module}\n", done.stderr


def test_a_package_in_a_folder_src_keeps_its_own_name(sources, monkeypatch):
    monkeypatch.syspath_prepend(str(sources / "src"))
    module = importlib.import_module("layout.tasks")
    try:
        assert DefaultTaskResolver().loader_args(module.declared, sources)[1] == "layout.tasks"
        assert DefaultTaskResolver().loader_args(module.declared, sources / "src")[1] == "layout.tasks"
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "layout"]:
            del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_thing.at_all", r"there is no file no_such_thing.py, and no folder no_such_thing\); looked in"),
        (
            "resolver_package.resolver_task",
            r"'resolver_package' is there, in .*it has: a_first, resolver_tasks; did you mean 'resolver_tasks'",
        ),
    ],
)
def test_a_module_that_is_missing_is_told_with_what_is_there(module, name, message):
    with pytest.raises(ModuleLoadError, match=message):
        DefaultTaskResolver().load_task(["mod", name, "instance", "a"])
