"""Where a task's error says that it happened."""

from __future__ import annotations

import contextlib
import json
import sysconfig

import pytest

from flyte_core import TaskEnvironment, run
from flyte_core.errors import RuntimeUserError
from flyte_core.io import File
from flyte_core.runtime.failures import is_own_file

env = TaskEnvironment("failing")


@env.task
def opens() -> str:
    with File(path="/there/is/none").open_sync("rb") as file:
        return str(file.read())


@env.task
def parses() -> str:
    return json.loads("{")


@env.task
async def enters() -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(_broken())


@contextlib.contextmanager
def _broken():
    raise LookupError("broken")
    yield


@pytest.mark.parametrize(("task", "name"), [(opens, "opens"), (parses, "parses"), (enters, "_broken")])
def test_the_place_of_an_error_is_the_innermost_line_of_the_users_own(task, name):
    with pytest.raises(RuntimeUserError, match=rf"\(in {name}, .*test_failures\.py:\d+\)$"):
        run(task)


@pytest.mark.parametrize(
    ("filename", "own"),
    [
        ("/home/ann/flights.py", True),
        ("/home/ann/flyte_core_tasks.py", True),
        ("<stdin>", True),
        ("<frozen importlib._bootstrap>", False),
        ("pandas/_libs/index.pyx", False),
        ("/env/lib/python3.12/site-packages/pandas/frame.py", False),
        ("/usr/lib/python3/dist-packages/yaml.py", False),
        ("C:\\env\\Lib\\site-packages\\pandas\\frame.py", False),
        (sysconfig.get_paths()["stdlib"] + "/contextlib.py", False),
        (is_own_file.__code__.co_filename, False),
    ],
)
def test_files_of_the_user_are_told_from_all_others(filename, own):
    assert is_own_file(filename) is own
