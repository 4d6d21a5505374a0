"""A requirements file and those that it includes."""

import os

import pytest

from flyte_core.errors import MissingSourceError, SourceError
from flyte_core.sources import requirement_files


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root / next(iter(files))


def included(path):
    return [os.path.relpath(one, path.parent) for one in requirement_files(path)[1:]]


@pytest.mark.parametrize(
    "line",
    [
        "-r a.txt",
        "-ra.txt",
        "-c a.txt",
        "--requirement a.txt",
        "--requirement=a.txt",
        "--constraint a.txt",
        "  -r   ./x/../a.txt  # why",
        "-r \\\n a.txt",
        "-r 'a.txt'",
    ],
)
def test_every_spelling_of_an_inclusion_is_found(tmp_path, line):
    assert included(write(tmp_path, {"r.txt": f"httpx\n{line}\n", "a.txt": ""})) == ["a.txt"]


@pytest.mark.parametrize(
    "line", ["# -r a.txt", "httpx # -r a.txt", "-r https://host/a.txt", "--require-hashes", "-e ."]
)
def test_what_is_no_inclusion_of_a_file_is_left_alone(tmp_path, line):
    assert included(write(tmp_path, {"r.txt": f"{line}\n"})) == []


def test_paths_are_relative_to_the_file_that_they_stand_in(tmp_path):
    path = write(
        tmp_path, {"in/r.txt": "-r sub/a.txt\n-c ../c.txt", "in/sub/a.txt": "-r b.txt", "in/sub/b.txt": "", "c.txt": ""}
    )
    assert included(path) == ["sub/a.txt", "sub/b.txt", "../c.txt"]


def test_files_that_include_each_other_are_read_once(tmp_path):
    assert included(write(tmp_path, {"r.txt": "-r a.txt\n-r a.txt", "a.txt": "-r r.txt"})) == ["a.txt"]


def test_a_missing_file_is_named_with_the_one_that_includes_it(tmp_path):
    with pytest.raises(MissingSourceError, match=r"a\.txt: there is no such file, which .*r\.txt includes"):
        requirement_files(write(tmp_path, {"r.txt": "-r a.txt"}))


def test_a_path_that_means_nothing_in_the_image_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"/etc/a\.txt; write the path relative"):
        requirement_files(write(tmp_path, {"r.txt": "-r /etc/a.txt"}))


def test_a_folder_is_no_requirements_file(tmp_path):
    with pytest.raises(SourceError, match="folder"):
        requirement_files(tmp_path)
