from __future__ import annotations

import enum
from typing import Any, Literal

import pytest

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.models import NativeInterface
from flyte_core.types.codec import codec_for


class Colour(enum.Enum):
    RED = "red-one"
    BLUE = "blue"


class Word(str, enum.Enum):
    A = "a"


class Level(enum.Enum):
    LOW = 1


class Empty(enum.Enum):
    pass


class Other(enum.Enum):
    RED = "red-one"


@pytest.mark.parametrize(("value", "t"), [(Colour.RED, Colour), (Word.A, Word)])
def test_a_member_goes_by_its_value_and_comes_back_as_a_member(value, t):
    codec = codec_for(t)
    literal = codec.encode(value)
    assert literal.scalar.primitive.string_value == value.value
    assert codec.decode(literal) is value


def test_a_value_stands_for_its_member():
    codec = codec_for(Colour)
    assert codec.decode(codec.encode("blue")) is Colour.BLUE


@pytest.mark.parametrize("value", ["RED", "green", 1, None, [], Other.RED])
def test_what_is_no_member_is_refused_with_the_values(value):
    with pytest.raises(TypeTransformerFailedError, match="'red-one', 'blue'"):
        codec_for(Colour).encode(value)


@pytest.mark.parametrize("t", [Level, Empty])
def test_an_enum_whose_members_are_not_all_strings_is_refused(t):
    with pytest.raises(TypeTransformerFailedError, match="str"):
        codec_for(t)


def test_a_literal_of_strings_takes_and_gives_plain_strings_in_its_own_order():
    codec = codec_for(Literal["s", "S", "m"])
    assert list(codec.literal_type.enum_type.values) == ["s", "S", "m"]
    assert codec.decode(codec.encode("S")) == "S"
    assert list(codec_for(Literal["m", "s", "S"]).literal_type.enum_type.values) == ["m", "s", "S"]


def test_a_literal_enum_of_the_reference_gives_plain_strings():
    from flyte_core.models.interface import literal_to_enum

    codec = codec_for(literal_to_enum(Literal["fast", "slow"]))
    assert codec.decode(codec.encode("slow")) == "slow"


def test_a_literal_as_an_input_is_an_enum_on_the_wire():
    def work(mode: Literal["fast", "slow"]) -> None: ...

    (t,) = NativeInterface.from_callable(work).get_input_types().values()
    assert list(codec_for(t).literal_type.enum_type.values) == ["fast", "slow"]


def test_a_literal_of_numbers_is_pickled_but_takes_no_other_number():
    codec = codec_for(Literal[1, 2])
    assert codec.literal_type == codec_for(Any).literal_type
    assert codec.decode(codec.encode(2)) == 2
    for wrong in (3, True, "1"):
        with pytest.raises(TypeTransformerFailedError):
            codec.encode(wrong)
