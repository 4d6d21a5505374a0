"""Paths and URLs: which are local, how they are joined, and what a name may be."""

from __future__ import annotations

import os
import re
from pathlib import Path

from flyte_core.errors import UnsafePathError, UnsupportedStorageError
from flyte_core.models import RawDataPath
from flyte_core.models.paths import scheme_of

__all__ = [
    "OBJECT_STORES",
    "WEB",
    "is_remote",
    "join",
    "last_part",
    "local_name",
    "local_path",
    "object_name_fault",
    "printable",
    "random_path",
    "scheme_of",
]

OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})
"""The schemes of object stores."""
WEB = frozenset({"http", "https"})
"""The schemes of the web."""

_FILE = "file://"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def is_remote(url: str | os.PathLike[str]) -> bool:
    """Say whether a path or URL leads out of this machine's file system.

    Args:
        url: a path, or a URL; ``file://`` is local.

    Returns:
        True for a URL of any other scheme.

    Example:
        >>> is_remote("s3://bucket/a"), is_remote("/tmp/a"), is_remote("file:///tmp/a")
        (True, False, False)
    """
    return scheme_of(url) != "file"


def local_path(url: str | os.PathLike[str]) -> Path:
    """Give the local path that a path or ``file://`` URL means.

    A path is taken as it is written. In a URL percent escapes are decoded, as `urllib.request.url2pathname` and
    `pathlib.Path.as_uri` have it (RFC 8089), and the host ``localhost`` is left out; ``#`` and ``?`` belong to names.

    Args:
        url: the path or URL.

    Returns:
        The path.

    Raises:
        UnsupportedStorageError: the URL is not local, or leads to another host.
        UnsafePathError: there is a NUL in it.

    Example:
        >>> local_path("file:///tmp/a%20b").as_posix(), local_path("/tmp/a%20b").as_posix()
        ('/tmp/a b', '/tmp/a%20b')
    """
    text = os.fspath(url)
    if is_remote(text):
        raise UnsupportedStorageError(text, "open locally", "it leads out of this machine; download it first")
    if text[: len(_FILE)].lower() == _FILE:
        text = _decoded(text)
    if "\0" in text:
        raise UnsafePathError(text.replace("\0", "\\0"), "open", "there is a NUL in its name")
    return Path(text)


def _decoded(url: str) -> str:
    path = url[len(_FILE) :]
    if path.lower().startswith("localhost/"):
        path = path[len("localhost") :]
    if not path.startswith("/"):
        host = path.partition("/")[0]
        reason = f"what follows file:// is a host, {host!r}; a path follows three slashes, as in file:///data/a.csv"
        raise UnsupportedStorageError(url, "open", reason)
    return _unescaped(path)


def _unescaped(path: str) -> str:
    if "%" not in path:
        return path
    from urllib.parse import unquote_to_bytes

    # Not unquote: it would replace the bytes of a name that is no UTF-8.
    return os.fsdecode(unquote_to_bytes(os.fsencode(path)))


def last_part(url: str | os.PathLike[str]) -> str:
    """Give the name behind the last slash of a path or URL; query and fragment of an HTTP URL are no part of it.

    Args:
        url: a path or URL.

    Returns:
        The name; empty for a bucket or the root.

    Example:
        >>> last_part("s3://bucket/a/b.csv"), last_part("/data/tree/"), last_part("https://host/a.csv?token=x")
        ('b.csv', 'tree', 'a.csv')
    """
    text = os.fspath(url)
    if scheme_of(text) in WEB:
        text = re.split(r"[?#]", text, maxsplit=1)[0]
    bare = text.rstrip("/")
    _, found, rest = bare.partition("://")
    if found and "/" not in rest:
        return ""
    return bare.rpartition("/")[2]


def join(base: str | os.PathLike[str], *parts: str) -> str:
    """Append parts to a path or URL; the result is below ``base`` also when a part begins with a slash.

    Args:
        base: a path or URL.
        *parts: what follows; empty ones are left out.

    Returns:
        The longer path or URL.

    Example:
        >>> join("s3://bucket/run/", "a0", "report.html")
        's3://bucket/run/a0/report.html'
    """
    text = os.fspath(base)
    for part in parts:
        bare = part.strip("/")
        if bare:
            text = f"{text}{bare}" if text.endswith("/") or not text else f"{text}/{bare}"
    return text


def local_name(url: str | os.PathLike[str], name: str) -> str:
    """Give the local name of what has a name behind a URL: on the web percent escapes stand for characters of names.

    Args:
        url: the URL, or one above it.
        name: the name as it stands in the URL; not yet safe to be joined to a folder.

    Returns:
        The name; the same one everywhere but on the web.

    Example:
        >>> local_name("https://host/tree", "b%26c.txt"), local_name("s3://bucket/tree", "b%26c.txt")
        ('b&c.txt', 'b%26c.txt')
    """
    return _unescaped(name) if scheme_of(url) in WEB else name


def object_name_fault(name: str) -> str | None:
    """Say why the client library of object stores refuses a name; None for one that it takes.

    obstore checks them as ``object_store::path::Path::parse`` does, when an object is transferred: too late for the
    first of many files to stay where they are.

    Args:
        name: the name below the bucket, without slashes at its ends.

    Example:
        >>> object_name_fault("a//b"), object_name_fault("a/b")
        ('an empty part between two slashes', None)
    """
    for part in name.split("/") if name else ():
        if not part:
            return "an empty part between two slashes"
        if part in (".", ".."):
            return f"the part {part!r}"
        control = _CONTROL.search(part)
        if control is not None:
            return f"the control character {control[0]!r}"
        try:
            part.encode()
        except UnicodeEncodeError:
            return "bytes that are no UTF-8"
    return None


def printable(text: str) -> str:
    r"""Give a text of one line for messages; control characters and bytes that are no UTF-8 are escaped.

    Args:
        text: any path or URL.

    Example:
        >>> printable("s3://bucket/new\nline")
        's3://bucket/new\\nline'
    """
    return _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], text)


def random_path(base: str | os.PathLike[str], file_name: str | None = None) -> str:
    """Give a path or URL below ``base`` that nothing else uses.

    Args:
        base: a folder or URL.
        file_name: the last part, behind the random one.

    Returns:
        The path or URL; below a local folder all but its last part exists.

    Example:
        >>> random_path("s3://bucket", "a.txt").endswith("/a.txt")
        True
    """
    text = os.fspath(base) if is_remote(base) else str(local_path(base))
    return RawDataPath(path=text).get_random_remote_path(file_name)
