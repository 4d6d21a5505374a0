"""Deadlines, cancellations and signals, without a process of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest
from flyte_core_container.copilot import download, sidecar, termination, upload, write_inputs
from flyte_core_container.copilot.control import Control, in_thread, run_controlled
from flyte_core_container.copilot.errors import CopilotCancelledError, CopilotDeadlineError
from flyte_core_container.copilot.inputs import InputWriter
from flyte_core_container.copilot.outputs import OutputReader
from flyte_core_container.copilot.termination import ended_in_time, hold_sigterm, wait_for_sigterm
from flyteidl2.core import literals_pb2 as lit
from flyteidl2.core import types_pb2 as types

from flyte_core import storage

from ._values import blob, declared, primitive, simple


def _expired():
    control = Control(1e-9)
    while control.remaining:
        pass
    return control


def test_a_deadline_ends_writing_and_reading(tmp_path):
    with pytest.raises(CopilotDeadlineError, match=r"within the deadline of 1ns;"):
        InputWriter(directory=tmp_path / "in", control=_expired()).write({"x": primitive(integer=1)})
    (tmp_path / "x").write_text("1")
    with pytest.raises(CopilotDeadlineError):
        OutputReader(directory=tmp_path, raw_prefix="raw", control=_expired()).read(declared(x=simple(types.INTEGER)))


@pytest.mark.parametrize("timeout", [None, 0, -1])
def test_no_timeout_is_no_limit(timeout):
    control = Control(timeout)
    assert control.remaining is None
    control.check()


def test_time_counts_from_the_start():
    control = _expired()
    with pytest.raises(CopilotDeadlineError):
        control.check()
    control = Control(3600)
    control.start()
    assert control.remaining > 3500
    assert control.overdue == 0


def test_a_cancellation_ends_a_coroutine_in_another_thread():
    control = Control()
    begun = threading.Event()

    async def endless():
        begun.set()
        await asyncio.Event().wait()

    def cancel():
        begun.wait(30)
        control.cancel("enough")

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(CopilotCancelledError, match="cancelled: enough"):
        run_controlled(control, endless)
    thread.join()
    with pytest.raises(CopilotCancelledError):
        run_controlled(control, endless)


def test_a_deadline_ends_a_coroutine():
    with pytest.raises(CopilotDeadlineError):
        run_controlled(Control(0.05), lambda: asyncio.Event().wait())


def test_a_cancelled_caller_waits_until_the_work_has_ended():
    control = Control()
    begun, ended = threading.Event(), []

    def work():
        begun.set()
        try:
            run_controlled(control, lambda: asyncio.Event().wait())
        finally:
            ended.append(True)

    async def main():
        task = asyncio.ensure_future(in_thread(control, work))
        await asyncio.to_thread(begun.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == [True]

    asyncio.run(main())


def test_cancelled_inputs_are_not_described(tmp_path, monkeypatch):
    async def endless(*_args, **_options):
        await asyncio.Event().wait()

    monkeypatch.setattr(storage, "get", endless)

    async def main():
        task = asyncio.ensure_future(
            write_inputs({"x": primitive(integer=1), "b": blob("https://host/b")}, tmp_path / "in")
        )
        while not (tmp_path / "in" / "x").exists():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["x"]


def test_work_that_does_not_end_is_given_up(monkeypatch):
    monkeypatch.setattr(termination, "_POLL", 0.01)
    monkeypatch.setattr(termination, "_GRACE", 0.1)
    control = Control()
    control.cancel("enough")
    given_up = threading.Event()
    with ended_in_time(control, given_up.set):
        assert given_up.wait(30)


@pytest.fixture
def own_signals():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_sigterm_is_kept_until_it_is_waited_for(own_signals):
    hold_sigterm()
    assert signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    wait_for_sigterm(Control())
    assert signal.SIGTERM not in signal.sigpending()


def test_waiting_has_no_deadline_and_can_be_cancelled(own_signals):
    hold_sigterm()
    control = _expired()
    threading.Timer(0.1, control.cancel, ["enough"]).start()
    with pytest.raises(CopilotCancelledError):
        wait_for_sigterm(control)


def test_the_coroutines_do_what_the_commands_do(tmp_path):
    message = lit.LiteralMap(literals={"x": primitive(integer=42)})
    (tmp_path / "inputs.pb").write_bytes(message.SerializeToString())
    kinds = declared(x=simple(types.INTEGER))
    places = (tmp_path / "in", str(tmp_path / "meta"), str(tmp_path / "raw"), kinds)

    async def main():
        await download(str(tmp_path / "inputs.pb"), tmp_path / "in")
        await upload(*places)
        first = (tmp_path / "meta/outputs.pb").read_bytes()
        os.unlink(tmp_path / "meta/outputs.pb")
        await sidecar(*places, wait=lambda control: control.check())
        assert (tmp_path / "meta/outputs.pb").read_bytes() == first == message.SerializeToString()

    asyncio.run(main())
