from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("0", 0),
        ("0s", 0),
        ("1.5", 1.5),
        ("-90", -90),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("1m250ms", 60.25),
        ("-1h", -3600),
        ("PT1H30M", 5400),
        ("P1DT2H", 93600),
        ("pt0.5s", 0.5),
        ("1:30:00", 5400),
        ("1 day, 2:03:04", 93784),
        ("0:00:01.500000", 1.5),
    ],
)
def test_a_duration_is_read_in_every_form(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "1x", "30m1h", "P", "PT", "1:99:00", "nan", "1e99", "P1Y"])
def test_anything_else_is_refused_with_examples(text):
    with pytest.raises(TypeTransformerFailedError, match="1h30m"):
        parse_duration(text)


@given(st.timedeltas())
def test_what_python_writes_reads_back(value):
    assert parse_duration(str(value)) == value
