"""JSON schemas of records, and classes guessed from them."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Generic, List, Literal, Optional, TypedDict, TypeVar  # noqa: UP035 - what is guessed

import attrs
import pydantic
import pytest

from flyte_core.types import TypeEngine
from flyte_core.types.codec import codec_for
from flyte_core.types.schema import class_from_schema, schema_of

T = TypeVar("T")


@dataclass
class Node:
    value: int
    children: list[Node] = field(default_factory=list)
    parent: Optional[Node] = None  # noqa: UP045 - both spellings


@attrs.define
class Twig:
    value: int
    twigs: list[Twig] = attrs.field(factory=list)


@attrs.define
class Hen:
    egg: Egg | None = None


@dataclass
class Egg:
    hen: Hen | None = None
    size: int = 1


@dataclass
class Inner:
    outer: Outer | None = None


@dataclass
class Outer:
    twig: Twig
    inner: Inner
    own: Outer | None = None


@dataclass
class Tree(Generic[T]):
    value: T
    trees: list[Tree[T]] = field(default_factory=list)


@attrs.define
class Box(Generic[T]):
    content: T


@dataclass
class Boxes:
    number: Box[int]


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    kittens: list[Cat] = []


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]


class Pet(pydantic.BaseModel):
    of: Cat | Dog = pydantic.Field(discriminator="kind")


class Options(TypedDict):
    a: int


@dataclass
class Mixed:
    pair: tuple[int, str]
    level: Literal[1, 2]
    word: Literal["a", "b"]
    options: Options


def references(part: Any):
    if isinstance(part, dict):
        yield from (value for key, value in part.items() if key == "$ref")
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for item in part:
            yield from references(item)


@pytest.mark.parametrize("t", [Node, Twig, Hen, Egg, Outer, Tree[int]], ids=str)
def test_a_record_that_contains_itself_refers_to_its_definition(t):
    schema = schema_of(t)
    found = set(references(schema))
    assert found
    assert found <= {f"#/$defs/{name}" for name in schema["$defs"]}
    assert all("properties" in definition for definition in schema["$defs"].values())


def test_a_record_that_contains_itself_has_all_its_fields():
    assert schema_of(Node)["$defs"]["Node"] == {
        "type": "object",
        "title": "Node",
        "properties": {
            "value": {"type": "integer"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
            "parent": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}], "default": None},
        },
        "additionalProperties": False,
        "required": ["value"],
    }


@pytest.mark.parametrize(
    "value",
    [
        Node(1, [Node(2)], Node(3)),
        Twig(1, [Twig(2)]),
        Hen(Egg(Hen())),
        Egg(Hen(Egg())),
        Outer(Twig(1), Inner(), Outer(Twig(2, [Twig(3)]), Inner())),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_record_that_contains_itself_comes_back_also_as_what_is_guessed(value):
    codec = codec_for(type(value))
    literal = codec.encode(value)
    assert codec.decode(literal) == value
    guessed = codec_for(TypeEngine.guess_python_type(codec.literal_type))
    again = guessed.encode(guessed.decode(literal))
    assert codec.decode(again) == value


def test_a_generic_attrs_class_has_the_schema_of_its_use():
    inner = schema_of(Boxes)["properties"]["number"]
    assert inner["title"] == "Box"
    assert inner["properties"] == {"content": {"type": "integer"}}


def types_of(t):
    return {found.name: found.type for found in dataclasses.fields(t)}


def test_tuples_choices_and_discriminated_unions_are_guessed_back():
    guessed = types_of(class_from_schema(schema_of(Mixed)))
    assert guessed["pair"] == tuple[int, str]
    assert guessed["level"] == Literal[1, 2]
    assert guessed["word"] is str
    cat, dog = types_of(TypeEngine.guess_python_type(codec_for(Pet).literal_type))["of"].__args__
    assert (cat.__name__, dog.__name__) == ("Cat", "Dog")
    assert types_of(cat) == {"kind": str, "kittens": List[dict]}  # noqa: UP006 - what is guessed


def test_a_schema_that_went_over_the_wire_is_guessed_alike():
    schema = schema_of(Mixed)
    literal_type = codec_for(Mixed).literal_type
    guessed = TypeEngine.guess_python_type(type(literal_type).FromString(literal_type.SerializeToString()))
    assert types_of(guessed)["level"] == Literal[1, 2]
    assert json.loads(json.dumps(schema)) == schema
