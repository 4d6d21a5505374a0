"""Which docker program is taken, of those on PATH."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flyte_core_image_docker.client import Client, find_client

from flyte_core.errors import ImageBuildError

SERVER = {"Os": "linux", "Arch": "arm64"}


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., str]:
    """Makes a docker program that answers as it is told; its folder."""

    def make(
        name: str,
        version: str,
        *,
        server: object = SERVER,
        buildx: str | None = None,
        inspect: str = "",
        info: str = "",
    ) -> str:
        folder = tmp_path / name
        folder.mkdir()
        answer = json.dumps({"Client": {"Version": version}, "Server": server})
        error = "" if server else 'echo "Cannot connect to the Docker daemon" >&2; exit 1'
        script = (
            f"#!/bin/sh\ncase \"$1 $2\" in\n'version --format') echo '{answer}'; {error};;\n"
            f"'buildx version') {'echo ' + buildx if buildx else 'echo not a command >&2; exit 1'};;\n"
            f"'buildx inspect') printf '{inspect}';;\n'info --format') echo '{info}';;\nesac\n"
        )
        (folder / "docker").write_text(script)
        (folder / "docker").chmod(0o755)
        return str(folder)

    return make


def _find(*folders: str) -> Client:
    return asyncio.run(find_client({"PATH": ":".join(folders)}))


@pytest.mark.parametrize(
    ("version", "buildx", "words"),
    [
        ("20.10.24+dfsg1", None, ["build"]),
        ("20.10.24", "v0.10", ["build"]),
        ("28.2.2", "v0.24", ["buildx", "build", "--load"]),
    ],
)
def test_a_program_that_can_build_says_how(
    version: str, buildx: str | None, words: list[str], program: Callable[..., str]
) -> None:
    client = _find(program("one", version, buildx=buildx))
    assert client.build[1:] == words
    assert client.platform == "linux/arm64"


def test_the_first_program_that_can_is_taken(program: Callable[..., str]) -> None:
    folders = program("new", "28.2.2"), program("gone", "20.10.1", server=None), program("old", "20.10.2")
    assert _find(*folders).path == f"{folders[2]}/docker"


def test_the_error_names_every_program_and_what_it_lacks(program: Callable[..., str], tmp_path: Path) -> None:
    folders = program("new", "28.2.2"), program("gone", "20.10.1", server=None)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "docker").write_text("#!/no/such/shell\n")
    (broken / "docker").chmod(0o755)
    with pytest.raises(ImageBuildError) as caught:
        _find(*folders, str(broken))
    told = str(caught.value)
    assert f"{folders[0]}/docker 28.2.2 has no plugin buildx" in told
    assert f"{folders[1]}/docker 20.10.1 reaches no engine: Cannot connect to the Docker daemon" in told
    assert f"{broken}/docker cannot be run" in told
    assert "docker context use" in told


def test_without_a_program_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageBuildError, match=r"no docker program on PATH\. .*flyte-core-image-buildah"):
        _find(str(tmp_path))


def test_one_program_under_two_names_is_asked_once(program: Callable[..., str], tmp_path: Path) -> None:
    folder = program("new", "28.2.2")
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(ImageBuildError) as caught:
        _find(folder, str(tmp_path / "link"))
    assert str(caught.value).count("28.2.2") == 1


BOTH = "Name: x\\nDriver: {}\\nStatus: running\\nPlatforms: linux/arm64*, linux/amd64, linux/386\\n"


@pytest.mark.parametrize(
    ("buildx", "driver", "info", "expected"),
    [
        (None, "docker", "", ("linux/arm64",)),
        ("v0.24", "docker", '[["Backing Filesystem","extfs"]]', ("linux/arm64",)),
        (
            "v0.24",
            "docker",
            '[["driver-type","io.containerd.snapshotter.v1"]]',
            ("linux/arm64", "linux/amd64", "linux/386"),
        ),
        ("v0.24", "docker-container", "", ("linux/arm64", "linux/amd64", "linux/386")),
    ],
)
def test_several_platforms_need_buildx_and_a_place_for_them(
    buildx: str | None, driver: str, info: str, expected: tuple[str, ...], program: Callable[..., str]
) -> None:
    folder = program("one", "20.10.1", buildx=buildx, inspect=BOTH.format(driver), info=info)
    client = _find(folder)
    assert asyncio.run(client.platforms({"PATH": folder})) == expected
