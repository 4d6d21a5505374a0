"""Local files: written so that nobody ever sees half of one."""

from __future__ import annotations

import os
from pathlib import Path

from flyte_core.storage.paths import local_path

__all__ = ["atomic_write", "make_parents"]


def make_parents(path: str | os.PathLike[str]) -> Path:
    """Make the folder that a file is to be written into, with all folders above it.

    Args:
        path: the file's path or ``file://`` URL.

    Returns:
        The file's local path.

    Raises:
        UnsupportedStorageError: the URL is not local.
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
        UnsupportedStorageError: the URL is not local.
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
