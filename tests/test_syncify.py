"""The two forms of a function: called, and awaited through .aio."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import inspect
import pickle
import subprocess
import sys
import threading

import pytest

from flyte_core._syncify import SyncAsync, syncify, with_aio

VALUE: contextvars.ContextVar[str] = contextvars.ContextVar("VALUE", default="unset")


@syncify
async def double(x: int, *, times: int = 1) -> int:
    """Double it."""
    await asyncio.sleep(0)
    return 2 * x * times


@syncify
async def where() -> tuple[str, int]:
    await asyncio.sleep(0)
    return VALUE.get(), threading.get_ident()


@syncify
async def fail() -> None:
    raise KeyError("inner")


def test_a_call_without_a_loop_runs_the_coroutine_in_this_thread() -> None:
    assert double(4, times=3) == 24
    assert where()[1] == threading.get_ident()


async def _call_inside_a_loop() -> tuple[str, int]:
    return where()


def test_a_call_inside_a_running_loop_works_in_another_thread_with_the_callers_context() -> None:
    token = VALUE.set("mine")
    try:
        value, ident = asyncio.run(_call_inside_a_loop())
    finally:
        VALUE.reset(token)
    assert value == "mine"
    assert ident != threading.get_ident()


def test_aio_is_awaited_in_the_callers_loop() -> None:
    async def main() -> tuple[str, int]:
        return await where.aio()

    assert asyncio.run(main())[1] == threading.get_ident()


@pytest.mark.parametrize("inside", [False, True])
def test_an_exception_of_the_coroutine_reaches_the_caller(inside: bool) -> None:
    async def main() -> None:
        fail()

    with pytest.raises(KeyError, match="inner"):
        asyncio.run(main()) if inside else fail()


def test_name_signature_and_docstring_are_those_of_the_function() -> None:
    assert double.__name__ == "double"  # type: ignore[attr-defined] # set by update_wrapper
    assert double.__doc__ == "Double it."
    assert list(inspect.signature(double).parameters) == ["x", "times"]


def test_it_is_copied_and_pickled_by_its_name() -> None:
    assert copy.deepcopy(syncified_of_this_module) is syncified_of_this_module
    assert pickle.loads(pickle.dumps(syncified_of_this_module)) is syncified_of_this_module


def test_the_direct_form_is_what_a_call_uses() -> None:
    def now(x: int) -> str:
        return f"direct {x}"

    @syncify(direct=now)
    async def later(x: int) -> str:
        return f"coroutine {x}"

    assert isinstance(later, SyncAsync)
    assert later(1) == "direct 1"
    assert asyncio.run(later.aio(1)) == "coroutine 1"


def test_a_plain_function_gets_an_awaited_form_that_runs_when_awaited() -> None:
    calls: list[int] = []

    @with_aio
    def note(x: int) -> int:
        """Note it."""
        calls.append(x)
        return x

    async def main() -> int:
        call = note.aio(2)
        assert calls == [1]
        return await call

    assert note(1) == 1
    assert asyncio.run(main()) == 2
    assert (calls, note.__doc__) == ([1, 2], "Note it.")


# Pickle finds it under the package's own name, whatever name pytest gave this module.
from flyte_core import report as _report  # noqa: E402

syncified_of_this_module = _report.log


_INTERRUPTED = """
import asyncio, os, signal, threading
from flyte_core._syncify import run_coroutine

started = threading.Event()

def interrupts():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    started.wait()
    os.kill(os.getpid(), signal.SIGINT)

async def waits():
    started.set()
    try:
        await asyncio.sleep(60)
    finally:
        print("cleaned", flush=True)

# So that another thread gets the signal: the system call in which the loop waits goes on.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
threading.Thread(target=interrupts, daemon=True).start()
try:
    run_coroutine(waits())
except KeyboardInterrupt:
    print("interrupted", signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.set_wakeup_fd(-1))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_a_waiting_loop_whichever_thread_gets_the_signal():
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.stdout, done.stderr) == ("cleaned\ninterrupted True -1\n", "")
