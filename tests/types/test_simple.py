from __future__ import annotations

import datetime as dt

import pytest
from flyteidl2.core.literals_pb2 import Literal, Primitive, Scalar
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import codec_for

UTC = dt.timezone.utc


def primitive(**kwargs):
    return Literal(scalar=Scalar(primitive=Primitive(**kwargs)))


@pytest.mark.parametrize(
    ("value", "python_type", "literal"),
    [
        (5, int, primitive(integer=5)),
        (-(2**63), int, primitive(integer=-(2**63))),
        (2.5, float, primitive(float_value=2.5)),
        ("", str, primitive(string_value="")),
        (False, bool, primitive(boolean=False)),
    ],
)
def test_a_value_is_its_primitive(value, python_type, literal):
    codec = codec_for(python_type)
    assert codec.encode(value) == literal
    assert codec.decode(literal) == value
    assert type(codec.decode(literal)) is python_type


@pytest.mark.parametrize(
    ("value", "python_type"),
    [
        ("1", int),
        (True, int),
        (1.0, int),
        (2**63, int),
        (1, float),
        (1, str),
        ("\ud800", str),
        (1, bool),
        (0, type(None)),
        (None, int),
        ("2024-01-01", dt.datetime),
        (dt.datetime(2024, 1, 1), dt.date),
        (dt.date(2024, 1, 1), dt.datetime),
        (5, dt.timedelta),
        (dt.timedelta.max, dt.timedelta),
    ],
)
def test_a_value_of_another_type_is_refused_with_what_was_expected(value, python_type):
    with pytest.raises(TypeTransformerFailedError, match="expected"):
        codec_for(python_type).encode(value)


@pytest.mark.parametrize(
    ("literal", "python_type"),
    [
        (primitive(integer=1), bool),
        (primitive(float_value=3.7), int),
        (primitive(float_value=float("nan")), int),
        (primitive(float_value=float("inf")), int),
        (primitive(string_value="3"), int),
        (primitive(string_value="3"), float),
        (primitive(boolean=True), int),
        (primitive(integer=1), str),
        (primitive(integer=1), type(None)),
        (primitive(integer=1), dt.datetime),
        (primitive(integer=1), dt.date),
        (primitive(integer=1), dt.timedelta),
        (Literal(), int),
        (Literal(), type(None)),
    ],
)
def test_a_literal_of_another_kind_is_refused(literal, python_type):
    with pytest.raises(TypeTransformerFailedError, match="expected"):
        codec_for(python_type).decode(literal)


def test_a_whole_float_reads_as_int_and_an_int_as_float():
    assert codec_for(int).decode(primitive(float_value=3.0)) == 3
    back = codec_for(float).decode(primitive(integer=3))
    assert (back, type(back)) == (3.0, float)


def test_a_time_without_a_zone_is_taken_for_utc():
    codec = codec_for(dt.datetime)
    assert codec.decode(codec.encode(dt.datetime(2024, 1, 1, 12))) == dt.datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("day", [dt.date.min, dt.date(1969, 12, 31), dt.date.max])
def test_a_date_comes_back_as_a_date(day):
    codec = codec_for(dt.date)
    assert codec.decode(codec.encode(day)) == day


def test_a_time_that_leaves_the_calendar_in_utc_is_refused():
    zone = dt.timezone(dt.timedelta(hours=5))
    with pytest.raises(TypeTransformerFailedError, match="9999"):
        codec_for(dt.datetime).encode(dt.datetime(1, 1, 1, tzinfo=zone))


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_in_utc_come_back_to_the_microsecond(value):
    codec = codec_for(dt.datetime)
    assert codec.decode(codec.encode(value)) == value


@given(st.timedeltas(dt.timedelta(days=-3_000_000), dt.timedelta(days=3_000_000)))
def test_durations_come_back_to_the_microsecond(value):
    codec = codec_for(dt.timedelta)
    assert codec.decode(codec.encode(value)) == value


class Age(int):
    def __new__(cls, value):
        if value < 0:
            raise ValueError("an age is not negative")
        return super().__new__(cls, value)


class Name(str):
    __slots__ = ()


@pytest.mark.parametrize("value", [Age(5), Name("x")])
def test_a_derived_class_goes_as_what_it_derives_from_and_comes_back_as_itself(value):
    t = type(value)
    codec = codec_for(list[t])
    assert codec.literal_type == codec_for(list[t.__mro__[1]]).literal_type
    back = codec.decode(codec.encode([value]))
    assert back == [value]
    assert type(back[0]) is t


def test_a_derived_class_takes_only_its_own_values():
    with pytest.raises(TypeTransformerFailedError, match="expected Age, got 5"):
        codec_for(Age).encode(5)
    with pytest.raises(TypeTransformerFailedError, match="Age refuses -1: an age is not negative"):
        codec_for(Age).decode(primitive(integer=-1))
