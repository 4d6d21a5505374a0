from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models import RetryStrategy, retry_from_request


def test_a_number_is_a_count():
    assert retry_from_request(3) == RetryStrategy(count=3)


def test_none_is_no_retries():
    assert retry_from_request(None).count == 0


def test_a_strategy_stays_itself():
    strategy = RetryStrategy(2, timedelta(seconds=1), 1.5)
    assert retry_from_request(strategy) is strategy


@pytest.mark.parametrize("retries", ["3", 1.0, True, [1]])
def test_retries_of_another_type_are_refused(retries):
    with pytest.raises(InvalidTypeError, match="retries"):
        retry_from_request(retries)


@pytest.mark.parametrize("make", [retry_from_request, RetryStrategy])
def test_negative_retries_are_refused(make):
    with pytest.raises(InvalidValueError, match=r"count = -1.*retries"):
        make(-1)


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("count", "1", InvalidTypeError),
        ("count", True, InvalidTypeError),
        ("backoff", "1s", InvalidTypeError),
        ("backoff", -1, InvalidValueError),
        ("backoff", timedelta(seconds=-1), InvalidValueError),
        ("backoff", float("nan"), InvalidValueError),
        ("backoff_factor", "2", InvalidTypeError),
        ("backoff_factor", 0.5, InvalidValueError),
        ("backoff_factor", float("inf"), InvalidValueError),
    ],
)
def test_a_wrong_field_is_named(field, value, error):
    with pytest.raises(error, match=f"RetryStrategy: {field} ="):
        RetryStrategy(**{"count": 1, field: value})


@pytest.mark.parametrize(
    ("strategy", "delays"),
    [
        (RetryStrategy(3), [0, 0, 0]),
        (RetryStrategy(3, backoff_factor=2), [0, 0, 0]),
        (RetryStrategy(3, 1.5), [1.5, 1.5, 1.5]),
        (RetryStrategy(3, timedelta(seconds=3), 2), [1, 2, 3]),
    ],
)
def test_waits_grow_up_to_the_longest(strategy, delays):
    assert [strategy.delay(retry) for retry in range(3)] == delays


@given(st.integers(0, 10_000), st.floats(0, 1e6), st.floats(1, 100))
def test_no_wait_is_longer_than_the_longest(retry, backoff, factor):
    assert 0 <= RetryStrategy(1, backoff, factor).delay(retry) <= backoff
