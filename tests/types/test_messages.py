from __future__ import annotations

import pytest
from flyteidl2.core.types_pb2 import LiteralType, SimpleType
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import ListValue, Struct
from google.protobuf.timestamp_pb2 import Timestamp

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import codec_for


def test_a_message_is_a_struct_that_names_its_class():
    assert MessageToDict(codec_for(LiteralType).literal_type) == {
        "simple": "STRUCT",
        "metadata": {"pb_type": "flyteidl2.core.types_pb2.LiteralType"},
    }


def test_a_message_comes_back_equal():
    value = LiteralType(collection_type=LiteralType(simple=SimpleType.FLOAT))
    codec = codec_for(LiteralType)
    assert codec.decode(codec.encode(value)) == value


def test_a_struct_is_itself():
    value = Struct()
    value.update({"a": [1, {"b": None}]})
    codec = codec_for(Struct)
    assert codec.encode(value).scalar.generic == value
    assert codec.decode(codec.encode(value)) == value


def test_a_list_value_is_a_collection():
    value = ListValue()
    value.extend([1.0, "a"])
    literals = codec_for(ListValue).encode(value).collection.literals
    assert [one.scalar.primitive.WhichOneof("value") for one in literals] == ["float_value", "string_value"]


@pytest.mark.parametrize("value", [Timestamp(seconds=1), 5])
def test_what_has_no_struct_form_is_refused(value):
    with pytest.raises(TypeTransformerFailedError, match="Timestamp"):
        codec_for(Timestamp).encode(value)


def test_a_struct_with_other_fields_is_refused():
    value = Struct()
    value.update({"nonsense": 1})
    with pytest.raises(TypeTransformerFailedError, match="nonsense"):
        codec_for(LiteralType).decode(codec_for(Struct).encode(value))
    with pytest.raises(TypeTransformerFailedError, match="struct"):
        codec_for(LiteralType).decode(codec_for(int).encode(1))
