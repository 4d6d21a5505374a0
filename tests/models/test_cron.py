import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models import Cron
from flyte_core.models.cron import check_cron, check_timezone


@pytest.mark.parametrize(
    "expression",
    [
        "* * * * *",
        "0 * * * *",
        "0 0 1 * *",
        "0 0 * * 0",
        "*/15 8-18 * * MON-FRI",
        "0,30 1-5/2 1,15 jan,Dec ?",
        "5/10 * * * *",
        "0 0 * * 7",
        "  0  0  *  *  * ",
        "@daily",
        "@hourly",
        "@yearly",
        "@every 1h30m",
        "59 23 31 12 6",
    ],
)
def test_what_flyte_schedules_is_taken(expression):
    check_cron(expression)


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("", "five fields"),
        ("bad", "five fields"),
        ("* * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("CRON_TZ=UTC 0 0 * * *", "five fields"),
        ("@sometimes", "five fields"),
        ("@every soon", "five fields"),
        ("60 * * * *", "minute"),
        ("-1 * * * *", "minute"),
        ("a * * * *", "minute"),
        (", * * * *", "minute"),
        ("1, * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("*/ * * * *", "minute"),
        ("5-1 * * * *", "minute"),
        ("1-2-3 * * * *", "minute"),
        ("1.5 * * * *", "minute"),
        ("\u0663 * * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 0 0 * *", "day of month"),
        ("0 0 32 * *", "day of month"),
        ("0 0 1 0 *", "month"),
        ("0 0 1 13 *", "month"),
        ("0 0 1 mon *", "month"),
        ("0 0 * * 8", "day of week"),
        ("0 0 * * jan", "day of week"),
    ],
)
def test_what_it_does_not_schedule_is_refused_by_field(expression, named):
    with pytest.raises(InvalidValueError, match=named):
        Cron(expression)


@given(st.text(max_size=20))
def test_any_text_is_taken_or_refused(text):
    with contextlib.suppress(InvalidValueError):
        check_cron(text)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Etc/GMT-5"])
def test_a_time_zone_of_the_database_is_taken(name):
    check_timezone(name)


@pytest.mark.parametrize("name", ["Mars", "", "Europe", "../etc/passwd", "/etc/localtime", "Europe/Nowhere", "a\0b"])
def test_a_time_zone_outside_the_database_is_refused(name):
    with pytest.raises(InvalidValueError, match="timezone"):
        Cron("@daily", name)


def test_without_a_database_no_time_zone_is_refused(monkeypatch):
    import zoneinfo

    def missing(name):
        raise zoneinfo.ZoneInfoNotFoundError(name)

    from flyte_core.models import cron

    cron._is_timezone.cache_clear()
    monkeypatch.setattr("zoneinfo.ZoneInfo", missing)
    check_timezone("Europe/Berlin")
    cron._is_timezone.cache_clear()


@pytest.mark.parametrize("given", [{"expression": None}, {"expression": "@daily", "timezone": None}])
def test_both_are_texts(given):
    with pytest.raises(InvalidTypeError, match=f"Cron: {list(given)[-1]}"):
        Cron(**given)
