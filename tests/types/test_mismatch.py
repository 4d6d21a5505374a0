from __future__ import annotations

import pickle

import pytest

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import codec_for
from flyte_core.types.mismatch import ValueMismatchError, describe, shown, under


def test_the_path_grows_from_the_inside_out():
    error = under(under(ValueMismatchError("expected int, got 'x'"), ".b"), "[3]")
    assert str(error) == "[3].b: expected int, got 'x'"
    assert str(under(ValueMismatchError("wrong"), ".b")) == "b: wrong"
    assert str(under(TypeTransformerFailedError("wrong"), "[0]")) == "[0]: wrong"


def test_the_error_survives_pickling():
    error = pickle.loads(pickle.dumps(ValueMismatchError("wrong", "[3]")))
    assert (error.reason, error.path, str(error)) == ("wrong", "[3]", "[3]: wrong")


def test_a_long_value_is_cut_and_a_broken_repr_does_no_harm():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert len(shown("x" * 1000)) == 120
    assert shown(Broken()) == "<Broken>"


@pytest.mark.parametrize(
    ("value", "t", "text"),
    [
        (5, int, "the integer 5"),
        ("x", str, "the string 'x'"),
        (None, type(None), "the scalar none_type"),
        ([1], list[int], "a collection of 1"),
        ({}, dict[str, int], "a map of 0"),
    ],
)
def test_a_literal_is_described_by_its_kind(value, t, text):
    assert describe(codec_for(t).encode(value)) == text
