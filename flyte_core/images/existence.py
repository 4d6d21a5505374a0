"""Whether an image exists where it would be pulled from: it does, it does not, or nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from flyte_core._logging import logger
from flyte_core.errors import without_secrets
from flyte_core.images.checking import RequestedRegistryChecker

if TYPE_CHECKING:
    from flyte_core.images.protocol import ImageBuilder, ImageChecker
    from flyte_core.models import Image

__all__ = ["Existence", "look_up", "split_digest"]


@frozen(kw_only=True)
class Existence:
    """What is known of an image.

    Args:
        state: ``exists``, ``absent``, or ``unknown`` when nobody could say.
        digest: of the image that exists, where it has one: ``sha256:...``.
        reason: why nobody could say.
    """

    state: Literal["exists", "absent", "unknown"]
    digest: str | None = None
    reason: str = ""


def split_digest(uri: str) -> tuple[str, str | None]:
    """Take the digest off a URI.

    Example:
        >>> split_digest("registry.example.com/app:1@sha256:abc")
        ('registry.example.com/app:1', 'sha256:abc')
        >>> split_digest("app:1")
        ('app:1', None)
    """
    name, at, digest = uri.partition("@")
    return name, digest if at else None


async def look_up(image: Image, builder: ImageBuilder) -> Existence:
    """Ask a builder's checkers, one after the other; the first that knows has the answer.

    Args:
        image: an image with a name.
        builder: who would build it; without checkers of its own, the image's registry is asked.

    Returns:
        What they know. An error of a checker is never taken for an answer.
    """
    repository, _, tag = image.uri.rpartition(":")
    reasons: list[str] = []
    for checker in _checkers(builder):
        try:
            found = await checker.image_exists(repository, tag, image.platform)
        except Exception as error:  # a checker's, which may be a plugin's: the next one may know
            reasons.append(without_secrets(f"{getattr(checker, '__name__', checker)}: {error}"))
            logger.debug("whether image %s exists: %s", image.uri, reasons[-1])
            continue
        if found is None:
            return Existence(state="absent")
        return Existence(state="exists", digest=split_digest(found)[1])
    return Existence(state="unknown", reason="; ".join(reasons) or "the builder asks nobody")


def _checkers(builder: ImageBuilder) -> Sequence[type[ImageChecker]]:
    checkers = builder.get_checkers()
    if checkers is not None:
        return checkers
    return [RequestedRegistryChecker]
