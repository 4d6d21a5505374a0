"""What failed, out of BuildKit's words; and what the engine knows of images."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from flyte_core_image_docker import DockerEngineChecker, DockerImageBuilder
from flyte_core_image_docker.output import failure_in, is_noise

from flyte_core.errors import ImageBuildError
from flyte_core.images.checking import RequestedRegistryChecker
from flyte_core.images.protocol import BuildRequest, ImageBuilder, ImageChecker, building
from flyte_core.models import Image

NEWER = """\
#0 building with "default" instance using docker driver

#5 [stage-1 2/3] RUN one
#5 0.1 all is well
#5 CANCELED

#6 [stage-1 3/3] RUN echo no && false
#6 0.2 no
#6 ERROR: process "/bin/sh -c echo no && false" did not complete successfully: exit code: 1
------
 > [stage-1 3/3] RUN echo no && false:
0.2 no
------
Dockerfile:3
ERROR: failed to solve: process "/bin/sh -c echo no && false" did not complete successfully: exit code: 1
"""

BASE = """\
#3 [internal] load metadata for docker.io/library/nope:1
#3 ERROR: pull access denied, repository does not exist
"""


@pytest.mark.parametrize(
    ("text", "instruction", "reason", "lines"),
    [
        (NEWER, "RUN echo no && false", "It ended with exit code: 1.", ("no",)),
        (BASE, "FROM docker.io/library/nope:1", "pull access denied, repository does not exist", ()),
        ("error during connect: EOF\n", "", "error during connect: EOF", ("error during connect: EOF",)),
        ("#4 [a 1/2] RUN x\n#4 ERROR: context canceled\n#5 [a 2/2] RUN y\n#5 ERROR: no\n", "RUN y", "no", ()),
    ],
)
def test_the_failure_is_the_first_that_is_no_consequence(
    text: str, instruction: str, reason: str, lines: tuple[str, ...]
) -> None:
    failure = failure_in(text.splitlines())
    assert (failure.instruction, failure.reason, failure.lines) == (instruction, reason, lines)


def test_digests_of_downloads_are_noise() -> None:
    assert is_noise(f"#4 sha256:{'0' * 64}")
    assert is_noise(f"#4 sha256:{'0' * 64} 1.05MB / 2.00MB 0.1s")
    assert not is_noise("#4 0.1 sha256 of x")


def test_the_engine_says_which_images_are_there(box: Image, build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image = box.with_env_vars({"THERE": "1"})
    name, _, tag = build(image).uri.partition(":")
    ask = DockerEngineChecker.image_exists
    assert asyncio.run(ask(name, tag, ("linux/amd64", "linux/arm64"))) == image.uri
    assert asyncio.run(ask(name, "absent")) is None
    assert asyncio.run(ask(f"registry.example.com/{name}", tag)) is None
    with building(BuildRequest()):
        assert (asyncio.run(DockerImageBuilder().image_size(image.uri)) or 0) > 500_000
        assert asyncio.run(DockerImageBuilder().image_size("absent:1")) is None
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    with pytest.raises(ImageBuildError, match="engine cannot be asked"):
        asyncio.run(ask(name, tag))


@pytest.mark.parametrize(("push", "checker"), [(True, RequestedRegistryChecker), (False, DockerEngineChecker)])
def test_it_is_a_builder_that_asks_where_the_image_goes(push: bool, checker: type[ImageChecker]) -> None:
    builder = DockerImageBuilder()
    assert isinstance(builder, ImageBuilder)
    with building(BuildRequest(push=push)):
        assert builder.get_checkers() == [checker]


def test_the_builder_is_found_by_its_name() -> None:
    from importlib.metadata import entry_points

    (found,) = entry_points(group="flyte_core.image_builders", name="docker")
    assert found.load() is DockerImageBuilder
