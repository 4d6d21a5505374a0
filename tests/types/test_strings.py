from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Optional

import pytest
from flyteidl2.core.literals_pb2 import Literal, LiteralMap, Scalar
from flyteidl2.task.common_pb2 import Inputs, NamedLiteral, Outputs
from google.protobuf.struct_pb2 import Struct

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.io import DataFrame, Dir, File
from flyte_core.types import literal_string_repr
from flyte_core.types.codec import codec_for


@dataclass
class Point:
    x: int


def struct():
    value = Struct()
    value.update({"a": "b"})
    return value


@pytest.mark.parametrize(
    ("value", "t", "shown"),
    [
        (3, int, 3),
        (None, Optional[int], None),  # noqa: UP045 - the older spelling is tested too
        ([1, 2], list[int], [1, 2]),
        ({"b": 1, "a": 2}, dict[str, int], {"a": 2, "b": 1}),
        (dt.datetime(2024, 1, 2, 3), dt.datetime, "2024-01-02T03:00:00"),
        (dt.timedelta(minutes=1), dt.timedelta, 60),
        (File(path="s3://b/x"), File, "s3://b/x"),
        (Dir(path="s3://b/x"), Dir, "s3://b/x"),
        (DataFrame(uri="s3://b/x"), DataFrame, "s3://b/x"),
        (Point(1), Point, '{"x": 1}'),
        (struct(), Struct, {"a": "b"}),
    ],
)
def test_a_literal_in_words(value, t, shown):
    assert literal_string_repr(codec_for(t).encode(value)) == shown


def test_a_pickle_is_shown_as_base64():
    assert isinstance(literal_string_repr(codec_for(Any).encode(5)), bytes)


def test_literals_by_name_are_shown_by_name():
    literal = codec_for(int).encode(1)
    named = NamedLiteral(name="a", value=literal)
    for several in (LiteralMap(literals={"a": literal}), named, {"a": literal}):
        assert literal_string_repr(several) == {"a": 1}
    assert literal_string_repr(Inputs(literals=[named])) == literal_string_repr(Outputs(literals=[named])) == {"a": 1}
    assert literal_string_repr(None) == {}


def test_an_offloaded_literal_says_where_it_is_and_an_error_what_it_is():
    literal = Literal()
    literal.offloaded_metadata.uri = "s3://b/x"
    assert "s3://b/x" in literal_string_repr(literal)
    failed = Literal()
    failed.scalar.error.message = "it broke"
    assert literal_string_repr(failed) == "it broke"


@pytest.mark.parametrize("literal", [Literal(), Literal(scalar=Scalar())])
def test_an_empty_literal_is_an_error(literal):
    with pytest.raises(TypeTransformerFailedError, match="empty"):
        literal_string_repr(literal)


def test_something_else_is_a_type_error():
    with pytest.raises(TypeError, match="literal_string_repr"):
        literal_string_repr(5)
