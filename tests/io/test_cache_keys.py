"""What a cached task takes for the same input: content where a hash is known, the place otherwise."""

from __future__ import annotations

import uuid

import pytest

import flyte_core
from flyte_core.io import Dir, File, HashlibAccumulator

env = flyte_core.TaskEnvironment("places_cached", image="python:3.12-slim")
calls: list[str] = []


@env.task(cache="auto")
def size(file: File, salt: str) -> int:
    calls.append(file.path)
    with file.open_sync() as stream:
        return len(stream.read())


@env.task(cache="auto")
def count(tree: Dir, salt: str) -> int:
    calls.append(tree.path)
    return len(tree.list_files_sync())


@env.task
def copy(text: str) -> File:
    file = File.new_remote("copy.txt", hash_method=HashlibAccumulator.from_hash_name("sha256"))
    with file.open_sync("wt") as stream:
        stream.write(text)
    return file


@env.task
def both(texts: list[str], salt: str) -> list[int]:
    return [size(copy(text), salt) for text in texts]


@pytest.fixture
def salt() -> str:
    """Keep the results of one test from the others: the cache is the process's."""
    calls.clear()
    return uuid.uuid4().hex


def _file(folder, name, text, hashed=True):
    (folder / name).write_text(text)
    method = HashlibAccumulator.from_hash_name("md5") if hashed else None
    return File.from_local_sync(folder / name, hash_method=method)


def test_one_content_at_two_places_is_computed_once(tmp_path, salt):
    for name in "ab":
        assert flyte_core.run(size, _file(tmp_path, name, "same"), salt).outputs() == 4
    assert calls == [str(tmp_path / "a")]


def test_two_contents_at_one_place_are_computed_twice(tmp_path, salt):
    for text in ("one", "three"):
        assert flyte_core.run(size, _file(tmp_path, "a", text), salt).outputs() == len(text)
    assert calls == [str(tmp_path / "a")] * 2


def test_without_a_hash_the_place_counts(tmp_path, salt):
    for name in ("a", "b", "a"):
        flyte_core.run(size, _file(tmp_path, name, "same", hashed=False), salt)
    assert calls == [str(tmp_path / "a"), str(tmp_path / "b")]


def test_folders_of_the_same_content_are_computed_once(tmp_path, salt):
    for name, text in (("a", "same"), ("b", "same"), ("c", "other")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(text)
        tree = Dir.from_local_sync(tmp_path / name, hash_method=HashlibAccumulator.from_hash_name("md5"))
        assert flyte_core.run(count, tree, salt).outputs() == 1
    assert calls == [str(tmp_path / "a"), str(tmp_path / "c")]


def test_a_hash_that_was_computed_in_one_task_counts_in_the_next(salt):
    assert flyte_core.run(both, ["same", "same", "other"], salt).outputs() == [4, 4, 5]
    assert len(calls) == 2
