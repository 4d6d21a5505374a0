from __future__ import annotations

import asyncio
import inspect
import logging
import pathlib
import pickle
import threading
from typing import Any

import pytest
from flyteidl2.core.literals_pb2 import Literal
from google.protobuf.json_format import MessageToDict

from flyte_core import storage
from flyte_core.context import use_task_context
from flyte_core.errors import TypeTransformerFailedError
from flyte_core.models import ActionID, RawDataPath, TaskContext
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


@pytest.mark.parametrize("uri", ["/no/such/file", "memory://no/such/file", "no-such://bucket/x"])
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
        TypeEngine.to_literal_type(Told)
        TypeEngine.to_literal_type(Told)
    assert sum("Told" in record.message for record in caplog.records) == 1


def test_flyte_pickle_names_a_class_and_writes_files():
    assert FlytePickle[complex].python_type() is complex
    uri = asyncio.run(FlytePickle.to_pickle([1]))
    assert asyncio.run(FlytePickle.from_pickle(uri)) == [1]
    codec = codec_for(FlytePickle[complex])
    assert codec.decode(codec.encode(1j)) == 1j


# ---- where large values go ---------------------------------------------------------------------------


@pytest.mark.parametrize("raw_data", ["memory://pickles/raw", "local"])
def test_a_large_value_goes_below_the_tasks_raw_data(tmp_path, raw_data):
    raw_data = str(tmp_path / "raw") if raw_data == "local" else raw_data
    codec = codec_for(Any)
    value = list(range(INLINE_LIMIT))
    context = TaskContext(
        action=ActionID(name="a0"),
        version="1",
        raw_data_path=RawDataPath(path=raw_data),
        output_path="/out",
        run_base_dir="/run",
        report=None,
    )
    with use_task_context(context):
        literals = [codec.encode(value), asyncio.run(codec.aencode(value))]
        uri = asyncio.run(FlytePickle.to_pickle(value))
    assert all(found.startswith(f"{raw_data}/") for found in [uri, *(each.scalar.blob.uri for each in literals)])
    for literal in literals:
        assert codec.decode(literal) == asyncio.run(codec.adecode(literal)) == value


def test_an_offloaded_literal_is_read_from_wherever_it_lies():
    url = storage.write_bytes_sync("memory://pickles/literal", codec_for(int).encode(5).SerializeToString())
    offloaded = Literal()
    offloaded.offloaded_metadata.uri = url
    assert asyncio.run(TypeEngine.to_python_value(offloaded, int)) == 5
    offloaded.offloaded_metadata.uri = "memory://pickles/none"
    with pytest.raises(TypeTransformerFailedError, match="pickles/none"):
        asyncio.run(TypeEngine.to_python_value(offloaded, int))


def test_raw_data_that_cannot_be_written_are_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(storage, "new_path", lambda name: f"{tmp_path}/file/{name}")
    value = "x" * (INLINE_LIMIT + 1)
    for encode in (codec_for(Any).encode, lambda value: asyncio.run(codec_for(Any).aencode(value))):
        with pytest.raises(TypeTransformerFailedError, match="file"):
            encode(value)


class Waiting:
    """Can be pickled, and unpickled, only while the event loop runs."""

    turned = threading.Event()

    def __init__(self, *_: object) -> None:
        assert self.turned.wait(30)
        self.turned.clear()

    def __reduce__(self):
        assert self.turned.wait(30)
        self.turned.clear()
        return Waiting, (b"x" * (INLINE_LIMIT + 1),)


def test_pickling_does_not_hold_the_event_loop_up():
    codec = codec_for(Waiting)

    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(2):
            value = object.__new__(Waiting)
            encoding = asyncio.ensure_future(codec.aencode(value))
            await asyncio.sleep(0)
            loop.call_soon(Waiting.turned.set)
            decoding = asyncio.ensure_future(codec.adecode(await encoding))
            await asyncio.sleep(0)
            loop.call_soon(Waiting.turned.set)
            assert isinstance(await decoding, Waiting)

    asyncio.run(main())
