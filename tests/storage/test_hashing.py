"""flyte_core.storage: hashes of content."""

from __future__ import annotations

import hashlib

import pytest

from flyte_core import storage
from flyte_core.errors import InvalidValueError


@pytest.mark.parametrize("name", ["sha256", "md5", "blake2b", "sha3_512"])
def test_a_hash_of_pieces_is_that_of_the_whole(name: str) -> None:
    accumulator = storage.HashlibAccumulator.from_hash_name(name)
    for piece in (b"one ", b"", b"two"):
        accumulator.update(memoryview(piece))
    assert accumulator.result() == hashlib.new(name, b"one two").hexdigest()
    accumulator.reset()
    assert accumulator.result() == hashlib.new(name).hexdigest()


@pytest.mark.parametrize("name", ["no-such", "", "shake_128", 3])
def test_an_unknown_algorithm_names_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidValueError, match="sha256"):
        storage.HashlibAccumulator.from_hash_name(name)


def test_what_a_hash_object_has_taken_already_counts() -> None:
    accumulator = storage.HashlibAccumulator(hashlib.sha256(b"salt"))
    accumulator.update(memoryview(b"text"))
    assert accumulator.result() == hashlib.sha256(b"salttext").hexdigest()
    accumulator.reset()
    assert accumulator.result() == hashlib.sha256(b"salt").hexdigest()


def test_a_known_value_takes_no_notice_of_content() -> None:
    known = storage.PrecomputedValue("v1")
    known.update(memoryview(b"text"))
    known.reset()
    assert known.result() == "v1"


@pytest.mark.parametrize("method", [storage.PrecomputedValue("v"), storage.HashlibAccumulator(hashlib.md5())])
def test_both_are_hash_methods(method: object) -> None:
    assert isinstance(method, storage.HashMethod)
    assert not isinstance("text", storage.HashMethod)
