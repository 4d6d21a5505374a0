"""What a builder plugin is, and what the engine tells it beside the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import field, frozen

from flyte_core.errors import ImageBuildError
from flyte_core.images.settings import ImageSettings

if TYPE_CHECKING:
    from flyte_core.models import Architecture, Image, Secret

__all__ = ["BuildRequest", "ImageBuilder", "ImageChecker", "build_request", "building", "ignore"]


@runtime_checkable
class ImageChecker(Protocol):
    """Says whether an image exists where it would be pulled from."""

    @classmethod
    async def image_exists(
        cls, repository: str, tag: str, arch: tuple[Architecture, ...] = ("linux/amd64",)
    ) -> str | None:
        """Look an image up.

        Args:
            repository: its name, with the registry where it has one.
            tag: its tag.
            arch: the platforms that it has to be there for.

        Returns:
            Its URI, best with its digest (``name:tag@sha256:...``), or None when it is certain that it is not there.

        Raises:
            Exception: when neither is certain; the engine then asks the next checker.
        """
        ...


@runtime_checkable
class ImageBuilder(Protocol):
    """Builds images; entry points of the group ``flyte_core.image_builders`` name a class or factory of one.

    The class or factory is called without arguments. What a builder needs to know beside the image is in
    `build_request`. One that can tell an image's size also has ``async def image_size(self, uri: str) -> int | None``,
    in bytes.

    Example:
        >>> class Recorder:
        ...     async def build_image(self, image, dry_run):
        ...         return image.uri
        ...     def get_checkers(self):
        ...         return []
        >>> isinstance(Recorder(), ImageBuilder)
        True
    """

    async def build_image(self, image: Image, dry_run: bool) -> str:
        """Build an image, and put it where the request says.

        Args:
            image: what to build; `Image.validate` has passed.
            dry_run: to say what would be built, with ``build_request().say``, and build nothing.

        Returns:
            The image's URI, with its digest where there is one: ``name:tag@sha256:...``.

        Raises:
            ImageBuildError: with the instruction that failed, its last lines, and what to do.
        """
        ...

    def get_checkers(self) -> list[type[ImageChecker]] | None:
        """Give who knows whether an image exists, in the order to ask; None for the registry alone."""
        ...


def ignore(text: str) -> None:
    """Take a text that nobody wants to read."""


@frozen(kw_only=True)
class BuildRequest:
    """What a builder is to know beside the image.

    Args:
        push: whether the image goes to its registry; otherwise it stays with the engine that builds it.
        registry_secret: what the registry lets in, where the image names it.
        settings: mirrors, indexes, wheels and the like.
        say: takes what the user is to read, such as a Dockerfile in a dry run; lines, without their last line break.
        progress: takes one line of the build's own output, as it comes.
    """

    push: bool = False
    registry_secret: Secret | None = None
    settings: ImageSettings = field(factory=ImageSettings)
    say: Callable[[str], None] = ignore
    progress: Callable[[str], None] = ignore


_REQUEST: ContextVar[BuildRequest | None] = ContextVar("flyte_core_build_request", default=None)


def build_request() -> BuildRequest:
    """Give the request of the build that runs.

    Raises:
        ImageBuildError: outside of one.
    """
    request = _REQUEST.get()
    if request is None:
        raise ImageBuildError("no image is being built here; ImageBuildEngine.build calls a builder")
    return request


@contextmanager
def building(request: BuildRequest) -> Iterator[None]:
    """Have `build_request` give a request, for as long as the block runs; tests of builders use it too.

    Args:
        request: what it gives.
    """
    token = _REQUEST.set(request)
    try:
        yield
    finally:
        _REQUEST.reset(token)
