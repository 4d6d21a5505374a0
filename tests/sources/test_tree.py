"""What is listed of a folder."""

import os
import socket
import subprocess
import sys

import pytest

from flyte_core.errors import MissingSourceError, SourceError
from flyte_core.sources import IgnoreRules, list_tree, read_dockerignore


def listed(root, *lines, **options):
    rules = IgnoreRules(read_dockerignore("r", lines=lines))
    return [(one.path, one.kind) for one in list_tree(root, rules, **options)]


def test_files_are_sorted_by_their_whole_paths(tmp_path):
    for name in ("b", "a/c", "a.b", "a/b/c", "ä", "Z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    paths = [path for path, _ in listed(tmp_path)]
    assert paths == sorted(paths) == ["Z", "a.b", "a/b/c", "a/c", "b", "ä"]


def test_links_are_listed_and_never_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "loop").symlink_to("..")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "out").symlink_to("/etc")
    found = list_tree(tmp_path)
    assert [(one.path, one.kind, one.target) for one in found] == [
        ("folder/loop", "link", ".."),
        ("gone", "link", "nowhere"),
        ("out", "link", "/etc"),
    ]


def test_a_root_that_is_a_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").touch()
    (tmp_path / "link").symlink_to("real")
    assert listed(tmp_path / "link") == [("a", "file")]


def test_sockets_and_pipes_are_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket may be 107 characters long
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        assert listed(tmp_path) == []


def test_the_bit_of_the_owner_says_what_may_be_run(tmp_path):
    for name, mode in {"run": 0o700, "read": 0o644, "others": 0o655}.items():
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    assert {one.path: one.executable for one in list_tree(tmp_path)} == {"run": True, "read": False, "others": False}


def test_folders_without_files_are_listed_on_demand(tmp_path):
    for name in ("empty/inner", "full", "ignored", "half/all-ignored"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "full" / "a").touch()
    (tmp_path / "half" / "all-ignored" / "x.log").touch()
    assert listed(tmp_path, "ignored", "**/*.log") == [("full/a", "file")]
    assert listed(tmp_path, "ignored", "**/*.log", empty_folders=True) == [
        ("empty/inner", "folder"),
        ("full/a", "file"),
        ("half/all-ignored", "folder"),
    ]


def test_a_file_is_kept_in_an_ignored_folder_when_a_later_rule_says_so(tmp_path):
    (tmp_path / "docs" / "sub").mkdir(parents=True)
    for name in ("docs/a.md", "docs/b.md", "docs/sub/c.md"):
        (tmp_path / name).touch()
    assert listed(tmp_path, "docs", "!docs/a.md") == [("docs/a.md", "file")]
    assert listed(tmp_path, "docs", "!docs/sub") == [("docs/sub/c.md", "file")]


def test_a_root_that_is_missing_or_a_file_is_named(tmp_path):
    with pytest.raises(MissingSourceError, match="nowhere"):
        list_tree(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="file: it is a file"):
        list_tree(tmp_path / "file")


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SourceError, match="closed.*Permission denied.*ignore it"):
        list_tree(tmp_path)


@pytest.mark.skipif(sys.platform == "darwin", reason="names there are text")
def test_a_name_that_is_no_text_is_listed(tmp_path):
    with open(os.path.join(os.fsencode(tmp_path), b"\xff.py"), "wb"):
        pass
    assert listed(tmp_path) == [("\udcff.py", "file")]


def test_a_tree_deeper_than_the_stack_is_listed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    depth = sys.getrecursionlimit() + 100
    for _ in range(depth):
        os.mkdir("a")
        os.chdir("a")
    with open("x", "w", encoding="utf-8"):
        pass
    os.chdir(tmp_path)
    try:
        assert [path.count("/") for path, _ in listed(tmp_path)] == [depth]
    finally:
        # Python's own removal of folders is recursive.
        subprocess.run(["rm", "-r", "a"], check=True)
