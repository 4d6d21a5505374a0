"""Errors of the files of a project that are hashed and copied into images and code bundles."""

from __future__ import annotations

import os

from flyte_core.errors.base import FlyteCoreError

__all__ = ["MissingSourceError", "SourceError"]


class SourceError(FlyteCoreError, OSError, ValueError):
    """A file or folder that an image or bundle is made of cannot be read, or is not what it has to be.

    Args:
        owner: what needs it, such as ``Requirements``.
        path: the file or folder.
        reason: what is wrong with it, and what to do.
    """

    def __init__(self, owner: str, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(f"{owner}: {os.fspath(path)}: {reason}")
        self.owner, self.path, self.reason = owner, os.fspath(path), reason

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.owner, self.path, self.reason)


class MissingSourceError(SourceError, FileNotFoundError):
    """A file or folder that an image or bundle is made of is not there; arguments as `SourceError`."""
