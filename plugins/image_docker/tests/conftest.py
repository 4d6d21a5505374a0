"""A real engine, a base with this machine's Python, and a builder that is told what to do."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from flyte_core_image_docker import DockerImageBuilder

from flyte_core.images.protocol import BuildRequest, building
from flyte_core.images.settings import ImageSettings
from flyte_core.models import Image
from tests.support.bases import debian_base, python_base
from tests.support.engines import IMAGE, machine_engine
from tests.support.registries import guarded_registry, registry

__all__ = ["guarded_registry", "registry"]


@pytest.fixture(scope="session")
def api() -> Any:
    """A connection to the engine; skips without one."""
    return machine_engine()


@pytest.fixture(scope="session")
def python_image(api: Any) -> str:
    """The name of an image with Python and a shell."""
    return python_base(api)


@pytest.fixture(scope="session")
def debian_image(api: Any) -> str:
    """The name of an image with apt."""
    return debian_base(api)


@pytest.fixture
def box(api: Any, request: pytest.FixtureRequest) -> Image:
    """An image with a shell and nothing else, under a name of the test's own."""
    return Image.from_base(IMAGE).clone(name=f"flyte-core-test-{abs(hash(request.node.nodeid)):x}")


@define
class Built:
    """A build, and what was said."""

    uri: str = ""
    said: list[str] = field(factory=list)
    progress: list[str] = field(factory=list)


@pytest.fixture
def build(api: Any) -> Any:
    """Builds an image, and removes it after the test."""
    made: set[str] = set()

    def run(image: Image, *, push: bool = False, dry_run: bool = False, **settings: Any) -> Built:
        built = Built()
        request = BuildRequest(
            push=push, settings=ImageSettings(**settings), say=built.said.append, progress=built.progress.append
        )
        with building(request):
            built.uri = asyncio.run(DockerImageBuilder().build_image(image, dry_run))
        if not dry_run:
            made.add(image.uri)
        return built

    yield run
    for uri in made:
        api.remove_image(uri, force=True)


@pytest.fixture
def shell(api: Any) -> Callable[..., str]:
    """Runs a command in a container of an image, and gives what it writes."""

    def run(image: str, command: str) -> str:
        done = subprocess.run(
            ["docker", "run", "--rm", "--network=none", image, "sh", "-c", command], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a build's folders be the test's own, so that none is left can be seen."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
