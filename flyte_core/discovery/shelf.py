"""Shelf: what one entry of ``sys.path`` holds, and how to see whether that still is so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import attrs

from flyte_core.discovery.metadata import entry_points, name_and_version, read_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Shelf", "look"]

_METADATA_SUFFIXES = (".dist-info", ".egg-info")
_ENTRY_POINTS = "entry_points.txt"
_ABSENT = -1


@attrs.define
class Shelf:
    """The distributions of one folder or archive.

    Everything is kept flat, so that comparing two scans and reading one from disk is work for C: with 1,000 plugin
    distributions a record object or list for each of them would cost more than the whole look-up may.

    Args:
        path: the real path of the ``sys.path`` entry.
        archive: whether it is a zip file or wheel.
        folders: names of the metadata folders, sorted.
        stamps: modification time and size of each folder's ``entry_points.txt``, one after the other, -1 where there is
            none; of an archive, its own two.
        entries: by group and name one line for each claim: index into ``folders``, a space, and the value.
        versions: version by folder, where the folder's name does not tell it.
    """

    path: str
    archive: bool
    folders: list[str]
    stamps: list[int]
    entries: dict[str, dict[str, str]]
    versions: dict[str, str]

    def claims(self, group: str, name: str) -> list[tuple[int, str]]:
        """Give folder index and value of each claim of a name."""
        lines = self.entries.get(group, {}).get(name)
        return [_claim(line) for line in lines.split("\n")] if lines else []

    def add(self, index: int, entries: Iterable[tuple[str, str, str]]) -> None:
        """Add group, name and value of the entry points of one metadata folder."""
        for group, name, value in entries:
            names = self.entries.setdefault(group, {})
            line = f"{index} {value}"
            names[name] = f"{names[name]}\n{line}" if name in names else line

    def holding(self, distribution: str) -> list[int]:
        """Give the indexes of the metadata folders of a distribution; normally none or one."""
        # Taking apart a thousand names takes longer than all else, so only those that begin alike are; mostly there is
        # none, which one search in one text finds out five times as fast as a look at each name.
        first = distribution.partition("-")[0]
        text = f"/{'/'.join(self.folders).lower()}"
        if f"/{first}" not in text and "/egg-info" not in text:
            return []
        length = len(first)
        alike = [i for i, name in enumerate(self.folders) if name[:length].lower() == first or name == "EGG-INFO"]
        return [index for index in alike if self.distribution(index)[0] == distribution]

    def distribution(self, index: int) -> tuple[str, str]:
        """Give name and version of the distribution whose metadata folder has this index."""
        folder = self.folders[index]
        if folder == "EGG-INFO":  # an egg's name stands in its own
            folder = os.path.basename(self.path)
        name, version = name_and_version(folder)
        return name, version or self.versions.get(self.folders[index], "")

    def is_same_distribution(self, index: int, other: int) -> bool:
        """Say whether two indexes stand for one distribution; other may lie outside of the shelf."""
        return 0 <= other < len(self.folders) and self.distribution(index)[0] == self.distribution(other)[0]

    def location(self, index: int) -> tuple[str, str]:
        """Give the metadata folder's path, or the archive and the folder inside it."""
        folder = self.folders[index]
        return (self.path, folder) if self.archive else (os.path.join(self.path, folder), "")


def _claim(line: str) -> tuple[int, str]:
    index, _, value = line.partition(" ")
    return int(index), value


def look(path: str, prefix: str, recall: Callable[[str], Shelf | None]) -> tuple[Shelf, bool] | None:
    """Read one entry of ``sys.path``, or find that what is remembered about it still holds.

    Args:
        path: the real path of a folder or archive.
        prefix: start of the names of the groups that count.
        recall: gives what is remembered about the path.

    Returns:
        The shelf, and whether it differs from what was remembered; None when the path holds no distributions at all.
    """
    try:
        names = os.listdir(path)
    except NotADirectoryError:
        return _look_into_archive(path, prefix, recall)
    except OSError:
        return None
    if path.endswith(".egg"):
        folders = [name for name in names if name == "EGG-INFO"]
    else:
        folders = sorted([name for name in names if name.endswith(_METADATA_SUFFIXES)])
    if not folders:
        return None
    stamps = _stamps(path, folders)
    known = recall(path)
    if known is not None and known.archive:
        known = None
    if known is not None and known.stamps == stamps and known.folders == folders:
        return known, False
    return _read_folder(path, prefix, folders, stamps, known), True


def _stamps(path: str, folders: list[str]) -> list[int]:
    stamps: list[int] = []
    stat = os.stat
    for folder in folders:
        try:
            seen = stat(f"{path}/{folder}/{_ENTRY_POINTS}")
        except OSError:  # noqa: PERF203 - one failing must not end the others
            stamps += (_ABSENT, _ABSENT)
        else:
            stamps += (seen.st_mtime_ns, seen.st_size)
    return stamps


def _read_folder(path: str, prefix: str, folders: list[str], stamps: list[int], known: Shelf | None) -> Shelf:
    """Read those ``entry_points.txt`` that are new or changed."""
    shelf = Shelf(path, False, folders, stamps, {}, {})
    unchanged = dict(_unchanged(folders, stamps, known)) if known is not None else {}
    for index, folder in enumerate(folders):
        if stamps[2 * index] == _ABSENT:
            continue
        found = unchanged.get(folder)
        if found is None:
            found = entry_points(_content(f"{path}/{folder}/{_ENTRY_POINTS}"), prefix)
        shelf.add(index, found)
        if found and not shelf.distribution(index)[1]:
            shelf.versions[folder] = read_version(f"{path}/{folder}")
    return shelf


def _unchanged(folders: list[str], stamps: list[int], known: Shelf) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    before = {folder: known.stamps[2 * i : 2 * i + 2] for i, folder in enumerate(known.folders)}
    entries: dict[str, list[tuple[str, str, str]]] = {}
    for group, names in known.entries.items():
        for name in names:
            for index, value in known.claims(group, name):
                entries.setdefault(known.folders[index], []).append((group, name, value))
    for i, folder in enumerate(folders):
        if before.get(folder) == stamps[2 * i : 2 * i + 2]:
            yield folder, entries.get(folder, [])


def _content(path: str) -> bytes:
    # os.open costs a third of open(), and this runs once for each installed distribution.
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return b""
    try:
        return _read_all(descriptor)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    content = os.read(descriptor, 1 << 16)
    part = content
    while len(part) == 1 << 16:
        part = os.read(descriptor, 1 << 16)
        content += part
    return content


def _look_into_archive(path: str, prefix: str, recall: Callable[[str], Shelf | None]) -> tuple[Shelf, bool] | None:
    try:
        seen = os.stat(path)
    except OSError:
        return None
    stamps = [seen.st_mtime_ns, seen.st_size]
    known = recall(path)
    if known is not None and known.archive and known.stamps == stamps:
        return known, False
    return _read_archive(path, prefix, stamps)


def _read_archive(path: str, prefix: str, stamps: list[int]) -> tuple[Shelf, bool] | None:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            folders = sorted({name.partition("/")[0] for name in names if _is_metadata(name.partition("/")[0])})
            files = [f"{folder}/{_ENTRY_POINTS}" for folder in folders]
            contents = [archive.read(file) if file in names else b"" for file in files]
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return None
    if not folders:
        return None
    shelf = Shelf(path, True, folders, stamps, {}, {})
    for index, content in enumerate(contents):
        shelf.add(index, entry_points(content, prefix))
    return shelf, True


def _is_metadata(folder: str) -> bool:
    return folder == "EGG-INFO" or folder.endswith(_METADATA_SUFFIXES)
