"""Records of rows, structs and JSON: each kind of class, and the columns that do not fit."""

from __future__ import annotations

import dataclasses
import uuid
from decimal import Decimal
from typing import Annotated, Generic, NamedTuple, TypedDict, TypeVar

import attrs
import pydantic
import pytest
from flyte_core_sql.errors import ResultError
from flyte_core_sql.outputs.records import matched

from flyte_core.errors import InvalidTypeError

T = TypeVar("T")


@dataclasses.dataclass
class Point:
    x: int
    y: float


@dataclasses.dataclass
class Data:
    id: int
    total: Decimal
    point: Point | None = None
    tags: list[str] = dataclasses.field(default_factory=list)
    made: str = dataclasses.field(default="here", init=False)


@attrs.frozen(kw_only=True)
class Attrs:
    id: int
    _total: Decimal
    point: Point | None = None
    tags: list[str] = attrs.field(factory=list)


class Model(pydantic.BaseModel):
    id: Annotated[int, pydantic.Field(gt=0)]
    total: Decimal
    point: Point | None = None
    tags: list[str] = []


class Typed(TypedDict, total=False):
    id: int
    total: Decimal
    point: Point | None
    tags: list[str]


class Named(NamedTuple):
    id: int
    total: Decimal
    point: Point = None  # type: ignore[assignment] # as people write it
    tags: list[str] = []


@dataclasses.dataclass
class Within:
    named: Named


@dataclasses.dataclass
class Box(Generic[T]):
    value: T


@dataclasses.dataclass
class Tree:
    name: str
    children: list[Tree]


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    id: int


class Aliased(pydantic.BaseModel):
    id: int = pydantic.Field(alias="user id")
    site: pydantic.AnyUrl | None = None


@dataclasses.dataclass
class Tags:
    tags: list[str]


