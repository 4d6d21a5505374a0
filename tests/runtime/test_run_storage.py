"""Where a run keeps what its first task is given and what it gives."""

from __future__ import annotations

from typing import Annotated

import pytest

from flyte_core import TaskEnvironment, storage
from flyte_core.io import FrameTransformer
from flyte_core.runtime import with_runcontext
from flyte_core.types import TypeEngine


class Words(list):
    """A frame: one column of texts."""


class WordsTransformer(FrameTransformer[Words]):
    formats = ("plain", "upper")

    def write(self, frame, url, format):
        with storage.open_sync(storage.join(url, "words.txt"), "w") as file:
            file.write("\n".join(frame))

    def read(self, url, format, declared):
        with storage.open_sync(storage.join(url, "words.txt"), "r") as file:
            return Words(file.read().splitlines())


TypeEngine.register(WordsTransformer(Words))

env = TaskEnvironment("stored")


@env.task
def same(words: Words) -> Annotated[Words, "upper"]:
    return words


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_inputs_of_a_run_are_stored_with_the_runs_own_data(temporary, tmp_path):
    base = tmp_path / "base"
    with_runcontext(run_base_dir=str(base)).run(same, Words(["a"]))
    assert len(list((base / "raw_data").rglob("words.txt"))) == 2
    assert list(temporary.iterdir()) == []


def test_a_run_knows_the_literals_that_its_outputs_are_stored_as(tmp_path):
    run = with_runcontext(run_base_dir=str(tmp_path)).run(same, Words(["a"]))
    (named,) = run.literals.literals
    dataset = named.value.scalar.structured_dataset
    assert dataset.uri.startswith(str(tmp_path / "raw_data"))
    assert dataset.metadata.structured_dataset_type.format == "upper"
