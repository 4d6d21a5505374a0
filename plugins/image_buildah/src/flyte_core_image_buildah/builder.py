"""The builder ``buildah``."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from flyte_core.errors import ImageBuildError
from flyte_core.images.checking import RequestedRegistryChecker
from flyte_core.images.dockerfile import (
    Plan,
    Prepared,
    build_error,
    mirrored,
    prepared,
    render,
    render_uv,
    say_plan,
)
from flyte_core.images.protocol import BuildRequest, ImageChecker, build_request
from flyte_core.images.references import ImageReference
from flyte_core_image_buildah.checker import LocalStorageChecker, stored_size
from flyte_core_image_buildah.output import failure_in
from flyte_core_image_buildah.program import Program, able_platforms, find_program, own_platform

if TYPE_CHECKING:
    from flyte_core.models import Image

__all__ = ["BuildahImageBuilder"]

_UV_IMAGE = "localhost/flyte-core-uv"


class BuildahImageBuilder:
    """Builds images with buildah, as root or rootless, also within a container.

    An image that is not pushed is in this machine's storage of images, which podman uses too.

    Example:
        >>> from flyte_core.images.protocol import BuildRequest, building
        >>> import asyncio
        >>> image = Image.from_base("debian:12").clone(name="tool").with_workdir("/work")
        >>> with building(BuildRequest(say=lambda text: print(text.splitlines()[0]))):
        ...     built = asyncio.run(BuildahImageBuilder().build_image(image, dry_run=True))
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
            ImageBuildError: it could not be built or pushed; what was built stays in the storage.
            SourceError: a file that it is made of cannot be read.
        """
        request = build_request()
        if dry_run:
            await say_plan(image, request)
            return image.uri
        program = await find_program()
        # Docker's own registry has to be said, except for what is built here.
        qualified = image.base_image is not None and not await program.knows(image.base_image, os.environ)
        wanted = _platforms(image, request)
        plan = await _plan(program, image, request, wanted, qualified)
        async with prepared(plan, image, request) as build:
            await _build(program, image, request, build, wanted, image.uri)
            if not request.push:
                return image.uri
            return await _push(program, image, request, build, len(wanted) > 1)

    def get_checkers(self) -> list[type[ImageChecker]] | None:
        """Give the registry for an image that is pushed, and this machine's storage for one that stays there."""
        return [RequestedRegistryChecker if build_request().push else LocalStorageChecker]

    async def image_size(self, uri: str) -> int | None:
        """Give the size of an image in this machine's storage, uncompressed; None when it is not there.

        Args:
            uri: the image's name.
        """
        # Of one that was pushed, its registry tells what is pulled.
        return None if build_request().push else await stored_size(uri)


def _platforms(image: Image, request: BuildRequest) -> tuple[str, ...]:
    wanted: tuple[str, ...] = image.platform
    if len(wanted) == 1 or not request.push:
        return (own_platform(),) if own_platform() in wanted else wanted[:1]
    able = able_platforms()
    if any(one not in able for one in wanted):
        raise ImageBuildError(
            f"{image.uri} is for {', '.join(wanted)}, and this machine runs only {', '.join(able)}. Say "
            f'platform=("{own_platform()}",) for the image, or install emulation (qemu-user-static)'
        )
    return wanted


def _pulled(image: Image, request: BuildRequest) -> str:
    """Give the name that the base is pulled by; empty for an image that a Dockerfile defines."""
    return mirrored(image.base_image, request.settings, qualified=True) if image.base_image else ""


def _is_insecure(name: str, request: BuildRequest) -> bool:
    """Whether a registry is spoken to in plain HTTP; this machine's own are, as by Docker."""
    host = ImageReference.parse(name).registry
    bare = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
    return host in request.settings.insecure_registries or bare in ("localhost", "[::1]") or bare.startswith("127.")


def _access(build: Prepared, name: str, request: BuildRequest) -> list[str]:
    """Give the options for a registry."""
    options = ["--tls-verify=false"] if _is_insecure(name, request) else []
    if build.auths:
        options.append(f"--authfile={_auth_file(build)}")
    return options


def _auth_file(build: Prepared) -> Path:
    """Write the user's credentials and the image's own into one file, which goes with the build."""
    path = build.folder / "auth.json"
    if not path.exists():
        known = next((one for one in _own_auth_files() if one.is_file()), None)
        config = json.loads(known.read_text(encoding="utf-8")) if known is not None else {}
        config["auths"] = {**(config.get("auths") or {}), **build.auths}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(config, file)
    return path


def _own_auth_files() -> list[Path]:
    given = os.environ.get("REGISTRY_AUTH_FILE")
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    docker = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    return [Path(given)] if given else [Path(runtime) / "containers" / "auth.json", docker]


async def _plan(
    program: Program, image: Image, request: BuildRequest, platforms: tuple[str, ...], qualified: bool
) -> Plan:
    """Give what is to be built.

    buildah mounts the wrong files from a stage that it finds in its cache, so uv gets an image of its own. With several
    platforms, of which that image is for one, there is no cache instead.
    """
    settings = request.settings
    uv = await asyncio.to_thread(render_uv, image, settings, qualified=qualified) if len(platforms) == 1 else None
    name = ""
    if uv is not None:
        name = f"{_UV_IMAGE}:{hashlib.sha256(f'{uv.text}{platforms}'.encode()).hexdigest()[:16]}"
        async with prepared(uv, image, request) as build:
            await _build(program, image, request, build, platforms, name)
    return await asyncio.to_thread(render, image, settings, qualified=qualified, uv_from=name)


async def _build(
    program: Program,
    image: Image,
    request: BuildRequest,
    build: Prepared,
    platforms: tuple[str, ...],
    name: str,
) -> None:
    # Needs no program that runs containers, and no more rights than this process has.
    env = {"BUILDAH_ISOLATION": "chroot", **build.env}
    is_list = len(platforms) > 1
    ignored = build.dockerfile.with_name(f"{build.dockerfile.name}.dockerignore")
    command = [
        *program.command,
        "build",
        f"--layers={'false' if is_list else 'true'}",
        "--force-rm",
        f"--file={build.dockerfile}",
        f"--ignorefile={ignored}",
        f"--manifest={name}" if is_list else f"--tag={name}",
        f"--platform={','.join(platforms)}",
        *_access(build, _pulled(image, request) or name, request),
        *build.options,
        str(build.context),
    ]
    if is_list:
        # It adds to a list that is there already.
        await build.run([*program.command, "manifest", "rm", name], env)
    done = await build.run(command, env, request.progress)
    if done.code:
        failure = failure_in(done.lines)
        raise build_error(image.uri, build.plan, failure.lines, failed=failure.instruction, reason=failure.reason)


async def _push(program: Program, image: Image, request: BuildRequest, build: Prepared, is_list: bool) -> str:
    told = build.folder / "digest"
    words = ["manifest", "push", "--all"] if is_list else ["push"]
    options = [f"--digestfile={told}", *_access(build, image.uri, request)]
    command = [*program.command, *words, *options, image.uri, f"docker://{image.uri}"]
    done = await build.run(command, build.env, request.progress)
    if done.code:
        raise build_error(image.uri, build.plan, done.lines, during="pushing")
    return f"{image.uri}@{told.read_text(encoding='utf-8').strip()}"
