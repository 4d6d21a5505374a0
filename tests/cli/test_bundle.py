from __future__ import annotations

import json
import os
import tarfile

import pytest

TASKS = """
from flyte_core import TaskEnvironment
from bundled_helper import NUMBER
print("printed while it is imported")
env = TaskEnvironment("bundled")

@env.task
def one() -> int:
    return NUMBER
"""


@pytest.fixture
def folder(tmp_path, cli):
    root = tmp_path / "packed"
    root.mkdir()
    (root / "bundled_tasks.py").write_text(TASKS)
    (root / "bundled_helper.py").write_text("NUMBER = 1\n")
    (root / "query.sql").write_text("select 1")
    (root / "a.log").write_text("log")
    (root / ".gitignore").write_text("# logs\n*.log\n")
    (root / "link.sql").symlink_to("query.sql")
    return root


def names(path) -> list[str]:
    with tarfile.open(path) as tar:
        return tar.getnames()


def test_a_folder_is_packed_with_all_of_its_files(cli, folder, tmp_path):
    result = cli("bundle", str(folder), "--out", str(tmp_path / "out"))
    assert result.status == 0
    path, summary = result.out.splitlines()
    assert os.listdir(tmp_path / "out") == [os.path.basename(path)]
    assert names(path) == [".gitignore", "bundled_helper.py", "bundled_tasks.py", "link.sql", "query.sql"]
    assert summary.startswith("5 files, ")
    assert os.path.basename(path) == f"fast{summary.rpartition(' ')[2]}.tar.gz"


def test_a_package_is_a_folder_too(cli, folder, tmp_path):
    (folder / "__init__.py").touch()

    cli("bundle", str(folder), "--out", str(tmp_path / "out"))

    (path,) = (tmp_path / "out").glob("*.tar.gz")
    assert {"__init__.py", "bundled_tasks.py", "query.sql"} <= set(names(path))


def test_a_file_is_packed_with_the_modules_that_it_imports(cli, folder, tmp_path):
    result = cli("bundle", str(folder / "bundled_tasks.py"), "--include", "*.sql", "--json")
    document = json.loads(result.out)
    assert [file["path"] for file in document["files"]] == [
        "bundled_helper.py",
        "bundled_tasks.py",
        "link.sql",
        "query.sql",
    ]
    assert document["files"][2] == {"path": "link.sql", "target": "query.sql"}
    assert document["root"] == str(folder)
    assert os.path.getsize(document["path"]) == document["packed"]
    assert "printed while it is imported" in result.err
    result = cli("bundle", str(folder / "bundled_tasks.py"), "--copy-style", "all", "--json")
    assert len(json.loads(result.out)["files"]) == 5


def test_a_dry_run_lists_the_files_and_says_which_rule_leaves_others_out(cli, folder):
    result = cli("bundle", str(folder), "--dry-run")
    assert result.status == 0
    lines = [line.split(maxsplit=1) for line in result.out.splitlines()]
    assert ["link.sql", "-> query.sql"] in lines
    assert ["query.sql", "8"] in lines
    assert ["a.log", ".gitignore, line 2: *.log"] in lines
    document = json.loads(cli("bundle", str(folder), "--dry-run", "--json").out)
    assert document["left_out"] == [{"path": "a.log", "reason": ".gitignore, line 2: *.log"}]
    assert "path" not in document


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["--copy-style", "loaded"], 2, "give a file, or --copy-style all"),
        (["--include", "nowhere.py"], 1, "there is no such file or folder"),
        (["--copy-style", "some"], 2, "'loaded', 'all'"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(cli, folder, words, status, text):
    result = cli("bundle", str(folder), "--dry-run", *words)
    assert result.status == status
    assert text in result.err


def test_what_cannot_be_packed_is_a_failure(cli, folder):
    (folder / "bundled_Helper.py").touch()
    result = cli("bundle", str(folder), "--json")
    assert result.status == 1
    error = json.loads(result.err)["error"]
    assert error["code"] == "SourceError"
    assert "rename it" in error["message"]


def test_a_file_that_is_not_there_is_misuse(cli, tmp_path):
    assert cli("bundle", str(tmp_path / "nowhere.py")).status == 2
