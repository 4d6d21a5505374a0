"""The builder ``docker``."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from flyte_core.errors import ImageBuildError
from flyte_core.images.checking import RequestedRegistryChecker
from flyte_core.images.dockerfile import Prepared, build_error, docker_config, prepared, render, say_plan
from flyte_core.images.protocol import BuildRequest, ImageChecker, build_request
from flyte_core_image_docker.checker import DockerEngineChecker, engine_size
from flyte_core_image_docker.client import Client, find_client
from flyte_core_image_docker.output import failure_in, is_noise

if TYPE_CHECKING:
    from flyte_core.models import Image

__all__ = ["DockerImageBuilder"]

_DIGEST = re.compile(r"digest: (sha256:[0-9a-f]{64})")


class DockerImageBuilder:
    """Builds images with BuildKit, through a docker program on ``PATH`` and the engine that it uses.

    Example:
        >>> from flyte_core.models import Image
        >>> from flyte_core.images.protocol import BuildRequest, building
        >>> import asyncio
        >>> image = Image.from_base("debian:12").clone(name="tool").with_workdir("/work")
        >>> with building(BuildRequest(say=lambda text: print(text.splitlines()[0]))):
        ...     built = asyncio.run(DockerImageBuilder().build_image(image, dry_run=True))
        FROM debian:12
    """

    async def build_image(self, image: Image, dry_run: bool) -> str:
        """Build an image, and push it if the request says so.

        Args:
            image: the image.
            dry_run: to tell what would be built, and build nothing.

        Returns:
            Its name, with its digest at the registry if it was pushed.

        Raises:
            ImageBuildError: it could not be built or pushed; what was built stays with the engine.
            SourceError: a file that it is made of cannot be read.
        """
        request = build_request()
        if dry_run:
            await say_plan(image, request)
            return image.uri
        plan = await asyncio.to_thread(render, image, request.settings)
        async with prepared(plan, image, request) as build:
            env = _environment(build)
            client = await find_client(env)
            wanted = await _platforms(client, image, request, env)
            if len(wanted) > 1:
                return await _build_list(client, image, request, build, env, wanted)
            command = [*client.build, *_options(build, image, wanted), str(build.context)]
            await _run(command, image, request, build, env)
            if not request.push:
                return image.uri
            return await _push(client, image, request, build, env)

    def get_checkers(self) -> list[type[ImageChecker]] | None:
        """Give the registry for an image that is pushed, and the engine for one that stays there."""
        return [RequestedRegistryChecker if build_request().push else DockerEngineChecker]

    async def image_size(self, uri: str) -> int | None:
        """Give the size of an image that stays with the engine, uncompressed; None when it does not have it.

        Args:
            uri: the image's name.
        """
        # Of one that was pushed, its registry tells what is pulled.
        return None if build_request().push else await asyncio.to_thread(engine_size, uri)


def _environment(build: Prepared) -> dict[str, str]:
    # Attestations would make a list of every image.
    env = {**build.env, "DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    if build.auths:
        folder = build.folder / "docker"
        folder.mkdir(mode=0o700)
        docker_config(build.auths, folder, Path(env.get("DOCKER_CONFIG") or Path.home() / ".docker"))
        env["DOCKER_CONFIG"] = str(folder)
    return env


async def _platforms(client: Client, image: Image, request: BuildRequest, env: dict[str, str]) -> tuple[str, ...]:
    """Choose the platforms to build: all that the image is for when it is pushed, one for the engine itself."""
    wanted: tuple[str, ...] = image.platform
    if len(wanted) == 1 or not request.push:
        return (client.platform,) if client.platform in wanted else wanted[:1]
    able = await client.platforms(env)
    missing = [one for one in wanted if one not in able]
    if missing or len(able) == 1:
        raise ImageBuildError(
            f"{image.uri} is for {', '.join(wanted)}, and this docker can push only {', '.join(able)} as one image. "
            f'Say platform=("{client.platform}",) for the image; or use a builder that can: the plugin docker-buildx '
            "with `docker buildx create --use --platform ...` and emulation for the other platforms"
        )
    return wanted


def _options(build: Prepared, image: Image, platforms: tuple[str, ...]) -> list[str]:
    return [
        "--progress=plain",
        f"--file={build.dockerfile}",
        f"--tag={image.uri}",
        f"--platform={','.join(platforms)}",
        *build.options,
    ]


async def _run(command: list[str], image: Image, request: BuildRequest, build: Prepared, env: dict[str, str]) -> None:
    def say(line: str) -> None:
        if not is_noise(line):
            request.progress(line)

    done = await build.run(command, env, say)
    if done.code:
        failure = failure_in(done.lines)
        raise build_error(image.uri, build.plan, failure.lines, failed=failure.instruction, reason=failure.reason)


async def _push(client: Client, image: Image, request: BuildRequest, build: Prepared, env: dict[str, str]) -> str:
    done = await build.run([client.path, "push", image.uri], env, request.progress)
    if done.code:
        raise build_error(image.uri, build.plan, done.lines, during="pushing")
    found = [digest[1] for line in done.lines if (digest := _DIGEST.search(line))]
    if not found:
        raise ImageBuildError(
            f"{image.uri} was pushed, but docker has not told its digest: {' '.join(done.lines[-3:])}"
        )
    return f"{image.uri}@{found[-1]}"


async def _build_list(
    client: Client, image: Image, request: BuildRequest, build: Prepared, env: dict[str, str], wanted: tuple[str, ...]
) -> str:
    """Build an image for several platforms and push it, which is one step: not every engine can hold such an image."""
    metadata = build.folder / "metadata.json"
    command = [client.path, "buildx", "build", "--push", f"--metadata-file={metadata}"]
    await _run([*command, *_options(build, image, wanted), str(build.context)], image, request, build, env)
    digest = json.loads(metadata.read_text(encoding="utf-8")).get("containerimage.digest")
    if not digest:
        raise ImageBuildError(f"{image.uri} was pushed, but buildx has not told its digest")
    return f"{image.uri}@{digest}"
