# ruff: noqa: UP045 - the older spellings are tested too
from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import pickle
import typing
import uuid
from dataclasses import dataclass, field
from typing import Any, Generic, Optional, TypeVar

import attrs
import msgpack
import pydantic
import pytest
from flyteidl2.core.literals_pb2 import Literal, Scalar
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from mashumaro.codecs.msgpack import MessagePackEncoder
from mashumaro.mixins.dict import DataClassDictMixin

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import codec_for
from flyte_core.types.mismatch import FieldsMismatchError, ValueMismatchError

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Leaf:
    a: int
    b: str = "x"


@dataclass
class Everything:
    number: int
    ratio: float
    text: str
    flag: bool
    leaf: Leaf
    leaves: list[Leaf]
    named: dict[str, Leaf]
    when: dt.datetime
    day: dt.date
    span: dt.timedelta
    colour: Colour
    money: decimal.Decimal
    path: pathlib.PurePosixPath
    key: uuid.UUID
    pair: tuple[int, str]
    several: tuple[int, ...]
    unique: set[int]
    by_number: dict[int, float]
    anything: Any
    raw: bytes
    mixed: int | str | float
    maybe: Optional[Leaf] = None
    word: typing.Literal["a", "b"] = "a"
    extra: dict = field(default_factory=dict)


EVERYTHING = Everything(
    number=1,
    ratio=0.5,
    text="t",
    flag=True,
    leaf=Leaf(1),
    leaves=[Leaf(2), Leaf(3, "y")],
    named={"k": Leaf(4)},
    when=dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc),
    day=dt.date(2024, 1, 2),
    span=dt.timedelta(seconds=90),
    colour=Colour.RED,
    money=decimal.Decimal("1.10"),
    path=pathlib.PurePosixPath("/a/b"),
    key=uuid.UUID(int=5),
    pair=(1, "a"),
    several=(1, 2, 3),
    unique={1, 2},
    by_number={1: 0.5},
    anything={"a": [1, None]},
    raw=b"\x00\xff",
    mixed=2.0,
    maybe=Leaf(9),
    word="b",
    extra={"z": 1},
)


@dataclass
class Node:
    value: int
    children: list[Node] = field(default_factory=list)
    parent: Optional[Node] = None


@dataclass(frozen=True)
class KeywordOnly:
    first: int
    second: int = field(kw_only=True)
    third: int = 3


@dataclass
class Checked:
    n: int

    def __post_init__(self):
        if self.n < 0:
            raise ValueError("n must not be negative")


@dataclass
class Other:
    z: int


@dataclass
class Mixin(DataClassDictMixin):
    n: int = field(metadata={"serialize": str, "deserialize": int})


@attrs.define
class Coordinates:
    x: float
    _hidden: int = 3
    tags: list[str] = attrs.field(factory=list)


@dataclass
class WithAttrs:
    at: Coordinates
    many: list[Coordinates]


class Item(pydantic.BaseModel):
    name: str
    price: float = 0.0
    when: Optional[dt.datetime] = None


@dataclass
class WithModel:
    item: Item


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    day: dt.date
    pair: tuple[int, int]


def unpacked(literal):
    assert literal.scalar.binary.tag == "msgpack"
    return msgpack.unpackb(literal.scalar.binary.value, strict_map_key=False)


