"""One attempt: what a task that takes too long may say about it."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

import flyte_core
from flyte_core.errors import TaskTimeoutError
from flyte_core.extend import TaskTemplate
from flyte_core.models import NativeInterface
from flyte_core.runtime.actions import TIME_IS_UP


def slow(answer: Any) -> TaskTemplate:
    class Slow(TaskTemplate):
        async def execute(self, *args: Any, **kwargs: Any) -> Any:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as e:
                return answer(e)

    interface = NativeInterface({}, {"o0": str})
    return Slow(name="slow", task_type="slow", interface=interface, timeout=dt.timedelta(seconds=0.5))


def test_a_task_that_takes_too_long_may_raise_a_timeout_error_of_its_own() -> None:
    def answer(cancelled: asyncio.CancelledError) -> None:
        assert cancelled.args == (TIME_IS_UP,)
        raise TaskTimeoutError("it printed: still waiting")

    with pytest.raises(TaskTimeoutError, match="it printed: still waiting"):
        flyte_core.run(slow(answer))


@pytest.mark.parametrize("answer", [lambda _: "too late", lambda _: 1 / 0])
def test_whatever_else_it_answers_is_the_runners_timeout_error(answer: Any) -> None:
    with pytest.raises(TaskTimeoutError, match=r"task 'slow' ran longer than its timeout of 0\.5 s"):
        flyte_core.run(slow(answer))
