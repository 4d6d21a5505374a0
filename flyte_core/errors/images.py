"""Errors of asking a registry for an image: each means that it is not known whether the image exists."""

from __future__ import annotations

from flyte_core.errors.base import FlyteCoreError, without_secrets

__all__ = [
    "RegistryAnswerError",
    "RegistryAuthError",
    "RegistryError",
    "RegistryTimeoutError",
    "RegistryUnavailableError",
]


class RegistryError(FlyteCoreError, OSError):
    """A container registry did not say whether an image exists.

    Args:
        image: the image that was looked up.
        host: who was asked.
        reason: what went wrong and what to do; what looks like a credential in it is not repeated.
        attempts: how many tries there were.

    Example:
        >>> raise RegistryTimeoutError("ghcr.io/a/b:1", "ghcr.io", "there was no answer within 30 s")
        Traceback (most recent call last):
        ...
        flyte_core.errors.RegistryTimeoutError: cannot look up the image ghcr.io/a/b:1 at ghcr.io: there was no answer within 30 s
    """  # noqa: E501 - one message, one line

    def __init__(self, image: str, host: str, reason: str, attempts: int = 1) -> None:
        tries = f" after {attempts} attempts" if attempts > 1 else ""
        shown = f"cannot look up the image {without_secrets(image)} at {without_secrets(host)}{tries}"
        super().__init__(f"{shown}: {without_secrets(reason)}")
        self.image, self.host, self.reason, self.attempts = image, host, reason, attempts

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.image, self.host, self.reason, self.attempts)


class RegistryUnavailableError(RegistryError, ConnectionError):
    """The registry cannot be reached, is not trusted, or answers that it cannot serve just now."""


class RegistryTimeoutError(RegistryError, TimeoutError):
    """The registry did not answer before the deadline."""


class RegistryAuthError(RegistryError, PermissionError):
    """The registry refuses access, or no credentials were found; the message says where they are looked for."""


class RegistryAnswerError(RegistryError, ValueError):
    """The answer is not one of a registry, or not what it should be: cut off, too large, or with another digest."""
