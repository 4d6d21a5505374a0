"""Triggers: when a deployed task starts by itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models._checks import is_int
from flyte_core.models.cron import check_cron, check_timezone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import TypedDict, Unpack

    class _Fields(TypedDict, total=False):
        """Fields of `Trigger` that its factories pass on."""

        name: str
        description: str
        auto_activate: bool
        inputs: dict[str, Any] | None
        env_vars: dict[str, str] | None
        interruptible: bool | None
        overwrite_cache: bool
        queue: str | None
        labels: Mapping[str, str] | None
        annotations: Mapping[str, str] | None


__all__ = ["Cron", "FixedRate", "Trigger", "TriggerTime", "TriggerTimeType"]


class TriggerTimeType:
    """The class of `TriggerTime`, which is its only instance."""

    def __repr__(self) -> str:
        return "TriggerTime"

    def __reduce__(self) -> str:
        # Unpickled it is the same object again, so that "is" keeps working.
        return "TriggerTime"

    def __copy__(self) -> TriggerTimeType:
        return self

    def __deepcopy__(self, memo: object) -> TriggerTimeType:
        return self


TriggerTime: Final = TriggerTimeType()
"""Stands for the time at which a trigger fires, as the value of a task's input."""


@frozen(slots=False)
class Cron:
    """A schedule in cron's notation.

    Args:
        expression: minute, hour, day of month, month, day of week; or a name such as ``@daily``.
        timezone: the name of a time zone of the IANA database.

    Raises:
        InvalidTypeError: when a value is not a text.
        InvalidValueError: when the expression is not one, or there is no such time zone.

    Example:
        >>> Cron("0 6 * * 1-5", "Europe/Berlin").timezone_expression
        'CRON_TZ=Europe/Berlin 0 6 * * 1-5'
    """

    expression: str
    timezone: str = "UTC"

    def __attrs_post_init__(self) -> None:
        check_cron(self.expression)
        check_timezone(self.timezone)

    @property
    def timezone_expression(self) -> str:
        """The expression with its time zone in front, in the notation of the cron library that Flyte uses."""
        return f"CRON_TZ={self.timezone} {self.expression}"

    def __str__(self) -> str:
        return f"Cron Trigger: {self.timezone_expression}"


@frozen(slots=False)
class FixedRate:
    """A schedule of equal intervals.

    Args:
        interval_minutes: minutes between two runs.
        start_time: when the first interval begins.

    Raises:
        InvalidTypeError: when a value is of another type.
        InvalidValueError: when the interval is below one minute.

    Example:
        >>> str(FixedRate(60))
        'FixedRate Trigger: every 60 minutes'
    """

    interval_minutes: int
    start_time: datetime | None = None

    def __attrs_post_init__(self) -> None:
        minutes = self.interval_minutes
        if not is_int(minutes):
            raise InvalidTypeError("FixedRate", "interval_minutes", minutes, "an int of at least 1")
        if minutes < 1:
            raise InvalidValueError("FixedRate", "interval_minutes", minutes, "an int of at least 1")
        if not isinstance(self.start_time, (datetime, type(None))):
            raise InvalidTypeError("FixedRate", "start_time", self.start_time, "a datetime or None")

    def __str__(self) -> str:
        return f"FixedRate Trigger: every {self.interval_minutes} minutes"


@frozen(slots=False)
class Trigger:
    """When a deployed task starts by itself, and with what; one trigger may serve several tasks.

    Args:
        name: the trigger's name.
        automation: the schedule, a `Cron` or a `FixedRate`.
        description: what it is for.
        auto_activate: whether it is active once deployed.
        inputs: values for the task's inputs; `TriggerTime` stands for the time at which it fires.
        env_vars: environment variables instead of the task's.
        interruptible: whether its runs may be interrupted; None leaves that to the task.
        overwrite_cache: whether its runs compute cached results anew.
        queue: the queue of its runs.
        labels: labels of its runs.
        annotations: annotations of its runs.

    Raises:
        InvalidTypeError: when the schedule is something else.
        InvalidValueError: when the name is empty.

    Example:
        >>> Trigger.daily("when", queue="nightly").inputs
        {'when': TriggerTime}
    """

    name: str
    automation: Cron | FixedRate
    description: str = ""
    auto_activate: bool = True
    inputs: dict[str, Any] | None = None
    env_vars: dict[str, str] | None = None
    interruptible: bool | None = None
    overwrite_cache: bool = False
    queue: str | None = None
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None

    def __attrs_post_init__(self) -> None:
        if not self.name or not isinstance(self.name, str):
            raise InvalidValueError("Trigger", "name", self.name, "a text that is not empty")
        if self.automation is None:
            raise InvalidValueError("Trigger", "automation", None, "a Cron or a FixedRate")
        if not isinstance(self.automation, (Cron, FixedRate)):
            raise InvalidTypeError("Trigger", "automation", self.automation, "a Cron or a FixedRate")

    @classmethod
    def daily(cls, trigger_time_input_key: str | None = None, **fields: Unpack[_Fields]) -> Trigger:
        """Every day at midnight, UTC.

        Args:
            trigger_time_input_key: the input that gets the time at which the trigger fires.
            **fields: any other field of `Trigger`; ``name`` is ``"daily"`` by default.
        """
        return cls._at("daily", "0 0 * * *", "daily at midnight", trigger_time_input_key, fields)

    @classmethod
    def hourly(cls, trigger_time_input_key: str | None = None, **fields: Unpack[_Fields]) -> Trigger:
        """Every hour, on the hour; arguments as `daily`."""
        return cls._at("hourly", "0 * * * *", "every hour", trigger_time_input_key, fields)

    @classmethod
    def minutely(cls, trigger_time_input_key: str | None = None, **fields: Unpack[_Fields]) -> Trigger:
        """Every minute; arguments as `daily`."""
        return cls._at("minutely", "* * * * *", "every minute", trigger_time_input_key, fields)

    @classmethod
    def weekly(cls, trigger_time_input_key: str | None = None, **fields: Unpack[_Fields]) -> Trigger:
        """Every Sunday at midnight, UTC; arguments as `daily`."""
        return cls._at("weekly", "0 0 * * 0", "weekly on Sundays at midnight", trigger_time_input_key, fields)

    @classmethod
    def monthly(cls, trigger_time_input_key: str | None = None, **fields: Unpack[_Fields]) -> Trigger:
        """On the first of every month at midnight, UTC; arguments as `daily`."""
        return cls._at("monthly", "0 0 1 * *", "monthly on the 1st at midnight", trigger_time_input_key, fields)

    @classmethod
    def _at(cls, name: str, expression: str, when: str, time_input: str | None, fields: _Fields) -> Trigger:
        inputs = {} if time_input is None else {time_input: TriggerTime}
        given: dict[str, Any] = {"name": name, "description": f"A trigger that runs {when}", **fields}
        given["inputs"] = {**inputs, **(fields.get("inputs") or {})}
        return cls(automation=Cron(expression), **given)
