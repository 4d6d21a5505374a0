from __future__ import annotations

import pickle
import sys

import pytest

from flyte_core.cli.failure import Failure
from flyte_core.cli.loading import load_target


def test_a_file_is_a_module_of_its_own_folder(write, project):
    file = write("class Value: ...")
    loaded = load_target(file)
    assert loaded.root == project
    assert sys.path[0] == str(project)
    assert sys.modules[file[:-3]] is loaded.module
    value = loaded.module.Value()
    assert type(pickle.loads(pickle.dumps(value))) is loaded.module.Value


def test_a_file_in_packages_has_its_dotted_name(write, project):
    write("", "src/outer_pkg/__init__.py")
    write("", "src/outer_pkg/inner/__init__.py")
    write("NAME = __name__", "src/outer_pkg/names.py")
    file = write("from ..names import NAME\nfrom . import sibling", "src/outer_pkg/inner/work.py")
    write("", "src/outer_pkg/inner/sibling.py")
    loaded = load_target(file)
    assert loaded.module.__name__ == "outer_pkg.inner.work"
    assert loaded.module.NAME == "outer_pkg.names"
    assert loaded.root == project / "src"


def test_a_packages_folder_is_the_package(write, project):
    write("HERE = 1", "pkg_folder/__init__.py")
    loaded = load_target("pkg_folder")
    assert (loaded.module.HERE, loaded.root) == (1, project)


def test_a_files_name_need_not_be_an_identifier(write):
    loaded = load_target(write("HERE = 1", "my.odd-name.py"))
    assert (loaded.module.HERE, loaded.module.__name__) == (1, "my_odd-name")


def test_loading_twice_gives_the_same_module(write):
    file = write("HERE = object()")
    assert load_target(file).module is load_target(file).module


def test_a_module_from_elsewhere_is_not_taken_for_the_file(write):
    file = write("", "decoder/json.py")
    with pytest.raises(Failure, match="a module of that name is loaded already"):
        load_target(file)


@pytest.mark.parametrize(
    ("source", "last"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("def f(:", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        (
            "from flyte_core import Resources\nResources(cpu='1x')",
            "flyte_core.errors.InvalidValueError: Resources: cpu = '1x' is not allowed",
        ),
    ],
)
def test_a_file_that_does_not_import_shows_its_own_traceback(write, source, last):
    file = write(source)
    with pytest.raises(Failure) as caught:
        load_target(file)
    failure = caught.value
    assert failure.status == 2
    assert failure.traceback is not None
    lines = failure.traceback.rstrip().splitlines()
    assert lines[-1].startswith(last)
    frames = [line for line in lines if line.lstrip().startswith("File ")]
    assert [frame for frame in frames if file not in frame] == []


def test_a_file_that_does_not_import_leaves_no_module_behind(write):
    file = write("1 / 0", "broken.odd.py")
    with pytest.raises(Failure):
        load_target(file)
    assert "broken_odd" not in sys.modules


def test_the_whole_traceback_is_there_on_demand(write):
    with pytest.raises(Failure) as caught:
        load_target(write("1 / 0"), whole_tracebacks=True)
    assert "loading.py" in (caught.value.traceback or "")


def test_a_missing_file_is_an_error_with_near_misses(write):
    write("", "flights.py")
    with pytest.raises(Failure, match=r"no file fligths\.py; did you mean flights\.py\?"):
        load_target("fligths.py")


def test_a_missing_module_is_an_error_with_near_misses(write):
    write("", "flights_module.py")
    with pytest.raises(Failure, match=r"did you mean the file flights_module\.py\?"):
        load_target("flight_module")


@pytest.mark.parametrize("target", ["no_such_top.inner", "json.no_such_inner", ".relative", ""])
def test_a_module_that_cannot_be_found_is_an_error(project, target):
    with pytest.raises(Failure) as caught:
        load_target(target)
    assert caught.value.status == 2


def test_a_folder_without_init_is_refused(project):
    (project / "plain").mkdir()
    with pytest.raises(Failure, match=r"is a folder; expected a Python file, or a package with an __init__\.py"):
        load_target("plain")


def test_another_kind_of_file_is_refused(write):
    with pytest.raises(Failure, match="not a Python file"):
        load_target(write("", "notes.txt"))


def test_a_module_without_tasks_says_how_to_declare_one(cli, write):
    result = cli("run", write("x = 1"), "x")
    assert result.status == 2
    assert "has no tasks; declare one with @env.task" in result.err
