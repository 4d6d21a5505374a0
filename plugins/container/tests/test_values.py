"""Values in a command, as Go prints them; the expectations were printed by Go itself."""

from __future__ import annotations

import math

import msgpack
import pytest
from flyte_core_container.copilot.gotext import general_float_text
from flyte_core_container.values import go_text, literal_text
from flyteidl2.core.literals_pb2 import (
    Binary,
    Blob,
    Literal,
    LiteralCollection,
    LiteralMap,
    Primitive,
    Scalar,
    Schema,
    Union,
    Void,
)
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import SerializationError


def primitive(**value: object) -> Literal:
    return Literal(scalar=Scalar(primitive=Primitive(**value)))


def several(*items: Literal) -> Literal:
    return Literal(collection=LiteralCollection(literals=items))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (1.5, "1.5"),
        (100000.0, "100000"),
        (123456.0, "123456"),
        (1234567.0, "1.234567e+06"),
        (1e6, "1e+06"),
        (1e20, "1e+20"),
        (1e21, "1e+21"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (123456789.125, "1.23456789125e+08"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (-2.5e-7, "-2.5e-07"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_a_float_is_printed_as_go_prints_it(value: float, text: str) -> None:
    assert general_float_text(value) == text


@given(st.floats(allow_nan=False))
def test_a_printed_float_gives_the_float_back(value: float) -> None:
    assert float(general_float_text(value)) == value


def test_what_messagepack_holds_is_printed_as_go_prints_it() -> None:
    value = {"b": 1, "a": [1, "x", None, True, 2.5, 1e7, {"z": 1}], "": b"\x01\x02"}
    assert go_text(value) == "map[:[1 2] a:[1 x <nil> true 2.5 1e+07 map[z:1]] b:1]"


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (primitive(integer=-3), "-3"),
        (primitive(boolean=False), "false"),
        (primitive(boolean=True), "true"),
        (primitive(string_value="a 'b' $c\n"), "a 'b' $c\n"),
        (primitive(string_value=""), ""),
        (primitive(float_value=0.25), "0.25"),
        (primitive(datetime=Timestamp(seconds=1704164645, nanos=120_000_000)), "2024-01-02T03:04:05.12Z"),
        (primitive(datetime=Timestamp(seconds=-1)), "1969-12-31T23:59:59Z"),
        (primitive(datetime=Timestamp(seconds=0, nanos=1)), "1970-01-01T00:00:00.000000001Z"),
        (primitive(duration=Duration(seconds=90)), "seconds:90"),
        (primitive(duration=Duration(seconds=-1, nanos=-500_000_000)), "seconds:-1 nanos:-500000000"),
        (primitive(duration=Duration()), ""),
        (Literal(scalar=Scalar(blob=Blob(uri="s3://b/x"))), "s3://b/x"),
        (Literal(scalar=Scalar(schema=Schema(uri="s3://b/s"))), "s3://b/s"),
        (Literal(scalar=Scalar(binary=Binary(tag="msgpack", value=msgpack.packb({"a": 1})))), "map[a:1]"),
        (several(), "[]"),
        (several(several(primitive(string_value="a"), primitive(string_value="b")), primitive(integer=1)), "[[a,b],1]"),
    ],
)
def test_a_literal_has_the_clusters_form(literal: Literal, text: str) -> None:
    assert literal_text(literal) == text


@pytest.mark.parametrize(
    "literal",
    [
        Literal(),
        Literal(map=LiteralMap()),
        Literal(scalar=Scalar(none_type=Void())),
        Literal(scalar=Scalar(union=Union())),
        Literal(scalar=Scalar(generic=Struct())),
        Literal(scalar=Scalar(primitive=Primitive())),
        primitive(datetime=Timestamp(seconds=-(10**12))),
        Literal(scalar=Scalar(binary=Binary(tag="other", value=b"x"))),
        Literal(scalar=Scalar(binary=Binary(tag="msgpack", value=b"\xc1"))),
        several(Literal(map=LiteralMap())),
    ],
)
def test_a_literal_without_such_a_form_is_refused_saying_where_to_read_it(literal: Literal) -> None:
    with pytest.raises(SerializationError, match="input folder"):
        literal_text(literal)
