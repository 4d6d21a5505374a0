"""How help pages describe records."""

from __future__ import annotations

import dataclasses

import attrs
import pydantic
import pytest

from flyte_core.cli.shapes import shapes
from flyte_core.io import File


@dataclasses.dataclass
class Node:
    name: str
    size: int = 1
    kids: list[Node] | None = None
    tags: list[str] = dataclasses.field(default_factory=list)


@attrs.frozen
class Tree:
    root: Node
    file: File


class Model(pydantic.BaseModel):
    unit: str = "km"


NODE = 'Node: {"name": str, "size": int = 1, "kids": list[Node] or None = None, "tags": list[str] = ...}'


@pytest.mark.parametrize(
    ("python_type", "described"),
    [
        (Node, [NODE]),
        (dict[str, Node] | None, [NODE]),
        (Tree, ['Tree: {"root": Node, "file": File by path or URL}', NODE]),
        (Model, ["Model: {\"unit\": str = 'km'}"]),
        (int, []),
        (list[str], []),
        (File, []),
    ],
)
def test_a_record_is_described_by_its_fields(python_type, described):
    assert shapes(python_type) == described


def test_a_type_that_only_a_type_checker_can_see_is_written_as_it_stands():
    @dataclasses.dataclass
    class Odd:
        a: Unknown  # noqa: F821 - that is the point

    assert shapes(Odd) == ['Odd: {"a": Unknown}']


def test_help_shows_the_fields(cli, write):
    file = write(
        """
        import dataclasses
        from flyte_core import TaskEnvironment

        env = TaskEnvironment("orders")

        @dataclasses.dataclass
        class Order:
            article: str
            count: int = 1

        @env.task
        def bill(orders: list[Order]) -> int:
            return 1
        """
    )
    text = " ".join(cli("run", file, "bill", "--help").out.split())
    assert '--orders list[Order] as JSON [required] (Order: {"article": str, "count": int = 1})' in text
