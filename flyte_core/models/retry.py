"""How often a failed task is tried again, and after which wait."""

from __future__ import annotations

import math
from datetime import timedelta

from attrs import frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models._checks import is_int, is_number

__all__ = ["RetryStrategy", "retry_from_request"]


@frozen(slots=False)
class RetryStrategy:
    """How often a failed task is tried again, and after which wait.

    On a cluster only ``count`` has a place in the wire form; the local runner keeps the waits too.

    Args:
        count: how many times after the first.
        backoff: the longest wait between two tries, in seconds or as a timedelta.
        backoff_factor: by what each wait is longer than the one before; with it waits begin at one second.

    Raises:
        InvalidTypeError: when a value is of another type.
        InvalidValueError: when the count or the wait is below 0, or the factor below 1.

    Example:
        >>> [RetryStrategy(count=5, backoff=10, backoff_factor=2).delay(retry) for retry in range(5)]
        [1.0, 2.0, 4.0, 8.0, 10.0]
    """

    count: int
    backoff: float | timedelta | None = None
    backoff_factor: int | float | None = None

    def __attrs_post_init__(self) -> None:
        if not is_int(self.count):
            raise InvalidTypeError("RetryStrategy", "count", self.count, "a number of retries as an int")
        if self.count < 0:
            raise InvalidValueError("RetryStrategy", "count", self.count, "a number of retries of at least 0")
        if self.backoff is not None:
            seconds = self.backoff.total_seconds() if isinstance(self.backoff, timedelta) else self.backoff
            _check_number("backoff", seconds, 0, "seconds or a timedelta of at least 0")
        if self.backoff_factor is not None:
            _check_number("backoff_factor", self.backoff_factor, 1, "a number of at least 1")

    def delay(self, retry: int) -> float:
        """How many seconds to wait before a retry.

        Args:
            retry: its number; the first is 0.

        Returns:
            0 without ``backoff``; ``backoff`` without a factor; else ``factor ** retry``, at most ``backoff``.
        """
        if self.backoff is None:
            return 0.0
        longest = self.backoff.total_seconds() if isinstance(self.backoff, timedelta) else float(self.backoff)
        if self.backoff_factor is None:
            return longest
        try:
            return min(longest, float(self.backoff_factor) ** retry)
        except OverflowError:
            return longest


def _check_number(field: str, value: object, least: float, allowed: str) -> None:
    if not is_number(value):
        raise InvalidTypeError("RetryStrategy", field, value, allowed)
    if not math.isfinite(value) or value < least:
        raise InvalidValueError("RetryStrategy", field, value, allowed)


def retry_from_request(retries: RetryStrategy | int | None) -> RetryStrategy:
    """The strategy that a task's ``retries`` asks for.

    Args:
        retries: a strategy, a number of retries, or None for no retries.

    Raises:
        InvalidTypeError: when it is something else.
        InvalidValueError: when the number is below 0.

    Example:
        >>> retry_from_request(3).count
        3
    """
    if isinstance(retries, RetryStrategy):
        return retries
    if retries is None:
        return RetryStrategy(count=0)
    if not is_int(retries):
        raise InvalidTypeError("Task", "retries", retries, "an int or a RetryStrategy")
    return RetryStrategy(count=retries)
