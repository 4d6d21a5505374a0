from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Optional

import attrs
import pydantic
import pytest
from google.protobuf.json_format import MessageToDict

from flyte_core.errors import InvalidTypeError, InvalidValueError, TypeTransformerFailedError
from flyte_core.io import Dir, File
from flyte_core.types.codec import codec_for


class Model(pydantic.BaseModel):
    one: File
    many: list[File] = []
    tree: Optional[Dir] = None  # noqa: UP045 - the older spelling is tested too


@pytest.mark.parametrize("cls", [File, Dir])
@pytest.mark.parametrize(
    ("path", "name"),
    [("s3://bucket/a/data.csv", "data.csv"), ("/a/b/", "b"), ("data.csv", "data.csv"), ("s3://bucket/a b", "a b")],
)
def test_the_name_is_the_last_part_of_the_path(cls, path, name):
    assert cls(path=path).name == name
    assert cls(path=path, name="other").name == "other"


@pytest.mark.parametrize(("kwargs", "field"), [({"path": 5}, "path"), ({"path": "x", "format": None}, "format")])
@pytest.mark.parametrize("cls", [File, Dir])
def test_a_field_of_another_type_is_named(cls, kwargs, field):
    with pytest.raises(InvalidTypeError, match=field):
        cls(**kwargs)


def test_an_empty_path_is_refused():
    with pytest.raises(InvalidValueError, match="path"):
        File(path="")


def test_a_reference_is_a_value():
    one = File(path="s3://b/x", hash="h")
    assert one == File.from_existing_remote("s3://b/x", "h")
    assert hash(one) == hash(File(path="s3://b/x", hash="h"))
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.path = "y"
    assert Dir.from_existing_remote("s3://b/t", "h").hash == "h"


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (
            File(path="s3://b/x.csv", format="csv"),
            {"scalar": {"blob": {"metadata": {"type": {"format": "csv"}}, "uri": "s3://b/x.csv"}}},
        ),
        (
            Dir(path="s3://b/t", hash="h"),
            {
                "scalar": {"blob": {"metadata": {"type": {"dimensionality": "MULTIPART"}}, "uri": "s3://b/t"}},
                "hash": "h",
            },
        ),
    ],
)
def test_a_reference_is_a_blob_and_comes_back_equal(value, wire):
    codec = codec_for(type(value))
    literal = codec.encode(value)
    assert MessageToDict(literal) == wire
    assert codec.decode(literal) == value
    assert codec_for(type(value)[str]).literal_type == codec.literal_type


@pytest.mark.parametrize(("cls", "other", "word"), [(File, Dir, "single"), (Dir, File, "multipart")])
def test_a_folder_is_no_file_and_the_other_way_round(cls, other, word):
    literal = codec_for(other).encode(other(path="s3://b/x"))
    with pytest.raises(TypeTransformerFailedError, match=word):
        codec_for(cls).decode(literal)
    with pytest.raises(TypeTransformerFailedError, match=cls.__name__):
        codec_for(cls).encode(other(path="s3://b/x"))


def test_a_path_is_no_file_and_a_number_no_blob():
    with pytest.raises(TypeTransformerFailedError, match="File"):
        codec_for(File).encode("s3://b/x")
    with pytest.raises(TypeTransformerFailedError, match="File"):
        codec_for(File).decode(codec_for(int).encode(1))


def test_references_in_a_pydantic_model_come_back_equal_and_show_their_schema():
    value = Model(one=File(path="/a", format="csv"), many=[File(path="/b")], tree=Dir(path="/t"))
    codec = codec_for(Model)
    assert codec.decode(codec.encode(value)) == value
    schema = MessageToDict(codec.literal_type.metadata)
    assert schema["properties"]["one"] == {"$ref": "#/$defs/File"}
    assert schema["$defs"]["File"] == {**File.model_json_schema()}


def test_references_in_a_dataclass_come_back_equal_and_show_their_schema():
    @dataclass
    class Holder:
        one: File
        tree: Dir | None = None

    value = Holder(File(path="/a", hash="h"), Dir(path="/t"))
    codec = codec_for(Holder)
    assert codec.decode(codec.encode(value)) == value
    schema = MessageToDict(codec.literal_type.metadata)
    assert schema["properties"]["one"] == File.model_json_schema()
    assert schema["properties"]["tree"]["default"] is None
    with pytest.raises(TypeTransformerFailedError, match="one"):
        codec.encode(Holder("a"))


def test_a_dict_that_is_no_reference_is_refused():
    with pytest.raises(TypeTransformerFailedError, match="File"):
        File._deserialize({"name": "x"})
    with pytest.raises(TypeTransformerFailedError, match="File"):
        File._deserialize("x")
    assert File._deserialize({"path": "x", "later": 1}) == File(path="x")


def test_a_schema_tells_the_classes_apart():
    assert File.schema_match(File.model_json_schema())
    assert not File.schema_match(Dir.model_json_schema())
    assert not File.schema_match({"title": "File", "type": "object", "properties": {"other": {}}})
