"""What text is a value, and what is not."""

from __future__ import annotations

import math
import struct

import pytest
from flyte_core_container.copilot import gotext, grammar
from flyte_core_container.copilot.errors import GrammarError
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "value"), [("+12", 12), ("012", 12), ("-0", 0), ("0" * 5000 + "7", 7), (str(-(2**63)), -(2**63))]
)
def test_an_integer_is_decimal_with_a_sign(text, value):
    assert grammar.parse_integer(text) == value


@pytest.mark.parametrize(
    "text", ["", "1_000", "1.0", "0x10", "+", "\uff11\uff12", "١٢", str(2**63), "9" * 5000, "1e3", " 1", "1\r"]
)
def test_other_integers_are_refused(text):
    with pytest.raises(GrammarError, match="expected a decimal integer of 64 bits"):
        grammar.parse_integer(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (".5", 0.5),
        ("1.", 1.0),
        ("-1e-3", -0.001),
        ("0x1p-2", 0.25),
        ("-0X1.8P1", -3.0),
        ("0x.8p0", 0.5),
        ("inf", math.inf),
        ("+Infinity", math.inf),
        ("-INF", -math.inf),
        ("1e-400", 0.0),
    ],
)
def test_a_float_is_decimal_or_hexadecimal(text, value):
    assert grammar.parse_float(text) == value


@pytest.mark.parametrize("text", ["nan", "NaN", "NAN"])
def test_nan_is_a_float(text):
    assert math.isnan(grammar.parse_float(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "1_0",
        "1e",
        "0x1.8",
        "0x1",
        "+nan",
        "infinit",
        "1e400",
        "-1e400",
        "0x1p99999",
        "\uff11",
        "1,5",
        "\u0131nf",
    ],
)
def test_other_floats_are_refused(text):
    with pytest.raises(GrammarError):
        grammar.parse_float(text)


@pytest.mark.parametrize("text", ["1", "t", "T", "true", "TRUE", "True"])
def test_true_has_six_spellings(text):
    assert grammar.parse_boolean(text) is True


@pytest.mark.parametrize("text", ["0", "f", "F", "false", "FALSE", "False"])
def test_false_has_six_spellings(text):
    assert grammar.parse_boolean(text) is False


@pytest.mark.parametrize("text", ["", "yes", "tRue", "on", "2"])
def test_other_booleans_are_refused(text):
    with pytest.raises(GrammarError):
        grammar.parse_boolean(text)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("-0", 0),
        ("1h30m", 5_400_000_000_000),
        ("-1.5h", -5_400_000_000_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("1us1µs1μs", 3_000),
        ("1.9999999999999s", 1_999_999_999),
        ("1m1m", 120_000_000_000),
        ("9223372036854775807ns", 2**63 - 1),
    ],
)
def test_a_duration_has_units(text, nanoseconds):
    assert grammar.parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    ["", "1", "00", "1d", "1 h", "1H", "1h-2m", "PT1H", "1:30:00", ".s", "s", "1e3s", "\uff11s", "+", "9" * 400 + "h"],
)
def test_other_durations_are_refused(text):
    with pytest.raises(GrammarError):
        grammar.parse_duration(text)


@pytest.mark.parametrize(
    ("text", "seconds", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0, 0),
        ("1970-01-01T00:00:00-00:30", 1800, 0),
        ("1969-12-31T23:59:59.5Z", -1, 500_000_000),
        ("1970-01-01T00:00:00.1234567899Z", 0, 123_456_789),
    ],
)
def test_a_time_has_its_offset(text, seconds, nanoseconds):
    assert grammar.parse_datetime(text) == (seconds, nanoseconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-01-02",
        "2024-01-02T03:04:05",
        "2024-01-02 03:04:05Z",
        "2024-01-02t03:04:05Z",
        "2024-01-02T03:04:05z",
        "2024-02-30T03:04:05Z",
        "2024-01-02T24:00:00Z",
        "2024-01-02T03:04:60Z",
        "2024-01-02T03:04:05.Z",
        "2024-01-02T03:04:05+0200",
        "2024-01-02T03:04:05+24:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "\uff12024-01-02T03:04:05Z",
    ],
)
def test_other_times_are_refused(text):
    with pytest.raises(GrammarError):
        grammar.parse_datetime(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1:30:00", 5400), ("1 day, 0:00:01", 86401), ("-1 day, 23:59:59", -1), ("2:03", 123)]
)
def test_what_python_prints_of_a_duration_can_be_read(text, seconds):
    assert grammar.parse_python_duration(text) == seconds * 10**9


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_integer_reads_back(value):
    assert grammar.parse_integer(str(value)) == value


@given(st.floats(allow_nan=False))
def test_every_float_reads_back(value):
    text = gotext.float_text(value)
    assert "e" not in text.lower()
    assert struct.pack("d", grammar.parse_float(text)) == struct.pack("d", value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_in_metadata_reads_back(value):
    assert float(gotext.json_float_text(value)) == value
    assert float(gotext.general_float_text(value)) == value


@given(st.integers(-315_576_000_000 * 10**9, 315_576_000_000 * 10**9))
def test_every_duration_reads_back(value):
    assert grammar.parse_duration(gotext.go_duration(value)) == value


@given(st.integers(-62135596800, 253402300799), st.integers(0, 999_999_999))
def test_every_time_reads_back(seconds, nanoseconds):
    assert grammar.parse_datetime(gotext.rfc3339(seconds, nanoseconds)) == (seconds, nanoseconds)


_PARSERS = [
    grammar.parse_boolean,
    grammar.parse_datetime,
    grammar.parse_duration,
    grammar.parse_float,
    grammar.parse_integer,
    grammar.parse_naive_datetime,
    grammar.parse_python_duration,
]


def _refusal(parse, text):
    try:
        parse(text)
    except GrammarError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("parse", _PARSERS)
@given(text=st.text())
def test_any_text_is_a_value_or_refused_in_few_words(parse, text):
    assert len(_refusal(parse, text)) < 500
