"""Names of bundles: the hash of what is in them."""

from __future__ import annotations

import re

__all__ = ["MARKER", "archive_name", "content_digest", "digest_in_name", "pickle_name"]

#: The file that says which bundle a folder holds; names that begin so are ours.
MARKER = ".flyte-core-bundle"

_NAME = re.compile(r"(?:fast|task)(?P<digest>[0-9a-f]{64})(?:\.tar\.gz|\.tgz|\.pkl\.gz)")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def archive_name(digest: str) -> str:
    """Give the name of the archive with a content.

    It is the content's hash and not that of the archive's bytes, which differ from one version of zlib to another.

    Example:
        >>> digest_in_name(archive_name("0f" * 32)) == "0f" * 32
        True
    """
    return f"fast{digest}.tar.gz"


def pickle_name(digest: str) -> str:
    """Give the name of the pickled task with a hash, that of the pickle before it is compressed."""
    return f"task{digest}.pkl.gz"


def digest_in_name(url: str) -> str | None:
    """Give the hash that a bundle's name says its content has.

    Args:
        url: path or URL of the bundle.

    Returns:
        The hash; None for a name of another form, such as those of the Flyte SDK, whose hash is of other things.
    """
    from flyte_core.storage import last_part

    match = _NAME.fullmatch(last_part(url))
    return match["digest"] if match else None


def content_digest(version: str) -> str | None:
    """Give a version if it is the hash of a bundle's content; other versions say nothing of it.

    Example:
        >>> content_digest("v1") is None
        True
    """
    return version if _DIGEST.fullmatch(version) else None
