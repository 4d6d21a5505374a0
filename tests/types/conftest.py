from __future__ import annotations

import asyncio

import pytest
from flyteidl2.core.literals_pb2 import Literal, Primitive, Scalar
from flyteidl2.core.types_pb2 import LiteralType, SimpleType

from flyte_core.types import TypeEngine, TypeTransformer, lookup


class Celsius:
    def __init__(self, degrees):
        self.degrees = degrees

    def __eq__(self, other):
        return isinstance(other, Celsius) and other.degrees == self.degrees

    __hash__ = None


class CelsiusTransformer(TypeTransformer):
    def __init__(self):
        super().__init__("celsius", Celsius)

    def get_literal_type(self, t):
        return LiteralType(simple=SimpleType.FLOAT)

    async def to_literal(self, python_val, python_type, expected):
        assert expected.simple == SimpleType.FLOAT
        await asyncio.sleep(0)
        return Literal(scalar=Scalar(primitive=Primitive(float_value=python_val.degrees)))

    async def to_python_value(self, lv, expected_python_type):
        await asyncio.sleep(0)
        return Celsius(lv.scalar.primitive.float_value)


@pytest.fixture
def own_registry(monkeypatch):
    """What a test registers is gone after it."""
    known = dict(lookup.registered())
    monkeypatch.setattr(lookup._State, "transformers", known)
    yield
    lookup._State.version += 1  # what was compiled with the test's transformers is out of date


@pytest.fixture
def celsius(own_registry):
    """A class whose transformer is asynchronous."""
    TypeEngine.register(CelsiusTransformer())
    return Celsius


@pytest.fixture
def celsius_transformer():
    return CelsiusTransformer