@pytest.mark.parametrize(
    "value",
    [
        Leaf(1),
        EVERYTHING,
        Node(1, [Node(2), Node(3, parent=Node(4))]),
        KeywordOnly(1, second=2),
        Mixin(5),
        Coordinates(1.0, 2, ["a"]),
        WithAttrs(Coordinates(1.5), [Coordinates(2.5, tags=["t"])]),
        Item(name="a", price=1.5, when=dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)),
        WithModel(Item(name="b")),
        Strict(day=dt.date(2024, 1, 1), pair=(1, 2)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_record_comes_back_equal(value):
    codec = codec_for(type(value))
    assert codec.is_sync
    assert codec.decode(codec.encode(value)) == value


@pytest.mark.parametrize("value", [Leaf(1), EVERYTHING, Node(1, [Node(2)]), KeywordOnly(1, second=2), Mixin(5)])
def test_the_wire_form_is_the_one_of_mashumaro(value):
    wanted = msgpack.unpackb(MessagePackEncoder(type(value)).encode(value), strict_map_key=False)
    assert unpacked(codec_for(type(value)).encode(value)) == wanted


def test_the_same_value_has_the_same_bytes_in_field_order():
    assert codec_for(Leaf).encode(Leaf(1)).scalar.binary.value == msgpack.packb({"a": 1, "b": "x"})


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Leaf("x"), "a"),
        (Leaf(True), "a"),
        (dataclasses.replace(EVERYTHING, leaves=[Leaf(1), Leaf(2, 3)]), "leaves[1].b"),
        (dataclasses.replace(EVERYTHING, named={"k": Leaf(None)}), "named['k'].a"),
        (dataclasses.replace(EVERYTHING, by_number={1: "x"}), "by_number[1]"),
        (dataclasses.replace(EVERYTHING, pair=(1, 2)), "pair[1]"),
        (dataclasses.replace(EVERYTHING, leaf=None), "leaf"),
        (dataclasses.replace(EVERYTHING, day="soon"), "day"),
        (dataclasses.replace(EVERYTHING, mixed=None), "mixed"),
        (Node(1, [Node(2, [Node("x")])]), "children[0].children[0].value"),
    ],
)
def test_a_field_of_another_type_is_refused_where_it_is_written(value, path):
    with pytest.raises(ValueMismatchError) as caught:
        codec_for(type(value)).encode(value)
    assert str(caught.value).startswith(f"{path}: expected ")


def test_an_error_in_a_list_of_records_names_index_and_field():
    with pytest.raises(TypeTransformerFailedError, match=r"^\[3\]\.b: expected str, got 5"):
        codec_for(list[Leaf]).encode([Leaf(0), Leaf(1), Leaf(2), Leaf(3, 5)])


def test_a_wrong_field_on_the_wire_is_named():
    literal = codec_for(Other).encode(Other(1))
    literal.scalar.binary.value = msgpack.packb({"b": "x"})
    with pytest.raises(TypeTransformerFailedError, match=r"^a: is missing, expected int"):
        codec_for(Leaf).decode(literal)
    literal.scalar.binary.value = msgpack.packb({"a": 1.5})
    with pytest.raises(TypeTransformerFailedError, match=r"^a: expected int"):
        codec_for(Leaf).decode(literal)


@dataclass
class NewInner:
    kept: int
    retyped: str


@dataclass
class NewOuter:
    inner: NewInner
    many: list[NewInner]
    renamed: int
    added: int = 1


def test_a_changed_record_is_reported_field_by_field():
    old = {
        "inner": {"kept": 1, "retyped": 2},
        "many": [{"kept": 1, "retyped": "x"}, {"kept": None, "gone": 1}],
        "former": 3,
    }
    literal = codec_for(dict).encode(old)
    with pytest.raises(FieldsMismatchError) as caught:
        codec_for(list[NewOuter]).decode(literals_of(literal))
    assert str(caught.value).splitlines() == [
        "6 fields do not fit NewOuter:",
        "  [0].inner.retyped: expected str, got 2 of type int",
        "  [0].many[1].kept: expected int, got None of type NoneType",
        "  [0].many[1].retyped: is missing, expected str",
        "  [0].many[1].gone: got 1, but NewInner has no such field",
        "  [0].renamed: is missing, expected int",
        "  [0].former: got 3, but NewOuter has no such field",
    ]
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)


def literals_of(*items):
    return Literal(collection={"literals": items})


