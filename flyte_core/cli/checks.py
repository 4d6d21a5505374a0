"""What ``flyte-core doctor`` looks at; nothing here imports a plugin or writes outside the cache folder."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from flyte_core.cli.failure import Failure
from flyte_core.cli.finding import Finding
from flyte_core.cli.pluginchecks import check_plugins
from flyte_core.cli.settings import read_settings
from flyte_core.config import Settings

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = ["Finding", "run_checks"]

_CORE = "flyte-core"


def run_checks() -> list[Finding]:
    """Make every check.

    Returns:
        The findings, by area; those of the settings first that later checks depend on.
    """
    findings = [*_check_python(), *_check_requirements()]
    try:
        settings = read_settings()
    except Failure as failure:
        # Without settings nobody can say which cache and plugins are meant.
        return [*findings, Finding(area="settings", status="problem", text=failure.message)]
    return [*findings, *_check_settings(settings), *_check_cache(settings), *check_plugins()]


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
        values = importlib.metadata.metadata(_CORE).get_all(field)
    except importlib.metadata.PackageNotFoundError:
        return None
    return str(values[0]) if values else None


def _check_requirements() -> Iterator[Finding]:
    """Compare every requirement of the core with what is installed."""
    from packaging.requirements import Requirement

    area = "installation"
    try:
        required, version = importlib.metadata.requires(_CORE), importlib.metadata.version(_CORE)
    except importlib.metadata.PackageNotFoundError:
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
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        version = None
    command = f'pip install "{wanted}"'
    if version is None:
        return Finding(area=area, status="problem", text=f"{wanted} is not installed", command=command)
    if not requirement.specifier.contains(version, prereleases=True):
        text = f"{requirement.name} {version}, but {_CORE} needs {requirement.specifier}"
        return Finding(area=area, status="problem", text=text, command=command)
    return Finding(area=area, text=f"{requirement.name} {version} (needs {requirement.specifier})")


def _check_settings(settings: Settings) -> Iterator[Finding]:
    for field in attrs.fields(Settings):
        setting = getattr(settings, field.name)
        if field.name != "plugins":
            yield Finding(area="settings", text=f"{field.name} = {setting.value} ({setting.source})")
    plugins = settings.plugins.value
    for key, distribution in sorted(plugins.choose.items()):
        yield Finding(area="settings", text=f"plugins: {key} = {distribution} ({plugins.source(key)})")
    for verb, keys in (("block", plugins.block), ("require", plugins.require)):
        for key in sorted(keys):
            yield Finding(area="settings", text=f"plugins: {verb} {key} ({plugins.source(key)})")


def _check_cache(settings: Settings) -> Iterator[Finding]:
    """Try to write where the caches are, or would be made."""
    folder = Path(settings.cache_dir.value)
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    area = "cache"
    if not existing.is_dir():
        text = f"{folder} cannot be made: {existing} is no folder"
        yield Finding(area=area, status="problem", text=text, command="export FLYTE_CORE_CACHE_DIR=<another folder>")
        return
    try:
        if existing == folder:
            with tempfile.TemporaryFile(dir=folder):
                pass
        writable = os.access(existing, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if writable:
        yield Finding(area=area, text=f"{folder} {'is writable' if existing == folder else 'will be made when needed'}")
    else:
        text = f"{folder} is not writable; plugins are looked up anew in each process, and results are not kept"
        yield Finding(area=area, status="problem", text=text, command=f"chmod u+rwx '{existing}'")
    yield from _check_index(folder / "plugins")


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
