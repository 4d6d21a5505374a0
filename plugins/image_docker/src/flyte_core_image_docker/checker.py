"""Whether an image is with the engine, for images that have no registry."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from flyte_core.errors import ImageBuildError

if TYPE_CHECKING:
    from flyte_core.models import Architecture

__all__ = ["DockerEngineChecker"]


class DockerEngineChecker:
    """Asks the engine for images without a registry; says of others that it does not know."""

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
            ImageBuildError: the name has a registry, or the engine does not answer.
        """
        if "/" in repository:
            raise ImageBuildError(f"{repository}:{tag} is not an engine's own: its registry knows")
        return await asyncio.to_thread(_look, f"{repository}:{tag}", arch)


def _look(name: str, arch: tuple[str, ...]) -> str | None:
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
    return name if f"{found.get('Os')}/{found.get('Architecture')}" in arch else None


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
