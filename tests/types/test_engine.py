# ruff: noqa: UP006, UP045 - the older spellings are tested too
from __future__ import annotations

import asyncio
import enum
import typing
from dataclasses import dataclass
from typing import Annotated

import pytest
from flyteidl2.core.interface_pb2 import Variable
from flyteidl2.core.literals_pb2 import Literal, LiteralMap, Primitive, Scalar
from flyteidl2.core.types_pb2 import LiteralType, SimpleType

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.io import DataFrame, Dir, File
from flyte_core.types import FlytePickle, TypeEngine, TypeTransformer
from flyte_core.types.codec import codec_for


@dataclass
class Point:
    x: int
    name: str
    near: typing.Optional[list[float]] = None
    at: typing.Optional[File] = None


class Pair(typing.NamedTuple):
    first: int
    second: list[str]


class AsText(TypeTransformer):
    def __init__(self):
        super().__init__("as-text", int)

    def get_literal_type(self, t):
        return LiteralType(simple=SimpleType.STRING)

    async def to_literal(self, python_val, python_type, expected):
        return Literal(scalar=Scalar(primitive=Primitive(string_value=str(python_val))))

    async def to_python_value(self, lv, expected_python_type):
        return int(lv.scalar.primitive.string_value)


def round_trip(value, t):
    async def go():
        literal = await TypeEngine.to_literal(value, t, TypeEngine.to_literal_type(t))
        return await TypeEngine.to_python_value(literal, t)

    return asyncio.run(go())


def test_a_registered_transformer_serves_its_class_alone_and_inside_containers(celsius):
    assert TypeEngine.to_literal_type(celsius).simple == SimpleType.FLOAT
    assert round_trip(celsius(36.5), celsius) == celsius(36.5)
    assert round_trip({"a": [celsius(1.0)]}, dict[str, list[celsius]]) == {"a": [celsius(1.0)]}


def test_a_second_transformer_for_a_type_is_refused_and_both_are_named(celsius, celsius_transformer):
    with pytest.raises(ValueError, match="celsius"):
        TypeEngine.register(celsius_transformer())


def test_what_was_compiled_before_is_forgotten_when_a_transformer_is_registered(own_registry, celsius_transformer):
    t = celsius_transformer().python_type
    assert codec_for(list[t]).literal_type.collection_type.WhichOneof("type") == "union_type"
    TypeEngine.register(celsius_transformer())
    assert codec_for(list[t]).literal_type.collection_type.simple == SimpleType.FLOAT


def test_a_transformer_serves_subclasses_too(celsius):
    class Warm(celsius):
        pass

    assert TypeEngine.get_transformer(Warm).name == "celsius"
    assert celsius in TypeEngine.get_available_transformers()


def test_an_additional_type_replaces_another_only_when_told_to(celsius, celsius_transformer):
    class Kelvin:
        pass

    other = celsius_transformer()
    TypeEngine.register_additional_type(other, celsius)
    assert TypeEngine.get_transformer(celsius) is not other
    TypeEngine.register_additional_type(other, celsius, override=True)
    TypeEngine.register_additional_type(other, Kelvin)
    assert TypeEngine.get_transformer(celsius) is other
    assert TypeEngine.get_transformer(Kelvin) is other


@pytest.mark.parametrize("t", [tuple, tuple[int, int], typing.Tuple, Pair, typing.NamedTuple])
def test_a_tuple_is_no_type_of_a_single_value(t):
    with pytest.raises(TypeTransformerFailedError, match="tuple"):
        TypeEngine.to_literal_type(t)


def test_a_restricted_type_is_refused_by_name(own_registry):
    class Forbidden:
        pass

    TypeEngine.register_restricted_type("forbidden fruit", Forbidden)
    with pytest.raises(TypeTransformerFailedError, match="forbidden fruit"):
        TypeEngine.to_literal_type(Forbidden)


def test_a_transformer_in_an_annotation_serves_that_annotation_alone():
    t = Annotated[int, AsText()]
    assert TypeEngine.to_literal_type(t).simple == SimpleType.STRING
    assert round_trip(12, t) == 12
    assert TypeEngine.to_literal_type(Annotated[int, "x"]).simple == SimpleType.INTEGER
    assert TypeEngine.to_literal_type(list[t]).collection_type.simple == SimpleType.STRING


def test_the_literal_type_is_the_callers_own():
    TypeEngine.to_literal_type(list[int]).Clear()
    assert TypeEngine.to_literal_type(list[int]).collection_type.simple == SimpleType.INTEGER


