"""Throw-away plugin distributions, written by hand into a site folder; fast enough for thousands."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import textwrap
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

__all__ = ["Site", "site", "site_maker"]

_numbers = itertools.count()


class Site:
    """A folder like ``site-packages`` that distributions can be put into.

    Args:
        folder: the folder; made when it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __str__(self) -> str:
        return str(self.folder)

    def install(
        self,
        name: str,
        entry_points: Mapping[str, Mapping[str, str]] | None = None,
        *,
        version: str = "1.0",
        modules: Mapping[str, str] | None = None,
        requires: tuple[str, ...] = (),
        metadata: str | None = None,
        suffix: str = ".dist-info",
    ) -> Path:
        """Write one distribution.

        Args:
            name: its name as its author writes it.
            entry_points: values by name by group.
            version: its version; empty leaves it out of the folder's name.
            modules: source by module name; dots make packages.
            requires: what it requires.
            metadata: the metadata file's text, instead of a good one.
            suffix: of the metadata folder.

        Returns:
            The metadata folder.
        """
        for module, source in (modules or {}).items():
            self.module(module, source)
        stem = name.replace("-", "_") + (f"-{version}" if version else "")
        folder = self.folder / (stem + suffix)
        folder.mkdir(exist_ok=True)
        if metadata is None:
            lines = [f"Name: {name}", f"Version: {version or '0.0'}", *(f"Requires-Dist: {r}" for r in requires)]
            metadata = "Metadata-Version: 2.1\n" + "\n".join(lines) + "\n\nText: not a header\n"
        (folder / ("METADATA" if suffix == ".dist-info" else "PKG-INFO")).write_text(metadata)
        if entry_points is not None:
            (folder / "entry_points.txt").write_text(entry_point_text(entry_points))
        return folder

    def module(self, name: str, source: str) -> Path:
        """Write one module, and the packages it is in."""
        *packages, last = name.split(".")
        folder = self.folder
        for package in packages:
            folder = folder / package
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
        path = folder / f"{last}.py"
        path.write_text(textwrap.dedent(source))
        return path

    def plugin(self, group: str, name: str, source: str, *, dist: str | None = None, **more: object) -> str:
        """Write a distribution with one module and one entry point that names the module, and give the module's name."""
        module = f"throwaway_{next(_numbers)}"
        self.install(dist or f"dist-{name}", {group: {name: module}}, modules={module: source}, **more)  # type: ignore[arg-type] # passed on
        return module

    def many(self, count: int, group: str = "flyte_core.task_types") -> None:
        """Write many small plugin distributions, each with a module that records that it was imported."""
        for number in range(count):
            name = f"crowd_{number:04}"
            (self.folder / f"{name}.py").write_text("raise AssertionError('imported')\n")
            folder = self.folder / f"{name}-1.{number}.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.{number}\n\n")
            (folder / "entry_points.txt").write_text(f"[{group}]\ncrowd-{number} = {name}\n")

    def zip(self, target: Path) -> Path:
        """Pack everything into an archive that can stand on ``sys.path``, and empty the folder."""
        with zipfile.ZipFile(target, "w") as archive:
            for path in sorted(self.folder.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(self.folder))
        shutil.rmtree(self.folder)
        return target


def entry_point_text(groups: Mapping[str, Mapping[str, str]]) -> str:
    """Write an ``entry_points.txt``."""
    return "\n".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in groups.items()
    )


@pytest.fixture
def site_maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Give a function that makes a `Site` which stands on ``sys.path`` until the test ends."""
    made: list[str] = []

    def make(name: str = "site", *, on_path: bool = True) -> Site:
        site = Site(tmp_path / name)
        made.append(os.path.realpath(site.folder))
        if on_path:
            monkeypatch.syspath_prepend(str(site.folder))
        return site

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield make
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and os.path.realpath(file).startswith(tuple(made) or ("\0",)):
            del sys.modules[name]


@pytest.fixture
def site(site_maker) -> Site:
    """Give one `Site` on ``sys.path``."""
    return site_maker()
