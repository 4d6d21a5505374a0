"""Manifests: what a registry gives for the name of an image, checked, and the platforms in it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.images.references import ImageReference

__all__ = ["ACCEPT", "FoundManifest", "Manifest", "WrongAnswerError", "check_platforms", "content", "platform_of"]

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
#: The header that asks for each of them.
ACCEPT = ", ".join((*_INDEXES, *_MANIFESTS))

_PLATFORM = re.compile(r"[a-z0-9._-]+/[a-z0-9._-]+(?:/[a-z0-9._-]+)?", re.IGNORECASE)
#: Other names of an architecture, as containerd knows them, each with the variant that it says.
_ALIASES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "i386": ("386", ""),
}
#: The variant that an architecture has where none is said.
_USUAL = {("arm64", "v8"): "", ("arm64", "8"): "", ("amd64", "v1"): "", ("arm", ""): "v7"}


class WrongAnswerError(Exception):
    """What a registry gave is not what it should be; becomes a `RegistryAnswerError`."""


def _normal(platform: str) -> str:
    """Give the one spelling of a platform by which two are compared."""
    system, architecture, variant = (*platform.lower().split("/"), "")[:3]
    architecture, implied = _ALIASES.get(architecture, (architecture, ""))
    variant = variant or implied
    variant = _USUAL.get((architecture, variant), variant)
    return "/".join(filter(None, (system, architecture, variant)))


def check_platforms(owner: str, platforms: Iterable[str]) -> tuple[str, ...]:
    """Check names of platforms.

    Args:
        owner: whose they are, for the error.
        platforms: the names.

    Raises:
        InvalidTypeError: it is one text, or a name is none.
        InvalidValueError: a name is not ``os/architecture`` or ``os/architecture/variant``.
    """
    if isinstance(platforms, str):
        raise InvalidTypeError(owner, "platforms", platforms, "a list of platforms, not one str")
    found = tuple(platforms)
    for name in found:
        if not isinstance(name, str):
            raise InvalidTypeError(owner, "platforms", name, "a platform as a str")
        if _PLATFORM.fullmatch(name) is None:
            raise InvalidValueError(owner, "platforms", name, "a platform such as linux/amd64 or linux/arm/v7")
    return found


@frozen(kw_only=True)
class FoundManifest:
    """An image that is there.

    Args:
        digest: of the manifest or index; with it the image never changes.
        media_type: which of the two it is, and whose.
        size: its length in bytes.
        content_size: the bytes of all that is pulled, compressed as the registry has it; None for an index.
        platforms: what the image is for; None where nobody asked and the registry did not say without being asked more.

    Example:
        >>> found = FoundManifest(digest="sha256:0f", media_type="x", size=7, platforms=("linux/arm64/v8",))
        >>> found.missing(["linux/amd64", "linux/arm64"])
        ('linux/amd64',)
    """

    digest: str
    media_type: str
    size: int
    content_size: int | None = None
    platforms: tuple[str, ...] | None = None

    def missing(self, platforms: Iterable[str]) -> tuple[str, ...]:
        """Say for which platforms the image is not there.

        Args:
            platforms: the platforms, such as ``linux/amd64``; ``linux/arm64`` and ``linux/arm64/v8`` are the same one.

        Raises:
            InvalidTypeError: it is one text, or a name is none.
            InvalidValueError: a name is no platform, or the image's platforms were not looked up.
        """
        wanted = check_platforms("FoundManifest", platforms)
        if wanted and self.platforms is None:
            raise InvalidValueError("FoundManifest", "platforms", None, "find_manifest to be given platforms")
        there = {_normal(platform) for platform in self.platforms or ()}
        return tuple(name for name in wanted if _normal(name) not in there)


@frozen(kw_only=True)
class Manifest:
    """A manifest or index, read.

    Args:
        digest: its digest.
        media_type: its media type.
        size: its length.
        document: its content.
    """

    digest: str
    media_type: str
    size: int
    document: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, body: bytes, media_type: str, announced: str, expected: str | None) -> Manifest:
        """Check what a registry gave.

        Args:
            body: the bytes.
            media_type: as the answer's header says.
            announced: its digest, as the answer's header says; empty where it does not.
            expected: the digest that was asked for, if any.

        Raises:
            WrongAnswerError: it is another digest, or no manifest.
        """
        digest = expected or announced or f"sha256:{hashlib.sha256(body).hexdigest()}"
        for one in filter(None, (expected, announced)):
            _verify(body, one)
        document = _document(body)
        said = document.get("mediaType")
        kind = said if isinstance(said, str) and said else media_type
        if kind not in (*_INDEXES, *_MANIFESTS):
            raise WrongAnswerError(f"it answered with the format {kind[:100] or 'unknown'!r}, which is no image's")
        wanted, other = ("manifests", "layers") if kind in _INDEXES else ("config", "manifests")
        # One text must not be two things: https://github.com/opencontainers/distribution-spec, GHSA-mc8v-mgrf-8f4m.
        if wanted not in document or other in document:
            raise WrongAnswerError(f"it answered with {kind}, and the content is not that")
        return cls(digest=digest, media_type=kind, size=len(body), document=document)

    @property
    def is_index(self) -> bool:
        """Whether it lists manifests."""
        return self.media_type in _INDEXES

    @property
    def config(self) -> str:
        """The digest of a manifest's configuration, which has its platform.

        Raises:
            WrongAnswerError: there is none.
        """
        return _digest_in(self.document["config"])

    @property
    def content_size(self) -> int | None:
        """The bytes of a manifest's configuration and layers; None for an index, or where they are not said."""
        parts = [self.document.get("config"), *_list(self.document.get("layers"))]
        sizes = [part.get("size") if isinstance(part, dict) else None for part in parts]
        numbers = [size for size in sizes if isinstance(size, int)]
        return sum(numbers) if len(numbers) == len(sizes) else None

    def entries(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give the platforms that an index lists, and the digests of those that it lists without a platform.

        Raises:
            WrongAnswerError: it is not as it should be.
        """
        listed = self.document["manifests"]
        if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
            raise WrongAnswerError("it answered with an index whose manifests are no list of objects")
        platforms: list[str] = []
        unsaid: list[str] = []
        for entry in listed:
            said = entry.get("platform")
            if isinstance(said, dict):
                platform = platform_of(said)
                if platform is not None and platform not in platforms:
                    platforms.append(platform)
            elif entry.get("artifactType") is None and entry.get("mediaType") in (*_INDEXES, *_MANIFESTS):
                unsaid.append(_digest_in(entry))
        return tuple(platforms), tuple(unsaid)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def platform_of(document: Mapping[str, Any]) -> str | None:
    """Give the platform that an entry of an index, or a configuration, says.

    Args:
        document: with ``os``, ``architecture`` and perhaps ``variant``.

    Returns:
        The platform; None where there is none, as with attestations, whose platform is ``unknown/unknown``.
    """
    parts = [document.get(key) or "" for key in ("os", "architecture", "variant")]
    if not all(isinstance(part, str) for part in parts) or not all(parts[:2]) or "unknown" in parts[:2]:
        return None
    platform = "/".join(filter(None, parts))
    return platform if _PLATFORM.fullmatch(platform) else None


def content(body: bytes, digest: str) -> Mapping[str, Any]:
    """Check and read a blob of JSON.

    Args:
        body: the bytes.
        digest: what they have to have.

    Raises:
        WrongAnswerError: they have another, or are no JSON object.
    """
    _verify(body, digest)
    return _document(body)


def _digest_in(descriptor: Any) -> str:
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    try:
        # It becomes a part of a path.
        return str(ImageReference(repository="x", digest=digest).digest) if digest else _no_digest()
    except (InvalidTypeError, InvalidValueError):
        return _no_digest()


def _no_digest() -> str:
    raise WrongAnswerError("it answered with a manifest that refers to something without a valid digest")


def _verify(body: bytes, digest: str) -> None:
    algorithm, _, encoded = digest.partition(":")
    if algorithm not in ("sha256", "sha384", "sha512"):
        raise WrongAnswerError(f"it announced the digest {digest[:100]!r}, of an unknown kind")
    found = hashlib.new(algorithm, body).hexdigest()
    if not hmac.compare_digest(found, encoded.encode("ascii", "replace").decode()):
        raise WrongAnswerError(f"the content has the digest {algorithm}:{found}, not {digest[:150]}; ask again later")


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise WrongAnswerError("it answered with something that is no JSON object")
    return document
