"""Paths and URLs of what tasks read and write; this release reaches local ones only."""

from __future__ import annotations

import os
import re
from pathlib import Path

from flyte_core.errors import RemoteStorageError
from flyte_core.models import RawDataPath

__all__ = ["atomic_write", "is_remote", "join", "local_path", "make_parents", "random_path"]

# RFC 3986, section 3.1. Two characters at least, so that a drive letter is no scheme.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")


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
    text = os.fspath(url)
    return _SCHEME.match(text) is not None and not text.lower().startswith("file://")


def local_path(url: str | os.PathLike[str]) -> Path:
    """Give the local path that a path or ``file://`` URL means.

    Args:
        url: the path or URL.

    Returns:
        The path, as it is written.

    Raises:
        RemoteStorageError: the URL is not local.

    Example:
        >>> local_path("file:///tmp/a").as_posix()
        '/tmp/a'
    """
    text = os.fspath(url)
    if is_remote(text):
        raise RemoteStorageError(
            f"{text}: only local paths and file:// URLs can be read and written; "
            f"remote storage is not part of this release"
        )
    return Path(text[len("file://") :] if text.lower().startswith("file://") else text)


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
    return RawDataPath(path=os.fspath(base)).get_random_remote_path(file_name)


def make_parents(path: str | os.PathLike[str]) -> Path:
    """Make the folder that a file is to be written into, with all folders above it.

    Args:
        path: the file's path or ``file://`` URL.

    Returns:
        The file's local path.

    Raises:
        RemoteStorageError: the URL is not local.
        OSError: the folder cannot be made.

    Example:
        >>> import tempfile
        >>> make_parents(tempfile.mkdtemp() + "/a/b.txt").parent.is_dir()
        True
    """
    target = local_path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def atomic_write(path: str | os.PathLike[str], data: bytes, *, sync: bool = True) -> None:
    """Write a file so that readers, and a crash at any time, see the old content or the new and nothing between.

    A file that is replaced keeps its mode; one behind a symbolic link is replaced where it is.

    Args:
        path: the file's path or ``file://`` URL; its folder exists.
        data: the whole content.
        sync: whether to wait until the content is on the disk, so that it also survives a loss of power.

    Raises:
        RemoteStorageError: the URL is not local.
        OSError: the file cannot be written; what was there is untouched.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.txt"
        >>> atomic_write(file, b"text")
        >>> file.read_text()
        'text'
    """
    target = Path(os.path.realpath(local_path(path)))
    # Not tempfile: it makes files of mode 0600, and a new file is to have the mode of the process's umask.
    draft = target.with_name(f".{target.name[:64]}.{os.urandom(8).hex()}.tmp")
    try:
        with draft.open("xb") as file:
            _keep_mode(target, file.fileno())
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if sync:
        _sync_folder(target.parent)


def _keep_mode(target: Path, descriptor: int) -> None:
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode & 0o7777)


def _sync_folder(folder: Path) -> None:
    """Put the rename on the disk; where folders can't be opened, as on Windows, the system does it in its own time."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems refuse it for folders
        return
    finally:
        os.close(descriptor)
