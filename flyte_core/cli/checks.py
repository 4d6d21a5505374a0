"""What ``flyte-core doctor`` looks at: the installation, the settings, the cache and, elsewhere, the plugins."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import importlib_metadata

from flyte_core.cli.config import shown_image_settings, shown_settings
from flyte_core.cli.failure import Failure
from flyte_core.cli.finding import Finding
from flyte_core.cli.pluginchecks import check_plugins
from flyte_core.cli.settings import read_settings
from flyte_core.errors import ConfigError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from flyte_core.config import Settings

__all__ = ["Finding", "run_checks"]

_CORE = "flyte-core"


#: How every SQLite database begins: https://www.sqlite.org/fileformat.html#magic_header_string
_SQLITE = b"SQLite format 3\0"


def run_checks(*, load: bool = False) -> list[Finding]:
    """Make every check.

    Args:
        load: whether all plugins are loaded, and not only those that the settings require.

    Returns:
        The findings, by area; those of the settings first that later checks depend on.
    """
    findings = [*_check_python(), *_check_requirements()]
    try:
        settings = read_settings()
    except Failure as failure:
        # Without settings nobody can say which cache and plugins are meant.
        return [*findings, Finding(area="settings", status="problem", text=failure.message)]
    return [*findings, *_check_settings(settings), *_check_cache(settings), *_check_runs(), *check_plugins(load=load)]


def _check_python() -> Iterator[Finding]:
    from packaging.specifiers import SpecifierSet

    area, version = "installation", platform.python_version()
    wanted = _metadata("Requires-Python")
    if wanted and not SpecifierSet(wanted).contains(version, prereleases=True):
        text = f"Python {version}, but {_CORE} needs {wanted}"
        yield Finding(area=area, status="problem", text=text, command="python3.12 -m venv .venv")
    else:
        yield Finding(area=area, text=f"Python {version}" + (f" (needs {wanted})" if wanted else ""))


def _metadata(field: str) -> str | None:
    try:
        values = importlib_metadata.metadata(_CORE).get_all(field)
    except importlib_metadata.PackageNotFoundError:
        return None
    return str(values[0]) if values else None


def _check_requirements() -> Iterator[Finding]:
    """Compare every requirement of the core with what is installed."""
    from packaging.requirements import Requirement

    area = "installation"
    try:
        required, version = importlib_metadata.requires(_CORE), importlib_metadata.version(_CORE)
    except importlib_metadata.PackageNotFoundError:
        text = f"{_CORE} is not installed, only imported from {Path(__file__).parent.parent.parent}"
        yield Finding(area=area, status="problem", text=text, command=f"pip install {_CORE}")
        return
    yield Finding(area=area, text=f"{_CORE} {version}")
    for requirement in map(Requirement, required or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _requirement(requirement, area)


def _requirement(requirement: Requirement, area: str) -> Finding:
    wanted = f"{requirement.name}{requirement.specifier}"
    try:
        version = importlib_metadata.version(requirement.name)
    except importlib_metadata.PackageNotFoundError:
        version = None
    command = f'pip install "{wanted}"'
    if version is None:
        return Finding(area=area, status="problem", text=f"{wanted} is not installed", command=command)
    if not requirement.specifier.contains(version, prereleases=True):
        text = f"{requirement.name} {version}, but {_CORE} needs {requirement.specifier}"
        return Finding(area=area, status="problem", text=text, command=command)
    return Finding(area=area, text=f"{requirement.name} {version} (needs {requirement.specifier})")


def _check_settings(settings: Settings) -> Iterator[Finding]:
    for one in shown_settings(settings):
        yield Finding(area="settings", text=f"{one.name} = {one.value} ({one.source})")
    try:
        for one in shown_image_settings():
            yield Finding(area="settings", text=f"{one.name} = {one.value} ({one.source})")
    except ConfigError as error:
        yield Finding(area="settings", status="problem", text=str(error))


def _check_cache(settings: Settings) -> Iterator[Finding]:
    """Try to write where the caches are, or would be made."""
    folder = Path(settings.cache_dir.value)
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    area, other = "cache", "export FLYTE_CORE_CACHE_DIR=<another folder>"
    if not existing.is_dir():
        text = f"{folder} cannot be made: {existing} is no folder"
        yield Finding(area=area, status="problem", text=text, command=other)
        return
    refusal = _refusal(existing)
    lost = "plugins are looked up anew in each process, and results are not kept"
    if refusal is None:
        yield Finding(area=area, text=f"{folder} {'is writable' if existing == folder else 'will be made when needed'}")
    elif existing == folder:
        text, command = f"{folder} is not writable ({refusal}); {lost}", f"chmod u+rwx '{existing}'"
        yield Finding(area=area, status="problem", text=text, command=command)
    else:
        text = f"{folder} cannot be made in {existing} ({refusal}); {lost}"
        yield Finding(area=area, status="problem", text=text, command=other)
    yield from _check_index(folder / "plugins")
    yield from _check_results(folder / "results.db")


def _check_runs() -> Iterator[Finding]:
    """Say where runs are kept, and how much they take: nothing removes them."""
    from flyte_core.runtime.local import runs_folder

    folder = runs_folder()
    if not folder.is_dir():
        yield Finding(area="runs", text=f"{folder} will be made when needed")
        return
    files = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    size = sum(map(_size, files))
    runs = sum(1 for _ in folder.iterdir())
    yield Finding(area="runs", text=f"{folder} has {runs} run{'s' if runs != 1 else ''}, {size / 1e6:,.1f} MB")


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # removed meanwhile
        return 0


def _refusal(folder: Path) -> str | None:
    """Say why nothing can be made in a folder; None when it can."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return "no permission"
    try:
        # Root may do everything, and still make nothing in /proc or on a file system that is read-only.
        with tempfile.TemporaryDirectory(prefix=".flyte_core-", dir=folder):
            return None
    except OSError as error:
        return error.strerror or type(error).__name__


def _check_results(path: Path) -> Iterator[Finding]:
    """Look at the first bytes of the result cache."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_SQLITE))
    except FileNotFoundError:
        return  # not made yet
    except OSError as error:
        text = f"the result cache {path} cannot be read ({error.strerror}); results are not kept"
        yield Finding(area="cache", status="problem", text=text)
        return
    if start in (b"", _SQLITE):  # SQLite makes an empty file first
        yield Finding(area="cache", text=f"the result cache is {path}")
    else:
        text = f"the result cache {path} is damaged; the next run that caches moves it aside and begins a new one"
        yield Finding(area="cache", status="note", text=text)


def _check_index(folder: Path) -> Iterator[Finding]:
    """Check that the plugin index may be used: what others can write to could name any module."""
    try:
        seen = folder.stat()
    except OSError:
        return  # not made yet
    if os.name != "nt" and (seen.st_uid != os.geteuid() or seen.st_mode & 0o022):
        text = f"{folder} belongs to, or can be changed by, somebody else; the plugin index in it is not used"
        yield Finding(area="cache", status="problem", text=text, command=f"chmod 700 '{folder}'")
    else:
        yield Finding(area="cache", text=f"the plugin index in {folder} is private")
