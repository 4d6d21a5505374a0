"""What else can go wrong with real engines: they die, this process dies, discs are full, files are elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flyte_core_container import ContainerTask
from flyte_core_container.errors import (
    ContainerFailedError,
    ContainerLostError,
    EngineUnavailableError,
    OutputError,
)
from flyte_core_container.local import Engine, container, owner, use_engine
from flyte_core_container.local.files import staging_root

from flyte_core.errors import FlyteCoreError
from tests.support.engines import IMAGE, containers_of, daemon, log_of, skip_or_fail

# The package docker leaves sockets that it could not connect to the collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collect() -> Iterator[None]:
    """Have those sockets collected here, where the warning is expected."""
    yield
    gc.collect()


def shell(script: str, **given: Any) -> ContainerTask:
    return ContainerTask(**{"name": "boxed", "image": IMAGE, "command": ["sh", "-c", script], **given})


async def until(true: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it has not come true"
        await asyncio.sleep(0.05)


def until_now(true: Callable[[], bool], seconds: float = 120) -> None:
    asyncio.run(until(true, seconds))


def test_a_container_that_outlives_its_engine_gives_its_outputs_and_all_of_its_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # It goes on until it is told to end, however long the engine takes to come back.
    count = "i=0; while [ ! -e /tmp/end ]; do i=$((i + 1)); echo line $i; sleep 0.3; done; echo $i > /var/outputs/x"
    with daemon(live_restore=True) as (engine, api):

        def lines() -> int:
            return sum(log_of(api, found["Id"]).count(b"\n") for found in containers_of(api, "boxed"))

        async def main() -> Any:
            work = asyncio.ensure_future(shell(count, outputs={"x": int}).execute())
            await until(lambda: lines() > 3)
            engine.kill()
            await asyncio.sleep(1)
            await asyncio.to_thread(engine.start)
            told = lines()
            await until(lambda: lines() > told + 3)
            (found,) = containers_of(api, "boxed")
            api.put_archive(found["Id"], "/tmp", _end())
            return await work

        with use_engine(Engine(api)):
            (last,) = asyncio.run(main())
        assert containers_of(api, "boxed") == []
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"[boxed] line {i}" for i in range(1, last + 1)]


def _end() -> bytes:
    """Give an archive with an empty file of that name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("end"))
    return buffer.getvalue()


class _Hasty:
    """An engine's interface whose containers have a second to end when it comes back, not ten."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def create_container_from_config(self, config: dict[str, Any], name: str) -> Any:
        return self._api.create_container_from_config({**config, "StopTimeout": 1}, name)


def test_a_container_that_its_engine_took_along_is_an_error_that_says_so() -> None:
    with daemon() as (engine, api):

        async def main() -> None:
            work = asyncio.ensure_future(shell("echo begun; exec sleep 600").execute())
            await until(lambda: any(found["State"] == "running" for found in containers_of(api, "boxed")))
            await asyncio.sleep(0.5)
            engine.kill()
            await asyncio.to_thread(engine.start)
            await work

        with (
            use_engine(Engine(_Hasty(api))),
            pytest.raises(ContainerLostError, match=r"(?s)engine was away.*run the task again"),
        ):
            asyncio.run(main())
        assert containers_of(api, "boxed") == []


def test_an_engine_that_stays_away_is_an_error_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "_OUTAGE", 1.0)
    with daemon() as (engine, api):

        async def main() -> None:
            work = asyncio.ensure_future(shell("exec sleep 600").execute())
            await until(lambda: any(found["State"] == "running" for found in containers_of(api, "boxed")))
            engine.kill()
            await work

        with use_engine(Engine(api)), pytest.raises(EngineUnavailableError, match="docker info"):
            asyncio.run(main())


def test_an_engine_that_does_not_see_this_machines_files_gets_copies(tmp_path: Path) -> None:
    task = shell(
        "cp /var/inputs/x /var/outputs/y; id -u > /var/outputs/who",
        inputs={"x": str},
        outputs={"y": str, "who": str},
        user=1234,
    )
    root = staging_root()
    root.mkdir(parents=True)
    with daemon(hidden=tmp_path) as (_, api), use_engine(Engine(api)) as engine:
        assert engine.sees_files
        assert asyncio.run(task.execute(x="there and back")) == ("there and back", "1234")
        assert not engine.sees_files
        assert asyncio.run(task.execute(x="again")) == ("again", "1234")


RUNNER = """
import socket
import sys
socket.gethostname = lambda: sys.argv[3]
import flyte_core
from flyte_core_container import ContainerTask
task = ContainerTask(name=sys.argv[1], image=sys.argv[2], command=["sh", "-c", "echo begun; exec sleep 600"],
                     inputs={"x": int}, stop_grace=1)
