"""MessagePack: the same bytes and the same values as msgpack's, whichever library is at work."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import enum
import math
import struct
import sys
import uuid

import msgpack
import pytest
from flyteidl2.core.literals_pb2 import Binary
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.wire import MSGPACK, pack, unpack

INTEGERS = st.integers(-(2**63), 2**64 - 1)
KEYS = st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(allow_nan=False), st.text(), st.binary())
SCALARS = st.one_of(KEYS, st.floats(), st.binary().map(bytearray), st.binary().map(memoryview))
PLAIN = st.recursive(
    SCALARS,
    lambda parts: st.one_of(
        st.lists(parts),
        st.lists(parts).map(tuple),
        st.dictionaries(st.text(), parts),
        st.dictionaries(KEYS, parts),
    ),
    max_leaves=30,
)


class Word(str):
    __slots__ = ()


class Number(int):
    pass


class Color(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Plain(enum.Enum):
    A = "a"


@dataclasses.dataclass(frozen=True)
class Record:
    a: int = 1


Pair = collections.namedtuple("Pair", "a b")


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def reads(data):
    return unpack(Binary(tag=MSGPACK, value=data))


@given(PLAIN)
def test_the_bytes_are_those_of_msgpack(value):
    assert pack(value) == msgpack.packb(value)


@given(PLAIN)
def test_the_values_are_those_of_msgpack(value):
    data = msgpack.packb(value)
    # by their repr, since a NaN is unlike itself
    assert repr(reads(data)) == repr(msgpack.unpackb(data, strict_map_key=False))


@given(st.binary())
def test_any_bytes_are_read_as_msgpack_reads_them_or_refused(data):
    try:
        wanted = msgpack.unpackb(data, strict_map_key=False)
    except (TypeError, ValueError):
        wanted = None
    try:
        found = reads(data)
    except TypeTransformerFailedError:
        assert wanted is None
        return
    assert repr(found) == repr(wanted)


@pytest.mark.parametrize("bound", [7, 8, 15, 16, 31, 32, 63, 64])
@pytest.mark.parametrize("off", [-1, 0, 1])
@pytest.mark.parametrize("sign", [-1, 1])
def test_integers_are_as_short_as_those_of_msgpack(bound, off, sign):
    value = sign * 2**bound + off
    try:
        wanted = msgpack.packb(value)
    except OverflowError:
        with pytest.raises(TypeTransformerFailedError, match="out of range"):
            pack(value)
    else:
        assert pack(value) == wanted


@pytest.mark.parametrize("size", [0, 15, 16, 31, 32, 255, 256, 65535, 65536])
@pytest.mark.parametrize("make", [lambda n: "x" * n, bytes, lambda n: [0] * n, lambda n: {str(k): k for k in range(n)}])
def test_lengths_are_written_as_msgpack_writes_them(size, make):
    assert pack(make(size)) == msgpack.packb(make(size))


@pytest.mark.parametrize(
    "value",
    [
        Word("a"),
        Number(5),
        Color.RED,
        Level.LOW,
        Pair(1, 2),
        collections.OrderedDict(b=1, a=2),
        {Word("a"): 1, Color.RED: 2, Level.LOW: 3},
        {Pair(1, 2): 3, (1, "a"): 2},
        msgpack.ExtType(5, b"data"),
        msgpack.Timestamp(1, 2),
        memoryview(array.array("i", [1, 2])),
        nested(600),
        -0.0,
        math.inf,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_only_msgpack_writes_is_written_by_it(value):
    assert pack(value) == msgpack.packb(value)
    assert pack({"in": [value]}) == msgpack.packb({"in": [value]})


@pytest.mark.parametrize(
    "value",
    [
        Plain.A,
        dt.datetime(2024, 1, 2),
        dt.date(2024, 1, 2),
        dt.time(1, 2),
        uuid.UUID(int=1),
        Record(),
        {1, 2},
        object(),
        2**64,
        -(2**63) - 1,
        "\ud800",
        nested(2000),
        memoryview(b"abcdef")[::2],
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_msgpack_refuses_is_refused(value):
    for whole in (value, [value], {"a": value}):
        with pytest.raises(TypeTransformerFailedError, match="what MessagePack can hold"):
            pack(whole)


@pytest.mark.parametrize("key", [Plain.A, dt.date(2024, 1, 2), uuid.UUID(int=1), Record(), frozenset(), (Plain.A,)])
def test_keys_that_would_become_text_are_refused(key):
    with pytest.raises(TypeTransformerFailedError, match="what MessagePack can hold"):
        pack({key: 1})


def test_extension_types_are_read_by_msgpack():
    assert reads(msgpack.packb({"a": msgpack.ExtType(5, b"data")})) == {"a": msgpack.ExtType(5, b"data")}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x91",
        b"\xa2a",
        b"\x01\x01",
        b"\x01\xc0",
        b"\xa1\xff",
        b"\xdd\xff\xff\xff\xff\x01",
        b"\x81\x80\x01",
    ],
)
def test_broken_bytes_are_refused(data):
    with pytest.raises(TypeTransformerFailedError, match=f"{len(data)} broken bytes"):
        reads(data)


def test_another_tag_is_refused():
    with pytest.raises(TypeTransformerFailedError, match="'json'"):
        unpack(Binary(tag="json", value=b"{}"))


def test_ordinary_values_never_reach_msgpack(monkeypatch):
    monkeypatch.setattr(msgpack, "packb", None)
    if sys.version_info >= (3, 11):  # for 3.10 there is no ormsgpack that reads safely
        monkeypatch.setattr(msgpack, "unpackb", None)
    value = {"a": [1, -5, 2.5, True, None, "text", b"bytes"], "b": {"c": {}}, "d": struct.pack("d", 1.5)}
    assert reads(pack(value)) == value