def test_a_struct_from_a_user_interface_is_reported_field_by_field_too():
    struct = Struct()
    struct.update({"a": 1.5, "c": "x"})
    with pytest.raises(
        FieldsMismatchError, match=r"(?s)a: expected int, got 1.5.*c: got 'x', but Leaf has no such field"
    ):
        codec_for(Leaf).decode(Literal(scalar=Scalar(generic=struct)))


def test_a_model_is_reported_field_by_field_with_what_was_found():
    literal = codec_for(dict).encode({"item": {"price": "dear"}})
    with pytest.raises(FieldsMismatchError, match=r"(?s)item\.name: Field required.*item\.price: .*got 'dear'"):
        codec_for(WithModel).decode(literal)


def test_a_field_that_is_not_known_on_the_wire_is_ignored_and_told_once(caplog):
    @dataclass
    class Small:
        a: int

    literal = codec_for(Leaf).encode(Leaf(1))
    codec = codec_for(Small)
    with caplog.at_level("WARNING", logger="flyte_core"):
        assert [codec.decode(literal), codec.decode(literal)] == [Small(1), Small(1)]
    assert [record.getMessage() for record in caplog.records] == [
        "Small has no field b; what was written for it is ignored"
    ]


def test_none_passes_where_it_is_the_default():
    @dataclass
    class Lax:
        a: int = None
        b: list[int] = None

    codec = codec_for(Lax)
    for value in (Lax(), Lax(1, [2])):
        assert codec.decode(codec.encode(value)) == value
    assert MessageToDict(codec.literal_type.metadata)["properties"]["a"] == {"type": "integer", "default": None}


def test_another_dataclass_of_the_same_fields_stands_for_the_record():
    @dataclass
    class Like:
        a: int
        b: str

    codec = codec_for(Leaf)
    assert codec.decode(codec.encode(Like(1, "y"))) == Leaf(1, "y")
    with pytest.raises(TypeTransformerFailedError, match=r"^a: expected int"):
        codec.encode(Like("1", "y"))


class Box(pydantic.BaseModel, Generic[T]):
    content: T


def test_a_generic_model_without_its_argument_stands_for_the_one_with_it_if_it_fits():
    codec = codec_for(Box[int])
    assert codec.decode(codec.encode(Box(content=1))) == Box[int](content=1)
    for wrong in (Box(content="x"), Item(name="a")):
        with pytest.raises(TypeTransformerFailedError, match="Box"):
            codec.encode(wrong)


@dataclass
class Crate(Generic[T]):
    content: T
    more: list[T] = field(default_factory=list)


@pytest.mark.parametrize("t", [Crate[int], list[Crate[int]]])
def test_a_generic_record_is_checked_with_its_argument(t):
    value = Crate(1, [2])
    wrong = Crate("x")
    if t != Crate[int]:
        value, wrong = [value], [wrong]
    codec = codec_for(t)
    assert codec.decode(codec.encode(value)) == value
    with pytest.raises(TypeTransformerFailedError, match="content"):
        codec.encode(wrong)


def test_a_dict_with_the_fields_stands_for_the_record():
    codec = codec_for(Leaf)
    literal = codec.encode({"a": 1})
    assert unpacked(literal) == {"a": 1}
    assert codec.decode(literal) == Leaf(1)


@pytest.mark.parametrize("value", [{"a": 1, "c": 2}, {"b": "x"}, {"a": "1"}, Other(1), 5, None, "a"])
def test_what_is_not_the_record_is_refused(value):
    with pytest.raises(TypeTransformerFailedError):
        codec_for(Leaf).encode(value)


def test_another_record_is_told_apart_by_its_fields():
    with pytest.raises(TypeTransformerFailedError, match="z"):
        codec_for(Leaf).encode(Other(1))


