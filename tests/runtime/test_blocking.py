"""Blocking calls in threads, and clean-ups that nobody cancels."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import subprocess
import sys
import threading
import time
import weakref

import pytest

from flyte_core.runtime import blocking
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

    async def main() -> None:
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def cleanup() -> None:
            steps.append("begun")
            begun.set()
            await may_end.wait()
            steps.append("ended")

        waiting = asyncio.ensure_future(to_its_end(cleanup(), lambda: steps.append("hurry")))
        await begun.wait()
        for _ in range(2):
            waiting.cancel()
            # Some turns of the loop, so that the cancellation has come.
            for _ in range(10):
                await asyncio.sleep(0)
        may_end.set()
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


def test_a_thread_without_work_gets_the_next_call() -> None:
    async def main() -> set[int]:
        return {await in_thread(threading.get_ident) for _ in range(50)}

    assert len(asyncio.run(main())) == 1


def test_a_thread_without_work_ends_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "_IDLE_SECONDS", 0.01)

    async def main() -> list[threading.Thread]:
        return await asyncio.gather(*[in_thread(threading.current_thread) for _ in range(5)])

    for thread in asyncio.run(main()):
        thread.join(30)
        assert not thread.is_alive()
    assert asyncio.run(in_thread(lambda: "again")) == "again"


def test_no_call_is_lost_to_a_thread_that_is_about_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "_IDLE_SECONDS", 1e-6)

    async def main() -> list[int]:
        return [await asyncio.wait_for(in_thread(int, number), 30) for number in range(2000)]

    assert asyncio.run(main()) == list(range(2000))


def test_what_a_call_held_is_let_go_when_it_ends() -> None:
    class Held:
        pass

    async def main() -> weakref.ref[Held]:
        held = Held()
        await in_thread(lambda _held: None, held)
        return weakref.ref(held)

    seen = asyncio.run(main())
    until = time.monotonic() + 30
    while seen() is not None and time.monotonic() < until:
        gc.collect()
    assert seen() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_a_forked_process_has_threads_of_its_own() -> None:
    program = """
import asyncio, os
from flyte_core.runtime.blocking import in_thread
asyncio.run(in_thread(int))
if (child := os.fork()) == 0:
    os._exit(asyncio.run(asyncio.wait_for(in_thread(int, 7), 30)))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=120)


def test_the_exit_waits_for_threads_that_are_done_and_for_no_other() -> None:
    program = """
import asyncio, atexit, threading
alive = lambda: [thread for thread in threading.enumerate() if thread.name == "flyte_core-blocking"]
atexit.register(lambda: print(len(alive())))
from flyte_core.runtime.blocking import begun_in_thread, in_thread
async def main():
    together = threading.Barrier(6)
    begun_in_thread(lambda: (together.wait(), threading.Event().wait()))
    await asyncio.gather(*[in_thread(together.wait) for _ in range(5)])
asyncio.run(main())
assert len(alive()) == 6
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, timeout=120, capture_output=True, text=True)
    assert done.stdout == "1\n"
