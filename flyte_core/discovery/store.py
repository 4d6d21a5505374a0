"""The index on disk: one file for each entry of ``sys.path``, replaced atomically, private to the user.

Written with `marshal`, as the interpreter writes its own cache: importing `json` alone takes longer than reading.
"""

from __future__ import annotations

import marshal
import os
import sys
import zlib
from typing import Any

from flyte_core.discovery.shelf import Shelf

__all__ = ["ShelfStore"]

#: Number of the file format; files with another number are read anew from the source.
_FORMAT = 3
#: Marshal's first version: the later ones write the same values in different bytes, after the references to them.
_MARSHAL = 0


class ShelfStore:
    """Remembers shelves in a folder, and forgets them silently where that is not possible.

    A folder that belongs to another user, or that others may write to, is not used: what stands in it decides which
    modules are imported.

    Args:
        folder: where the files are; made with mode 0700 when first written to.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)
        self._usable: bool | None = None

    def load(self, path: str) -> Shelf | None:
        """Give what is remembered about a real path; None when nothing is, or when it cannot be read or understood."""
        if not self._is_private():
            return None
        try:
            with open(self._file(path), "rb") as file:
                checksum, _, body = file.read().partition(b"\n")
            if checksum != _checksum(body):  # cheaper than looking at every value, and misses nothing
                return None
            document = marshal.loads(body)  # noqa: S302 - the user's own, whole, and of this very version of Python
            if document["path"] != path:  # two paths with one checksum
                return None
            return Shelf(**{**document, "folders": document["folders"].split("/")})
        except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError):
            return None

    def save(self, shelf: Shelf) -> None:
        """Remember a shelf; does nothing when the folder cannot be written to."""
        target = self._file(shelf.path)
        temporary = f"{target}.{os.getpid()}.{id(shelf):x}"
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            self._usable = None
            if not self._is_private():
                return
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with open(descriptor, "wb") as file:
                    body = marshal.dumps(_document(shelf), _MARSHAL)
                    file.write(_checksum(body) + b"\n" + body)
                os.replace(temporary, target)
            except BaseException:
                os.unlink(temporary)
                raise
        except (OSError, ValueError):
            return

    def _file(self, path: str) -> str:
        # The path is inside the file and compared, so a checksum is enough; hashlib alone takes 5 ms to import.
        raw = path.encode("utf-8", "surrogatepass")
        name = f"{zlib.crc32(raw):08x}{zlib.adler32(raw):08x}.{sys.implementation.cache_tag}"
        return os.path.join(self.folder, name)

    def _is_private(self) -> bool:
        if self._usable is None:
            try:
                seen = os.stat(self.folder)
            except OSError:
                return False
            self._usable = os.name == "nt" or (seen.st_uid == os.geteuid() and not seen.st_mode & 0o022)
        return self._usable


def _document(shelf: Shelf) -> dict[str, Any]:
    return {
        "path": shelf.path,
        "archive": shelf.archive,
        "folders": "/".join(shelf.folders),  # one text is read faster than a thousand
        "stamps": shelf.stamps,
        "entries": shelf.entries,
        "versions": shelf.versions,
    }


def _checksum(body: bytes) -> bytes:
    return f"{_FORMAT} {sys.hexversion:x} {zlib.crc32(body):08x}".encode()
