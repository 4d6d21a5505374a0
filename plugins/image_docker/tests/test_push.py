"""Images that are pushed to real registries."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from flyte_core_image_docker import DockerImageBuilder

from flyte_core.errors import ImageBuildError
from flyte_core.images.protocol import BuildRequest, building
from flyte_core.models import Image
from tests.support.registries import Registry


def test_a_pushed_image_is_named_by_the_registrys_digest(box: Image, build: Any, registry: Registry) -> None:
    image = box.clone(registry=registry.address).with_commands(["echo pushed > /x"])
    uri = build(image, push=True).uri
    name, _, digest = uri.partition("@")
    assert name == image.uri
    repository, _, _ = name.removeprefix(f"{registry.address}/").rpartition(":")
    asked = urllib.request.Request(
        f"http://{registry.address}/v2/{repository}/manifests/{digest}",
        headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert answer.headers["Docker-Content-Digest"] == digest


def test_a_registry_secret_is_used_for_the_push_and_is_nowhere_afterwards(
    box: Image, build: Any, guarded_registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "docker"
    own.mkdir()
    (own / "config.json").write_text(json.dumps({"auths": {}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(own))
    monkeypatch.setenv("LOGIN", f"{guarded_registry.user}:{guarded_registry.password}")
    image = box.clone(registry=guarded_registry.address, registry_secret="login").with_commands(["echo guarded > /x"])
    built = build(image, push=True)
    assert "@sha256:" in built.uri
    assert guarded_registry.password not in "\n".join([*built.progress, (own / "config.json").read_text()])
    assert os.listdir(tmp_path / "tmp") == []


def test_a_push_without_credentials_is_an_error_that_says_so(
    box: Image, build: Any, guarded_registry: Registry, api: Any
) -> None:
    image = box.clone(registry=guarded_registry.address).with_commands(["echo unguarded > /x"])
    with pytest.raises(ImageBuildError, match=r"pushing failed[\s\S]*registry_secret"):
        build(image, push=True)
    api.remove_image(image.uri, force=True)


def test_several_platforms_are_refused_where_the_engine_has_one(box: Image, build: Any, registry: Registry) -> None:
    image = Image.from_debian_base(install_flyte=False, registry=registry.address, name="both").clone(
        base_image=box.base_image
    )
    with pytest.raises(ImageBuildError, match=r'is for linux/amd64, linux/arm64, .*platform=\("linux/'):
        build(image, push=True)


def test_of_several_platforms_the_engines_own_is_built_for_the_engine(box: Image, build: Any, api: Any) -> None:
    both = Image._new(base_image=box.base_image, name=box.name, platform=("linux/arm64", "linux/amd64"))
    uri = build(both.with_env_vars({"A": "1"})).uri
    version = api.version()
    assert api.inspect_image(uri)["Architecture"] == version["Arch"]


BUILDX = """#!/bin/sh
case "$1 $2" in
'version --format') echo '{"Client": {"Version": "28.2.2"}, "Server": {"Os": "linux", "Arch": "amd64"}}';;
'buildx version') echo v0.24;;
'buildx inspect') echo 'Driver: docker-container'; echo 'Platforms: linux/amd64*, linux/arm64';;
'buildx build')
    echo "$@" > "$CALLED"
    for word in "$@"; do
        case "$word" in --metadata-file=*) echo '{"containerimage.digest": "sha256:feed"}' > "${word#*=}";; esac
    done
    exit ${ENDS:-0};;
*) exit 9;;
esac
"""


@pytest.fixture
def buildx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker program that says it builds for two platforms; the file with the words that it was called with."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(BUILDX)
    (tmp_path / "bin" / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("CALLED", str(tmp_path / "called"))
    return tmp_path / "called"


def _both() -> Image:
    both = Image.from_debian_base(install_flyte=False, registry="registry.example.com", name="both")
    return both.clone(base_image="busybox:1")


def test_several_platforms_are_built_and_pushed_in_one_step(buildx: Path) -> None:
    with building(BuildRequest(push=True)):
        uri = asyncio.run(DockerImageBuilder().build_image(_both(), False))
    assert uri == f"{_both().uri}@sha256:feed"
    words = buildx.read_text().split()
    assert words[:3] == ["buildx", "build", "--push"]
    assert "--platform=linux/amd64,linux/arm64" in words


def test_a_push_of_several_platforms_that_fails_gives_no_name(buildx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDS", "1")
    with building(BuildRequest(push=True)), pytest.raises(ImageBuildError, match="building failed"):
        asyncio.run(DockerImageBuilder().build_image(_both(), False))
