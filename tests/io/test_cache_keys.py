"""What a cached task takes for the same input: content where a hash is known, the place otherwise."""

from __future__ import annotations

import asyncio
import os
import uuid

import pytest
from flyteidl2.core import literals_pb2
from flyteidl2.task import common_pb2

import flyte_core
from flyte_core.io import Dir, File, HashlibAccumulator
from flyte_core.runtime.cache_places import local_places
from flyte_core.types import TypeEngine

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
    files = {name: _file(tmp_path, name, "same", hashed=False) for name in "ab"}
    for name in ("a", "b", "a"):
        flyte_core.run(size, files[name], salt)
    assert calls == [str(tmp_path / "a"), str(tmp_path / "b")]


def test_a_file_without_a_hash_that_was_changed_in_place_is_read_anew(tmp_path, salt):
    file = _file(tmp_path, "a", "one", hashed=False)
    assert flyte_core.run(size, file, salt).outputs() == 3
    with (tmp_path / "a").open("a") as stream:
        stream.write("two")
    assert flyte_core.run(size, file, salt).outputs() == 6


def test_a_file_of_the_same_size_counts_by_when_it_was_written(tmp_path, salt):
    file = _file(tmp_path, "a", "one", hashed=False)
    flyte_core.run(size, file, salt)
    os.utime(tmp_path / "a", ns=(1, 1))
    flyte_core.run(size, file, salt)
    assert len(calls) == 2


def test_a_folder_without_a_hash_counts_by_every_file_below_it(tmp_path, salt):
    (tmp_path / "deep").mkdir()
    tree = Dir.from_existing_remote(str(tmp_path))
    seen = []
    for name in (None, None, "x", "deep/y", None):
        if name:
            (tmp_path / name).write_text(name)
        flyte_core.run(count, tree, salt)
        seen.append(len(calls))
    assert seen == [1, 1, 2, 3, 3]


def test_references_in_containers_and_unions_count_too(tmp_path):
    items = list[File | None]
    literal_type = TypeEngine.to_literal_type(items)

    def key():
        found = asyncio.run(TypeEngine.to_literal([None, File(path=str(tmp_path / "a"))], items, literal_type))
        return local_places(common_pb2.Inputs(literals=[common_pb2.NamedLiteral(name="files", value=found)]))

    assert key() == ""
    (tmp_path / "a").write_text("one")
    first = key()
    (tmp_path / "a").write_text("three")
    assert first
    assert key() not in ("", first)


def test_an_ignored_input_and_a_remote_file_are_not_looked_at(tmp_path):
    (tmp_path / "a").write_text("one")
    blob = literals_pb2.Scalar(blob=literals_pb2.Blob(uri=str(tmp_path / "a")))
    away = literals_pb2.Scalar(blob=literals_pb2.Blob(uri="s3://bucket/a"))
    inputs = common_pb2.Inputs(
        literals=[
            common_pb2.NamedLiteral(name="here", value=literals_pb2.Literal(scalar=blob)),
            common_pb2.NamedLiteral(name="away", value=literals_pb2.Literal(scalar=away)),
        ]
    )
    assert local_places(inputs, ["here"]) == ""


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
