"""What counts of an image that a Dockerfile defines."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flyte_core.models.layers.files import need_file
from flyte_core.sources import IgnoreRules, file_digest, read_dockerignore, reads_context, tree_digest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["context_rules", "dockerfile_content"]


def context_rules(dockerfile: Path) -> IgnoreRules:
    """The ignore rules of a Dockerfile's folder: those of ``<its name>.dockerignore``, else of ``.dockerignore``.

    The standard set is no part of them, for the engine that builds does not know it.

    Raises:
        SourceError: when they cannot be read.
    """
    for name in (f"{dockerfile.name}.dockerignore", ".dockerignore"):
        path = dockerfile.parent / name
        if path.is_file():
            return IgnoreRules(read_dockerignore(path))
    return IgnoreRules()


def dockerfile_content(dockerfile: Path) -> tuple[bytes, str | None]:
    """Give the digests of a Dockerfile and, when it copies from its folder, of what it can copy.

    Raises:
        SourceError: when a file cannot be read; `MissingSourceError` when it is not there.
    """
    need_file("Image", dockerfile)
    own = file_digest(dockerfile)
    with open(dockerfile, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - newlines as they are
        text = file.read()
    if not reads_context(text):
        return own, None
    folder = os.path.abspath(dockerfile.parent)  # noqa: PTH100 - does not follow links
    return own, tree_digest(folder, context_rules(dockerfile), empty_folders=True)
