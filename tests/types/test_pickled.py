from __future__ import annotations

import asyncio
import inspect
import logging
import pathlib
import pickle
from typing import Any

import pytest
from flyteidl2.core.literals_pb2 import Literal
from google.protobuf.json_format import MessageToDict

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types import FlytePickle, TypeEngine
from flyte_core.types.codec import codec_for
from flyte_core.types.pickled import INLINE_LIMIT


class Own:
    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return isinstance(other, Own) and self.n == other.n

    __hash__ = None


class Broken:
    def __reduce__(self):
        raise RuntimeError("no way")


@pytest.mark.parametrize(
    ("value", "t"), [(Own(3), Own), (1 + 2j, complex), ([1, "a"], Any), (5, inspect.Parameter.empty), (b"raw", bytes)]
)
def test_an_unknown_type_goes_pickled_inside_the_literal(value, t):
    codec = codec_for(t)
    literal = codec.encode(value)
    assert pickle.loads(literal.scalar.binary.value) == value
    assert codec.decode(literal) == value


def test_the_literal_type_offers_a_file_or_bytes_and_names_the_class():
    assert MessageToDict(codec_for(Any).literal_type) == {
        "unionType": {
            "variants": [
                {"blob": {"format": "PythonPickle"}, "structure": {"tag": "FlytePickle"}},
                {"simple": "BINARY", "structure": {"tag": "FlytePickle"}},
            ]
        },
        "metadata": {"python_class_name": "typing.Any"},
    }


def test_a_large_value_goes_as_a_file():
    codec = codec_for(Any)
    value = "x" * (INLINE_LIMIT + 1)
    literal = codec.encode(value)
    assert literal.scalar.blob.metadata.type.format == "PythonPickle"
    assert pathlib.Path(literal.scalar.blob.uri).is_file()
    assert codec.decode(literal) == value


def test_a_file_uri_is_read_like_a_path(tmp_path):
    path = tmp_path / "a value"
    path.write_bytes(pickle.dumps(5))
    literal = Literal()
    literal.scalar.blob.uri = path.as_uri()
    assert codec_for(Any).decode(literal) == 5


@pytest.mark.parametrize("uri", ["/no/such/file", "s3://bucket/x"])
def test_a_pickle_that_cannot_be_read_is_named(uri):
    literal = Literal()
    literal.scalar.blob.uri = uri
    with pytest.raises(TypeTransformerFailedError, match=uri):
        codec_for(Any).decode(literal)


def test_what_cannot_be_pickled_or_unpickled_says_why():
    with pytest.raises(TypeTransformerFailedError, match="no way"):
        codec_for(Any).encode(Broken())
    literal = Literal()
    literal.scalar.binary.value = b"not a pickle"
    with pytest.raises(TypeTransformerFailedError, match="unpickle"):
        codec_for(Any).decode(literal)


def test_none_is_not_pickled():
    with pytest.raises(AssertionError, match="None"):
        codec_for(Any).encode(None)


def test_a_literal_that_is_no_pickle_is_refused():
    with pytest.raises(TypeTransformerFailedError, match="pickled"):
        codec_for(Any).decode(codec_for(int).encode(1))


def test_each_pickled_type_is_told_once(caplog):
    class Told:
        pass

    with caplog.at_level(logging.WARNING, logger="flyte_core"):
        codec_for(Told)
        TypeEngine.get_transformer(Told)
    assert sum("Told" in record.message for record in caplog.records) == 1


def test_flyte_pickle_names_a_class_and_writes_files():
    assert FlytePickle[complex].python_type() is complex
    uri = asyncio.run(FlytePickle.to_pickle([1]))
    assert asyncio.run(FlytePickle.from_pickle(uri)) == [1]
    codec = codec_for(FlytePickle[complex])
    assert codec.decode(codec.encode(1j)) == 1j
