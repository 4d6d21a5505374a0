"""Errors of files and storage."""

from __future__ import annotations

from flyte_core.errors.base import FlyteCoreError, without_secrets

__all__ = [
    "BundleError",
    "CacheError",
    "SourceNotFoundError",
    "StorageError",
    "StorageIntegrityError",
    "StorageNotFoundError",
    "StoragePermissionError",
    "StorageTimeoutError",
    "UnsafePathError",
    "UnsupportedStorageError",
]


class StorageError(FlyteCoreError, OSError):
    """Reading or writing a path or URL failed.

    Args:
        url: the path or URL; what looks like a credential in it is not repeated.
        operation: what was tried, such as ``download``.
        reason: what went wrong.
        attempts: how many tries there were.
    """

    def __init__(self, url: str, operation: str, reason: str, attempts: int = 1) -> None:
        tries = f" after {attempts} attempts" if attempts > 1 else ""
        super().__init__(f"cannot {operation} {without_secrets(url)}{tries}: {without_secrets(reason)}")
        self.url, self.operation, self.reason, self.attempts = url, operation, reason, attempts

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.url, self.operation, self.reason, self.attempts)


class StorageNotFoundError(StorageError, FileNotFoundError):
    """There is nothing at the path or URL."""


class SourceNotFoundError(StorageNotFoundError, ValueError):
    """A local file or folder that is to be uploaded is not there."""


class StoragePermissionError(StorageError, PermissionError):
    """The storage refuses access, or no credentials were found; the message says where they are looked for."""


class StorageTimeoutError(StorageError, TimeoutError):
    """A transfer did not end before its deadline."""


class StorageIntegrityError(StorageError):
    """Content is not what it should be: another length or checksum, or it changed while it was transferred."""


class BundleError(StorageIntegrityError):
    """A code bundle is damaged, holds something else than its name says, or has entries that must not be unpacked."""


class UnsafePathError(StorageError, ValueError):
    """A name would lead out of the folder that it belongs into."""


class UnsupportedStorageError(StorageError, NotImplementedError):
    """Nothing installed can reach a URL of this scheme."""


class CacheError(FlyteCoreError, OSError):
    """The local result cache cannot be used; the message names its file."""
