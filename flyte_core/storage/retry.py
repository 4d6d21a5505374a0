"""Tries, and how long they go on: repetitions with exponential back-off and jitter under one deadline.

Each request is repeated in one place only, so that repetitions do not multiply: uploads in parts by obstore, which
knows the parts; everything else here, with obstore's own repetitions off.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from flyte_core._logging import logger
from flyte_core.errors import StorageError, StorageTimeoutError, without_secrets
from flyte_core.storage.engine import LONGEST_BACKOFF
from flyte_core.storage.failures import Failure, cause_of, failure_of

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from flyte_core.storage.engine import Transfer

__all__ = ["Deadline", "Tries"]

_LONGEST_ASKED = 120.0  # a server may ask for hours

T = TypeVar("T")


class Deadline:
    """The time at which a transfer has to be over.

    Args:
        allowed: how long it may take from now; ``None`` for any time.

    Example:
        >>> Deadline(None).left() is None
        True
    """

    def __init__(self, allowed: dt.timedelta | None) -> None:
        self.allowed = allowed
        self._end = None if allowed is None else time.monotonic() + allowed.total_seconds()

    def left(self) -> float | None:
        """Give the seconds that are left, not less than none; ``None`` for any time."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def error(self, url: str, operation: str, last: str | None = None, attempts: int = 1) -> StorageTimeoutError:
        """Make the error that it has passed.

        Args:
            url: what was transferred.
            operation: how.
            last: why the last try failed.
            attempts: how many tries there were.
        """
        assert self.allowed is not None
        before = f"; the last try failed: {last}" if last else ""
        reason = f"it was not done within its deadline of {self.allowed.total_seconds():g} s{before}"
        return StorageTimeoutError(url, operation, reason, attempts)


class Tries:
    """The tries of one operation.

    Args:
        url: what it is about, for errors.
        operation: what it does, for errors.
        transfer: how often to try, and the first wait.
        deadline: when it must be over; default as ``transfer`` says, from now.
        advice: gives a sentence for the end of an error's reason; called when there is one.

    Example:
        >>> import asyncio
        >>> from flyte_core.storage.engine import Transfer
        >>> async def seven() -> int:
        ...     return 7
        >>> asyncio.run(Tries("s3://bucket/a", "read", Transfer()).call(seven))
        7
    """

    def __init__(
        self,
        url: str,
        operation: str,
        transfer: Transfer,
        deadline: Deadline | None = None,
        advice: Callable[[Failure], str] | None = None,
    ) -> None:
        self.url = url
        self.operation = operation
        self.deadline = deadline or Deadline(transfer.deadline)
        self.attempts = 0
        self.retries = transfer.retries
        self._transfer = transfer
        self._advice = advice
        self._last: str | None = None

    async def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Await what a function gives, again after a failure that may pass.

        Args:
            function: makes one try.

        Returns:
            What the try that succeeded gave.

        Raises:
            StorageError: no try succeeded.
        """
        from tenacity import AsyncRetrying

        async def once() -> T:
            self.attempts += 1
            return await asyncio.wait_for(function(), self._time_left())

        try:
            result: T = await AsyncRetrying(sleep=asyncio.sleep, **self._policy())(once)
        except Exception as error:  # whatever the libraries below raise; failure_of knows them
            problem = error
        else:
            return result
        raise self.error_of(problem)  # out here, where the library's exception is not its context

    def call_sync(self, function: Callable[[], T], sleep: Callable[[float], None] = time.sleep) -> T:
        """Do as `call` does, for a function that is not asynchronous; the deadline is looked at between tries.

        Args:
            function: makes one try.
            sleep: waits.
        """
        from tenacity import Retrying

        def once() -> T:
            self.attempts += 1
            self._time_left()
            return function()

        try:
            result: T = Retrying(sleep=sleep, **self._policy())(once)
        except Exception as error:  # whatever the libraries below raise; failure_of knows them
            problem = error
        else:
            return result
        raise self.error_of(problem)

    def error_of(self, error: BaseException) -> StorageError:
        """Give our error for an exception, with its cause.

        Args:
            error: what a try has raised; one of ours is given back.
        """
        if isinstance(error, StorageError):
            return error
        failure = failure_of(error)
        attempts = max(self.attempts, failure.attempts)
        if self.deadline.left() == 0.0 and isinstance(error, (asyncio.TimeoutError, TimeoutError)):
            return self.deadline.error(self.url, self.operation, self._last, attempts)
        advice = self._advice(failure) if self._advice else ""
        reason = f"{failure.reason}; {advice}" if advice else failure.reason
        result = failure.error(self.url, self.operation, reason, attempts)
        result.__cause__ = cause_of(error)
        return result

    def _time_left(self) -> float | None:
        left = self.deadline.left()
        if left == 0.0:
            raise self.deadline.error(self.url, self.operation, self._last, max(1, self.attempts - 1))
        return left

    def _policy(self) -> dict[str, Any]:
        """Give tenacity's arguments."""
        from tenacity import retry_if_exception, stop_after_attempt

        return {
            "stop": stop_after_attempt(self.retries + 1),
            "wait": self._wait,
            "retry": retry_if_exception(self._is_worth_it),
            "before_sleep": self._before_sleep,
            "reraise": True,
        }

    def _is_worth_it(self, error: BaseException) -> bool:
        return isinstance(error, Exception) and self.deadline.left() != 0.0 and failure_of(error).transient

    def _wait(self, state: RetryCallState) -> float:
        """Give the server's wait, or half to the whole of a time that doubles."""
        failure = _failure_in(state)
        if failure.after is not None:
            return min(failure.after, _LONGEST_ASKED)
        longest = self._transfer.backoff.total_seconds() * 2.0 ** int(state.attempt_number - 1)
        return min(longest, LONGEST_BACKOFF.total_seconds()) * random.uniform(0.5, 1)  # noqa: S311 - it spreads load

    def _before_sleep(self, state: RetryCallState) -> None:
        failure = _failure_in(state)
        self._last = failure.reason
        wait, left = float(state.upcoming_sleep), self.deadline.left()
        if left is not None and wait >= left:
            raise self.deadline.error(self.url, self.operation, self._last, self.attempts)
        # The first one is told to everybody: the waits that follow would be a silence of many seconds.
        logger.log(
            logging.WARNING if self.attempts == 1 else logging.INFO,
            "cannot %s %s: %s; attempt %d of %d, trying again in %.1f s",
            self.operation,
            without_secrets(self.url),
            without_secrets(failure.reason),
            self.attempts,
            self.retries + 1,
            wait,
        )


def _failure_in(state: RetryCallState) -> Failure:
    error = state.outcome.exception() if state.outcome is not None else None
    assert error is not None
    return failure_of(error)
