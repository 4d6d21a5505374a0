"""buildah with a base that has this machine's Python, and a builder that is told what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from attrs import define, field
from flyte_core_image_buildah import BuildahImageBuilder

from flyte_core.images.protocol import BuildRequest, building
from flyte_core.images.settings import ImageSettings
from flyte_core.models import Image
from tests.support.bases import python_base
from tests.support.engines import IMAGE, machine_engine
from tests.support.registries import guarded_registry, registry

__all__ = ["guarded_registry", "registry"]

#: Set where buildah must be there: a test that would be skipped for want of it fails then.
REQUIRED = "FLYTE_CORE_REQUIRE_BUILDAH"


def _skip_or_fail(reason: str) -> NoReturn:
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason}, and {REQUIRED}=1")
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def _storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have a storage of the tests' own, so that the machine's stays as it is."""
    if shutil.which("buildah") is None:
        _skip_or_fail("there is no buildah here (package buildah)")
    folder = tmp_path_factory.mktemp("storage")
    config = folder / "storage.conf"
    config.write_text(f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_STORAGE_CONF", str(config))
        tried = subprocess.run(["buildah", "info"], capture_output=True, text=True)
        if tried.returncode:
            config.write_text(config.read_text().replace('"overlay"', '"vfs"'))
            tried = subprocess.run(["buildah", "info"], capture_output=True, text=True)
        if tried.returncode:
            _skip_or_fail(f"buildah does not work here: {tried.stderr[-500:]}")
        yield
        subprocess.run(["buildah", "rmi", "--all", "--force"], capture_output=True)
        subprocess.run(["umount", "--lazy", str(folder / "graph" / "overlay")], capture_output=True)


def _taken_over(name: str) -> str:
    """Take an image over from the engine that it was made in."""
    subprocess.run(["buildah", "pull", "--quiet", f"docker-daemon:{name}"], capture_output=True, check=True)
    return name


@pytest.fixture(scope="session")
def python_image(_storage: None) -> str:
    """The name of an image with Python and a shell."""
    return _taken_over(python_base(machine_engine()))


@pytest.fixture(scope="session")
def _box(_storage: None) -> str:
    machine_engine()
    return _taken_over(IMAGE)


@pytest.fixture
def box(_box: str) -> Image:
    """An image with a shell and nothing else."""
    return Image.from_base(_box).clone(name="box")


@define
class Built:
    """A build, and what was said."""

    uri: str = ""
    said: list[str] = field(factory=list)
    progress: list[str] = field(factory=list)


@pytest.fixture
def build() -> Callable[..., Built]:
    """Builds an image."""

    def run(image: Image, *, push: bool = False, dry_run: bool = False, **settings: Any) -> Built:
        built = Built()
        request = BuildRequest(
            push=push, settings=ImageSettings(**settings), say=built.said.append, progress=built.progress.append
        )
        with building(request):
            built.uri = asyncio.run(BuildahImageBuilder().build_image(image, dry_run))
        return built

    return run


@pytest.fixture
def shell() -> Callable[..., str]:
    """Runs a command in a container of an image, and gives what it writes."""

    def run(image: str, command: str) -> str:
        made = subprocess.run(["buildah", "from", "--pull-never", image], capture_output=True, text=True, check=True)
        container = made.stdout.strip()
        try:
            words = ["buildah", "run", "--isolation", "chroot", container, "--", "sh", "-c", command]
            done = subprocess.run(words, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return done.stdout
        finally:
            subprocess.run(["buildah", "rm", container], capture_output=True, check=True)

    return run


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a build's folders be the test's own, so that none is left can be seen."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
