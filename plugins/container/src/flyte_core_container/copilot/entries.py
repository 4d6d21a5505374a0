"""The files of an output folder: found by variable, and never outside of the folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from pathlib import Path

import attrs

from flyte_core_container.copilot.errors import CopilotVariableError

__all__ = ["Entry", "Folder"]


@attrs.frozen(kw_only=True)
class Entry:
    """The file or folder that holds the value of a variable, or of an item or key of one.

    Args:
        label: the variable, with keys and indexes, for messages.
        path: where it is; no link.
        target: its part of a URL below the raw data prefix.
        is_folder: whether it is a folder.
        extension: what follows the variable's name and a point, where it was found so.
    """

    label: str
    path: str
    target: str
    is_folder: bool
    extension: str = ""

    def refusal(self, reason: str) -> CopilotVariableError:
        """Give the error that says why it cannot be read."""
        return CopilotVariableError(self.label, self.path, reason)


class Folder:
    """A folder and what is in it; links that lead out of the root are refused.

    Args:
        path: the folder.
        root: the real path of the output folder.
    """

    def __init__(self, path: str, root: str) -> None:
        self._path, self._root = path, root
        self.names: frozenset[str] = frozenset()
        with os.scandir(path) as entries:
            self._links = {entry.name: entry.is_symlink() for entry in entries}
        self.names = frozenset(self._links)

    def find(self, name: str, label: str, target: str, taken: Collection[str] = ()) -> Entry:
        """Find the file of a variable: under its name, or, where there is none, as the only one with an extension.

        Args:
            name: the name without extension.
            label: for messages.
            target: its part of a URL.
            taken: names that belong to other variables.

        Raises:
            CopilotVariableError: there is none, or more than one, or it leads out of the folder.
        """
        if name in self.names:
            return self.entry(name, label, target)
        shown = os.path.join(self._path, name)  # noqa: PTH118
        found = sorted(other for other in self.names if other.startswith(name + ".") and other not in taken)
        if not found:
            raise CopilotVariableError(label, shown, "file not found at path, nor with an extension")
        if len(found) > 1:
            names = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
            raise CopilotVariableError(
                label, shown, f"file not found at path, and more than one has an extension: {names}"
            )
        return self.entry(found[0], label, target, found[0][len(name) + 1 :])

    def entry(self, name: str, label: str, target: str, extension: str = "") -> Entry:
        """Give what is under a name.

        Raises:
            CopilotVariableError: it is a link out of the folder, or neither file nor folder.
        """
        path = os.path.join(self._path, name)  # noqa: PTH118
        if self._links[name]:
            path = self._followed(path, label)
        try:
            mode = os.stat(path, follow_symlinks=False).st_mode  # noqa: PTH116
        except OSError as error:
            raise CopilotVariableError(label, path, str(error)) from error
        if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            raise CopilotVariableError(label, path, "it is neither a file nor a folder")
        return Entry(label=label, path=path, target=target, is_folder=stat.S_ISDIR(mode), extension=extension)

    def open(self, entry: Entry) -> Folder:
        """Give the folder that an entry is.

        Raises:
            CopilotVariableError: it cannot be listed.
        """
        try:
            return Folder(entry.path, self._root)
        except OSError as error:
            raise entry.refusal(str(error)) from error

    def count_files(self, entry: Entry) -> int:
        """Count the files below an entry that is a folder, at any depth.

        Raises:
            CopilotVariableError: one is a link out of the output folder, or neither file nor folder.
        """
        count = 0
        waiting = [(entry, frozenset({os.path.realpath(entry.path)}))]
        while waiting:
            current, above = waiting.pop()
            folder = self.open(current)
            for name in folder.names:
                below = folder.entry(name, entry.label, current.target)
                real = os.path.realpath(below.path)
                count += not below.is_folder
                if below.is_folder and real not in above:  # a link back up is left out where the folder is stored
                    waiting.append((below, above | {real}))
        return count

    def _followed(self, path: str, label: str) -> str:
        real = os.path.realpath(path)
        if not Path(real).is_relative_to(self._root):
            raise CopilotVariableError(label, path, "it is a link that leads out of the output folder")
        return real
