import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import InvalidTypeError
from flyte_core.models.canonical import digest, encode

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4).map(tuple) | st.dictionaries(st.text(), inner, max_size=3)
)


def key(value):
    """The value with its types, so that 1, True and 1.0 differ as they do when encoded."""
    if isinstance(value, dict):
        return ("dict", tuple((key(name), key(item)) for name, item in value.items()))
    if isinstance(value, tuple):
        return ("tuple", tuple(map(key, value)))
    return (type(value).__name__, repr(value))


@given(VALUES, VALUES)
def test_two_values_encode_alike_only_when_they_are_equal(one, two):
    assert (encode(one) == encode(two)) == (key(one) == key(two))


@given(st.lists(st.text(), max_size=5), st.lists(st.text(), max_size=5))
def test_where_one_text_ends_and_the_next_begins_counts(one, two):
    assert (encode(one) == encode(two)) == (one == two)


@given(st.sets(st.text()))
def test_the_order_of_a_set_does_not_count(values):
    turned = dict.fromkeys(sorted(values, reverse=True)).keys() | set()
    assert encode(values) == encode(turned) == encode(frozenset(turned))


@pytest.mark.parametrize("value", [object(), [object()], {"a": 1j}, digest])
def test_what_has_no_encoding_is_refused(value):
    with pytest.raises(InvalidTypeError):
        encode(value)


def test_the_digest_does_not_change():
    assert digest(("a", 1, None)) == "633dc478514fe6ac0abf743c47ce91a2188a96a3fa8d6751e1050555a9e053aa"
