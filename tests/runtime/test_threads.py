"""flyte_core.runtime.threads: worker threads that grow, wait and are interrupted."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from flyte_core.errors import RuntimeUserError
from flyte_core.runtime.threads import WorkerThreads

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")


def test_context_variables_follow_into_the_thread():
    async def main():
        variable.set("here")
        return await WorkerThreads().run(variable.get)

    assert asyncio.run(main()) == "here"


def test_threads_are_used_again():
    async def main():
        threads = WorkerThreads()
        return {await threads.run(threading.get_ident) for _ in range(20)}

    assert len(asyncio.run(main())) == 1


def test_no_more_threads_run_than_the_limit():
    barrier = threading.Semaphore(0)
    running = []

    def work():
        running.append(threading.get_ident())
        barrier.acquire()

    async def main():
        threads = WorkerThreads(limit=2)
        calls = [asyncio.ensure_future(threads.run(work)) for _ in range(5)]
        while len(running) < 2:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        most = len(running)
        for _ in calls:
            barrier.release()
        await asyncio.gather(*calls)
        return most

    assert asyncio.run(main()) == 2
    assert len(running) == 5


def test_a_waiting_thread_lets_another_run():
    async def main():
        threads = WorkerThreads(limit=1)
        inner = threading.Event()

        def outer():
            with threads.waiting():
                return inner.wait(60)

        first = asyncio.ensure_future(threads.run(outer))
        await threads.run(inner.set)
        return await first

    assert asyncio.run(main()) is True


@pytest.mark.parametrize("error", [SystemExit(2), KeyboardInterrupt()])
def test_an_exit_of_the_code_does_not_end_the_loop(error):
    def work():
        raise error

    async def main():
        with pytest.raises(RuntimeUserError) as raised:
            await WorkerThreads().run(work)
        return raised.value

    assert asyncio.run(main()).code == type(error).__name__


def test_stop_iteration_reaches_the_caller():
    async def main():
        with pytest.raises(RuntimeError, match="StopIteration"):
            await WorkerThreads().run(lambda: next(iter(())))

    asyncio.run(main())


def test_a_cancelled_call_interrupts_its_thread_and_leaves_the_pool_usable():
    started, cleaned = threading.Event(), threading.Event()

    def spin():
        started.set()
        try:
            while True:
                pass
        finally:
            cleaned.set()

    async def main():
        threads = WorkerThreads(limit=1)
        call = asyncio.ensure_future(threads.run(spin))
        while not started.is_set():
            await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return await threads.run(lambda: "next")

    assert asyncio.run(main()) == "next"
    assert cleaned.wait(60)


def test_a_call_cancelled_before_it_starts_never_runs():
    ran = []

    async def main():
        threads = WorkerThreads(limit=1)
        gate = threading.Event()
        first = asyncio.ensure_future(threads.run(gate.wait))
        second = asyncio.ensure_future(threads.run(lambda: ran.append(1)))
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.wait({second})
        gate.set()
        await first
        await threads.run(lambda: None)

    asyncio.run(main())
    assert ran == []
