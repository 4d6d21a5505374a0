"""The index on disk: one file for each entry of ``sys.path``."""

from __future__ import annotations

import os
from typing import Any

from flyte_core._private_files import PrivateFiles
from flyte_core.discovery.shelf import Shelf

__all__ = ["ShelfStore"]

#: Number of the file format; files with another number are read anew from the source.
_FORMAT = 4


class ShelfStore:
    """Remembers shelves in a folder, and forgets them silently where that is not possible.

    What stands in the folder decides which modules are imported, which is why nobody else may write to it.

    Args:
        folder: where the files are; made with mode 0700 when first written to.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)
        self._files = PrivateFiles(folder, _FORMAT)

    def load(self, path: str) -> Shelf | None:
        """Give what is remembered about a real path; None when nothing is, or when it cannot be read or understood."""
        document = self._files.load(path)
        if document is None:
            return None
        try:
            return Shelf(**{**document, "path": path, "folders": document["folders"].split("/")})
        except (KeyError, TypeError, AttributeError):
            return None

    def save(self, shelf: Shelf) -> None:
        """Remember a shelf; does nothing when the folder cannot be written to."""
        self._files.save(shelf.path, _document(shelf))


def _document(shelf: Shelf) -> dict[str, Any]:
    return {
        "archive": shelf.archive,
        "folders": "/".join(shelf.folders),  # one text is read faster than a thousand
        "stamps": shelf.stamps,
        "entries": shelf.entries,
        "versions": shelf.versions,
    }
