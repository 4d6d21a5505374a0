# ruff: noqa: UP007 - the older spellings are tested too
from __future__ import annotations

import typing
from dataclasses import dataclass

import pytest
from flyteidl2.core.literals_pb2 import Literal

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import codec_for


@dataclass
class Point:
    x: int


def tag(literal):
    return literal.scalar.union.type.structure.tag


@pytest.mark.parametrize(
    ("value", "expected"), [(1, "int"), ("1", "str"), (1.0, "float"), (True, "bool"), (None, "none")]
)
def test_the_variant_of_the_values_own_class_wins(value, expected):
    codec = codec_for(typing.Union[int, str, float, bool, None])
    literal = codec.encode(value)
    assert tag(literal) == expected
    back = codec.decode(literal)
    assert (back, type(back)) == (value, type(value))


def test_variants_stand_on_the_wire_in_the_order_in_which_they_are_written():
    tags = [
        [variant.structure.tag for variant in codec_for(t).literal_type.union_type.variants]
        for t in (typing.Union[int, str], typing.Union[str, int], int | str, list[str] | int)
    ]
    assert tags == [["int", "str"], ["str", "int"], ["int", "str"], ["Typed List", "int"]]


def test_a_nested_union_keeps_its_own_order_beside_an_equal_one():
    first, second = codec_for(list[int | str]), codec_for(list[str | int])
    assert first.literal_type != second.literal_type


@pytest.mark.parametrize("value", [[1], ["a"]])
def test_of_two_lists_the_one_whose_elements_fit_is_taken(value):
    codec = codec_for(list[int] | list[str])
    assert codec.decode(codec.encode(value)) == value


def test_a_value_that_fits_two_variants_alike_is_an_error_that_lists_them():
    with pytest.raises(TypeError, match=r"ambiguous.*list\[int\], list\[str\]"):
        codec_for(list[int] | list[str]).encode([])


def test_a_value_that_fits_none_is_an_error_that_says_why_for_each():
    with pytest.raises(TypeTransformerFailedError, match=r"expected int.*expected list"):
        codec_for(int | list[int]).encode("x")


def test_a_bare_literal_reads_as_the_variant_that_would_have_written_it():
    codec = codec_for(float | int)
    back = codec.decode(codec_for(int).encode(3))
    assert (back, type(back)) == (3, int)


def test_an_unknown_tag_is_refused_with_its_name():
    with pytest.raises(TypeTransformerFailedError, match="'str'"):
        codec_for(int | None).decode(codec_for(str | None).encode("x"))


def test_an_empty_literal_is_refused():
    with pytest.raises(TypeTransformerFailedError):
        codec_for(int | None).decode(Literal())


def test_records_in_unions_come_back():
    codec = codec_for(Point | int | None)
    for value in (Point(1), 2, None):
        assert codec.decode(codec.encode(value)) == value


def test_a_union_with_a_type_that_needs_input_or_output_is_asynchronous(celsius):
    codec = codec_for(celsius | int)
    assert not codec.is_sync
    assert codec.decode(codec.encode(celsius(1.5))) == celsius(1.5)
    assert codec.decode(codec.encode(7)) == 7
    with pytest.raises(TypeTransformerFailedError):
        codec.encode("x")
