from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

import pytest
from flyteidl2.core.types_pb2 import SimpleType
from google.protobuf.json_format import MessageToDict

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.io import DataFrame
from flyte_core.io.columns import dataset_type
from flyte_core.types.codec import codec_for


@dataclass
class Inner:
    x: int


class Columns:
    a: int
    b: dt.datetime


class Unresolved:
    a: Missing  # noqa: F821


def columns(t):
    return [(column.name, column.literal_type.WhichOneof("type")) for column in dataset_type(t).columns]


def test_a_stored_table_keeps_its_place_and_format():
    codec = codec_for(DataFrame)
    value = DataFrame(uri="s3://b/t.parquet", format="parquet")
    literal = codec.encode(value)
    assert MessageToDict(literal) == {
        "scalar": {
            "structuredDataset": {
                "uri": "s3://b/t.parquet",
                "metadata": {"structuredDatasetType": {"format": "parquet"}},
            }
        }
    }
    assert codec.decode(literal) == value


def test_columns_and_format_come_from_the_annotation():
    t = Annotated[DataFrame, {"a": int, "b": {"c": list[str], "d": dict[str, float]}, "e": Inner}, "csv"]
    assert dataset_type(t).format == "csv"
    assert columns(t) == [("a", "simple"), ("b.c", "collection_type"), ("b.d", "map_value_type"), ("e.x", "simple")]
    assert columns(DataFrame) == []


def test_columns_may_be_a_class_with_annotations():
    found = dataset_type(Annotated[DataFrame, Columns]).columns
    assert [column.literal_type.simple for column in found] == [SimpleType.INTEGER, SimpleType.DATETIME]
    with pytest.raises(TypeTransformerFailedError, match="Missing"):
        dataset_type(Annotated[DataFrame, Unresolved])


@pytest.mark.parametrize("t", [Annotated[DataFrame, "csv", "parquet"], Annotated[DataFrame, {"a": int}, {"b": int}]])
def test_a_second_format_or_column_list_is_refused(t):
    with pytest.raises(TypeTransformerFailedError, match="only once"):
        codec_for(t)


def test_a_column_of_a_type_without_a_literal_type_is_refused():
    with pytest.raises(TypeTransformerFailedError, match="complex"):
        codec_for(Annotated[DataFrame, {"a": complex}])


def test_the_declared_format_wins_over_the_values_own():
    literal = codec_for(Annotated[DataFrame, "csv"]).encode(DataFrame(uri="s3://b/t", format="parquet"))
    assert literal.scalar.structured_dataset.metadata.structured_dataset_type.format == "csv"


def test_a_table_that_is_passed_through_keeps_its_literal():
    wide = codec_for(Annotated[DataFrame, {"a": int, "b": str}])
    narrow = codec_for(Annotated[DataFrame, {"a": int}])
    literal = wide.encode(DataFrame(uri="s3://b/t", format="parquet"))
    value = narrow.decode(literal)
    assert [column.name for column in value.metadata.structured_dataset_type.columns] == ["a"]
    assert narrow.encode(value) == literal
    assert value.literal == literal.scalar.structured_dataset


@pytest.mark.parametrize(
    ("value", "named"),
    [(DataFrame(), "uri"), (DataFrame.from_df([1]), "flyte-core-dataframe"), ([1], "from_df"), ("s3://b/t", "from_df")],
)
def test_what_is_not_stored_is_refused_with_what_to_do(value, named):
    with pytest.raises(TypeTransformerFailedError, match=named):
        codec_for(DataFrame).encode(value)


def test_another_literal_is_no_table():
    with pytest.raises(TypeTransformerFailedError, match="DataFrame"):
        codec_for(DataFrame).decode(codec_for(int).encode(1))


def test_a_frame_in_memory_is_at_hand():
    assert DataFrame.from_df([1], uri="s3://b/t").val == [1]
    assert DataFrame.from_existing_remote("s3://b/t").format == ""


def test_a_frame_inside_a_record_needs_what_can_store_it():
    @dataclass
    class Holder:
        table: DataFrame

    codec = codec_for(Holder)
    value = Holder(DataFrame(uri="s3://b/t", format="csv"))
    assert codec.decode(codec.encode(value)) == value
    with pytest.raises(TypeTransformerFailedError, match=r"table: .*flyte-core-dataframe"):
        codec.encode(Holder(DataFrame.from_df([1])))
