"""Which files of a project go into a bundle, and why the others do not."""

from __future__ import annotations

import os
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Literal, TypeAlias

from attrs import frozen

from flyte_core._logging import logger
from flyte_core.bundle.links import settle_links
from flyte_core.bundle.names import NameClaims, Refused, clean_name
from flyte_core.bundle.rules import project_rules
from flyte_core.errors import InvalidValueError, MissingSourceError, SourceError
from flyte_core.sources import DockerIgnorePattern, Entry, IgnoreRules, list_tree
from flyte_core.sources.tree import Stamp

__all__ = ["CopyStyle", "LeftOut", "Selection", "own_modules", "select_files"]

CopyStyle: TypeAlias = "Literal['loaded_modules', 'all'] | Sequence[str]"

_GLOB = frozenset("*?[")
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_OURS = "flyte_core"
_REASONS = {"loaded_modules": "it is no module that is imported", "list": "it is not in the list"}


@frozen(kw_only=True)
class LeftOut:
    """A file or folder that is not in a bundle.

    Args:
        path: its path below the root; that of a folder ends with ``/``.
        reason: the rule that says so, with where it stands, or what else is the reason.
    """

    path: str
    reason: str


@frozen(kw_only=True)
class Selection:
    """What of a folder goes into a bundle.

    Args:
        root: the folder.
        entries: its files and links, by their paths.
        left_out: what does not, where that was asked for.
    """

    root: Path
    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...] = ()


def select_files(
    root: str | os.PathLike[str], copy_style: CopyStyle, include: Sequence[str] = (), *, explain: bool = False
) -> Selection:
    """Choose the files of a bundle.

    Args:
        root: the project's folder.
        copy_style: ``loaded_modules``, ``all``, or a list of paths and patterns below the root.
        include: more paths and patterns.
        explain: whether to say what is left out.

    Raises:
        InvalidValueError: the style is another word.
        SourceError: a file cannot be read, or has a name that not every system can have; something in the list leads
            out of the folder, or is left out by a rule. `MissingSourceError` when it is not there.
    """
    top = os.path.abspath(root)
    if not os.path.isdir(top):
        reason = "it is a file, and has to be a folder" if os.path.exists(top) else "there is no such folder"
        raise (SourceError if os.path.exists(top) else MissingSourceError)("bundle", top, reason)
    rules = project_rules(top)
    listed = list_tree(top, rules)
    if isinstance(copy_style, str) and copy_style not in ("loaded_modules", "all"):
        raise InvalidValueError("bundle", "copy_style", copy_style, "'loaded_modules', 'all', or a list of paths")
    chosen = _chosen(top, rules, listed, copy_style, include)
    entries, lost = settle_links(top, chosen)
    _check_names(entries)
    if not explain:
        return Selection(root=Path(top), entries=entries)
    other = _REASONS["loaded_modules" if copy_style == "loaded_modules" else "list"]
    taken = {entry.path for entry in entries} | set(lost)
    left = [LeftOut(path=entry.path, reason=other) for entry in listed if entry.path not in taken]
    left += [LeftOut(path=path, reason=reason) for path, reason in lost.items()]
    left += _left_out(top, rules)
    return Selection(root=Path(top), entries=entries, left_out=tuple(sorted(left, key=lambda one: one.path)))


def _chosen(
    root: str, rules: IgnoreRules, listed: Sequence[Entry], copy_style: CopyStyle, include: Sequence[str]
) -> list[Entry]:
    found: dict[str, Entry] = {}
    wanted = list(include)
    if copy_style == "all":
        found = {entry.path: entry for entry in listed}
    elif copy_style == "loaded_modules":
        found = _loaded(root, rules)
    else:
        wanted = [*copy_style, *wanted]
    for one in wanted:
        found |= {entry.path: entry for entry in _named(root, rules, listed, os.fspath(one))}
    return [found[path] for path in sorted(found)]


# ---- modules ---------------------------------------------------------------------------------------------


def own_modules(root: str) -> Iterator[tuple[str, ModuleType]]:
    """Give the imported modules of a project, each with its file's path below the root.

    Not those that are installed, of the standard library, or of flyte_core where the root is not its own folder.

    Args:
        root: the project's folder.
    """
    tops = {os.path.join(root, ""), os.path.join(os.path.realpath(root), "")}
    standard = tuple(
        {os.path.join(os.path.realpath(sysconfig.get_path(name)), "") for name in ("stdlib", "platstdlib")}
    )
    # What stands there need not be a module.
    modules: list[tuple[str, object]] = list(sys.modules.items())
    for name, module in modules:
        # Not getattr: it would load what a lazy module puts off.
        file = vars(module).get("__file__") if isinstance(module, ModuleType) else None
        if not isinstance(file, str):
            continue
        path = os.path.abspath(file)
        top = next((top for top in tops if path.startswith(top)), None)
        if top is None or os.path.realpath(path).startswith(standard):
            continue
        below = path[len(top) :]
        if not _INSTALLED.isdisjoint(below.split(os.sep)) or _is_ours(name, below) or not os.path.isfile(path):
            continue
        assert isinstance(module, ModuleType)
        yield below.replace(os.sep, "/"), module


