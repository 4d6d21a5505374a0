"""ImageBuildEngine: an image is found where it belongs, or built there by a plugin; once."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from attrs import evolve, frozen

from flyte_core._locks import machine_lock
from flyte_core._logging import logger
from flyte_core.errors import ImageBuildError, InvalidTypeError
from flyte_core.images.checking import pushed_size
from flyte_core.images.choosing import choose_builder
from flyte_core.images.existence import Existence, look_up, split_digest
from flyte_core.images.once import InFlight
from flyte_core.images.protocol import BuildRequest, ImageBuilder, building, ignore
from flyte_core.images.references import ImageReference
from flyte_core.images.refs import resolved
from flyte_core.images.settings import image_settings
from flyte_core.models import Image

if TYPE_CHECKING:
    from flyte_core.images.settings import ImageSettings

__all__ = ["BuildResult", "ImageBuildEngine", "build_image"]


@frozen(kw_only=True)
class BuildResult:
    """What became of an image.

    Args:
        uri: its name and tag.
        digest: of its manifest, ``sha256:...``; None where nobody told, as for an image that only an engine has.
        built: whether it was built now.
        reason: why it was built, or why not.
        builder: the builder's name; None where none was asked.
        seconds: how long it took.
        size: its bytes; compressed where a registry has it. None where that was not asked, or nobody told.

    Example:
        >>> BuildResult(uri="app:1", digest="sha256:ab", built=True, reason="absent").pinned
        'app:1@sha256:ab'
    """

    uri: str
    digest: str | None = None
    built: bool
    reason: str
    builder: str | None = None
    seconds: float = 0.0
    size: int | None = None

    @property
    def pinned(self) -> str:
        """The URI with the digest, where there is one: what a task runs in, whatever becomes of the tag."""
        return f"{self.uri}@{self.digest}" if self.digest else self.uri


@frozen(kw_only=True)
class _Options:
    """How an image is to be made, beside what it is."""

    dry_run: bool
    force: bool
    request: BuildRequest


class ImageBuildEngine:
    """Asks the installed builders for images, and none for an image that exists.

    Example:
        >>> import asyncio
        >>> from flyte_core import Image
        >>> asyncio.run(ImageBuildEngine.build(Image.from_base("python:3.12")))
        'python:3.12'
    """

    ImageBuilderType: TypeAlias = str

    @classmethod
    async def build(
        cls,
        image: Image,
        builder: ImageBuilderType | None = None,
        dry_run: bool = False,
        force: bool = False,
    ) -> str:
        """Give an image's URI, and build the image before unless it exists.

        Args:
            image: the image.
            builder: the builder's name; else that of the settings, else the only one installed.
            dry_run: to have the builder say what it would do; nothing is built, and nobody asked.
            force: to build it even when it exists.

        Returns:
            Its URI.

        Raises:
            ImageBuildError: it could not be built, or in CI nobody can say whether it exists.
            PluginError: there is no such builder, or no single one, or it is broken.
            InvalidTypeError: it is no image.
            InvalidValueError: its name is none that registries know, or a layer's source is not right.
        """
        return (await build_image(image, builder=builder, dry_run=dry_run, force=force)).uri

    @staticmethod
    async def image_exists(image: Image) -> str | None:
        """Say whether an image exists; one that is given by its name is not looked for.

        Args:
            image: the image.

        Returns:
            Its URI, with its digest where that is known; None when it is certain that it is not there.

        Raises:
            ImageBuildError: nobody can say.
            PluginError: there is no builder whose checkers could be asked, or no single one.
        """
        settings = image_settings()
        image = resolved(image, settings)
        if not image.name:
            return image.uri
        builder = choose_builder(None, settings)[1]
        request = BuildRequest(push=bool(image.registry), registry_secret=image.registry_secret, settings=settings)
        await asyncio.to_thread(lambda: image.uri)
        with building(request):
            known = await look_up(image, builder)
        if known.state == "unknown":
            raise ImageBuildError(f"image {image.uri}: nobody can say whether it exists: {known.reason}")
        if known.state == "absent":
            return None
        return f"{image.uri}@{known.digest}" if known.digest else image.uri


async def build_image(
    image: Image,
    *,
    builder: str | None = None,
    dry_run: bool = False,
    force: bool = False,
    push: bool | None = None,
    say: Callable[[str], None] = ignore,
    progress: Callable[[str], None] = ignore,
    measured: bool = False,
    settings: ImageSettings | None = None,
) -> BuildResult:
    """Do what `ImageBuildEngine.build` does, and tell all about it; the same arguments and errors.

    Args:
        image: the image.
        builder: the builder's name.
        dry_run: to have the builder say what it would do.
        force: to build it even when it exists.
        push: whether it goes to its registry; default when it has one.
        say: takes what a dry run says.
        progress: takes the lines of the build's own output.
        measured: whether its size is asked for.
        settings: instead of those of the environment, the file and `flyte_core.init`.

    Returns:
        What became of it.
    """
    from flyte_core.registry import TaskPluginRegistry

    started = time.monotonic()
    if not isinstance(image, Image):
        raise InvalidTypeError("build", "image", image, "an Image")
    settings = settings or image_settings()
    image = resolved(image, settings)
    if not image.name:
        return BuildResult(uri=image.uri, built=False, reason="given by its name")
    name, made = choose_builder(builder, settings)
    # Sources are read here, which may take a moment.
    uri = await asyncio.to_thread(lambda: image.uri)
    # Told before anything is done; a builder's program would say less.
    ImageReference.parse(uri)
    wanted = image.registry is not None if push is None else push
    if wanted and not image.registry:
        raise ImageBuildError(
            f"image {uri} has no registry to be pushed to; give it one with clone(registry=...), or build it with "
            "--no-push"
        )
    request = BuildRequest(
        push=wanted, registry_secret=image.registry_secret, settings=settings, say=say, progress=progress
    )
    options = _Options(dry_run=dry_run, force=force, request=request)
    results: list[BuildResult] = []

    async def implementation(image: Image, builder: str) -> str:
        work = functools.partial(_build, image, made, options)
        # Who listens to a build, and by which settings it goes, does not make it another one.
        results.append(await _inflight().once((uri, builder, wanted, dry_run, force), work))
        return results[-1].pinned

    answer = await TaskPluginRegistry.wrap("build_image", implementation)(image, name)
    # Without one, a wrapper did not ask.
    result = results[-1] if results else BuildResult(uri=uri, built=False, reason="a plugin's hook answered")
    uri, digest = split_digest(answer)
    seconds = time.monotonic() - started
    size = await _size(made, answer, request) if measured and not dry_run else None
    return evolve(result, uri=uri, digest=digest, builder=name, seconds=seconds, size=size)


@functools.lru_cache(maxsize=1)
def _inflight() -> InFlight[BuildResult]:
    """Give the builds of this process."""
    return InFlight()


async def _build(image: Image, builder: ImageBuilder, options: _Options) -> BuildResult:
    with building(options.request):
        if options.dry_run:
            await asyncio.to_thread(image.validate)
            uri = split_digest(await builder.build_image(image, dry_run=True))[0]
            return BuildResult(uri=uri, built=False, reason="dry run")
        if not options.force:
            known = await look_up(image, builder)
            if known.state == "exists":
                return BuildResult(uri=image.uri, digest=known.digest, built=False, reason="exists")
            reason = _reason_to_build(image, known)
        else:
            reason = "forced"
        return await _build_locked(image, builder, options, reason)


def _reason_to_build(image: Image, known: Existence) -> str:
    if known.state == "absent":
        return "absent"
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        raise ImageBuildError(
            f"image {image.uri}: nobody can say whether it exists: {known.reason}; CI builds only what is known to be "
            "absent: mend the registry or the login, or build with --force"
        )
    logger.warning("image %s is built, since nobody can say whether it exists: %s", image.uri, known.reason)
    return f"unknown: {known.reason}"


async def _build_locked(image: Image, builder: ImageBuilder, options: _Options, reason: str) -> BuildResult:
    from flyte_core.registry import TaskPluginRegistry

    locks = Path(TaskPluginRegistry.settings.cache_dir.value) / "locks"
    async with machine_lock(locks, f"image {image.uri}") as waited:
        if waited and not options.force:
            known = await look_up(image, builder)
            if known.state == "exists":
                return BuildResult(uri=image.uri, digest=known.digest, built=False, reason="built by another process")
        await asyncio.to_thread(image.validate)
        uri, digest = split_digest(await builder.build_image(image, dry_run=False))
        if options.request.push and digest is None:
            digest = await _digest_of_pushed(image, builder)
    return BuildResult(uri=uri, digest=digest, built=True, reason=reason)


async def _digest_of_pushed(image: Image, builder: ImageBuilder) -> str | None:
    """Find what a builder that does not tell the digest has pushed; what is not there was not built."""
    known = await look_up(image, builder)
    if known.state == "absent":
        raise ImageBuildError(f"image {image.uri} was built, but it is not in its registry; build it again")
    if known.state == "unknown":
        logger.warning("image %s was built; its digest is not known: %s", image.uri, known.reason)
    return known.digest


async def _size(builder: ImageBuilder, uri: str, request: BuildRequest) -> int | None:
    """Ask the builder for an image's size, which those of the Flyte SDK's protocol do not tell; then the registry."""
    measure: Callable[[str], Awaitable[int | None]] | None = getattr(builder, "image_size", None)
    try:
        with building(request):
            size = await measure(uri) if measure is not None else None
            return await pushed_size(uri) if size is None and request.push else size
    except Exception as error:  # nothing to lose an image for
        logger.debug("the size of image %s is not known: %s", uri, error)
        return None
