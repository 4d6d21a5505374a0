from datetime import timedelta

import pytest

from flyte_core.errors import InvalidValueError
from flyte_core.models import Timeout, timeout_from_request


@pytest.mark.parametrize(
    ("given", "runtime"),
    [
        (0, timedelta(0)),
        (90, timedelta(seconds=90)),
        (172800, timedelta(days=2)),
        (timedelta(days=3, seconds=1), timedelta(days=3, seconds=1)),
        (Timeout(45), timedelta(seconds=45)),
        (Timeout(max_runtime=timedelta(0)), timedelta(0)),
    ],
)
def test_every_form_gives_the_whole_run_time(given, runtime):
    assert timeout_from_request(given).runtime == runtime


def test_a_timeout_stays_itself_and_keeps_what_was_given():
    timeout = Timeout(60, timedelta(minutes=10))
    assert timeout_from_request(timeout) is timeout
    assert (timeout.max_runtime, timeout.max_queued_time) == (60, timedelta(minutes=10))
    assert timeout.queued_time == timedelta(minutes=10)
    assert Timeout(60).queued_time is None
    assert Timeout(60, 0).queued_time == timedelta(0)


@pytest.mark.parametrize("given", ["5m", 1.5, None, True, -1, timedelta(seconds=-1), 10**20, [5]])
def test_anything_else_is_refused_as_a_value(given):
    with pytest.raises(InvalidValueError, match=r"(?i)timeout"):
        timeout_from_request(given)


@pytest.mark.parametrize("given", ["5m", 1.5, True, -1, timedelta(days=-1), 10**20])
@pytest.mark.parametrize("field", ["max_runtime", "max_queued_time"])
def test_a_wrong_field_is_named(field, given):
    with pytest.raises(InvalidValueError, match=field):
        Timeout(**{"max_runtime": 1, field: given})