@pytest.mark.parametrize("kind", [Data, Model, Typed], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("point", ["{'x': 1, 'y': 2}", """'{"x": 1, "y": 2}'::JSON"""])
def test_a_row_of_duckdb_is_any_kind_of_record(duck, output, kind, point):
    result = duck(f"SELECT 5 AS id, sum(1.25) AS total, {point} AS point, ['a', 'b'] AS tags")
    wanted = kind(id=5, total=Decimal("1.25"), point=Point(1, 2.0), tags=["a", "b"])
    found = output(result, kind)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize("point", ["", ", 'point': {'x': 1, 'y': 2}"])
def test_a_struct_of_duckdb_is_a_named_tuple_inside_of_a_record(duck, output, point):
    found = output(duck(f"SELECT {{'id': 5, 'total': 1.25{point}}} AS named"), Within)
    assert found == Within(Named(id=5, total=Decimal("1.25"), point=Point(1, 2.0) if point else None))  # type: ignore[arg-type] # as above
    assert type(found.named) is Named


def test_a_private_field_of_attrs_is_the_column_of_its_name(duck, output):
    found = output(duck("SELECT 5 AS id, 1.25 AS _total"), Attrs)
    assert found == Attrs(id=5, total=Decimal("1.25"))


@pytest.mark.parametrize("kind", [Data, Model], ids=lambda kind: kind.__name__)
def test_a_column_that_has_a_default_may_be_missing(duck, output, kind):
    assert output(duck("SELECT 5 AS id, 1.25 AS total"), kind) == kind(id=5, total=Decimal("1.25"))


@pytest.mark.parametrize("kind", [Data, Model, Typed], ids=lambda kind: kind.__name__)
def test_all_rows_are_a_list_of_records(duck, output, kind):
    found = output(duck("SELECT range AS id, 1.5 AS total FROM range(1, 4)"), list[kind])
    assert found == [kind(id=n, total=Decimal("1.5")) for n in range(1, 4)]


def test_one_row_that_begins_with_an_array_is_a_list_of_one_record(duck, output):
    assert output(duck("SELECT ['a', 'b'] AS tags"), list[Tags]) == [Tags(["a", "b"])]


def test_no_row_is_no_record_in_the_list(duck, output):
    assert output(duck("SELECT 1 AS id, 1.5 AS total WHERE false"), list[Data]) == []


def test_no_row_is_none_where_that_is_declared(duck, output):
    assert output(duck("SELECT 1 AS id, 1.5 AS total WHERE false"), Data | None) is None
    with pytest.raises(ResultError, match="gives no row"):
        output(duck("SELECT 1 AS id, 1.5 AS total WHERE false"), Data)


def test_missing_and_further_columns_are_told_with_what_was_meant(made, output):
    with pytest.raises(ResultError) as error:
        output(made(["id", "totl", "spare"], [(1, 2, 3)]), Data)
    assert str(error.value) == (
        "task 'top': output 'o0' (Data): column 'total' is missing (did you mean 'totl'?); "
        "column 'totl' is not declared (did you mean 'total'?); column 'spare' is not declared. "
        "The result's columns: id, totl, spare"
    )


def test_every_value_of_another_type_is_told_with_its_row(made, output):
    with pytest.raises(ResultError) as error:
        output(made(["id", "total"], [(1, Decimal(1)), ("x", 1.5)]), list[Data])
    assert "row 2: column 'id': expected int, got 'x' of type str; column 'total': expected Decimal, got 1.5" in str(
        error.value
    )


def test_columns_are_found_whatever_case_the_database_gives_them(made, output):
    assert output(made(["ID", "Total"], [(1, Decimal(2))]), Data) == Data(id=1, total=Decimal(2))


def test_the_column_of_the_very_name_comes_before_one_of_another_case():
    assert matched({"id": True}, ["ID", "id"]) == ({"id": 1}, [("ID", "is not declared")])


def test_case_alone_decides_nothing_where_it_is_ambiguous():
    places, faults = matched({"id": True}, ["ID", "Id"])
    assert places == {}
    assert [name for name, _ in faults] == ["id", "ID", "Id"]


def test_a_column_that_is_there_twice_is_refused(duck, output):
    with pytest.raises(ResultError, match="column 'id' is there several times"):
        output(duck("SELECT 1 AS id, 2 AS id, 1.5 AS total"), Data)


def test_null_is_refused_in_a_field_that_is_not_optional(made, output):
    with pytest.raises(ResultError, match="column 'id': expected int, got NULL"):
        output(made(["id", "total"], [(None, Decimal(1))]), Data)


def test_a_default_of_none_declares_null(made, output):
    row = {"id": 1, "total": Decimal(1), "point": None}
    assert output(made(["named"], [(row,)]), Within).named.point is None


def test_a_generic_record_has_the_types_it_is_given(made, output):
    assert output(made(["value"], [(Decimal(3),)]), Box[int]) == Box(3)
    with pytest.raises(ResultError, match="expected str"):
        output(made(["value"], [(3,)]), Box[str])


def test_a_record_may_contain_itself(made, output):
    found = output(made(["name", "children"], [("a", '[{"name": "b", "children": []}]')]), Tree)
    assert found == Tree("a", [Tree("b", [])])


def test_the_place_inside_of_a_struct_is_told(made, output):
    with pytest.raises(ResultError, match=r"column 'point': .*x: expected int, got 'a' of type str"):
        output(made(["id", "total", "point"], [(1, Decimal(1), {"x": "a", "y": 1.0})]), Data)
    with pytest.raises(ResultError, match=r"2 fields do not fit Point:\s+y: is missing.*\s+z: is not declared"):
        output(made(["id", "total", "point"], [(1, Decimal(1), {"x": 1, "z": 1.0})]), Data)


def test_the_own_checks_of_a_class_are_told(made, output):
    with pytest.raises(ResultError, match=r"Model refuses .*: id: Input should be greater than 0"):
        output(made(["id", "total"], [(-1, Decimal(1))]), Model)


def test_pydantic_converts_nothing_that_is_of_another_type(made, output):
    with pytest.raises(ResultError, match="column 'id': expected int, got '5' of type str"):
        output(made(["id", "total"], [("5", Decimal(1))]), Model)


def test_a_model_that_takes_further_columns_gets_them(made, output):
    assert output(made(["id", "more"], [(1, "x")]), Open).more == "x"


def test_a_model_is_filled_by_its_aliases_and_checks_its_own_types(made, output):
    found = output(made(["user id", "site"], [(1, "https://example.org/")]), Aliased)
    assert (found.id, str(found.site)) == (1, "https://example.org/")
    with pytest.raises(ResultError, match="site: Input should be a valid URL"):
        output(made(["user id", "site"], [(1, "nothing")]), Aliased)


def test_a_field_that_no_column_can_be_is_refused_when_it_is_declared(output, made):
    @dataclasses.dataclass
    class Odd:
        things: set[uuid.UUID]

    with pytest.raises(InvalidTypeError, match=r"Odd.things: no value of a database becomes a set"):
        output(made(), Odd)
