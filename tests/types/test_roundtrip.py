"""Generated types with values of theirs: what comes back is equal, and the literal is of the literal type."""

from __future__ import annotations

import contextlib
import json

from flyteidl2.core import literals_pb2
from hypothesis import given, settings

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import codec_for
from flyte_core.types.plain import plain_for
from flyte_core.types.text import (
    from_jsonable,
    literal_from_jsonable,
    literal_to_jsonable,
    parse_text,
    to_jsonable,
)
from flyte_core.types.wire import unpack
from tests.support.typed_values import PAIRS, misfit

# the first example of each kind imports what serves it
UNHURRIED = settings(deadline=None)


@UNHURRIED
@given(PAIRS)
def test_a_value_comes_back_equal_and_of_its_class(found):
    t, value = found
    codec = codec_for(t)
    literal = codec.encode(value)
    assert misfit(literal, codec.literal_type) is None
    back = codec.decode(literals_pb2.Literal.FromString(literal.SerializeToString()))
    assert back == value
    assert type(back) is type(value)


@UNHURRIED
@given(PAIRS)
def test_a_value_has_one_and_the_same_bytes_each_time(found):
    t, value = found
    codec = codec_for(t)
    first = codec.encode(value).SerializeToString(deterministic=True)
    assert codec.encode(codec.decode(codec.encode(value))).SerializeToString(deterministic=True) == first


@UNHURRIED
@given(PAIRS)
def test_the_plain_form_comes_back_equal(found):
    t, value = found
    plain = plain_for(t)
    literal = codec_for(dict).encode({"v": plain.encode(value)})
    assert plain.decode(unpack(literal.scalar.binary)["v"]) == value


@UNHURRIED
@given(PAIRS)
def test_the_json_form_comes_back_equal_and_of_its_class(found):
    t, value = found
    text = json.dumps(to_jsonable(value, t), allow_nan=False)
    back = from_jsonable(json.loads(text), t)
    assert back == value
    assert type(back) is type(value)


@UNHURRIED
@given(PAIRS)
def test_the_json_form_reads_as_text(found):
    t, value = found
    shown = to_jsonable(value, t)
    assert parse_text(shown if isinstance(shown, str) else json.dumps(shown), t) == value


@UNHURRIED
@given(PAIRS)
def test_a_literal_without_its_python_type_has_a_json_form_too(found):
    t, value = found
    codec = codec_for(t)
    literal = codec.encode(value)
    shown = json.loads(json.dumps(literal_to_jsonable(literal, codec.literal_type), allow_nan=False))
    again = literal_from_jsonable(shown, codec.literal_type)
    assert misfit(again, codec.literal_type) is None
    assert codec.decode(again) == value


@UNHURRIED
@given(PAIRS, PAIRS)
def test_a_value_of_another_type_is_refused_or_makes_a_literal_of_the_type(found, other):
    codec = codec_for(found[0])
    with contextlib.suppress(TypeTransformerFailedError):
        literal = codec.encode(other[1])
        assert misfit(literal, codec.literal_type) is None
        codec.decode(literal)
