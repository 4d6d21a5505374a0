"""`File` and `Dir` as a text on a command line, and relative paths that leave the place where they mean something."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import flyte_core
from flyte_core.errors import TypeTransformerFailedError
from flyte_core.io import Dir, File


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "tree").mkdir(parents=True)
    (tmp_path / "home" / "x.csv").write_text("1")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("s4://bucket/a.csv", r"no file system is known for the scheme 's4'; is it s3://"),
        ("", "an empty text"),
        ("file://x.csv", "file:///"),
        ("~/none.csv", "home/none.csv does not exist"),
    ],
)
@pytest.mark.parametrize("cls", [File, Dir])
def test_a_text_that_means_no_place_is_refused_at_once(cls, written, said):
    with pytest.raises(TypeTransformerFailedError, match=said):
        cls._from_text(written)


def test_a_quoted_tilde_is_the_home_folder(tmp_path):
    assert File._from_text("~/x.csv").path == str(tmp_path / "home" / "x.csv")
    assert Dir._from_text("~/tree").path == str(tmp_path / "home" / "tree")


def test_a_file_that_has_a_tilde_for_its_name_is_that_file(tmp_path):
    (tmp_path / "~").mkdir()
    (tmp_path / "~" / "x.csv").write_text("2")
    assert File._from_text("~/x.csv").path == str(tmp_path / "~" / "x.csv")


@pytest.mark.parametrize("url", ["s3://bucket/a.csv", "https://host/a.csv", "hdfs://host/a.csv", "memory://a.csv"])
def test_a_url_of_a_scheme_that_is_known_is_taken(url):
    assert File._from_text(url).path == url


env = flyte_core.TaskEnvironment("relative", image="python:3.12-slim")


@env.task
def names() -> tuple[File, Dir]:
    Path("left.csv").write_text("1")
    Path("tree2").mkdir(exist_ok=True)
    return File(path="left.csv"), Dir(path="./tree2")


def test_a_relative_path_is_absolute_when_it_leaves_a_task(tmp_path):
    file, folder = flyte_core.run(names).outputs()
    assert (file.path, folder.path) == (str(tmp_path / "left.csv"), str(tmp_path / "tree2"))
    assert asyncio.run(file.exists())


def test_a_relative_path_is_absolute_inside_of_other_values_too(tmp_path):
    assert File(path="a.csv")._serialize()["path"] == str(tmp_path / "a.csv")


@pytest.mark.parametrize("path", ["s3://bucket/a", "/data/a", "file:///data/a%20b", "memory://a"])
def test_other_paths_leave_as_they_are(path):
    assert File(path=path)._serialize()["path"] == path
