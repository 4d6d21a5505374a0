"""Builds that fail, are stopped, or lose their engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flyte_core_image_docker import DockerImageBuilder

from flyte_core.errors import ImageBuildError
from flyte_core.images.protocol import BuildRequest, building
from flyte_core.models import Image
from tests.support.engines import IMAGE, Daemon, make_images, skip_or_fail


def test_an_instruction_that_fails_is_told_with_its_layer_and_last_lines(box: Image, build: Any) -> None:
    image = box.with_env_vars({"WHERE": "/here"}).with_commands(
        ["true", "exec 2>&1; for i in $(seq 40); do echo line $i $WHERE; done; cat /absent; exit 7"]
    )
    with pytest.raises(ImageBuildError) as caught:
        build(image)
    told = str(caught.value)
    assert told.startswith(f"{image.uri}: building failed at layer 2: commands\n    RUN exec 2>&1; for i in $(seq 40)")
    assert "    line 22 /here\n" in told
    assert "line 21 " not in told
    assert "cat: can't open '/absent'" in told
    assert "exit code: 7" in told


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda box: box.with_commands(["echo x > /proc/nope"]), "layer 1"),
        (lambda box: box.clone(base_image="localhost:1/nope:1").with_commands(["true"]), "FROM localhost:1/nope:1"),
        (lambda box: box.with_pip_packages("six"), "images.uv = "),
        (
            lambda box: box.with_commands(["echo Could not resolve host: example.com >&2; exit 6"]),
            "The network did not answer",
        ),
        (lambda box: box.with_apt_packages("git"), "apt-get: not found"),
    ],
)
def test_failures_say_where_and_what_helps(make: Callable[[Image], Image], words: str, box: Image, build: Any) -> None:
    with pytest.raises(ImageBuildError) as caught:
        build(make(box))
    assert words in str(caught.value)


def test_a_package_that_is_not_there_is_told_so(python_image: str, build: Any) -> None:
    image = Image.from_base(python_image).clone(name="flyte-core-test-absent")
    with pytest.raises(ImageBuildError, match=r"layer 1: Python packages[\s\S]*A package was not found"):
        build(image.with_pip_packages("flyte-core-no-such-package"))


def test_without_an_engine_the_programs_that_were_found_are_named(
    box: Image, build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    with pytest.raises(ImageBuildError, match=r"no docker program here can build images: .*/docker \d+\..*reaches no"):
        build(box.with_commands(["true"]))


async def _stopped(image: Image, stop: Callable[[asyncio.Task[str]], None]) -> str:
    """Build an image, and do something as soon as it has said that it began."""
    begun = asyncio.Event()

    def progress(line: str) -> None:
        if line.endswith(" begun"):
            begun.set()

    with building(BuildRequest(progress=progress)):
        task = asyncio.create_task(DockerImageBuilder().build_image(image, False))
        waiting = asyncio.create_task(begun.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not task.done():
            stop(task)
        return await task


SLOW = "if test -e /etc/fast; then true; else echo begun; sleep 600; fi"


def test_a_cancelled_build_ends_its_program_and_leaves_nothing(box: Image, build: Any, tmp_path: Path) -> None:
    image = box.with_commands([SLOW])
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_stopped(image, lambda task: task.cancel()))
    assert os.listdir(tmp_path / "tmp") == []
    mine = str(tmp_path).encode()
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _readable(path)]
    assert not [line for line in running if b"docker" in line and mine in line]
    assert build(box.with_commands(["true"])).uri


def _readable(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


def test_after_a_killed_build_the_same_image_is_built(box: Image, build: Any) -> None:
    # An engine has what it has built once.
    command = f"echo begun; sleep 2; echo {uuid.uuid4()} > /done"
    program = (
        "import asyncio; from flyte_core.models import Image; from flyte_core_image_docker import DockerImageBuilder;"
        "from flyte_core.images.protocol import BuildRequest, building;"
        f"image = Image.from_base({IMAGE!r}).clone(name={box.name!r}).with_commands([{command!r}]);"
        "request = BuildRequest(progress=lambda line: print(line, flush=True));\n"
        "with building(request): asyncio.run(DockerImageBuilder().build_image(image, False))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        assert any(line.rstrip().endswith(" begun") for line in process.stdout)
        process.send_signal(signal.SIGKILL)
    assert build(box.with_commands([command])).uri.startswith(f"{box.name}:")


@contextlib.contextmanager
def _second_engine(size: str = "") -> Iterator[tuple[Daemon, Any]]:
    """Give a second engine that can build, perhaps with a disk of some size."""
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        skip_or_fail("a second engine needs dockerd and root")
    # A socket's path has a most length, which pytest's folders can pass.
    folder = Path(tempfile.mkdtemp(prefix="fcd", dir="/tmp"))
    (folder / "data").mkdir()
    if size:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder / "data")], check=True)
    engine = Daemon(folder)
    # Builds run in a network; it is made in the namespace that the engine has to itself.
    engine._command.remove("--bridge=none")
    try:
        api = engine.start()
        make_images(api)
        yield engine, api
    finally:
        engine.stop()
        if size:
            subprocess.run(["umount", "--lazy", str(folder / "data")], check=True)
        shutil.rmtree(folder, ignore_errors=True)


def test_an_engine_that_stops_in_the_middle_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.from_base(IMAGE).clone(name="lost").with_commands([SLOW])
    with _second_engine() as (engine, _):
        monkeypatch.setenv("DOCKER_HOST", engine.url)
        with pytest.raises(ImageBuildError, match="engine went away"):
            asyncio.run(_stopped(image, lambda _: engine.kill()))


def test_a_full_disk_is_told_so_and_nothing_is_named_as_built(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.from_base(IMAGE).clone(name="full").with_commands(["dd if=/dev/zero of=/big bs=1M count=60"])
    with _second_engine("24m") as (engine, api):
        monkeypatch.setenv("DOCKER_HOST", engine.url)
        with building(BuildRequest()), pytest.raises(ImageBuildError, match="disk is full"):
            asyncio.run(DockerImageBuilder().build_image(image, False))
        assert api.images(name="full") == []
