"""`FrameTransformer` with a class of frames of the test's own: no library, no plugin."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Annotated

import pytest
from flyteidl2.core.literals_pb2 import StructuredDataset
from pydantic import BaseModel

import flyte_core
from flyte_core import storage
from flyte_core.errors import InvalidTypeError, InvalidValueError, TypeTransformerFailedError
from flyte_core.io import DataFrame, DataFrameEncoder, DataFrameTransformerEngine, FrameTransformer
from flyte_core.io.handlers import Handlers
from flyte_core.types import TypeEngine
from flyte_core.types.codec import codec_for


class Lines(list):
    """A frame: one column of texts."""


class LinesTransformer(FrameTransformer[Lines]):
    formats = ("lines", "upper")
    threads: list[str] = []

    def write(self, frame, url, format):
        self.threads.append(threading.current_thread().name)
        with storage.open_sync(storage.join(url, "lines.txt"), "w") as file:
            file.write("\n".join(frame).upper() if format == "upper" else "\n".join(frame))

    def read(self, url, format, declared):
        with storage.open_sync(storage.join(url, "lines.txt"), "r") as file:
            lines = Lines(file.read().splitlines())
        wanted = [column.name for column in declared.columns]
        return Lines(line for line in lines if line in wanted) if wanted else lines

    def read_pieces(self, url, format, declared):
        yield from (Lines([line]) for line in self.read(url, format, declared))

    def render(self, frame):
        return f"<p>{len(frame)}</p>"


TypeEngine.register(LinesTransformer(Lines))

env = flyte_core.TaskEnvironment("frames", image="python:3.12")


@env.task
async def make() -> Lines:
    return Lines("abc")


@env.task
async def wrapped() -> DataFrame:
    return DataFrame.from_df(Lines("abc"))


@env.task
async def read(df: Lines) -> list[str]:
    return list(df)


@env.task
async def narrow(df: Annotated[DataFrame, {"b": str}]) -> list[str]:
    return list(await df.open(Lines).all())


@env.task
async def main() -> list[list[str]]:
    return [await read(await make()), await narrow(await wrapped()), await read(Lines("x"))]


def encode(value, t):
    return asyncio.run(TypeEngine.to_literal(value, t, TypeEngine.to_literal_type(t)))


def decode(literal, t):
    return asyncio.run(TypeEngine.to_python_value(literal, t))


def test_frames_go_from_task_to_task():
    assert flyte_core.run(main).outputs() == [["a", "b", "c"], ["b"], ["x"]]


def test_a_frame_is_written_below_the_runs_raw_data(tmp_path):
    run = flyte_core.with_runcontext(mode="local", raw_data_path=str(tmp_path)).run(wrapped)
    assert run.outputs().uri.startswith(str(tmp_path))


def test_writing_and_reading_happen_outside_of_the_loops_thread():
    LinesTransformer.threads.clear()
    encode(Lines("a"), Lines)
    assert LinesTransformer.threads != []
    assert threading.current_thread().name not in LinesTransformer.threads


def test_the_declared_format_is_the_one_written():
    for t in (Annotated[Lines, "upper"], Annotated[DataFrame, "upper"]):
        value = Lines("ab") if t.__origin__ is Lines else DataFrame.from_df(Lines("ab"))
        literal = encode(value, t)
        assert literal.scalar.structured_dataset.metadata.structured_dataset_type.format == "upper"
        assert decode(literal, Lines) == ["A", "B"]


def test_a_frame_is_stored_once(tmp_path):
    df = DataFrame.from_df(Lines("ab"), uri=str(tmp_path / "t"))
    first = encode(df, DataFrame)
    (tmp_path / "t" / "lines.txt").write_text("changed")
    assert encode(df, DataFrame) == first
    assert (tmp_path / "t" / "lines.txt").read_text() == "changed"


def test_a_frame_in_memory_is_opened_as_it_is():
    lines = Lines("ab")
    assert DataFrame.from_df(lines).open(Lines).all_sync() is lines


def test_a_table_that_lies_somewhere_is_read_where_it_lies(tmp_path):
    (tmp_path / "lines.txt").write_text("a\nb")
    df = DataFrame(uri=str(tmp_path), format="lines").open(Lines)
    assert df.all_sync() == ["a", "b"]
    assert df.literal.uri == str(tmp_path)


def test_a_local_table_that_leaves_a_task_is_copied_to_the_raw_data(tmp_path):
    (tmp_path / "lines.txt").write_text("a")
    literal = encode(DataFrame(uri=str(tmp_path), format="lines"), DataFrame)
    assert literal.scalar.structured_dataset.uri != str(tmp_path)
    assert decode(literal, Lines) == ["a"]


def test_pieces_come_one_by_one_in_both_forms(tmp_path):
    (tmp_path / "lines.txt").write_text("a\nb\nc")
    df = DataFrame(uri=str(tmp_path), format="lines").open(Lines)

    async def pieces():
        return [piece async for piece in await df.iter()]

    assert list(df.iter_sync()) == asyncio.run(pieces()) == [["a"], ["b"], ["c"]]


def test_pieces_may_be_left_in_the_middle(tmp_path):
    (tmp_path / "lines.txt").write_text("a\nb\nc")
    pieces = DataFrame(uri=str(tmp_path), format="lines").open(Lines).iter_sync()
    assert next(pieces) == ["a"]
    pieces.close()


def test_the_synchronous_forms_work_inside_a_running_loop(tmp_path):
    (tmp_path / "lines.txt").write_text("a\nb")

    async def inside():
        df = DataFrame(uri=str(tmp_path), format="lines").open(Lines)
        return df.all_sync(), list(df.iter_sync())

    assert asyncio.run(inside()) == (["a", "b"], [["a"], ["b"]])


@dataclass
class Holder:
    table: DataFrame
    name: str = "x"


class Model(BaseModel):
    table: DataFrame


@pytest.mark.parametrize("kind", [Holder, Model])
def test_a_frame_inside_a_record_is_stored_with_it(kind):
    back = decode(encode(kind(table=DataFrame.from_df(Lines("ab"))), kind), kind)
    assert back.table.format == "lines"
    assert back.table.literal.uri == back.table.uri
    assert back.table.open(Lines).all_sync() == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "t"),
    [([Lines("a"), Lines("b")], list[Lines]), ({"k": Lines("a")}, dict[str, Lines]), (Lines("a"), Lines | None)],
)
def test_frames_inside_containers_come_back(value, t):
    assert decode(encode(value, t), t) == value


def test_an_absent_frame_stays_absent():
    assert decode(encode(None, Lines | None), Lines | None) is None


@pytest.mark.parametrize("value", [3, None, "text", [1]])
def test_what_is_no_frame_is_refused(value):
    with pytest.raises(TypeTransformerFailedError, match="expected Lines"):
        encode(value, Lines)


def test_reading_needs_a_class_of_frames():
    with pytest.raises(InvalidValueError, match="open"):
        DataFrame(uri="s3://b/t").all_sync()
    with pytest.raises(InvalidValueError, match="open"):
        DataFrame(uri="s3://b/t").iter_sync()
    with pytest.raises(InvalidTypeError, match="class of frames"):
        DataFrame(uri="s3://b/t").open("pandas")


def test_a_table_of_no_place_cannot_be_read():
    with pytest.raises(TypeTransformerFailedError, match="no uri"):
        DataFrame().open(Lines).all_sync()


def test_a_handler_registered_by_hand_comes_before_the_transformers_own(monkeypatch):
    monkeypatch.setattr(
        Handlers, "encoders", {k: {p: dict(f) for p, f in v.items()} for k, v in Handlers.encoders.items()}
    )

    class Encoder(DataFrameEncoder):
        async def encode(self, dataframe, structured_dataset_type):
            return StructuredDataset(uri="s3://elsewhere")

    DataFrameTransformerEngine.register(Encoder(Lines, None, "lines"))
    assert encode(Lines("a"), Lines).scalar.structured_dataset.uri == "s3://elsewhere"
    LinesTransformer(Lines)
    assert encode(Lines("a"), Lines).scalar.structured_dataset.uri == "s3://elsewhere"


def test_reports_show_frames_as_their_transformer_does():
    assert TypeEngine.to_html(Lines("ab"), Lines) == "<p>2</p>"
    assert TypeEngine.to_html(DataFrame.from_df(Lines("ab")), DataFrame) == "<p>2</p>"


def test_reports_show_the_columns_of_a_table_that_is_not_in_memory():
    t = Annotated[DataFrame, {"a": int, "b": list[int]}]
    shown = TypeEngine.to_html(codec_for(t).decode(encode(DataFrame(uri="s3://b/t"), t)), t)
    assert "<th>a</th><td>integer</td>" in shown
    assert "<th>b</th><td>collection</td>" in shown


def test_every_structured_dataset_is_guessed_to_be_a_data_frame():
    assert TypeEngine.guess_python_type(TypeEngine.to_literal_type(Lines)) is DataFrame
    assert TypeEngine.get_transformer(Lines).name == "DataFrame Transformer"


def test_an_attribute_that_was_taken_out_of_a_record_is_a_frame_too():
    literal = encode(Holder(DataFrame.from_df(Lines("ab"))), Holder)
    from flyte_core.types.wire import pack, unpack

    taken = type(literal)()
    taken.scalar.binary.value = pack(unpack(literal.scalar.binary)["table"])
    taken.scalar.binary.tag = "msgpack"
    assert decode(taken, Lines) == ["a", "b"]
    assert decode(taken, DataFrame).format == "lines"


def test_two_wrapped_frames_are_the_same_only_when_they_wrap_the_same():
    a, b = Lines("a"), Lines("a")
    assert DataFrame.from_df(a) == DataFrame.from_df(a)
    assert DataFrame.from_df(a) != DataFrame.from_df(b)
