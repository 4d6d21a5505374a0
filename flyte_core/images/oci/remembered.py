"""Remembers which platforms a manifest is for, so that an image is looked up with one request the next time."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

__all__ = ["RememberedPlatforms"]

#: What a digest stands for never changes; the number keeps the file small.
_MOST = 1000


class RememberedPlatforms:
    """A small file of JSON in the user's own folder; forgets silently where that is not possible.

    A folder that belongs to another user, or that others may write to, is not used: what stands in it decides whether
    an image is built.

    Args:
        folder: where the file is; made with mode 0700 when first written to.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._file = self._folder / "platforms.json"

    def get(self, digest: str) -> tuple[str, ...] | None:
        """Give the platforms of a manifest.

        Args:
            digest: its digest.

        Returns:
            The platforms, or None where they are not known.
        """
        found = self._load().get(digest)
        return None if found is None else tuple(found)

    def add(self, digest: str, platforms: tuple[str, ...]) -> None:
        """Remember the platforms of a manifest; does nothing where the folder cannot be written to.

        Args:
            digest: its digest.
            platforms: its platforms.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            known = self._load()
            known.pop(digest, None)
            # Another process may have added one since: it is asked for again.
            kept = {**dict(list(known.items())[-(_MOST - 1) :]), digest: list(platforms)}
            if self._is_private():
                self._write(json.dumps(kept, separators=(",", ":")))
        except (OSError, ValueError):
            return

    def _write(self, text: str) -> None:
        descriptor, temporary = tempfile.mkstemp(prefix=f"{self._file.name}.", dir=self._folder)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).replace(self._file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _load(self) -> dict[str, list[str]]:
        try:
            if not self._is_private():
                return {}
            document = json.loads(self._file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(document, dict):
            return {}
        return {
            key: value
            for key, value in document.items()
            if isinstance(value, list) and all(isinstance(one, str) for one in value)
        }

    def _is_private(self) -> bool:
        seen = self._folder.stat()
        return os.name == "nt" or (seen.st_uid == os.geteuid() and not seen.st_mode & 0o022)
