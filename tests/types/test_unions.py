# ruff: noqa: UP007 - the older spellings are tested too
from __future__ import annotations

import enum
import typing
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from flyteidl2.core import literals_pb2

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.io import Dir, File
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
        codec_for(int | None).decode(literals_pb2.Literal())


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


@dataclass
class Base:
    a: int


@dataclass
class Middle(Base):
    b: int = 2


@dataclass
class Lowest(Middle):
    c: int = 3


@dataclass
class Holder:
    one: Base | Middle
    kind: Middle | Base | int | None = None


class Own:
    def __init__(self, n=1):
        self.n = n

    def __eq__(self, other):
        return type(other) is type(self) and other.n == self.n

    __hash__ = None


class Other(Own):
    pass


class Word(str, enum.Enum):
    A = "a"


def test_an_instance_of_a_subclass_goes_as_its_nearest_base():
    codec = codec_for(Base | Middle)
    assert codec.decode(codec.encode(Lowest(1, 5, 6))) == Middle(1, 5)
    assert codec.decode(codec.encode(Middle(1, 5))) == Middle(1, 5)


def test_look_alike_records_come_back_as_what_they_were_and_a_third_is_ambiguous():
    codec = codec_for(Point | Twin)
    for value in (Point(1), Twin(1)):
        assert codec.decode(codec.encode(value)) == value
    with pytest.raises(TypeError, match=r"ambiguous.*Point, Twin"):
        codec.encode(Triplet(1))


@dataclass
class Twin:
    x: int


@dataclass
class Triplet:
    x: int


@pytest.mark.parametrize("value", [Holder(Base(1)), Holder(Middle(1, 5), Base(2)), Holder(Base(1), 7)])
def test_inside_a_record_no_field_is_lost_to_a_smaller_record(value):
    codec = codec_for(Holder)
    assert codec.decode(codec.encode(value)) == value


def test_inside_a_record_the_nearest_base_is_taken_too():
    codec = codec_for(Holder)
    assert codec.decode(codec.encode(Holder(Lowest(1, 5, 6)))) == Holder(Middle(1, 5))
    with pytest.raises(TypeTransformerFailedError, match=r"^one: expected .*Base.*expected Base, got 'x'"):
        codec.encode(Holder("x"))


@pytest.mark.parametrize("value", [Own(2), Other(3), 4])
def test_pickled_classes_are_told_apart_by_the_value(value):
    codec = codec_for(Own | Other | int)
    back = codec.decode(codec.encode(value))
    assert (back, type(back)) == (value, type(value))


def test_pickle_does_not_take_what_is_no_instance_of_the_class():
    with pytest.raises(TypeTransformerFailedError, match=r"expected .*Own \| int, got 'x' \(expected int"):
        codec_for(Own | int).encode("x")
    assert codec_for(int | typing.Any).decode(codec_for(int | typing.Any).encode("x")) == "x"


@pytest.mark.parametrize(
    ("t", "value"),
    [
        (str | Word, "a"),
        (str | Word, Word.A),
        (Word | int, Word.A),
        (Literal["a"] | int, "a"),
        (Literal["a"] | Literal["b"], "b"),
        (Literal[1, "x"] | None, 1),
        (bool | int, True),
        (bool | int, 1),
        (int | float, 1.0),
        (list[Word] | dict[str, Word], {"k": Word.A}),
        (Annotated[int, "x"] | None, 3),
        (File | Dir | str, File(path="s3://b/x")),
        (File | Dir | str, Dir(path="s3://b/x")),
        (File | Dir | str, "s3://b/x"),
    ],
)
def test_a_variant_comes_back_as_what_it_was(t, value):
    codec = codec_for(t)
    back = codec.decode(codec.encode(value))
    assert (back, type(back)) == (value, type(value))


def test_a_bare_literal_reads_in_an_asynchronous_union_as_in_any_other():
    codec = codec_for(float | int | Own)
    assert not codec.is_sync
    back = codec.decode(codec_for(int).encode(3))
    assert (back, type(back)) == (3, int)
