import copy
import pickle
from datetime import datetime, timezone

import pytest

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models import Cron, FixedRate, Trigger, TriggerTime


def test_a_cron_shows_its_time_zone():
    assert Cron("0 6 * * *", "Europe/Berlin").timezone_expression == "CRON_TZ=Europe/Berlin 0 6 * * *"
    assert str(Cron("0 6 * * *")) == "Cron Trigger: CRON_TZ=UTC 0 6 * * *"


def test_a_fixed_rate_shows_its_interval():
    assert str(FixedRate(60)) == "FixedRate Trigger: every 60 minutes"
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert FixedRate(5, start).start_time == start


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ((0,), InvalidValueError),
        ((-5,), InvalidValueError),
        (("5",), InvalidTypeError),
        ((1.5,), InvalidTypeError),
        ((True,), InvalidTypeError),
        ((5, "now"), InvalidTypeError),
    ],
)
def test_a_wrong_rate_is_refused(given, error):
    with pytest.raises(error, match="FixedRate"):
        FixedRate(*given)


@pytest.mark.parametrize(
    ("make", "name", "expression"),
    [
        (Trigger.minutely, "minutely", "* * * * *"),
        (Trigger.hourly, "hourly", "0 * * * *"),
        (Trigger.daily, "daily", "0 0 * * *"),
        (Trigger.weekly, "weekly", "0 0 * * 0"),
        (Trigger.monthly, "monthly", "0 0 1 * *"),
    ],
)
def test_each_factory_has_its_schedule(make, name, expression):
    trigger = make()
    assert (trigger.name, trigger.automation, trigger.inputs) == (name, Cron(expression), {})
    assert trigger.description.startswith("A trigger that runs")
    given = make("when", name="mine", inputs={"x": 1}, queue="q", auto_activate=False, labels={"a": "b"})
    assert given.inputs == {"when": TriggerTime, "x": 1}
    assert (given.name, given.queue, given.auto_activate, given.labels) == ("mine", "q", False, {"a": "b"})
    assert make("x", inputs={"x": 1}).inputs == {"x": 1}


def test_a_factory_takes_the_fields_of_a_trigger():
    with pytest.raises(TypeError, match="colour"):
        Trigger.daily(colour="red")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (("", Cron("@daily")), InvalidValueError),
        (("t", None), InvalidValueError),
        (("t", "0 0 * * *"), InvalidTypeError),
    ],
)
def test_a_trigger_has_a_name_and_a_schedule(given, error):
    with pytest.raises(error, match="Trigger"):
        Trigger(*given)


@pytest.mark.parametrize("again", [lambda x: pickle.loads(pickle.dumps(x)), copy.copy, copy.deepcopy])
def test_the_trigger_time_is_one_object(again):
    assert again(TriggerTime) is TriggerTime
    assert again(Trigger.daily("when")).inputs["when"] is TriggerTime
    assert repr(TriggerTime) == "TriggerTime"
