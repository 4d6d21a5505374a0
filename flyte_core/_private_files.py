"""Values that are remembered in a folder: private to the user, replaced atomically, and never an error.

Written with `marshal`, as the interpreter writes its own cache: importing `json` alone takes longer than reading.
"""

from __future__ import annotations

import marshal
import os
import sys
import zlib
from typing import Any

__all__ = ["PrivateFiles"]

#: Marshal's first version: the later ones write the same values in different bytes, after the references to them.
_MARSHAL = 0


class PrivateFiles:
    """Remembers a value for each key in a folder, and forgets silently where that is not possible.

    A folder that belongs to another user, or that others may write to, is not used.

    Args:
        folder: where the files are; made with mode 0700 when first written to.
        number: the number of the format; what was written under another number is not read.
    """

    def __init__(self, folder: str | os.PathLike[str], number: int) -> None:
        self.folder = os.fspath(folder)
        self._number = number
        self._usable: bool | None = None

    def load(self, key: str) -> Any:
        """Give what is remembered; None when nothing is, or when it cannot be read or understood."""
        if not self._is_private():
            return None
        try:
            with open(self._file(key), "rb") as file:
                checksum, _, body = file.read().partition(b"\n")
            if checksum != self._checksum(body):  # cheaper than looking at every value, and misses nothing
                return None
            known, value = marshal.loads(body)  # noqa: S302 - the user's own, whole, and of this very version of Python
        except (OSError, ValueError, EOFError, TypeError):
            return None
        return value if known == key else None  # two keys may have one checksum

    def save(self, key: str, value: Any) -> None:
        """Remember a value that `marshal` can write; does nothing when the folder cannot be written to."""
        target = self._file(key)
        temporary = f"{target}.{os.getpid()}.{id(value):x}"
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            self._usable = None
            if not self._is_private():
                return
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with open(descriptor, "wb") as file:
                    body = marshal.dumps((key, value), _MARSHAL)
                    file.write(self._checksum(body) + b"\n" + body)
                os.replace(temporary, target)
            except BaseException:
                os.unlink(temporary)
                raise
        except (OSError, ValueError):
            return

    def _file(self, key: str) -> str:
        # The key is inside the file and compared, so a checksum is enough; hashlib alone takes 5 ms to import.
        raw = key.encode("utf-8", "surrogatepass")
        name = f"{zlib.crc32(raw):08x}{zlib.adler32(raw):08x}.{sys.implementation.cache_tag}"
        return os.path.join(self.folder, name)

    def _checksum(self, body: bytes) -> bytes:
        return f"{self._number} {sys.hexversion:x} {zlib.crc32(body):08x}".encode()

    def _is_private(self) -> bool:
        if self._usable is None:
            try:
                seen = os.stat(self.folder)
            except OSError:
                return False
            self._usable = os.name == "nt" or (seen.st_uid == os.geteuid() and not seen.st_mode & 0o022)
        return self._usable
