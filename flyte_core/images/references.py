"""Names of images as Docker writes them: ``[registry/]repository[:tag][@digest]``, taken apart and checked."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from attrs import evolve, field, frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError, without_secrets

__all__ = ["DOCKER_HUB", "ImageReference"]

#: The registry of names without one.
DOCKER_HUB = "docker.io"

_HUB_NAMES = (DOCKER_HUB, "index.docker.io")
_OFFICIAL = "library/"
_LONGEST_REPOSITORY = 255
_LONGEST = 4096

_HOST_PART = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = re.compile(
    rf"(?P<host>{_HOST_PART}(?:\.{_HOST_PART})*|\[(?P<v6>[A-Fa-f0-9:]+)\])(?::(?P<port>[0-9]{{1,5}}))?"
)
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")
_HEX = re.compile(r"[a-f0-9]+")
#: Hexadecimal characters by algorithm.
_DIGESTS = {"sha256": 64, "sha384": 96, "sha512": 128}


def _refused(part: str, value: object, allowed: str) -> InvalidValueError:
    # Somebody may have given a URL with a password in it.
    shown = without_secrets(value) if isinstance(value, str) else value
    return InvalidValueError("ImageReference", part, shown, allowed)


def _check_text(part: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidTypeError("ImageReference", part, value, "a text")
    return value


def _registry(instance: ImageReference, attribute: Any, value: Any) -> None:
    found = _REGISTRY.fullmatch(_check_text("registry", value))
    if found is None or int(found["port"] or 0) > 65535:
        raise _refused("registry", value, "a host, perhaps with :port, such as ghcr.io, localhost:5000 or [::1]:5000")
    if found["v6"] is not None:
        try:
            ipaddress.IPv6Address(found["v6"])
        except ValueError:
            raise _refused("registry", value, "an IPv6 address between the brackets") from None


def _repository(instance: ImageReference, attribute: Any, value: Any) -> None:
    text = _check_text("repository", value)
    if not text:
        raise _refused("repository", value, "a name, such as library/python")
    if len(text) > _LONGEST_REPOSITORY:
        raise _refused("repository", value, f"at most {_LONGEST_REPOSITORY} characters, not {len(text)}")
    if text != text.lower():
        raise _refused("repository", value, "lower case letters alone")
    wrong = next((part for part in text.split("/") if _COMPONENT.fullmatch(part) is None), None)
    if wrong is not None:
        allowed = "letters and digits, with single ., _ or __, or hyphens between them, in each part between slashes"
        raise _refused("repository", value, f"{allowed}; {wrong!r} is not")


def _tag(instance: ImageReference, attribute: Any, value: Any) -> None:
    if value is not None and _TAG.fullmatch(_check_text("tag", value)) is None:
        raise _refused("tag", value, "at most 128 of letters, digits, _, . and -, the first one not . or -")


def _digest(instance: ImageReference, attribute: Any, value: Any) -> None:
    if value is None:
        return
    algorithm, _, encoded = _check_text("digest", value).partition(":")
    length = _DIGESTS.get(algorithm)
    if length is None:
        raise _refused("digest", value, f"one of {', '.join(_DIGESTS)} before the colon, as in sha256:0f3a...")
    if len(encoded) != length or _HEX.fullmatch(encoded) is None:
        raise _refused("digest", value, f"{length} hexadecimal digits in lower case after {algorithm}:")


@frozen(kw_only=True)
class ImageReference:
    """The name of an image, with what Docker adds to it: the registry ``docker.io``, and ``library/`` there.

    Args:
        registry: the host, with its port where it has one.
        repository: the name at that host.
        tag: the tag, if any.
        digest: the digest, if any, such as ``sha256:0f3a...``; where both are given, this counts.

    Raises:
        InvalidTypeError: a part is no text.
        InvalidValueError: a part is not as Docker allows it; the message says which and what is.

    Example:
        >>> name = ImageReference.parse("python:3.12")
        >>> str(name), name.familiar
        ('docker.io/library/python:3.12', 'python:3.12')
        >>> ImageReference.parse("localhost:5000/app").registry
        'localhost:5000'
    """

    registry: str = field(default=DOCKER_HUB, validator=_registry)
    repository: str = field(validator=_repository)
    tag: str | None = field(default=None, validator=_tag)
    digest: str | None = field(default=None, validator=_digest)

    @classmethod
    def parse(cls, text: str) -> ImageReference:
        """Take a name apart as Docker does.

        Args:
            text: the name, such as ``ghcr.io/ann/app:1@sha256:0f3a...``.

        Returns:
            Its parts, checked.

        Raises:
            InvalidTypeError: it is no text.
            InvalidValueError: it is no name of an image; the message says which part is wrong, and what is allowed.
        """
        _check_text("name", text)
        if not text or text != text.strip() or len(text) > _LONGEST:
            raise _refused("name", text, "a name such as ghcr.io/ann/app:1, without blanks around it")
        if "://" in text:
            raise _refused("name", text, "a name without a scheme, such as ghcr.io/ann/app:1")
        rest, at, digest = text.partition("@")
        # A colon before the last slash belongs to a port.
        colon = rest.rfind(":")
        tag = None
        if colon > rest.rfind("/"):
            rest, tag = rest[:colon], rest[colon + 1 :]
        registry, repository = _split(rest)
        if _IDENTIFIER.fullmatch(text):
            raise _refused("name", text, "a name, not 64 hexadecimal digits, which Docker takes for an image's id")
        return cls(registry=registry, repository=repository, tag=tag, digest=digest if at else None)

    @property
    def wanted(self) -> str:
        """What a registry is asked for: the digest, or the tag, or ``latest``."""
        return self.digest or self.tag or "latest"

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def familiar(self) -> str:
        """The name as people write it: without what Docker adds."""
        short = str(self).removeprefix(f"{DOCKER_HUB}/")
        for candidate in (short.removeprefix(_OFFICIAL), short):
            # docker.io/localhost/app would be another image without its registry.
            if self._is(candidate):
                return candidate
        return str(self)

    def _is(self, text: str) -> bool:
        try:
            return ImageReference.parse(text) == self
        except InvalidValueError:
            return False

    def with_digest(self, digest: str) -> ImageReference:
        """Give the same name with a digest.

        Args:
            digest: the digest.

        Raises:
            InvalidValueError: it is none.
        """
        return evolve(self, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest is not None else "")


def _split(name: str) -> tuple[str, str]:
    """Give registry and repository: what stands before a slash is a host if it could not be part of a repository."""
    first, slash, rest = name.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    registry, repository = (first, rest) if is_host else (DOCKER_HUB, name)
    if registry in _HUB_NAMES:
        registry = DOCKER_HUB
        if "/" not in repository:
            repository = f"{_OFFICIAL}{repository}" if repository else repository
    return registry, repository
