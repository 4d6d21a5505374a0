"""Names in an archive of code: those that everybody can unpack, each meaning one file."""

from __future__ import annotations

import os
import re
import unicodedata
from typing import Literal, TypeAlias

from flyte_core.bundle.naming import MARKER

__all__ = ["Kind", "NameClaims", "Refused", "clean_name", "link_target"]

Kind: TypeAlias = Literal["file", "folder", "link"]

#: Of Linux; the longest that any system takes.
_LONGEST = 4096
_SEPARATORS = re.compile(r"[\\/]")
_DRIVE = re.compile(r"[A-Za-z]:")


class Refused(Exception):
    """Something in an archive, or meant for one, is not accepted; only this package sees it."""


def clean_name(name: str) -> str:
    """Give an entry's name without parts that mean nothing; empty for the folder itself.

    Args:
        name: as it stands in the archive.

    Raises:
        Refused: it is no name, or leads out of the folder, on whatever system.

    Example:
        >>> clean_name("./a//b.py")
        'a/b.py'
    """
    _check(name, "name")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in _SEPARATORS.split(name):
        raise Refused(f"the name {name!r} leads out of the folder")
    # What unpacking itself writes must not be led elsewhere by a link of the archive.
    if parts and parts[0].lstrip(".").lower().startswith(MARKER.lstrip(".")):
        raise Refused(f"the name {name!r} is kept for what unpacking writes")
    return "/".join(parts)


def link_target(name: str, target: str) -> str:
    """Give a symbolic link's target, if following it stays in the folder.

    Steps upward may only come first. The folders that a link lies in are real ones, so such a target begins inside the
    folder, and the links that it passes on its way down are such links themselves. A step upward behind another link
    would lead to wherever that one does.

    Args:
        name: the link's clean name.
        target: what it points to.

    Raises:
        Refused: it leads out of the folder, or may.
    """
    _check(target, f"target of the link {name!r},")
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = next((at for at, part in enumerate(parts) if part != ".."), len(parts))
    if ups > name.count("/") or ".." in _SEPARATORS.split("/".join(parts[ups:])):
        raise Refused(f"the link {name!r} leads out of the folder, to {target!r}")
    return target


def _check(name: str, what: str) -> None:
    if not name:
        raise Refused(f"the {what} is empty")
    if len(name) > _LONGEST:
        raise Refused(f"the {what} has {len(name)} signs: {name[:80]!r}...")
    if "\0" in name:
        raise Refused(f"the {what} has a NUL in it: {name!r}")
    if name[0] in "/\\" or _DRIVE.match(name):
        raise Refused(f"the {what} is absolute: {name!r}")
    if os.name == "nt" and ("\\" in name or ":" in name):
        raise Refused(f"the {what} has a sign in it that Windows takes for something else: {name!r}")


class NameClaims:
    """Which names an archive has used up, so that no entry can change what another one is.

    Two names that differ in case or in the composition of letters only are one file on some systems, so they are
    refused on all.

    Example:
        >>> claims = NameClaims()
        >>> claims.claim("a/b.py", "file"), claims.kind("a"), claims.kind("b.py")
        (True, 'folder', None)
    """

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}
        self._folded: dict[str, str] = {}

    def kind(self, name: str) -> Kind | None:
        """What a name is; None for one that nothing has."""
        return self._kinds.get(name)

    def claim(self, name: str, kind: Kind) -> bool:
        """Take a clean name.

        Args:
            name: the name.
            kind: what it is going to be.

        Returns:
            Whether it is new; a folder may be named again.

        Raises:
            Refused: another entry has it, or one that is no folder lies in its way.
        """
        known = self._kinds.get(name)
        if known is not None:
            if known == kind == "folder":
                return False
            raise Refused(f"{name!r} is there twice, as a {known} and as a {kind}")
        at = name.rfind("/")
        if at > 0 and self._kinds.get(name[:at]) != "folder":
            self._claim_folders(name)
        self._add(name, kind)
        return True

    def _claim_folders(self, name: str) -> None:
        for at in (at for at, sign in enumerate(name) if sign == "/"):
            above = name[:at]
            found = self._kinds.get(above)
            if found is None:
                self._add(above, "folder")
            elif found != "folder":
                raise Refused(f"{name!r} lies below {above!r}, which is a {found}")

    def _add(self, name: str, kind: Kind) -> None:
        same = self._folded.setdefault(_folded(name), name)
        if same != name:
            raise Refused(f"{name!r} and {same!r} are one name where case and composed letters do not count")
        self._kinds[name] = kind


def _folded(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
