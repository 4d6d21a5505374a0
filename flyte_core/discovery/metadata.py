"""Reading the few lines of a distribution's metadata that plugins need, from folders and archives."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from flyte_core.config import normalize_distribution

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["entry_points", "has_metadata", "name_and_version", "read_requirements", "read_version"]


_EGG_PYTHON = re.compile(r"-py\d.*$")
_EXTRAS = re.compile(r"\s*\[[^\]]*\]\s*$")
_REQUIREMENT_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def entry_points(content: bytes, prefix: str) -> list[tuple[str, str, str]]:
    """Parse the sections of an ``entry_points.txt`` whose names start with a prefix.

    The format is that of the Python Packaging User Guide, "Entry points specification"; lines that do not fit it are
    passed over, since one broken package must not hide the others.

    Args:
        content: the file's bytes.
        prefix: what a section's name must start with.

    Returns:
        Section, name and value (without extras) of each entry point, in the order of the file.

    Example:
        >>> entry_points(b"[flyte_core.task_types]\\nsql = pkg.hooks [fast]", "flyte_core.")
        [('flyte_core.task_types', 'sql', 'pkg.hooks')]
    """
    if prefix.encode() not in content:  # nearly every installed distribution ends here
        return []
    found = []
    section = ""
    for raw in content.decode("utf-8", "replace").splitlines():
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            section = line[1:-1].strip()
        elif section.startswith(prefix):
            name, equals, value = line.partition("=")
            if equals and name.strip() and value.strip():
                found.append((section, name.strip(), _EXTRAS.sub("", value.strip())))
    return found


def name_and_version(folder: str) -> tuple[str, str]:
    """Read a distribution's name and version from the name of its metadata folder.

    Args:
        folder: ``name-version.dist-info``, ``name.egg-info``, ``name-version-py3.11.egg-info`` or ``.egg``.

    Returns:
        The name in the spelling of PEP 503, and the version; the version is empty where the folder has none.

    Example:
        >>> name_and_version("Flyte_Core_SQL-1.0.0.dist-info")
        ('flyte-core-sql', '1.0.0')
    """
    stem, suffix = os.path.splitext(folder)
    if suffix in (".egg-info", ".egg"):
        stem = _EGG_PYTHON.sub("", stem)
    name, _, version = stem.partition("-")
    return normalize_distribution(name), version


def has_metadata(folder: str) -> bool:
    """Say whether a metadata folder holds metadata; what an interrupted uninstall leaves behind does not."""
    return any(os.path.exists(os.path.join(folder, name)) for name in ("METADATA", "PKG-INFO"))


def read_version(folder: str) -> str:
    """Read the version from the metadata itself, for folders whose names have none; empty when there is none."""
    for line in _headers(_read_folder(folder)):
        if line.startswith("Version:"):
            return line.partition(":")[2].strip()
    return ""


def read_requirements(
    path: str, folder: str, distribution: str, known: tuple[str, ...] | None = None
) -> tuple[str, ...]:
    """Read the requirements on one distribution.

    Args:
        path: the metadata folder, or an archive.
        folder: the metadata folder inside the archive; empty when ``path`` is a folder.
        distribution: the name in the spelling of PEP 503 whose requirements are wanted.
        known: all requirements, where they are already known.

    Returns:
        The requirements as written; empty when there is none or nothing can be read.
    """
    if known is None:
        text = _read_archive(path, folder) if folder else _read_folder(path)
        known = tuple(_requirement_lines(text))
    return tuple(line for line in known if _required_name(line) == distribution)


def _required_name(requirement: str) -> str | None:
    match = _REQUIREMENT_NAME.match(requirement)
    return normalize_distribution(match.group(1)) if match else None


def _requirement_lines(texts: tuple[str, str]) -> Iterator[str]:
    for line in _headers(texts):
        if line.startswith("Requires-Dist:"):
            yield line.partition(":")[2].strip()
    for raw in texts[1].splitlines():  # requires.txt of an egg; what follows a section belongs to an extra
        line = raw.strip()
        if line.startswith("["):
            break
        if line and not line.startswith("#"):
            yield line


def _headers(texts: tuple[str, str]) -> Iterable[str]:
    return texts[0].replace("\r\n", "\n").partition("\n\n")[0].split("\n")


def _read_folder(folder: str) -> tuple[str, str]:
    """Give the metadata and, for eggs, the separate list of requirements."""

    def read(name: str) -> str:
        try:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    return read("METADATA") or read("PKG-INFO"), read("requires.txt")


def _read_archive(archive: str, folder: str) -> tuple[str, str]:
    import zipfile

    try:
        with zipfile.ZipFile(archive) as opened:
            names = set(opened.namelist())

            def read(name: str) -> str:
                inside = f"{folder}/{name}"
                return opened.read(inside).decode("utf-8", "replace") if inside in names else ""

            return read("METADATA") or read("PKG-INFO"), read("requires.txt")
    except (OSError, zipfile.BadZipFile):
        return "", ""
