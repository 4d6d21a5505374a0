"""From environments to images in a registry, by way of the core's engine and the real builder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flyte_core
from flyte_core import Image, TaskEnvironment
from flyte_core.errors import ImageBuildError
from flyte_core.images import BuildResult, ImageSettings, build_image
from flyte_core.models import SerializationContext
from flyte_core.serialize import task_spec
from tests.support.registries import Registry

SETTINGS = ImageSettings(builder="docker")


@pytest.fixture
def removed(api: Any) -> Iterator[Callable[[Image], Image]]:
    """Has the engine forget an image at the test's end."""
    made: list[str] = []

    def note(image: Image) -> Image:
        made.append(image.uri)
        return image

    yield note
    for uri in made:
        api.remove_image(uri, force=True)


def result_of(image: Image, **options: Any) -> BuildResult:
    return asyncio.run(build_image(image, settings=SETTINGS, **options))


def test_a_task_runs_in_the_image_that_was_built_for_its_environment(
    box: Image,
    registry: Registry,
    shell: Callable[..., str],
    removed: Callable[[Image], Image],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLYTE_CORE_IMAGE_BUILDER", "docker")
    image = removed(box.clone(registry=registry.address).with_commands(["echo built > /made"]))
    env = TaskEnvironment("made", image=image)

    @env.task
    async def work() -> None: ...

    images = flyte_core.build_images(env)
    spec = task_spec(work, SerializationContext(version="1", root_dir=Path(__file__).parent, image_cache=images))

    pinned = spec.task_template.container.image
    assert pinned.startswith(f"{image.uri}@sha256:")
    assert shell(pinned, "cat /made") == "built\n"


def test_an_image_that_was_pushed_is_found_without_the_engine(
    box: Image, registry: Registry, removed: Callable[[Image], Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = removed(box.clone(registry=registry.address).with_env_vars({"FOUND": "1"}))
    built = result_of(image)
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
        found = result_of(image, measured=True)

    assert (built.built, built.reason) == (True, "absent")
    assert (found.built, found.reason, found.digest) == (False, "exists", built.digest)
    assert found.size is not None
    assert found.size > 100_000


def test_a_registry_secret_lets_the_engine_look_and_push(
    box: Image,
    guarded_registry: Registry,
    removed: Callable[[Image], Image],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    image = box.clone(registry=guarded_registry.address).with_env_vars({"GUARDED": "1"})

    with pytest.raises(ImageBuildError, match="nobody can say whether it exists"):
        result_of(image)
    monkeypatch.setenv("LOGIN", f"{guarded_registry.user}:{guarded_registry.password}")
    image = removed(image.clone(registry_secret="login"))
    assert result_of(image).reason == "absent"
    assert result_of(image).reason == "exists"


def test_an_image_that_stays_is_found_at_the_engine(box: Image, removed: Callable[[Image], Image]) -> None:
    image = removed(box.clone(registry="registry.example.com").with_env_vars({"STAYS": "1"}))

    first, second = result_of(image, push=False), result_of(image, push=False, measured=True)

    assert (first.reason, second.reason, second.digest) == ("absent", "exists", None)
    assert second.size is not None
