"""Digests of files and folders that depend on what is in them, and not on when, by whom or where they were written."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from flyte_core._private_files import PrivateFiles
from flyte_core.errors import MissingSourceError, SourceError
from flyte_core.sources.tree import Entry, list_tree

if TYPE_CHECKING:
    from flyte_core.sources.rules import IgnoreRules

__all__ = ["FEW", "RACY_NS", "combined_digest", "digest_of_entries", "file_digest", "tree_digest"]

#: A file's stamp as a plain tuple, and its digest.
_Remembered = tuple[tuple[int, ...], bytes]
_BLOCK = 2**20
#: Number of the format of what is remembered of a folder.
_FORMAT = 1
RACY_NS = 2 * 10**9
"""A file that was changed so shortly before it was read can be changed again without getting another time: file systems
count in steps of up to two seconds. What was found in it is not remembered, as Git does not either."""
FEW = 100
"""A folder with fewer files is read as fast as what is remembered of it."""


def file_digest(path: str | os.PathLike[str]) -> bytes:
    """SHA-256 of a file's content; a link is followed.

    Raises:
        MissingSourceError: when the file is gone.
        SourceError: when it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        try:
            block = os.read(descriptor, _BLOCK)
            hasher = hashlib.sha256(block)
            while block:
                block = os.read(descriptor, _BLOCK)
                hasher.update(block)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise MissingSourceError("sources", path, "there is no such file") from None
    except OSError as error:
        reason = f"it cannot be read ({error.strerror}); correct its permissions, or ignore it"
        raise SourceError("sources", path, reason) from error
    return hasher.digest()


def tree_digest(
    root: str | os.PathLike[str],
    rules: IgnoreRules | None = None,
    *,
    empty_folders: bool = False,
    memory: PrivateFiles | None = None,
) -> str:
    """SHA-256 of a folder, in hexadecimal: of names, kinds, executable bits, targets of links, and contents.

    Args:
        root: the folder.
        rules: what is left out.
        empty_folders: whether folders without files count.
        memory: where digests of files are remembered, by size, times and inode; by default in the user's cache folder.

    Raises:
        SourceError: a file cannot be read; `MissingSourceError` when it is gone.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        ...     tree_digest(one) == tree_digest(two)
        True
    """
    entries = list_tree(root, rules, empty_folders=empty_folders)
    return digest_of_entries(root, entries, memory=memory)


def digest_of_entries(
    root: str | os.PathLike[str], entries: Sequence[Entry], *, memory: PrivateFiles | None = None
) -> str:
    """As `tree_digest`, of entries that `list_tree` gave; arguments and errors as there."""
    return combined_digest(entries, _contents(os.fspath(root), entries, memory))


def combined_digest(entries: Sequence[Entry], contents: Sequence[bytes]) -> str:
    """As `digest_of_entries`, for who has read the files already.

    Args:
        entries: in the order of their paths.
        contents: of each its `file_digest`; of a link its target, as UTF-8 with ``surrogatepass``.
    """
    parts: list[bytes] = []
    for (path, kind, executable, _, _), content in zip(entries, contents, strict=True):
        name = path.encode("utf-8", "surrogatepass")
        # Kind, bit, length and name, then what is in it: no two folders give the same text.
        head = (kind.encode(), executable, len(name), name)
        parts.append(b"%s%d%d:%s%d:%s" % (*head, len(content), content))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _contents(root: str, entries: Sequence[Entry], memory: PrivateFiles | None) -> list[bytes]:
    known: dict[str, _Remembered] = {}
    real = os.path.realpath(root)
    memory = (memory or _user_memory()) if len(entries) >= FEW else None
    if memory is not None:
        known = _remembered(memory.load(real))
    contents: list[bytes] = []
    new: dict[str, _Remembered] = {}
    is_changed = False
    prefix = os.path.join(root, "")
    for path, _, _, target, stamp in entries:
        if stamp is None:
            contents.append(target.encode("utf-8", "surrogatepass"))
            continue
        remembered = known.get(path)
        if remembered is not None and remembered[0] == stamp:
            new[path] = remembered
            contents.append(remembered[1])
            continue
        before = time.time_ns()
        content = file_digest(prefix + path)
        contents.append(content)
        if max(stamp.mtime_ns, stamp.ctime_ns) < before - RACY_NS:
            new[path] = (tuple(stamp), content)
            is_changed = True
    if memory is not None and is_changed:
        # Other rules over the same folder have other files; those long gone are dropped with time.
        memory.save(real, {**known, **new} if len(known) < 2 * len(new) else new)
    return contents


def _remembered(value: object) -> dict[str, _Remembered]:
    is_whole = isinstance(value, dict) and all(type(one) is tuple and len(one) == 2 for one in value.values())
    return cast("dict[str, _Remembered]", value) if is_whole else {}


def _user_memory() -> PrivateFiles:
    from flyte_core.config import load_settings

    return PrivateFiles(os.path.join(load_settings().cache_dir.value, "sources"), _FORMAT)
