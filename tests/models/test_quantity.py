from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models import is_quantity, parse_quantity

SUFFIXES = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "k": Fraction(1000),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1", 1),
        ("+1", 1),
        ("-1", -1),
        ("1.", 1),
        (".5", Fraction(1, 2)),
        ("0.1", Fraction(1, 10)),
        ("500m", Fraction(1, 2)),
        ("1Ki", 1024),
        ("1.5Gi", 3 * 2**29),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1E", 10**18),
        ("1e-3", Fraction(1, 1000)),
        ("12e+06", 12 * 10**6),
        ("1e-07", Fraction(1, 10**7)),
        ("-.5m", Fraction(-1, 2000)),
    ],
)
def test_a_quantity_stands_for_its_number(text, value):
    assert parse_quantity(text) == value
    assert is_quantity(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "-",
        "m",
        "1 ",
        " 1",
        "1GiB",
        "1gi",
        "1K",
        "1KI",
        "1ki",
        "1mi",
        "1e",
        "1e1.5",
        "1e3m",
        "1e1000",
        "1.2.3",
        "1,5",
        "0x10",
        "1_000",
        "--1",
        "+-1",
        "\u0661",
        "1\n",
        "inf",
        "nan",
        "lots",
        "1Gi2",
    ],
)
def test_what_kubernetes_does_not_read_is_refused(text):
    assert not is_quantity(text)
    with pytest.raises(InvalidValueError, match="Kubernetes quantity"):
        parse_quantity(text)


@pytest.mark.parametrize("value", [1, 1.5, None, b"1"])
def test_only_texts_are_parsed(value):
    with pytest.raises(InvalidTypeError):
        parse_quantity(value)


@given(st.integers(0, 10**30), st.integers(0, 12), st.sampled_from(sorted(SUFFIXES)), st.sampled_from(["", "+", "-"]))
def test_number_and_suffix_multiply_exactly(digits, places, suffix, sign):
    text = str(digits).rjust(places + 1, "0")
    text = f"{text[: len(text) - places]}.{text[len(text) - places :]}" if places else text
    expected = Fraction(digits, 10**places) * SUFFIXES[suffix] * (-1 if sign == "-" else 1)
    assert parse_quantity(sign + text + suffix) == expected


@given(st.integers(-(10**20), 10**20), st.integers(-40, 40), st.sampled_from("eE"))
def test_an_exponent_is_a_power_of_ten(number, exponent, letter):
    assert parse_quantity(f"{number}{letter}{exponent}") == number * Fraction(10) ** exponent


@given(st.floats(min_value=0, allow_infinity=False, allow_nan=False))
def test_every_float_that_python_writes_is_a_quantity(number):
    assert parse_quantity(str(number)) == Fraction(str(number))


@given(st.text(alphabet="0123456789.+-eEkKmMgGiInu ", max_size=8))
def test_is_quantity_and_parse_quantity_agree(text):
    try:
        parse_quantity(text)
    except InvalidValueError:
        assert not is_quantity(text)
    else:
        assert is_quantity(text)
