"""Whether an image is with the engine, for images that are not pushed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from flyte_core.errors import ImageBuildError

if TYPE_CHECKING:
    from flyte_core.models import Architecture

__all__ = ["DockerEngineChecker", "engine_size"]


class DockerEngineChecker:
    """Asks the engine: the one place where an image is that was not pushed."""

    @classmethod
    async def image_exists(
        cls, repository: str, tag: str, arch: tuple[Architecture, ...] = ("linux/amd64",)
    ) -> str | None:
        """Look an image up at the engine that the environment names.

        Args:
            repository: its name.
            tag: its tag.
            arch: its platforms: the engine has it for one, which has to be among them.

        Returns:
            Its name, or None when the engine does not have it.

        Raises:
            ImageBuildError: the engine does not answer.
        """
        name = f"{repository}:{tag}"
        found = await asyncio.to_thread(_inspected, name)
        return name if found is not None and f"{found.get('Os')}/{found.get('Architecture')}" in arch else None


def engine_size(name: str) -> int | None:
    """Give the size of an image that the engine has, in bytes; None when it has none of that name.

    Args:
        name: the image's name.

    Raises:
        ImageBuildError: the engine does not answer.
    """
    found = _inspected(name)
    return int(found["Size"]) if found is not None else None


def _inspected(name: str) -> dict[str, Any] | None:
    import docker
    from docker.errors import DockerException, ImageNotFound

    try:
        client = _engine(docker)
        try:
            found: dict[str, Any] = client.api.inspect_image(name)
        finally:
            client.close()
    except ImageNotFound:
        return None
    except DockerException as error:
        raise ImageBuildError(f"{name}: the Docker engine cannot be asked: {error}") from error
    return found


def _engine(docker: Any) -> Any:
    """Connect to the engine that the docker program would use."""
    import os

    if os.environ.get("DOCKER_HOST"):
        return docker.from_env()
    context = docker.ContextAPI.get_current_context()
    return (
        docker.DockerClient(base_url=context.Host, tls=context.TLSConfig or False)
        if context.Host
        else docker.from_env()
    )
