"""What is shown of outputs that lie outside of their literal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FRAMES = '''
from typing import Annotated, Optional, Union

from flyte_core import TaskEnvironment, storage
from flyte_core.io import DataFrame, FrameTransformer
from flyte_core.types import TypeEngine


class Words(list):
    """A frame: one column of texts."""


class WordsTransformer(FrameTransformer[Words]):
    formats = ("plain", "upper")

    def write(self, frame, url, format):
        with storage.open_sync(storage.join(url, "words.txt"), "w") as file:
            file.write("\\n".join(frame))

    def read(self, url, format, declared):
        with storage.open_sync(storage.join(url, "words.txt"), "r") as file:
            return Words(file.read().splitlines())


class Odd:
    def __str__(self):
        return "odd"


TypeEngine.register(WordsTransformer(Words))
env = TaskEnvironment("frames")


@env.task
def one() -> Annotated[Words, "upper"]:
    return Words("ab")


@env.task
def perhaps() -> Optional[Words]:
    return Words("ab")


@env.task
def either() -> Union[Words, int]:
    return Words("ab")


@env.task
def some() -> list[Words]:
    return [Words("ab")]


@env.task
def wrapped() -> DataFrame:
    return DataFrame.from_df(Words("ab"))


@env.task
def pickled() -> Odd:
    return Odd()


@env.task
def count(words: Words) -> int:
    return len(words)


@env.task
def count_some(words: Optional[Words] = None) -> int:
    return len(words or ())


@env.task
def refer(words: DataFrame) -> int:
    return len(words.open(Words).all_sync())


@env.task
def several() -> tuple[int, Words]:
    return 1, Words("ab")
'''


@pytest.fixture
def frames(write, tmp_path, monkeypatch) -> str:
    """Give the name of a file with tasks that give frames; what they store is below ``tmp``."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return write(FRAMES)


def written(tmp_path) -> list[str]:
    return [str(path.parent) for path in (tmp_path / "tmp").rglob("words.txt")]


@pytest.mark.parametrize(("task", "form"), [("one", "upper"), ("perhaps", "plain"), ("either", "plain")])
def test_a_frame_is_stored_once_and_json_names_that_place_and_its_format(cli, frames, tmp_path, task, form):
    shown = cli("run", frames, task, "--json").json()["outputs"]["o0"]
    assert [shown["uri"]] == written(tmp_path)
    assert shown["format"] == form


def test_frames_in_a_list_are_stored_once(cli, frames, tmp_path):
    shown = cli("run", frames, "some", "--json").json()["outputs"]["o0"]
    assert [one["uri"] for one in shown] == written(tmp_path)


def test_a_frame_is_written_for_people_with_its_place(cli, frames, tmp_path):
    text = cli("run", frames, "one").out
    assert text == f"a, b\n\nstored as upper: {written(tmp_path)[0]}\n"


def test_frames_in_a_list_are_written_for_people_as_their_places(cli, frames, tmp_path):
    text = cli("run", frames, "some").out
    assert written(tmp_path)[0] in text


def test_a_reference_to_a_frame_has_its_place(cli, frames, tmp_path):
    assert written(tmp_path) == []
    text = cli("run", frames, "wrapped").out
    assert [Path(word) for word in text.split() if "raw_data" in word] == [Path(written(tmp_path)[0])]


def test_what_goes_pickled_is_written_as_it_writes_itself(cli, frames):
    assert cli("run", frames, "pickled").out == "odd\n"
    assert set(cli("run", frames, "pickled", "--json").json()["outputs"]["o0"]) == {"@pickle"}


@pytest.mark.parametrize(
    ("annotation", "value", "json"),
    [
        ("Decimal", "Decimal('1.50')", "1.50"),
        ("Optional[UUID]", "UUID(int=7)", "00000000-0000-0000-0000-000000000007"),
        ("time", "time(1, 2)", "01:02:00"),
        ("list[Decimal]", "[Decimal('1.50')]", ["1.50"]),
        ("dict[str, list[time]]", "{'a': [time(1)]}", {"a": ["01:00:00"]}),
        ("set[int]", "{2, 1}", [1, 2]),
    ],
)
def test_what_goes_pickled_and_has_a_text_is_that_text_in_json(cli, write, annotation, value, json):
    file = write(
        f"""
        from datetime import time
        from decimal import Decimal
        from typing import Optional
        from uuid import UUID

        import flyte_core

        env = flyte_core.TaskEnvironment("env", image="python:3.12-slim")


        @env.task
        def one() -> {annotation}:
            return {value}
        """
    )
    assert cli("run", file, "one", "--json").json()["outputs"] == {"o0": json}


def test_a_frame_among_several_outputs_has_its_name(cli, frames):
    assert cli("run", frames, "several").out.startswith("o0: 1\no1:\na, b\n\nstored as plain: ")


@pytest.fixture
def table(project) -> str:
    """Give the path of a stored frame."""
    folder = project / "table"
    folder.mkdir()
    (folder / "words.txt").write_text("a\nb\nc")
    return "table"


@pytest.mark.parametrize("task", ["count", "count-some", "refer"])
def test_a_frame_is_given_by_the_path_where_it_lies(cli, frames, table, tmp_path, task):
    result = cli("run", frames, task.replace("-", "_"), "--words", table)
    assert (result.status, result.out) == (0, "3\n")
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == ["flyte_core-" + str(os.getuid())]


@pytest.mark.parametrize("task", ["count", "count_some", "refer"])
def test_a_path_where_nothing_is_is_a_wrong_command_line(cli, frames, task):
    result = cli("run", frames, task, "--words", "nope")
    assert result.status == 2
    assert "--words 'nope': no such file or folder" in result.err
    assert f"frames.{task}" in result.err


def test_a_frame_that_cannot_be_read_is_a_problem_that_names_the_given_path(cli, frames, project):
    (project / "empty").mkdir()
    result = cli("run", frames, "count", "--words", "empty")
    assert result.status == 2
    assert "--words 'empty'" in result.err
    assert "flyte-tmp" not in result.err


def test_none_stands_for_no_frame(cli, frames):
    assert cli("run", frames, "count_some", "--words", "none").out == "0\n"
