from __future__ import annotations

import typing

from flyte_core.models import NativeInterface
from flyte_core.types import guess_interface
from flyte_core.types.convert import default_inputs, interface_codec, typed_interface


def work(a: int, b: str = "x", c: list[float] = []) -> tuple[bool, str]: ...  # noqa: B006


def test_an_interface_is_guessed_from_its_wire_form_with_its_defaults():
    interface = NativeInterface.from_callable(work)
    guessed = guess_interface(typed_interface(interface), default_inputs(interface))
    assert guessed.get_input_types() == {"a": int, "b": str, "c": typing.List[float]}  # noqa: UP006 - the reference's
    assert guessed.outputs == {"o0": bool, "o1": str}
    assert guessed.required_inputs() == ["a"]


def test_a_guessed_interface_sends_the_defaults_it_was_given():
    interface = NativeInterface.from_callable(work)
    guessed = guess_interface(typed_interface(interface), default_inputs(interface))
    codec = interface_codec(guessed)
    assert codec.decode_inputs(codec.encode_inputs((1,))) == {"a": 1, "b": "x", "c": []}


def test_without_an_interface_there_are_no_variables():
    guessed = guess_interface(None)
    assert (guessed.inputs, guessed.outputs) == ({}, {})
