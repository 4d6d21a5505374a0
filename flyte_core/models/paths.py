"""Where a task writes the data that its outputs refer to."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from attrs import frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PathRewrite", "RawDataPath", "scheme_of"]

# RFC 3986, section 3.1. Two characters at least, so that a drive letter is no scheme.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
_FILE = "file://"


@frozen(repr=False, slots=False)
class PathRewrite:
    """Inputs whose path starts with one prefix are read under another.

    Args:
        old_prefix: the prefix that is replaced.
        new_prefix: what replaces it.

    Raises:
        InvalidValueError: when one is empty, or both are the same.

    Example:
        >>> PathRewrite.from_str("s3://bucket->/mnt/bucket")
        s3://bucket->/mnt/bucket
    """

    old_prefix: str
    new_prefix: str

    def __attrs_post_init__(self) -> None:
        if not self.old_prefix:
            raise InvalidValueError("PathRewrite", "old_prefix", self.old_prefix, "a prefix that is not empty")
        if not self.new_prefix or self.new_prefix == self.old_prefix:
            raise InvalidValueError(
                "PathRewrite", "new_prefix", self.new_prefix, "a prefix that is not empty and not the old one"
            )

    @classmethod
    def from_str(cls, pattern: str) -> PathRewrite:
        """Read ``old_prefix->new_prefix``.

        Raises:
            InvalidValueError: when the text is not of this form.
        """
        parts = pattern.split("->")
        if len(parts) != 2:
            raise InvalidValueError("PathRewrite", "pattern", pattern, "a text of the form old_prefix->new_prefix")
        return cls(*parts)

    def __repr__(self) -> str:
        return f"{self.old_prefix}->{self.new_prefix}"


def scheme_of(url: str | os.PathLike[str]) -> str:
    """Give the scheme of a URL in lower case; ``file`` for a path.

    Args:
        url: a path or URL.

    Returns:
        The scheme, without ``://``.

    Example:
        >>> scheme_of("S3://bucket/a"), scheme_of("/tmp/a")
        ('s3', 'file')
    """
    found = _SCHEME.match(os.fspath(url))
    return found.group()[: -len("://")].lower() if found else "file"


def _local(path: str) -> str:
    return path[len(_FILE) :] if path[: len(_FILE)].lower() == _FILE else path


@frozen(kw_only=True, slots=False)
class RawDataPath:
    """The folder or URL under which a task's files, folders and tables are written.

    Args:
        path: a local folder or a URL.
        path_rewrite: how the paths of inputs are rewritten before they are read.

    Example:
        >>> RawDataPath(path="s3://bucket/raw/").get_random_remote_path("a.txt").startswith("s3://bucket/raw/")
        True
    """

    path: str
    path_rewrite: PathRewrite | None = None

    @classmethod
    def from_local_folder(cls, local_folder: str | Path | None = None) -> RawDataPath:
        """A folder of this machine, made if it is not there; a new temporary one when none is given.

        Raises:
            InvalidTypeError: when the folder is neither a text nor a path.
        """
        if local_folder is None:
            import tempfile

            return cls(path=tempfile.mkdtemp())
        if not isinstance(local_folder, (str, os.PathLike)):
            raise InvalidTypeError("RawDataPath", "local_folder", local_folder, "a path, a text or None")
        if scheme_of(local_folder) == "file":
            os.makedirs(_local(str(local_folder)), exist_ok=True)  # noqa: PTH103 - pathlib is slow to import
        return cls(path=str(local_folder))

    def get_random_remote_path(self, file_name: str | None = None) -> str:
        """A path below this one that nothing else uses.

        The name comes from the operating system's random numbers, so that a task which seeds `random` does not
        write over its own files.

        Args:
            file_name: the last part of the path, behind the random one.

        Returns:
            The path; below a local folder all but its last part exists.
        """
        name = os.urandom(16).hex()
        if scheme_of(self.path) != "file":
            return "/".join([self.path.rstrip("/"), name, *([file_name] if file_name else [])])
        from pathlib import Path

        target = Path(_local(self.path)).absolute() / name
        if file_name:
            target = target / file_name
        target.parent.mkdir(parents=True, exist_ok=True)
        return str(target)
