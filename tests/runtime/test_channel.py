"""Messages over a process's standard input and output, and tasks that are asked for by them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flyteidl2.task import common_pb2
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import RuntimeSystemError
from flyte_core.runtime import ErrorReport
from flyte_core.runtime.channel import FrameReader, frame
from flyte_core.runtime.resolver import RESOLVER_PATH

MESSAGES = st.lists(st.tuples(st.dictionaries(st.text(), st.integers() | st.text()), st.binary(max_size=200)))


@given(messages=MESSAGES, size=st.integers(1, 50))
def test_messages_come_out_as_they_went_in_however_they_are_cut(messages, size):
    sent = b"".join(frame(message, data) for message, data in messages)
    reader = FrameReader()
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    assert [found for piece in pieces for found in reader.feed(piece)] == messages


def test_bytes_that_are_no_message_are_refused():
    with pytest.raises(RuntimeSystemError, match="is none"):
        list(FrameReader().feed(b"something printed"))


TASKS = """
import os, subprocess, sys
from flyte_core import TaskEnvironment, group, custom_context
from flyte_core.errors import RuntimeUserError

env = TaskEnvironment("flow")

@env.task
async def double(x: int) -> int:
    return 2 * x

@env.task
async def prints(x: int) -> int:
    print("printed")
    os.write(1, b"by descriptor\\n")
    subprocess.run(["echo", "by a child"], check=True)
    return x

@env.task
async def calls(x: int) -> int:
    with group("pairs"), custom_context(owner="ann"):
        return await double.override(retries=2)(x)

@env.task
async def catches(x: int) -> str:
    try:
        await double(x)
    except RuntimeUserError as error:
        return f"{type(error).__name__} {error.code} {error}"
    return "nothing"

@env.task
async def local(x: int) -> int:
    @env.task
    async def made(x: int) -> int:
        return 3 * x
    return await made(x)
"""


class _Process:
    """The entry point with a channel; the test is the other side."""

    def __init__(self, folder: Path, task: str) -> None:
        (folder / "flow.py").write_text(TASKS)
        inputs = common_pb2.Inputs()
        inputs.literals.add(name="x").value.scalar.primitive.integer = 4
        (folder / "inputs.pb").write_bytes(inputs.SerializeToString())
        self.folder = folder
        command = [sys.executable, "-m", "flyte_core.runtime.entrypoint", "-i", "inputs.pb", "-o", "out", "-v", "1"]
        self.process = subprocess.Popen(
            [*command, "--resolver", RESOLVER_PATH, "mod", "flow", "instance", task],
            cwd=folder,
            env={**os.environ, "FLYTE_CORE_CONTROLLER": "stdio"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._reader = FrameReader()

    def message(self):
        while piece := os.read(self.process.stdout.fileno(), 2**16):
            for found in self._reader.feed(piece):
                return found
        raise AssertionError(self.process.stderr.read().decode())

    def answer(self, number: int, data: bytes, *, succeeded: bool = True) -> None:
        self.process.stdin.write(frame({"answer": number, "succeeded": succeeded}, data))
        self.process.stdin.flush()

    def end(self) -> tuple[bytes, str]:
        # Its input stays open until it has ended, as a container's does.
        left = self.process.stdout.read()
        log = self.process.stderr.read().decode()
        self.process.wait(timeout=60)
        return left, log

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()

    def output(self):
        outputs = common_pb2.Outputs.FromString((self.folder / "out" / "outputs.pb").read_bytes())
        return outputs.literals[0].value.scalar.primitive


@pytest.fixture
def started(tmp_path):
    processes = []

    def start(task: str) -> _Process:
        processes.append(_Process(tmp_path, task))
        return processes[-1]

    yield start
    for process in processes:
        process.close()


def outputs_of(number: int) -> bytes:
    outputs = common_pb2.Outputs()
    outputs.literals.add(name="o0").value.scalar.primitive.integer = number
    return outputs.SerializeToString()


def test_nothing_that_a_task_prints_gets_into_the_channel(started):
    process = started("prints")
    left, log = process.end()
    assert left == b""
    assert log.splitlines() == ["printed", "by descriptor", "by a child"]
    assert process.output().integer == 4


def test_a_task_that_is_called_is_asked_for_with_what_it_takes(started):
    process = started("calls")
    call, data = process.message()
    assert call.pop("changes") == {
        "retries": {"model": "RetryStrategy", "fields": {"count": 2, "backoff": None, "backoff_factor": None}}
    }
    assert call == {
        "call": 1,
        "name": "flow.double",
        "resolver": RESOLVER_PATH,
        "args": ["mod", "flow", "instance", "double"],
        "group": "pairs",
        "context": {"owner": "ann"},
    }
    assert common_pb2.Inputs.FromString(data).literals[0].value.scalar.primitive.integer == 4
    process.answer(1, outputs_of(88))
    process.end()
    assert process.output().integer == 88


def test_a_failure_of_a_called_task_is_the_exception_that_it_would_be_here(started):
    process = started("catches")
    process.message()
    error = ErrorReport(code="ValueError", message="task 'flow.double' failed: ValueError: no", kind="user")
    process.answer(1, error.to_bytes(), succeeded=False)
    process.end()
    assert process.output().string_value == "RuntimeUserError ValueError task 'flow.double' failed: ValueError: no"


def test_a_task_that_nobody_else_could_find_runs_in_the_process_itself(started):
    process = started("local")
    left, _ = process.end()
    assert left == b""
    assert process.output().integer == 12


def test_a_process_whose_starter_is_gone_ends_and_says_so(started):
    process = started("calls")
    process.message()
    process.process.stdin.close()
    process.end()
    report = ErrorReport.from_bytes((process.folder / "out" / "error.pb").read_bytes())
    assert report.code in ("Interrupted", "ControllerGone")
    assert report.kind == "system"


def test_a_controller_of_another_name_is_refused(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "flyte_core.runtime.entrypoint", "-i", "i", "-o", "o", "-v", "1"],
        env={**os.environ, "FLYTE_CORE_CONTROLLER": "telepathy"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "FLYTE_CORE_CONTROLLER is 'telepathy'; allowed: stdio" in done.stderr