flyte_core.run(task, x=1)
"""


@pytest.fixture
def own_host(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name of this machine that no test beside this one has: those would remove what a dead process left, too."""
    name = f"host-{uuid.uuid4().hex}"
    monkeypatch.setattr(owner, "_host", lambda: name)
    return name


@contextlib.contextmanager
def runner(api: Any, name: str, host: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, name, IMAGE, host],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        # After a failure: nobody else removes what has that host.
        for found in containers_of(api, name, owner=process.pid):
            api.remove_container(found["Id"], force=True)


def begun(api: Any, name: str, owner: int) -> Callable[[], bool]:
    return lambda: any(b"begun" in log_of(api, found["Id"]) for found in containers_of(api, name, owner=owner))


def test_what_a_killed_process_left_is_removed_by_the_next(
    docker_api: Any, image: str, own_host: str, tmp_path: Path
) -> None:
    with runner(docker_api, "orphan", own_host, tmp_path) as process:
        until_now(begun(docker_api, "orphan", process.pid))
        asyncio.run(shell("true", name="beside").execute())
        with use_engine(Engine(docker_api)):
            asyncio.run(shell("true", name="beside").execute())
        assert len(containers_of(docker_api, "orphan", owner=process.pid)) == 1, "its owner lives"
        process.kill()
        process.wait()
        assert len(containers_of(docker_api, "orphan", owner=process.pid)) == 1
        assert len(list(staging_root().iterdir())) == 1
        with use_engine(Engine(docker_api)):
            asyncio.run(shell("true", name="next").execute())
    assert containers_of(docker_api, "orphan", owner=process.pid) == []
    assert list(staging_root().iterdir()) == []


def test_ctrl_c_stops_and_removes_the_container(docker_api: Any, image: str, own_host: str, tmp_path: Path) -> None:
    with runner(docker_api, "interrupted", own_host, tmp_path) as process:
        until_now(begun(docker_api, "interrupted", process.pid))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        assert process.returncode != 0
        assert b"KeyboardInterrupt" in err
        assert b"begun" in out
    assert containers_of(docker_api, "interrupted", owner=process.pid) == []
    assert list(staging_root().iterdir()) == []


@pytest.fixture
def small_disc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of one megabyte for temporary files."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        skip_or_fail("mounting a small disc needs root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], check=True)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_output_folder_is_an_error_with_the_containers_own_words(image: str, small_disc: Path) -> None:
    task = shell("dd if=/dev/zero of=/var/outputs/x bs=1M count=5", outputs={"x": str})
    with pytest.raises(ContainerFailedError, match="No space left"):
        asyncio.run(task.execute())


@pytest.mark.parametrize("sees_files", [True, False])
def test_a_full_disc_of_this_machine_is_an_error_that_says_so(
    docker_api: Any, small_disc: Path, sees_files: bool
) -> None:
    task = shell("true", inputs={"x": str})
    with use_engine(Engine(docker_api, sees_files=sees_files)), pytest.raises(FlyteCoreError, match="No space left"):
        asyncio.run(task.execute(x="x" * 5_000_000))


def test_outputs_that_do_not_fit_here_are_an_error_that_says_so(docker_api: Any, small_disc: Path) -> None:
    task = shell("head -c 5000000 /dev/zero > /var/outputs/x", outputs={"x": str})
    with (
        use_engine(Engine(docker_api, sees_files=False)),
        pytest.raises(OutputError, match="No space left"),
    ):
        asyncio.run(task.execute())
    assert containers_of(docker_api, "boxed") == []
