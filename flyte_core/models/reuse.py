"""Containers that stay up from one task to the next."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from attrs import frozen

from flyte_core.errors import InvalidValueError
from flyte_core.models._checks import is_int

__all__ = ["ReusePolicy"]

# The cluster shuts no replica down sooner.
_LEAST_TTL = timedelta(seconds=30)


@frozen(slots=False)
class ReusePolicy:
    """How the containers of an environment are reused by its tasks.

    Args:
        replicas: how many containers, or a pair (fewest, most).
        idle_ttl: seconds or a timedelta without a task after which all of them are shut down; at least 30 seconds.
        concurrency: how many tasks one container runs at a time; more than 1 is for ``async`` tasks.
        scaledown_ttl: seconds or a timedelta to wait before one is shut down; at least 30 seconds.

    Raises:
        InvalidValueError: when a value is of another type or out of range.

    Example:
        >>> ReusePolicy(replicas=(1, 4), idle_ttl=60).replicas
        (1, 4)
    """

    # The attributes hold a pair and two timedeltas after construction.
    replicas: int | tuple[int, int] = 2
    idle_ttl: int | timedelta = 30
    concurrency: int = 1
    scaledown_ttl: int | timedelta = 30

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "replicas", _replicas(self.replicas))
        object.__setattr__(self, "idle_ttl", _ttl("idle_ttl", self.idle_ttl))
        object.__setattr__(self, "scaledown_ttl", _ttl("scaledown_ttl", self.scaledown_ttl))
        if not is_int(self.concurrency) or self.concurrency < 1:
            raise InvalidValueError("ReusePolicy", "concurrency", self.concurrency, "an int of at least 1")
        if self.max_replicas == 1 and self.concurrency == 1:
            from flyte_core._logging import logger

            logger.warning(
                "ReusePolicy: with one replica and concurrency 1, a task that waits for a task of the same environment"
                " waits for ever; use more replicas or more concurrency"
            )

    @property
    def min_replicas(self) -> int:
        """The fewest containers."""
        return cast("tuple[int, int]", self.replicas)[0]

    @property
    def max_replicas(self) -> int:
        """The most containers."""
        return cast("tuple[int, int]", self.replicas)[1]

    @property
    def ttl(self) -> timedelta:
        """The idle time after which all containers are shut down."""
        return cast("timedelta", self.idle_ttl)

    def get_scaledown_ttl(self) -> timedelta:
        """The wait before one container is shut down."""
        return cast("timedelta", self.scaledown_ttl)


def _replicas(value: object) -> tuple[int, int]:
    allowed = "an int of at least 1, or a tuple (fewest, most) of two"
    pair = (value, value) if is_int(value) else value
    if not isinstance(pair, tuple) or len(pair) != 2 or not all(map(is_int, pair)):
        raise InvalidValueError("ReusePolicy", "replicas", value, allowed)
    if not 0 <= pair[0] <= pair[1] or pair[1] < 1:
        raise InvalidValueError("ReusePolicy", "replicas", value, allowed)
    return pair


def _ttl(field: str, value: object) -> timedelta:
    allowed = "seconds as an int or a timedelta, of at least 30 seconds"
    if is_int(value):
        try:
            span = timedelta(seconds=value)
        except OverflowError as error:
            raise InvalidValueError("ReusePolicy", field, value, allowed) from error
    elif isinstance(value, timedelta):
        span = value
    else:
        raise InvalidValueError("ReusePolicy", field, value, allowed)
    if span < _LEAST_TTL:
        raise InvalidValueError("ReusePolicy", field, value, allowed)
    return span
