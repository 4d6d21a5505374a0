# ruff: noqa: F821, UP037 - texts in brackets are formats, not names
from __future__ import annotations

import typing
from typing import Literal

import pytest

import flyte_core
from flyte_core.errors import TypeTransformerFailedError
from flyte_core.io import Dir, File
from flyte_core.types import TypeEngine
from flyte_core.types.codec import codec_for
from flyte_core.types.text import parse_text


class Csv:
    format = "csv"


class Plain:
    """A class that names no format."""


env = flyte_core.TaskEnvironment("places", image="python:3.12-slim")


@env.task
def written(text: str) -> File["csv"]:
    file = File["csv"].new_remote("a.csv")
    with file.open_sync("wt") as stream:
        stream.write(text)
    return file


def annotated(file: File["csv"], tree: list[Dir["csv"]]) -> None:
    """Annotations that are texts in this module, as PEP 563 has it."""


# ---- formats -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [File, Dir])
@pytest.mark.parametrize(
    ("parameter", "format"),
    [("csv", "csv"), (Csv, "csv"), (Literal["csv"], "csv"), (Plain, ""), (str, ""), (Literal[5], "")],
)
def test_the_types_parameter_is_the_format_of_new_data(cls, parameter, format, tmp_path):
    assert cls[parameter].new_remote("a").format == format
    source = tmp_path / "a"
    source.mkdir() if cls is Dir else source.touch()
    assert cls[parameter].from_local_sync(source).format == format
    assert cls[parameter](path="s3://bucket/a") == cls(path="s3://bucket/a")
    assert cls[parameter].from_existing_remote("s3://bucket/a") == cls(path="s3://bucket/a")


def test_a_format_that_is_given_wins(tmp_path):
    assert File["csv"].new_remote("a", format="tsv").format == "tsv"


@pytest.mark.parametrize("cls", [File, Dir])
@pytest.mark.parametrize("parameter", ["csv", Csv, Plain, str, typing.TypeVar("T")])
def test_a_parameter_says_nothing_on_the_wire(cls, parameter):
    assert TypeEngine.to_literal_type(cls[parameter]) == TypeEngine.to_literal_type(cls)
    value = cls(path="s3://bucket/a")
    assert codec_for(cls[parameter]).encode(value) == codec_for(cls).encode(value)


def test_a_parameter_is_a_text_or_any_class():
    assert typing.get_origin(File["csv"]) is File
    assert typing.get_args(File["csv"]) == (Literal["csv"],)
    assert typing.get_args(File[Csv]) == (Csv,)
    hints = typing.get_type_hints(annotated)
    for hint, cls in ((hints["file"], File), (typing.get_args(hints["tree"])[0], Dir)):
        assert (typing.get_origin(hint), typing.get_args(hint)) == (cls, (Literal["csv"],))
    assert File["csv"] == File["csv"] != File["tsv"]
    assert len({File["csv"], File["csv"], File[Csv]}) == 2
    assert codec_for(File["csv"] | None).literal_type == codec_for(File | None).literal_type


def test_a_task_takes_formats():
    file = flyte_core.run(written, "x").outputs()
    assert type(file) is File
    assert file.format == "csv"


# ---- subclasses --------------------------------------------------------------------------------------


class Table(File["csv"]):
    def rows(self) -> int:
        with self.open_sync() as stream:
            return len(list(stream))


class Strict(File):
    def __init__(self, *, path: str, needed: int) -> None:
        super().__init__(path=path)


def test_a_subclass_comes_back_as_itself(tmp_path):
    (tmp_path / "a.csv").write_text("1\n2\n")
    table = Table.from_local_sync(tmp_path / "a.csv")
    assert type(table) is Table
    codec = codec_for(Table)
    assert codec.literal_type == codec_for(File).literal_type
    assert codec.encode(table) == codec_for(File).encode(table)
    back = codec.decode(codec.encode(table))
    assert type(back) is Table
    assert back.rows() == 2
    assert type(codec_for(File).decode(codec.encode(table))) is File


def test_the_class_above_is_no_subclass():
    with pytest.raises(TypeTransformerFailedError, match="expected Table"):
        codec_for(Table).encode(File(path="a"))


def test_a_subclass_that_cannot_be_made_from_a_literal_is_named():
    with pytest.raises(TypeTransformerFailedError, match="Strict"):
        codec_for(Strict).decode(codec_for(File).encode(File(path="a")))


# ---- what is no reference ----------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [File, Dir])
def test_a_path_says_how_to_make_a_reference(cls, tmp_path):
    for value in ("a.csv", tmp_path):
        for call in (codec_for(cls).encode, cls._deserialize):
            with pytest.raises(TypeTransformerFailedError, match=rf"{cls.__name__}\.from_local .*from_existing_remote"):
                call(value)


def test_credentials_in_what_is_refused_are_not_repeated():
    with pytest.raises(TypeTransformerFailedError) as caught:
        codec_for(File).encode("https://ann:password@host/a.csv")
    assert "password" not in str(caught.value)


def test_credentials_in_a_url_are_not_shown_and_the_query_is_no_name():
    file = File(path="https://ann:password@host/a.csv?X-Amz-Signature=0f3a")
    assert file.name == "a.csv"
    assert "password" not in repr(file)
    assert "0f3a" not in repr(file)


# ---- text --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cls", "kind", "other"), [(File, "file", "folder"), (Dir, "folder", "file")])
def test_a_text_is_a_path_that_has_to_lead_to_the_right_kind(cls, kind, other, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    expected = cls(path=str(tmp_path / kind))
    for text in (kind, f"./{kind}", str(tmp_path / kind), (tmp_path / kind).as_uri()):
        assert parse_text(text, cls) == expected
        assert parse_text(text, cls["csv"]) == expected
    with pytest.raises(TypeTransformerFailedError, match=f"of a {kind}; .*{other} is a {other}"):
        parse_text(other, cls)
    with pytest.raises(TypeTransformerFailedError, match=f"{tmp_path}/nowhere does not exist"):
        parse_text("nowhere", cls)


@pytest.mark.parametrize("cls", [File, Dir])
def test_a_text_is_a_url_or_the_plain_form(cls):
    assert parse_text("s3://bucket/a", cls) == cls(path="s3://bucket/a")
    assert parse_text(' {"path": "s3://bucket/a", "hash": "h"}', cls) == cls(path="s3://bucket/a", hash="h")
    with pytest.raises(TypeTransformerFailedError, match="path"):
        parse_text('{"hash": "h"}', cls)
    with pytest.raises(TypeTransformerFailedError, match="JSON"):
        parse_text("{", cls)
