"""Put an unpacked archive where its code is imported from: whole, once, and among files that are there already."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flyte_core.bundle.naming import MARKER
from flyte_core.errors import BundleError
from flyte_core.storage import atomic_write
from flyte_core.storage.local import draft_name, is_draft
from flyte_core.storage.local_errors import local_errors

if TYPE_CHECKING:
    from filelock import FileLock

    from flyte_core.sources import Entry

__all__ = ["is_complete", "place", "remove_leftovers", "staging"]

_HELD, _TREE = "held", "tree"


def is_complete(destination: Path, key: str) -> bool:
    """Say whether a bundle is the last one that was unpacked into a folder, to its end.

    Args:
        destination: the folder.
        key: what the bundle is known by.
    """
    try:
        return (destination / MARKER).read_text(encoding="utf-8") == f"{key}\n"
    except (OSError, UnicodeError):
        return False


@contextlib.contextmanager
def staging(destination: Path) -> Iterator[Path]:
    """Make a folder beside a destination that does not exist, or in one that does; it is removed in the end.

    Inside of the destination, since that may be the root of a file system, or all that this process may write to.

    Yields:
        An empty folder, on the file system of the destination.

    Raises:
        StorageError: none can be made.
    """
    with local_errors(destination, "write"):
        if not destination.is_dir():
            destination.parent.mkdir(parents=True, exist_ok=True)
        folder, lock = _new_folder(_home(destination))
    try:
        yield folder / _TREE
    finally:
        lock.release(force=True)
        shutil.rmtree(folder, ignore_errors=True)


def _new_folder(home: Path) -> tuple[Path, FileLock]:
    """Make a staging folder, and hold its lock while this process lives: so others know what a killed one has left."""
    import filelock

    while True:
        folder = home / draft_name(MARKER)
        (folder / _TREE).mkdir(parents=True)
        lock = filelock.FileLock(folder / _HELD)
        # Without locks nobody knows who has left it, and nobody takes it away.
        with contextlib.suppress(filelock.Timeout, OSError, NotImplementedError):
            lock.acquire(blocking=False)
        # Another process may have looked at it before it was held, and taken it for left behind.
        if (folder / _TREE).is_dir():
            return folder, lock
        lock.release(force=True)


def remove_leftovers(destination: Path) -> None:
    """Remove the staging folders of processes that were killed."""
    import filelock

    home = _home(destination)
    with contextlib.suppress(OSError):
        for name in os.listdir(home):
            if not (name.startswith(f".{MARKER}.") and is_draft(name)):
                continue
            lock = filelock.FileLock(home / name / _HELD)
            with contextlib.suppress(filelock.Timeout, OSError, NotImplementedError):
                lock.acquire(blocking=False)
                lock.release()
                shutil.rmtree(home / name, ignore_errors=True)


def _home(destination: Path) -> Path:
    return destination if destination.is_dir() else destination.parent


def place(tree: Path, destination: Path, entries: Sequence[Entry], *, key: str, url: str) -> None:
    """Move an unpacked tree to its destination, and say there that it is complete.

    A destination that is not there appears at once, whole. In one that is, every file is replaced by itself; the
    marker comes last, so that a tree that was moved in part is moved again.

    Args:
        tree: the folder that was unpacked into.
        destination: the folder that the code is imported from.
        entries: what is in the tree.
        key: what the bundle is known by.
        url: where it is from, for messages.

    Raises:
        BundleError: something of another kind is in the way of an entry.
        StorageError: the destination cannot be written to.
    """
    with local_errors(destination, "write"):
        if not destination.exists():
            atomic_write(tree / MARKER, f"{key}\n".encode(), sync=False)
            try:
                tree.rename(destination)
            except OSError:
                if not destination.is_dir():
                    raise
            else:
                return
        (destination / MARKER).unlink(missing_ok=True)
        _merge(os.fspath(tree), os.fspath(destination), entries, url)
        atomic_write(destination / MARKER, f"{key}\n".encode(), sync=False)


def _merge(tree: str, destination: str, entries: Sequence[Entry], url: str) -> None:
    folders: set[str] = {""}
    for entry in entries:
        above = entry.path.rpartition("/")[0]
        if above not in folders:
            _make_folders(destination, above, folders, url)
        target = os.path.join(destination, entry.path)
        try:
            os.replace(os.path.join(tree, entry.path), target)
        except IsADirectoryError:
            raise _in_the_way(url, target, "a folder") from None


def _make_folders(destination: str, above: str, folders: set[str], url: str) -> None:
    path = ""
    for part in above.split("/"):
        path = f"{path}/{part}" if path else part
        if path in folders:
            continue
        target = os.path.join(destination, path)
        with contextlib.suppress(FileExistsError):
            os.mkdir(target)
        # Through a link the files would get out of the destination.
        if os.path.islink(target) or not os.path.isdir(target):
            raise _in_the_way(url, target, "a link" if os.path.islink(target) else "a file")
        folders.add(path)


def _in_the_way(url: str, path: str, what: str) -> BundleError:
    return BundleError(url, "unpack", f"{path} is {what}, and in the way; remove it, or choose another destination")
