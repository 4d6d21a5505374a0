"""How long a task may run, and wait before it runs."""

from __future__ import annotations

from datetime import timedelta

from attrs import frozen

from flyte_core.errors import InvalidValueError
from flyte_core.models._checks import is_int

__all__ = ["Timeout", "TimeoutType", "check_timeout", "timeout_from_request"]

_ALLOWED = "a timedelta or a number of seconds as an int, of at least 0"


@frozen(slots=False)
class Timeout:
    """How long one attempt of a task may run, and how long it may wait in the queue.

    Args:
        max_runtime: seconds or a timedelta; 0 means no limit.
        max_queued_time: seconds or a timedelta.

    Raises:
        InvalidValueError: when a value is something else, or negative.

    Example:
        >>> Timeout(max_runtime=172800).runtime
        datetime.timedelta(days=2)
    """

    max_runtime: timedelta | int
    max_queued_time: timedelta | int | None = None

    def __attrs_post_init__(self) -> None:
        _as_timedelta("max_runtime", self.max_runtime)
        if self.max_queued_time is not None:
            _as_timedelta("max_queued_time", self.max_queued_time)

    @property
    def runtime(self) -> timedelta:
        """The longest run time; zero means no limit."""
        return _as_timedelta("max_runtime", self.max_runtime)

    @property
    def queued_time(self) -> timedelta | None:
        """The longest time in the queue; None means no limit."""
        if self.max_queued_time is None:
            return None
        return _as_timedelta("max_queued_time", self.max_queued_time)


TimeoutType = Timeout | int | timedelta
"""What a task's ``timeout`` may be."""


def _as_timedelta(field: str, value: object) -> timedelta:
    # Always InvalidValueError, a ValueError, as in the reference, also where the type is wrong.
    if isinstance(value, timedelta):
        span = value
    elif is_int(value):
        try:
            span = timedelta(seconds=value)
        except OverflowError as error:
            raise InvalidValueError("Timeout", field, value, _ALLOWED) from error
    else:
        raise InvalidValueError("Timeout", field, value, _ALLOWED)
    if span < timedelta(0):
        raise InvalidValueError("Timeout", field, value, _ALLOWED)
    return span


def timeout_from_request(timeout: TimeoutType) -> Timeout:
    """The timeout that a task's ``timeout`` asks for.

    Args:
        timeout: a `Timeout`, a number of seconds or a timedelta; 0 means no limit.

    Raises:
        InvalidValueError: when it is something else, or negative.

    Example:
        >>> timeout_from_request(90).runtime
        datetime.timedelta(seconds=90)
    """
    if isinstance(timeout, Timeout):
        return timeout
    return Timeout(max_runtime=_as_timedelta("timeout", timeout))


def check_timeout(owner: str, timeout: TimeoutType | None) -> None:
    """Refuse a timeout that no task can have; for task types that tell it where the task is declared.

    Args:
        owner: whom the message blames, such as the task's name.
        timeout: the task's ``timeout``.

    Raises:
        InvalidValueError: when it is no `Timeout`, number of seconds or timedelta, or is negative.
    """
    if timeout is None:
        return
    try:
        timeout_from_request(timeout)
    except InvalidValueError as e:
        raise InvalidValueError(owner, "timeout", timeout, e.allowed) from e
