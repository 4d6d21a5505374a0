"""The first rows of frames, and tasks that explain themselves."""

from __future__ import annotations

import pytest

from flyte_core.cli.previews import preview
from flyte_core.io import DataFrame
from flyte_core.types import TypeEngine

pyarrow = pytest.importorskip("pyarrow")

TABLES = """
import pyarrow

from flyte_core import TaskEnvironment
from flyte_core.io import DataFrame

env = TaskEnvironment("tables")


def numbers(count):
    return pyarrow.table({"n": list(range(count)), "text": [f"{n}é" for n in range(count)]})


@env.task
def stored(count: int) -> DataFrame:
    return DataFrame.from_df(numbers(count))


@env.task
def arrow(count: int) -> pyarrow.Table:
    return numbers(count)
"""

EXPLAINED = """
import inspect

from flyte_core.extend import TaskTemplate
from flyte_core.models import NativeInterface


class Search(TaskTemplate):
    async def explain(self, **inputs):
        if inputs["word"] == "":
            raise ValueError("nothing to look for")
        return f"look for {inputs['word']} everywhere"

    async def execute(self, **inputs):
        raise AssertionError("it was run")


search = Search(name="search", task_type="search", interface=NativeInterface({"word": (str, inspect.Parameter.empty)}, {}))
"""


@pytest.mark.parametrize("task", ["stored", "arrow"])
def test_a_frame_is_a_table_of_its_rows_with_its_place_below(cli, write, task):
    lines = cli("run", write(TABLES), task, "--count", "2").out.splitlines()
    assert [line.split() for line in lines[:1] + lines[2:4]] == [["n", "text"], ["0", "0é"], ["1", "1é"]]
    assert lines[-1].startswith("stored as parquet: ")


def test_of_a_long_frame_the_first_rows_are_shown(cli, write):
    text = cli("run", write(TABLES), "stored", "--count", "51").out
    assert "49é" in text
    assert "50é" not in text
    assert "the first 50 rows are shown" in text
    assert "shown" not in cli("run", write(TABLES), "stored", "--count", "50").out


def test_a_frame_without_rows_says_so(cli, write):
    assert "no rows" in cli("run", write(TABLES), "stored", "--count", "0").out


def test_a_table_that_nothing_installed_can_read_is_shown_as_its_place(tmp_path):
    place = tmp_path / "t"
    place.mkdir()
    (place / "t.parquet").write_bytes(b"no parquet")
    assert preview(DataFrame(uri=str(place), format="parquet"), 5) is None
    assert preview(DataFrame(uri=str(place), format="csv"), 5) is None
    assert preview(DataFrame(), 5) is None
    assert preview([1], 5) is None


def test_columns_of_one_name_are_all_shown():
    table = pyarrow.table([[1], [2]], names=["a", "a"])
    found = preview(table, 5)
    assert found is not None
    assert (found.columns, found.rows) == (["a", "a"], [(1, 2)])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_of_other_libraries_do_where_arrow_is_missing(tmp_path, monkeypatch, library):
    pytest.importorskip(library)
    frame = DataFrame.from_df(pyarrow.table({"n": [1, 2, 3]}), uri=str(tmp_path / "t"))
    frame.set_literal_sync(TypeEngine.to_literal_type(DataFrame))
    monkeypatch.setattr("flyte_core.cli.previews._CLASSES", (("no_such_library", "Table"), (library, "DataFrame")))
    found = preview(DataFrame(uri=str(tmp_path / "t"), format="parquet"), 2)
    assert found is not None
    assert (found.columns, [tuple(row) for row in found.rows], found.has_more) == (["n"], [(1,), (2,)], True)


def test_a_task_explains_itself_and_is_not_run(cli, write):
    assert cli("run", write(EXPLAINED), "search", "--word", "x", "--explain").out == "look for x everywhere\n"
    shown = cli("run", write(EXPLAINED), "search", "--word", "x", "--explain", "--json").json()
    assert shown == {"task": "search", "plan": "look for x everywhere"}


def test_what_cannot_be_explained_is_a_failure(cli, write):
    failed = cli("run", write(EXPLAINED), "search", "--word", "", "--explain")
    assert failed.status == 1
    assert "nothing to look for" in failed.err


def test_a_task_without_a_plan_says_so(cli, write):
    shown = cli("run", write(TABLES), "arrow", "--count", "1", "--explain")
    assert shown.status == 2
    assert "a task of type 'python' has no plan to show" in shown.err
