import logging
from datetime import timedelta

import pytest

from flyte_core.errors import InvalidValueError
from flyte_core.models import ReusePolicy


def test_the_defaults_are_two_replicas_for_half_a_minute():
    policy = ReusePolicy()
    assert (policy.replicas, policy.min_replicas, policy.max_replicas, policy.concurrency) == ((2, 2), 2, 2, 1)
    assert policy.ttl == policy.get_scaledown_ttl() == timedelta(seconds=30)


def test_seconds_and_timedeltas_mean_the_same():
    assert ReusePolicy((1, 4), 300, 10, 120) == ReusePolicy((1, 4), timedelta(minutes=5), 10, timedelta(minutes=2))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("replicas", value) for value in (None, [1, 2], (1, 2, 3), 0, -1, (0, 0), (3, 1), (-1, 2), "2", 1.5, True)),
        *(("replicas", value) for value in ((1, "2"), (1, None), (True, 2))),
        *(("idle_ttl", value) for value in (29, "1m", None, 1.5, True, timedelta(seconds=29.9), -30, 10**20)),
        *(("scaledown_ttl", value) for value in (29, "1m", None, 1.5, timedelta(seconds=10))),
        *(("concurrency", value) for value in (0, -1, "1", 1.5, None, True)),
    ],
)
def test_a_wrong_field_is_named(field, value):
    with pytest.raises(InvalidValueError, match=f"ReusePolicy: {field} ="):
        ReusePolicy(**{field: value})


def test_an_environment_may_scale_to_zero():
    assert ReusePolicy(replicas=(0, 1), concurrency=2).min_replicas == 0


@pytest.mark.parametrize(
    ("policy", "warned"), [({"replicas": 1}, True), ({"replicas": 1, "concurrency": 2}, False), ({}, False)]
)
def test_a_single_slot_is_warned_of(policy, warned, caplog):
    with caplog.at_level(logging.WARNING, "flyte_core"):
        ReusePolicy(**policy)
    assert bool(caplog.records) == warned


def test_policies_are_values():
    assert len({ReusePolicy(), ReusePolicy(2), ReusePolicy(3)}) == 2