def test_the_records_own_check_is_asked_when_it_is_read():
    codec = codec_for(Checked)
    value = Checked(1)
    value.n = -1
    with pytest.raises(TypeTransformerFailedError, match="must not be negative") as caught:
        codec.decode(codec.encode(value))
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_record_reads_from_a_struct_where_every_number_is_a_float():
    struct = Struct()
    struct.update({"number": 3, "ratio": 1, "text": "t"})

    @dataclass
    class Small:
        number: int
        ratio: float
        text: str

    assert codec_for(Small).decode(Literal(scalar=Scalar(generic=struct))) == Small(3, 1.0, "t")
    assert codec_for(Item).decode(codec_for(Item).encode(Item(name="a"))) == Item(name="a")


def test_an_attribute_picked_out_of_a_record_reads_as_its_own_type():
    for value, t in ((5, int), ("x", str), ([Leaf(1)], list[Leaf]), ({"a": 1}, dict[str, int])):
        literal = codec_for(dict).encode({})
        plain = [{"a": 1, "b": "x"}] if t == list[Leaf] else value
        literal.scalar.binary.value = msgpack.packb(plain)
        assert codec_for(t).decode(literal) == value


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x93\x01"])
def test_broken_messagepack_is_refused(data):
    literal = codec_for(Leaf).encode(Leaf(1))
    literal.scalar.binary.value = data
    with pytest.raises(TypeTransformerFailedError):
        codec_for(Leaf).decode(literal)


def test_the_json_schema_stands_in_the_types_metadata():
    metadata = MessageToDict(codec_for(Leaf).literal_type.metadata)
    assert metadata == {
        "type": "object",
        "title": "Leaf",
        "properties": {"a": {"type": "integer"}, "b": {"type": "string", "default": "x"}},
        "additionalProperties": False,
        "required": ["a"],
    }


def test_an_attrs_class_has_the_schema_of_a_dataclass_of_the_same_fields():
    metadata = MessageToDict(codec_for(WithAttrs).literal_type.metadata)
    inner = metadata["properties"]["at"]
    assert inner["title"] == "Coordinates"
    assert inner["required"] == ["x"]
    assert set(inner["properties"]) == {"x", "_hidden", "tags"}


def test_a_pydantic_model_has_its_own_schema():
    assert MessageToDict(codec_for(Item).literal_type.metadata) == Item.model_json_schema()


def test_a_model_refuses_what_does_not_validate_and_names_the_field():
    literal = codec_for(Item).encode(Item(name="a"))
    literal.scalar.binary.value = msgpack.packb({"name": 5})
    with pytest.raises(TypeTransformerFailedError, match="name"):
        codec_for(Item).decode(literal)
    with pytest.raises(TypeTransformerFailedError, match="Item"):
        codec_for(Item).encode(Strict(day=dt.date(2024, 1, 1), pair=(1, 2)))


def test_an_annotation_that_names_nothing_is_an_error_that_says_so():
    @dataclass
    class Broken:
        a: Missing  # noqa: F821

    with pytest.raises(TypeTransformerFailedError, match="Missing"):
        codec_for(Broken)


def test_a_type_with_its_own_transformer_in_a_record_is_told_with_what_to_do(celsius, caplog):
    @dataclass
    class Weather:
        days: list[Any]

    Weather.__annotations__["days"] = list[celsius]
    for f in dataclasses.fields(Weather):
        f.type = list[celsius]
    with pytest.raises(
        TypeTransformerFailedError, match=r"Weather.days: Celsius .*its transformer 'celsius'.*_serialize"
    ):
        codec_for(Weather)
    assert caplog.records == []


def test_the_way_out_that_is_named_works():
    @dataclass
    class Bill:
        total: Any

    Bill.__annotations__["total"] = Money
    literal = codec_for(Bill).encode(Bill(Money(5)))
    assert codec_for(Bill).decode(literal).total.cents == 5


class Money:
    def __init__(self, cents):
        self.cents = cents

    def _serialize(self):
        return self.cents

    @classmethod
    def _deserialize(cls, value):
        return cls(value)
