"""PluginIndex: who claims which name, over all of ``sys.path``, without importing any plugin."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.config import normalize_distribution
from flyte_core.discovery.entrypoint import GROUP_PREFIX, EntryPoint
from flyte_core.discovery.metadata import has_metadata
from flyte_core.discovery.shelf import Shelf, look
from flyte_core.discovery.store import ShelfStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["PluginIndex"]


class PluginIndex:
    """The entry points of all groups ``flyte_core.*``.

    Nothing is read before the first look-up. Then every entry of the path is read once, from the disk cache where that
    still holds; entries added to the path later are read when a name is not found. Finders other than Python's own
    (``sys.meta_path``) are asked each time and never remembered.

    A distribution counts once, at its first place on the path, as Python's own import takes it.

    Args:
        cache_dir: folder under which the index is kept in ``plugins/``; None keeps it in memory.
        path: what to search instead of ``sys.path``; foreign finders are then not asked.

    Example:
        >>> index = PluginIndex(None)
        >>> [ep.value for ep in index.find("flyte_core.task_types", "no-such-type")]
        []
    """

    def __init__(self, cache_dir: str | os.PathLike[str] | None = None, path: Sequence[str] | None = None) -> None:
        self._store = ShelfStore(os.path.join(cache_dir, "plugins")) if cache_dir is not None else None
        self._path = path
        self._lock = threading.Lock()
        self._shelves: dict[str, Shelf | None] = {}
        self._order: list[Shelf] = []
        self._seen_path: list[str] | None = None

    def find(self, group: str, name: str) -> tuple[EntryPoint, ...]:
        """Find the claims of one name.

        Args:
            group: the entry-point group.
            name: the entry point's name.

        Returns:
            One entry point for each claim, in the order of the path; empty when nobody claims the name, more than one
            when it is contested.
        """
        self._ensure(complete=False)
        found = self._claims(group, name)
        if not found and self._ensure(complete=True):
            found = self._claims(group, name)
        return found

    def names(self, group: str) -> list[str]:
        """List the names that are claimed in a group, sorted."""
        return sorted({ep.name for ep in self.all(group)})

    def all(self, group: str | None = None) -> list[EntryPoint]:
        """List every claim, sorted by group and name.

        Args:
            group: one entry-point group; all groups ``flyte_core.*`` unless given, also unknown ones.

        Returns:
            As `find`, for every name.
        """
        self._ensure(complete=True)
        foreign = list(self._foreign())
        keys = {
            (its_group, name) for shelf in self._order for its_group, names in shelf.entries.items() for name in names
        }
        keys |= {(ep.group, ep.name) for ep in foreign}
        return [ep for key in sorted(keys) if group in (None, key[0]) for ep in self._claims(*key, foreign)]

    def version_of(self, distribution: str) -> str | None:
        """Read the version of an installed distribution from the name of its metadata folder.

        Args:
            distribution: its name, in any spelling.

        Returns:
            The version; None when no folder of that name is on the path, or its name has no version.
        """
        self._ensure(complete=False)
        wanted = normalize_distribution(distribution)
        for shelf in self._order:
            for index in reversed(shelf.holding(wanted)):
                version = shelf.distribution(index)[1]
                if version:
                    return version
        return None

    def refresh(self) -> None:
        """Look at the whole path anew at the next look-up; for processes in which something was just installed."""
        with self._lock:
            self._shelves.clear()
            self._order = []
            self._seen_path = None

    # ---- reading the path ------------------------------------------------------------------------------

    def _ensure(self, *, complete: bool) -> bool:
        """Read what has not been read; say whether anything was new.

        With ``complete``, entries that were added to the path since are looked at too.
        """
        if self._seen_path is not None and not complete:
            return False
        searched: Iterable[object] = sys.path if self._path is None else self._path
        current = [entry for entry in searched if isinstance(entry, str)]
        if current == self._seen_path:
            return False
        with self._lock:
            order: dict[str, Shelf] = {}
            for entry in current:
                real = _real_path(entry)
                if real not in self._shelves:
                    self._shelves[real] = self._look(real)
                shelf = self._shelves[real]
                if shelf is not None:
                    order.setdefault(real, shelf)
            self._order = list(order.values())
            self._seen_path = current
        return True

    def _look(self, path: str) -> Shelf | None:
        store = self._store
        seen = look(path, GROUP_PREFIX, store.load if store is not None else lambda _: None)
        if seen is None:
            return None
        shelf, changed = seen
        if changed and store is not None:
            store.save(shelf)
        return shelf

    # ---- claims ----------------------------------------------------------------------------------------

    def _claims(self, group: str, name: str, foreign: Iterable[EntryPoint] | None = None) -> tuple[EntryPoint, ...]:
        found: list[EntryPoint] = []
        order = self._order
        for position, shelf in enumerate(order):
            for index, value in _newest_first(shelf, shelf.claims(group, name)):
                ep = _entry_point(shelf, index, group, name, value)
                _add(found, ep, _is_left_over(shelf, index), order[:position])
        for ep in self._foreign() if foreign is None else foreign:
            if ep.group == group and ep.name == name:
                _add(found, ep, False, order)
        return tuple(found)

    def _foreign(self) -> Iterator[EntryPoint]:
        if self._path is not None:
            return
        for finder in sys.meta_path:
            if hasattr(finder, "find_distributions") and not _is_standard(finder):
                yield from _ask(finder)


def _real_path(entry: str) -> str:
    try:
        return os.path.realpath(entry or os.getcwd())
    except OSError:
        return entry


def _entry_point(shelf: Shelf, index: int, group: str, name: str, value: str) -> EntryPoint:
    distribution, version = shelf.distribution(index)
    path, folder = shelf.location(index)
    return EntryPoint(
        group=group, name=name, value=value, distribution=distribution, version=version, path=path, folder=folder
    )


def _newest_first(shelf: Shelf, claims: list[tuple[int, str]]) -> list[tuple[int, str]]:
    if len(claims) < 2:
        return claims
    return sorted(claims, key=lambda claim: _version_key(shelf.distribution(claim[0])[1]), reverse=True)


def _is_left_over(shelf: Shelf, index: int) -> bool:
    """Say whether a newer metadata folder of the same distribution stands beside this one.

    An interrupted upgrade leaves the older one behind; which of the two Python takes depends on the order of the
    folder's listing.
    """
    if shelf.archive or not any(shelf.is_same_distribution(index, near) for near in (index - 1, index + 1)):
        return False
    rivals = shelf.holding(shelf.distribution(index)[0])
    sound = [rival for rival in rivals if has_metadata(shelf.location(rival)[0])] or rivals
    return index != max(sound, key=lambda rival: _version_key(shelf.distribution(rival)[1]))


def _version_key(version: str) -> tuple[Any, ...]:
    from packaging.version import InvalidVersion, Version

    try:
        return (1, Version(version))
    except InvalidVersion:
        return (0, version)


def _add(found: list[EntryPoint], new: EntryPoint, left_over: bool, earlier: Sequence[Shelf]) -> None:
    """Add a claim; one whose distribution already counts elsewhere is only remembered as a second place."""
    for position, known in enumerate(found):
        if (known.distribution, known.value) == (new.distribution, new.value):
            if new.paths[0] not in known.paths:
                found[position] = attrs.evolve(known, also=(*known.also, *new.paths))
            return
    if not left_over and not any(_hides(shelf, new.distribution) for shelf in earlier):
        found.append(new)


def _hides(shelf: Shelf, distribution: str) -> bool:
    """Say whether a shelf holds the distribution, not only what a failed uninstall left of it."""
    return any(shelf.archive or has_metadata(shelf.location(index)[0]) for index in shelf.holding(distribution))


# ---- finders of others -------------------------------------------------------------------------------------


def _is_standard(finder: Any) -> bool:
    """Say whether a finder only looks at ``sys.path``, which we do ourselves, and faster."""
    kind = finder if isinstance(finder, type) else type(finder)
    # The second is that of the backport importlib-metadata, which setuptools carries a copy of.
    return (kind.__module__, kind.__name__) == ("_frozen_importlib_external", "PathFinder") or (
        kind.__name__ == "MetadataPathFinder" and "importlib_metadata" in kind.__module__
    )


def _ask(finder: Any) -> list[EntryPoint]:
    """Ask a finder for its distributions; one that fails is passed over with a warning."""
    from importlib.metadata import DistributionFinder

    try:
        return [
            ep
            for distribution in finder.find_distributions(DistributionFinder.Context())
            for ep in _foreign_entry_points(finder, distribution)
        ]
    except Exception:
        from flyte_core._logging import logger

        logger.warning("asking %r for plugins failed; those it has are not seen", finder, exc_info=True)
        return []


def _foreign_entry_points(finder: Any, distribution: Any) -> list[EntryPoint]:
    ours = [ep for ep in distribution.entry_points if ep.group.startswith(GROUP_PREFIX)]
    if not ours:
        return []
    name = normalize_distribution(distribution.metadata["Name"])
    return [
        EntryPoint(
            group=ep.group,
            name=ep.name,
            value=ep.value.partition("[")[0].strip(),
            distribution=name,
            version=distribution.version or "",
            path=repr(finder),
            requirements=tuple(distribution.requires or ()),
        )
        for ep in ours
    ]
