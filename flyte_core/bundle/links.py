"""What becomes of a project's symbolic links in a bundle."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from flyte_core.bundle.names import Refused, link_target
from flyte_core.errors import SourceError
from flyte_core.sources import Entry
from flyte_core.sources.tree import Stamp

__all__ = ["settle_links"]


def settle_links(root: str, entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], dict[str, str]]:
    """Keep the links that lead to what is in the bundle; of others to a file, put the file in their place.

    A link that is kept is rewritten when it is absolute, or could lead elsewhere on another machine.

    Args:
        root: the project's folder.
        entries: its files and links.

    Returns:
        The entries, and the links that are left out, each with the reason.

    Raises:
        SourceError: a link leads to a folder outside of the project.
    """
    if all(entry.kind != "link" for entry in entries):
        return tuple(entries), {}
    present = _present(entries)
    found: list[Entry] = []
    lost: dict[str, str] = {}
    for entry in entries:
        if entry.kind == "link":
            settled = _settled(os.path.realpath(root), root, entry, present)
            if isinstance(settled, str):
                lost[entry.path] = settled
                continue
            found.append(settled)
        else:
            found.append(entry)
    return tuple(found), lost


def _present(entries: Sequence[Entry]) -> set[str]:
    """Give the paths of files in the bundle, and of the folders that they make."""
    present: set[str] = set()
    for entry in entries:
        if entry.kind == "file":
            path = entry.path
            while path and path not in present:
                present.add(path)
                path = path.rpartition("/")[0]
    return present


def _settled(real_root: str, root: str, entry: Entry, present: set[str]) -> Entry | str:
    """Give what takes a link's place, or why nothing does."""
    path = os.path.join(root, entry.path)
    try:
        seen = os.stat(path)
    except OSError as error:
        return f"its target {entry.target!r} cannot be reached ({error.strerror})"
    real = os.path.realpath(path)
    is_inside = real.startswith(os.path.join(real_root, ""))
    below = os.path.relpath(real, real_root).replace(os.sep, "/")
    if is_inside and below in present:
        return entry._replace(target=_target(entry, below))
    if stat.S_ISREG(seen.st_mode):
        stamp = Stamp(seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
        return Entry(entry.path, "file", bool(seen.st_mode & stat.S_IXUSR), "", stamp)
    if not stat.S_ISDIR(seen.st_mode):
        return "it is a link to a socket, a pipe or a device"
    if is_inside or real == real_root:
        return f"it is a link to the folder {below!r}, of which nothing is in the bundle"
    raise SourceError(
        "bundle", entry.path, f"it is a link to a folder outside of the project, {real}; copy the folder, or ignore it"
    )


def _target(entry: Entry, below: str) -> str:
    folder = entry.path.rpartition("/")[0]
    try:
        link_target(entry.path, entry.target)
    except Refused:
        return os.path.relpath(below, folder or ".").replace(os.sep, "/")
    # A step over another link is right only where that link is the same.
    plain = os.path.normpath(os.path.join(folder, entry.target)).replace(os.sep, "/")
    return entry.target if plain == below else os.path.relpath(below, folder or ".").replace(os.sep, "/")