@pytest.mark.parametrize(
    ("t", "guessed"),
    [
        (int, int),
        (list[int], typing.List[int]),
        (dict[str, list[bool]], typing.Dict[str, typing.List[bool]]),
        (typing.Optional[str], typing.Optional[str]),
        (dict, dict),
        (File, File),
        (Dir, Dir),
        (DataFrame, DataFrame),
        (typing.Any, FlytePickle),
    ],
)
def test_a_type_is_guessed_from_its_literal_type(t, guessed):
    assert TypeEngine.guess_python_type(TypeEngine.to_literal_type(t)) == guessed


def test_a_record_is_guessed_as_a_dataclass_that_reads_its_literals():
    guessed = TypeEngine.guess_python_type(TypeEngine.to_literal_type(Point))
    assert guessed.__name__ == "Point"
    assert guessed.__annotations__["x"] is int
    assert guessed.__annotations__["at"] == typing.Optional[File]
    literal = asyncio.run(TypeEngine.to_literal(Point(1, "n", [0.5]), Point, LiteralType()))
    back = asyncio.run(TypeEngine.to_python_value(literal, guessed))
    assert (back.x, back.name, back.near) == (1, "n", [0.5])


def test_an_enum_is_guessed_by_its_values():
    class Colour(enum.Enum):
        RED = "red"

    guessed = TypeEngine.guess_python_type(TypeEngine.to_literal_type(Colour))
    assert [member.value for member in guessed] == ["red"]


def test_a_literal_type_that_nobody_knows_is_an_error():
    with pytest.raises(ValueError, match="no transformer"):
        TypeEngine.guess_python_type(LiteralType())


def test_variables_are_guessed_from_a_mapping_and_from_ordered_entries():
    variables = {"a": Variable(type=LiteralType(simple=SimpleType.STRING))}
    assert TypeEngine.guess_python_types(variables) == {"a": str}
    assert TypeEngine.guess_python_types(TypeEngine.named_tuple_to_variable_map(Pair)) == {
        "first": int,
        "second": typing.List[str],
    }


def test_values_by_name_go_through_a_literal_map_and_back():
    async def go():
        literal_map = await TypeEngine.dict_to_literal_map({"a": 1, "b": ["x"]}, {"b": list[str]})
        return await TypeEngine.literal_map_to_kwargs(literal_map, {"b": list[str], "a": int})

    assert asyncio.run(go()) == {"b": ["x"], "a": 1}


def test_an_error_in_a_literal_map_names_the_variable():
    with pytest.raises(TypeTransformerFailedError, match="second: expected int"):
        asyncio.run(TypeEngine.dict_to_literal_map({"first": 1, "second": "x"}, {"second": int}))
    literal_map = LiteralMap(literals={"a": codec_for(str).encode("x")})
    with pytest.raises(TypeTransformerFailedError, match="a: expected int"):
        asyncio.run(TypeEngine.literal_map_to_kwargs(literal_map, {"a": int}))


def test_a_literal_map_needs_types_for_all_its_names():
    with pytest.raises(ValueError, match="python_types"):
        asyncio.run(TypeEngine.literal_map_to_kwargs(LiteralMap()))
    with pytest.raises(ValueError, match="extra"):
        asyncio.run(TypeEngine.literal_map_to_kwargs(LiteralMap(literals={"extra": Literal()}), {"a": int}))


def test_an_offloaded_literal_is_read_from_its_file(tmp_path):
    path = tmp_path / "literal.pb"
    path.write_bytes(codec_for(list[int]).encode([1, 2]).SerializeToString())
    literal = Literal()
    literal.offloaded_metadata.uri = str(path)
    assert asyncio.run(TypeEngine.to_python_value(literal, list[int])) == [1, 2]
    path.write_bytes(b"\xff\xff\xff")
    with pytest.raises(TypeTransformerFailedError, match=r"literal\.pb"):
        asyncio.run(TypeEngine.to_python_value(literal, list[int]))


def test_a_renderer_in_an_annotation_makes_the_html():
    class Bold:
        def to_html(self, python_value):
            return f"<b>{python_value}</b>"

    assert TypeEngine.to_html(5, Annotated[int, Bold()]) == "<b>5</b>"
    assert TypeEngine.to_html(5, int) == "5"


def test_a_value_passes_while_a_loop_is_running(celsius):
    async def go():
        codec = codec_for(list[celsius])
        return codec.decode(codec.encode([celsius(1.0)]))

    assert asyncio.run(go()) == [celsius(1.0)]
