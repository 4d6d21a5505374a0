"""Blocking calls in threads, and clean-ups that nobody cancels."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from flyte_core.runtime.blocking import in_thread, to_its_end

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")


def test_more_calls_than_any_pool_has_threads_wait_at_the_same_time() -> None:
    barrier = threading.Barrier(100)

    async def main() -> None:
        await asyncio.gather(*(in_thread(barrier.wait, 30) for _ in range(100)))

    asyncio.run(main())


def test_a_call_has_the_callers_context_and_gives_its_result_or_error() -> None:
    async def main() -> str:
        variable.set("mine")
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 / 0)
        return await in_thread(variable.get)

    assert asyncio.run(main()) == "mine"


def test_a_call_that_nobody_waits_for_any_more_disturbs_nobody() -> None:
    hold, done = threading.Event(), threading.Event()

    def work() -> None:
        hold.wait(30)
        done.set()

    async def main() -> None:
        waiting = asyncio.ensure_future(in_thread(work))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    hold.set()
    assert done.wait(30)


def test_a_cleanup_goes_to_its_end_when_its_waiter_is_cancelled() -> None:
    steps: list[str] = []

    async def cleanup() -> None:
        steps.append("begun")
        await asyncio.sleep(0.05)
        steps.append("ended")

    async def main() -> None:
        waiting = asyncio.ensure_future(to_its_end(cleanup(), lambda: steps.append("hurry")))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert steps == ["begun", "hurry", "hurry", "ended"]

    asyncio.run(main())


def test_the_result_or_error_of_a_cleanup_is_the_waiters() -> None:
    async def fail() -> None:
        raise KeyError("x")

    async def main() -> str:
        with pytest.raises(KeyError):
            await to_its_end(fail())
        return await to_its_end(asyncio.sleep(0, "result"))

    assert asyncio.run(main()) == "result"


def test_an_error_of_a_cleanup_whose_waiter_was_cancelled_is_not_reported_as_unread() -> None:
    told: list[object] = []

    async def fail() -> None:
        await asyncio.sleep(0.01)
        raise KeyError("x")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        waiting = asyncio.ensure_future(to_its_end(fail()))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert told == []