def _is_ours(name: str, below: str) -> bool:
    """Whether a module is of flyte_core or its plugins, installed editable somewhere below the root."""
    package = name.partition(".")[0]
    is_named = package == _OURS or package.startswith(f"{_OURS}_")
    return is_named and below.split(os.sep)[0] not in (package, f"{package}.py")


def _loaded(root: str, rules: IgnoreRules) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for path, module in own_modules(root):
        if path in found:
            continue
        reason = _ignored_by(rules, path)
        if reason is not None:
            logger.warning(
                "module %s is imported, but its file %s is left out of the code bundle by %s; keep it with '!' in a "
                ".dockerignore",
                module.__name__,
                path,
                reason,
            )
            continue
        found[path] = _entry(root, path)
    return found


def _entry(root: str, path: str) -> Entry:
    try:
        seen = os.stat(os.path.join(root, path))
    except FileNotFoundError:
        raise MissingSourceError("bundle", path, "there is no such file") from None
    except OSError as error:
        raise SourceError("bundle", path, f"it cannot be read ({error.strerror})") from error
    stamp = Stamp(seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
    return Entry(path, "file", bool(seen.st_mode & stat.S_IXUSR), "", stamp)


# ---- a list ----------------------------------------------------------------------------------------------


def _named(root: str, rules: IgnoreRules, listed: Sequence[Entry], wanted: str) -> list[Entry]:
    """Give what one item of a list means: a file, all of a folder, or all that match a pattern."""
    path = _below(root, wanted)
    if not path:
        return list(listed)
    found = [entry for entry in listed if entry.path == path or entry.path.startswith(f"{path}/")]
    if not found and not _GLOB.isdisjoint(path):
        pattern = DockerIgnorePattern(path)
        found = [entry for entry in listed if pattern.match_file(entry.path)]
    if found:
        return found
    if os.path.lexists(os.path.join(root, path)):
        reason = _ignored_by(rules, path)
        if reason is not None:
            raise SourceError("bundle", path, f"it is left out by {reason}; keep it with '!' in a .dockerignore")
        return []  # an empty folder
    what = "file of the project matches it" if not _GLOB.isdisjoint(path) else "such file or folder"
    raise MissingSourceError("bundle", os.path.join(root, path), f"there is no {what}")


def _below(root: str, wanted: str) -> str:
    joined = os.path.normpath(os.path.join(root, wanted))
    if joined == root:
        return ""
    if not joined.startswith(os.path.join(root, "")):
        raise SourceError("bundle", wanted, f"it is outside of the project's folder {root}")
    return joined[len(root) :].lstrip(os.sep).replace(os.sep, "/")


# ---- names and reasons -----------------------------------------------------------------------------------


def _check_names(entries: Iterable[Entry]) -> None:
    claims, path = NameClaims(), ""
    try:
        for entry in entries:
            path = entry.path
            clean_name(path)
            claims.claim(path, entry.kind)
    except Refused as refused:
        raise SourceError("bundle", path, f"{refused}; rename it, or leave it out") from None


def _ignored_by(rules: IgnoreRules, path: str) -> str | None:
    explained = rules.explain(path) or ""
    return explained.removeprefix("ignored by ") if explained.startswith("ignored") else None


def _left_out(root: str, rules: IgnoreRules) -> Iterator[LeftOut]:
    """Go through a folder for what the rules leave out; a folder of which nothing counts is not looked into."""
    waiting = [("", -1)]
    while waiting:
        above, inherited = waiting.pop()
        with os.scandir(os.path.join(root, above)) as entries:
            for entry in entries:
                path = f"{above}/{entry.name}" if above else entry.name
                is_folder = entry.is_dir(follow_symlinks=False)
                decided = rules.decide(path, entry.name, is_folder, inherited)
                if is_folder and not rules.is_closed(path, decided):
                    waiting.append((path, rules.inherited(decided)))
                elif rules.is_ignored(decided):
                    rule = rules.rules[decided]
                    yield LeftOut(path=f"{path}/" if is_folder else path, reason=f"{rule.origin}: {rule.text}")
                elif not (is_folder or entry.is_symlink() or entry.is_file()):
                    yield LeftOut(path=path, reason="it is a socket, a pipe or a device")
