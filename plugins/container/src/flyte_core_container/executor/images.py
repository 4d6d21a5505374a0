"""The images of a run's tasks: built or found once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from flyte_core import logger
from flyte_core.errors import ImageBuildError
from flyte_core.images import build_image
from flyte_core.images.choosing import installed_builders
from flyte_core.images.environments import EnvironmentImage, completed, images_of
from flyte_core.images.settings import image_settings
from flyte_core.models import Image, ImageCache

if TYPE_CHECKING:
    from flyte_core.extend import TaskTemplate
    from flyte_core.registry import Registry

__all__ = ["Images"]

_DOCKER = "docker"


class Images:
    """The images of one run.

    Args:
        registry: where plugins are looked up.
        push: whether they go to their registry, since the engine that runs them is another machine's.
    """

    def __init__(self, registry: Registry, *, push: bool) -> None:
        self._registry, self._push = registry, push
        self._found: dict[str, asyncio.Future[str]] = {}
        self._by_environment: dict[str, str] = {}

    async def of(self, task: TaskTemplate) -> str:
        """Give the URI of a task's image, which is built before unless it exists.

        Args:
            task: the template.

        Raises:
            ImageBuildError: it cannot be built.
            PluginError: there is no builder, or no single one.
        """
        key = task.parent_env_name or task.name
        if key not in self._found:
            self._found[key] = asyncio.ensure_future(self._build(task))
        # Shielded: a task that is cancelled leaves the others their image.
        uri = await asyncio.shield(self._found[key])
        if task.parent_env_name:
            self._by_environment[task.parent_env_name] = uri
        return uri

    @property
    def cache(self) -> ImageCache:
        """The images by environment, as far as they are known."""
        return ImageCache(dict(sorted(self._by_environment.items())))

    async def _build(self, task: TaskTemplate) -> str:
        env = task.parent_env() if task.parent_env is not None else None
        assert isinstance(task.image, Image), "a template's image is one, or it has no container"
        found = EnvironmentImage(environment="", image=task.image, tasks=(task,))
        if env is not None:
            # What one task of an environment needs, all get: they have one image.
            found = images_of([env], image_settings())[0]
        if not found.image.name:
            return found.image.uri
        (found,) = await completed([found], self._registry)
        result = await build_image(
            found.image,
            builder=None if self._push else _builder(),
            push=self._push,
            progress=lambda line: logger.info("%s", line),
        )
        if result.built:
            logger.info("built image %s in %.1f s", result.uri, result.seconds)
        return result.pinned if self._push else result.uri


def _builder() -> str:
    """Choose the builder whose images this engine has, whatever the settings choose for images that are pushed.

    Raises:
        ImageBuildError: it is not installed.
    """
    if _DOCKER not in installed_builders():
        raise ImageBuildError(
            "images that containers of this engine run are built with the builder 'docker', and it is not installed: "
            "pip install flyte-core-image-docker. Or name an image that the engine has"
        )
    return _DOCKER
