"""The images of a run's tasks: built or found once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from flyte_core import logger
from flyte_core.images.engine import build_image
from flyte_core.models import Image, ImageCache

if TYPE_CHECKING:
    from flyte_core.extend import TaskTemplate

__all__ = ["Images"]


class Images:
    """The images of one run.

    Args:
        push: whether they go to their registry, since the engine that runs them is another machine's.
    """

    def __init__(self, *, push: bool) -> None:
        self._push = push
        self._found: dict[Image, asyncio.Future[str]] = {}
        self._by_environment: dict[str, str] = {}

    async def of(self, task: TaskTemplate) -> str:
        """Give the URI of a task's image, which is built before unless it exists.

        Args:
            task: the template.

        Raises:
            ImageBuildError: it cannot be built.
            PluginError: there is no builder, or no single one.
        """
        image = task.image
        assert isinstance(image, Image), "a template's image is one, or it has no container"
        if image not in self._found:
            self._found[image] = asyncio.ensure_future(self._build(image))
        uri = await asyncio.shield(self._found[image])
        if task.parent_env_name:
            self._by_environment[task.parent_env_name] = uri
        return uri

    @property
    def cache(self) -> ImageCache:
        """The images by environment, as far as they are known."""
        return ImageCache(dict(sorted(self._by_environment.items())))

    async def _build(self, image: Image) -> str:
        if not image.name:
            return image.uri
        result = await build_image(image, push=self._push, progress=lambda line: logger.info("%s", line))
        if result.built:
            logger.info("built image %s in %.1f s", result.uri, result.seconds)
        return result.pinned if self._push else result.uri
