"""Numbers, durations, times, JSON and YAML look as those that Go writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flyte_core_container.copilot import gojson, gotext, goyaml
from flyte_core_container.copilot.errors import GrammarError
from hypothesis import given
from hypothesis import strategies as st

# Written by Go 1.26 with encoding/json and sigs.k8s.io/yaml 1.6.0.
GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())


@pytest.mark.parametrize(("value", "as_json", "as_yaml"), GOLDEN)
def test_json_and_yaml_are_those_of_go(value, as_json, as_yaml):
    assert gojson.dumps(json.loads(value)) == as_json
    assert goyaml.dumps(json.loads(value)) == as_yaml


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (123456789.125, "123456789.125"),
        (float("nan"), "NaN"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
    ],
)
def test_a_float_in_a_file_has_no_exponent(value, text):
    assert gotext.float_text(value) == text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (2_000_000, "2ms"),
        (1_500_000_000, "1.5s"),
        (3_600_000_000_000, "1h0m0s"),
        (-90_000_000_000, "-1m30s"),
        (59_999_999_999, "59.999999999s"),
    ],
)
def test_a_duration_has_gos_form(nanoseconds, text):
    assert gotext.go_duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("seconds", "nanoseconds", "text"),
    [
        (0, 0, "1970-01-01T00:00:00Z"),
        (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
        (253402300799, 0, "9999-12-31T23:59:59Z"),
        (253402300800, 0, None),
        (-62135596800, 0, "0001-01-01T00:00:00Z"),
        (-62135596801, 0, None),
    ],
)
def test_a_time_is_within_the_years_that_protobuf_has(seconds, nanoseconds, text):
    assert gotext.rfc3339(seconds, nanoseconds) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("dumps", [gojson.dumps, goyaml.dumps])
def test_a_number_that_json_has_not_is_refused(value, dumps):
    with pytest.raises(GrammarError):
        dumps({"f": value})


_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(_PLAIN)
def test_json_reads_back(value):
    assert _normal(json.loads(gojson.dumps(value))) == _normal(value)


@given(
    st.dictionaries(
        st.text(alphabet=st.characters(exclude_characters="\r\x85\u2028\u2029", exclude_categories=["Cs"])),
        _PLAIN,
        max_size=3,
    )
)
def test_yaml_reads_back(value):
    yaml = pytest.importorskip("yaml")
    text = goyaml.dumps(value)
    assert text.endswith("\n")
    if all(ord(char) < 0x80 for char in text) and "\r" not in text and "=" not in text:
        assert _normal(yaml.safe_load(text)) == _normal(value)


def _normal(value):
    """Take what PyYAML, which knows YAML 1.1's floats without a point not, reads as text for what it is."""
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    try:
        return float(value) if isinstance(value, str) and "e" in value else value
    except ValueError:
        return value
