"""What goes wrong for real: processes killed, containers killed and stopped, floods of output."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flyte_core_container.errors import ContainerFailedError
from flyte_core_container.executor import DockerExecutor

from flyte_core import with_runcontext
from flyte_core.errors import BaseRuntimeError, RuntimeSystemError
from flyte_core.extend import TaskPluginRegistry
from flyte_core.runtime import RunOptions, TaskEvent
from tests.support.engines import containers_of

Project = Callable[[str], ModuleType]
Host = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def work(project: Project) -> ModuleType:
    return project("work")


class _Meddler:
    """Does something to a task's container once the task has begun, as its output says.

    A file of the test's own takes what the run shows.
    """

    def __init__(self, api: Any, task: str, meddle: Callable[[str], object]) -> None:
        self._api, self._task, self._meddle = api, task, meddle
        self.shown: list[str] = []

    def see(self, text: str) -> None:
        self.shown.append(text)
        if "begun" in text:
            for container in containers_of(self._api, self._task):
                threading.Thread(target=self._meddle, args=[container["Id"]]).start()


@pytest.fixture
def meddled(docker_api: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., _Meddler]:
    def make(task: str, meddle: Callable[[str], object]) -> _Meddler:
        meddler = _Meddler(docker_api, task, meddle)
        # Where a run shows what its containers print.
        monkeypatch.setattr(
            "flyte_core_container.executor.controller.DockerController.show", lambda _, text: meddler.see(text)
        )
        return meddler

    return make


def _run(task: Any, *args: Any, **options: Any) -> Any:
    return with_runcontext(mode="docker", **options).run(task, *args).outputs()


def test_a_killed_container_is_told_with_its_signal(work: ModuleType, docker_api: Any, meddled: Any) -> None:
    meddled("work.waits", docker_api.kill)
    with pytest.raises(ContainerFailedError, match="exit code 137"):
        _run(work.waits)


def test_a_task_whose_container_was_killed_is_tried_again(
    work: ModuleType, docker_api: Any, meddled: Any, tmp_path: Path
) -> None:
    meddled("work.waits_once", docker_api.kill)
    events: list[TaskEvent] = []
    found = _run(work.waits_once, str(tmp_path), raw_data_path=str(tmp_path), on_event=events.append)
    assert found == "second"
    assert [event.kind for event in events] == ["started", "retrying", "succeeded"]


def test_a_task_that_is_told_to_stop_cleans_up_and_says_so(work: ModuleType, docker_api: Any, meddled: Any) -> None:
    meddler = meddled("work.waits", lambda name: docker_api.kill(name, "SIGTERM"))
    with pytest.raises(RuntimeSystemError, match="SIGTERM") as caught:
        _run(work.waits)
    assert caught.value.code == "Interrupted"
    assert "cleaned up" in "".join(meddler.shown)


def test_an_aborted_run_stops_its_tasks_and_leaves_no_container(
    work: ModuleType, docker_api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    async def main() -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def see(_: object, text: str) -> None:
            shown.append(text)
            if "begun" in text:
                loop.call_soon_threadsafe(begun.set)

        monkeypatch.setattr("flyte_core_container.executor.controller.DockerController.show", see)
        executor = DockerExecutor()
        run = await executor.submit(work.some_then_wait, {"salt": "abort"}, RunOptions(registry=TaskPluginRegistry))
        await asyncio.wait_for(begun.wait(), 120)
        await executor.abort(run, "enough")
        with pytest.raises(BaseRuntimeError, match="enough"):
            await executor.wait(run)

    asyncio.run(main())
    assert "cleaned up" in "".join(shown)
    for task in ("work.some_then_wait", "work.waits", "work.quick"):
        assert not containers_of(docker_api, task)


def _until(holds: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it does not come to pass"
        time.sleep(0.05)


def test_containers_of_a_killed_process_end_and_the_next_run_finds_what_was_done(host: Host, docker_api: Any) -> None:
    script = """
import work
from flyte_core import with_runcontext
def tell(event):
    print("event", event.kind, event.short_name, flush=True)
print("result", with_runcontext(mode="docker", on_event=tell).run(work.{task}, "killed").outputs())
"""
    killed = host(script.format(task="some_then_wait"))
    assert killed.stdout is not None
    for line in killed.stdout:
        if "begun" in line:
            break
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()

    def running() -> list[Any]:
        label = f"flyte-core.owner.pid={killed.pid}"
        return docker_api.containers(filters={"label": [label, "flyte-core.task=work.waits"]})

    _until(lambda: not running())
    told, _ = host(script.format(task="some")).communicate(timeout=120)
    assert "result 3" in told, told
    assert told.count("event cached quick") == 3
    left = docker_api.containers(all=True, filters={"label": [f"flyte-core.owner.pid={killed.pid}"]})
    assert left == []


def test_a_hundred_megabytes_of_output_neither_block_nor_break_a_task_nor_stay_in_memory(
    host: Host, tmp_path: Path
) -> None:
    script = """
import work
from flyte_core import with_runcontext
print("result", with_runcontext(mode="docker").run(work.prints, 100).outputs())
# Not ru_maxrss, which begins with that of the process that started this one.
print("peak", next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    shown = tmp_path / "shown.txt"
    with shown.open("w") as file:
        assert host(script, stdout=file).wait(timeout=300) == 0
    counts = {"x": 0, "y": 0}
    last: list[str] = []
    with shown.open() as lines:
        for line in lines:
            mark = line.rstrip("\n")[-99:-98]
            if mark in counts:
                counts[mark] += 1
            last = [*last[-3:], line]
    assert counts == {"x": 500_000, "y": 500_000}
    assert any("by descriptor" in line for line in last)
    assert "result printed\n" in last
    assert int(last[-1].split()[1]) < 300_000


def test_an_engine_that_is_not_there_is_told_before_anything_runs(
    work: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    with pytest.raises(RuntimeSystemError, match="no container engine answers"):
        _run(work.where)
