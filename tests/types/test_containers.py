# ruff: noqa: UP045 - the older spellings are tested too
from __future__ import annotations

import collections
import subprocess
import sys
import typing
from typing import NamedTuple

import pytest
from typing_extensions import NotRequired, TypedDict

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import codec_for
from flyte_core.types.mismatch import ValueMismatchError


@pytest.mark.parametrize(
    ("value", "python_type"),
    [
        ([], list[int]),
        ([[1], []], list[list[int]]),
        ({}, dict[str, int]),
        ({"a": {"b": [None, "x"]}}, dict[str, dict[str, list[typing.Optional[str]]]]),
        ({1: "a", 2: "b"}, dict[int, str]),
        ({"a": [1, {"b": None}]}, dict),
        ({(1): 2.5}, dict[int, float]),
    ],
)
def test_containers_come_back_equal(value, python_type):
    codec = codec_for(python_type)
    assert codec.decode(codec.encode(value)) == value


@pytest.mark.parametrize(
    ("value", "python_type", "path"),
    [
        ([1, "x"], list[int], "[1]"),
        ([[1], [2, 3, None]], list[list[int]], "[1][2]"),
        ({"a": 1, "b": "x"}, dict[str, int], "['b']"),
        ([{"k": [1.5]}], list[dict[str, list[int]]], "[0]['k'][0]"),
        ({1: ["a"], 2: [None]}, dict[int, list[str]], "[2][0]"),
    ],
)
def test_an_error_says_where_inside_the_value(value, python_type, path):
    with pytest.raises(ValueMismatchError) as caught:
        codec_for(python_type).encode(value)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: expected ")


def test_a_decoding_error_says_where_inside_the_literal():
    literal = codec_for(list[str]).encode(["a", "b"])
    with pytest.raises(ValueMismatchError) as caught:
        codec_for(list[int]).decode(literal)
    assert caught.value.path == "[0]"


@pytest.mark.parametrize(("value", "python_type"), [((1,), list[int]), ("ab", list[str]), ([], dict[str, int])])
def test_other_containers_are_refused(value, python_type):
    with pytest.raises(TypeTransformerFailedError, match="expected"):
        codec_for(python_type).encode(value)


def test_a_key_that_is_no_string_is_refused_in_a_map():
    with pytest.raises(TypeTransformerFailedError, match="keys"):
        codec_for(dict[str, int]).encode({1: 1})


def test_a_list_without_an_element_type_is_refused():
    with pytest.raises(TypeTransformerFailedError, match="list"):
        codec_for(list)


def test_a_collection_does_not_read_as_a_map():
    with pytest.raises(TypeTransformerFailedError, match="collection of 1"):
        codec_for(dict[str, int]).decode(codec_for(list[int]).encode([1]))


def test_a_list_of_values_that_need_input_or_output_is_converted_in_order(celsius):
    codec = codec_for(dict[str, list[celsius]])
    assert not codec.is_sync
    back = codec.decode(codec.encode({"a": [celsius(float(n)) for n in range(25)]}))
    assert [one.degrees for one in back["a"]] == [float(n) for n in range(25)]


def test_an_error_in_a_value_that_needs_input_or_output_has_its_path(celsius):
    with pytest.raises(ValueMismatchError) as caught:
        codec_for(list[celsius]).encode([celsius(1.0), "warm"])
    assert caught.value.path == "[1]"


def test_keys_of_a_map_come_back_in_the_same_order_in_every_process():
    code = (
        "from flyte_core.types.codec import codec_for; codec = codec_for(dict[str, int]);"
        "print(list(codec.decode(codec.encode({k: 1 for k in 'hgfedcba'}))),"
        "codec.encode({k: 1 for k in 'hgfedcba'}).SerializeToString(deterministic=True))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "12345")
    }
    assert len(outputs) == 1


class Point(NamedTuple):
    x: int
    y: str = "y"


class Options(TypedDict):
    a: int
    b: NotRequired[str]


class Registry(dict):
    """A dict of one's own."""


@pytest.mark.parametrize(
    ("t", "value"),
    [
        (typing.Dict, {"b": [1, None], "a": 2}),  # noqa: UP006 - tested
        (collections.OrderedDict, collections.OrderedDict(b=1, a=2)),
        (collections.OrderedDict[str, int], collections.OrderedDict(b=1, a=2)),
        (collections.defaultdict[str, list[int]], collections.defaultdict(list, b=[1])),
        (collections.Counter[str], collections.Counter("hello")),
        (Registry, Registry(a=1)),
        (Options, {"a": 1}),
        (list[Options], [{"a": 1, "b": "x"}]),
        (dict[int, Point], {1: Point(1), 2: Point(2, "z")}),
        (dict[int, collections.deque[int]], {1: collections.deque([3, 1])}),
        (dict[Point, int], {}),
        (dict[int, tuple[int, ...]], {1: (1, 2)}),
    ],
)
def test_a_container_with_more_than_items_comes_back_as_it_was(t, value):
    codec = codec_for(t)
    literal = codec.encode(value)
    back = codec.decode(literal)
    assert back == value
    assert type(back) is type(value)
    if isinstance(value, dict):
        assert list(back) == list(value)


def test_a_dict_with_defaults_keeps_them():
    t = collections.defaultdict[str, list[int]]
    back = codec_for(t).decode(codec_for(t).encode(collections.defaultdict(list)))
    assert back["new"] == []


@pytest.mark.parametrize(
    ("t", "value", "message"),
    [
        (dict, [1], "expected dict"),
        (collections.OrderedDict, {"a": 1}, "expected OrderedDict"),
        (Options, {"a": "1"}, "^a: expected int"),
        (Options, {"b": 1, "c": 2}, r"(?s)a: is missing, expected int.*b: expected str.*\['c'\]: got 2, but Options"),
        (dict[int, Point], {1: (1, "x")}, r"\[1\]: expected Point"),
        (dict[int, Point], {1: Point("x")}, r"\[1\]\[0\]: expected int"),
    ],
)
def test_a_container_that_does_not_fit_says_where(t, value, message):
    with pytest.raises(TypeTransformerFailedError, match=message):
        codec_for(t).encode(value)


def test_a_named_tuple_reads_from_fewer_values_where_the_rest_have_defaults():
    literal = codec_for(dict).encode({1: [5], 2: {"x": 6}})
    assert codec_for(dict[int, Point]).decode(literal) == {1: Point(5), 2: Point(6)}
    literal = codec_for(dict).encode({1: []})
    with pytest.raises(TypeTransformerFailedError, match="expected tuple of 1"):
        codec_for(dict[int, Point]).decode(literal)
