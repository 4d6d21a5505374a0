"""Fixtures of the tests of code bundles."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flyte_core.bundle import BuiltBundle, build_bundle, fetch_code_bundle
from flyte_core.storage.config import use_storage
from tests.support.faults import faulty

__all__ = ["faulty"]


@pytest.fixture(autouse=True)
def _own_storage() -> Iterator[None]:
    """No configuration of storage left behind."""
    use_storage(None)
    yield
    use_storage(None)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of the test's own."""
    monkeypatch.setenv("FLYTE_CORE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project."""
    root = tmp_path / "project"
    (root / "package").mkdir(parents=True)
    (root / "package" / "__init__.py").write_text("")
    (root / "package" / "tasks.py").write_text("x = 1\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    return root


@pytest.fixture
def built(project: Path, cache: Path) -> BuiltBundle:
    """The project's bundle."""
    return build_bundle(project, copy_style="all")


Add = Callable[..., None]


class Archive:
    """An archive that a test makes by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tar = tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by `unpack`

    def add(self, name: str, content: bytes = b"", **attributes: object) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        for attribute, value in attributes.items():
            setattr(info, attribute, value)
        self.tar.addfile(info, io.BytesIO(content))

    def unpack(self, destination: Path, **limits: int) -> Path | None:
        from flyte_core.bundle import UnpackLimits
        from flyte_core.models import CodeBundle

        if not self.tar.closed:
            self.tar.close()
        bundle = CodeBundle(tgz=str(self.path), computed_version="v1", destination=str(destination))
        return asyncio.run(fetch_code_bundle(bundle, limits=UnpackLimits(**limits))).downloaded_path


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """An empty archive."""
    return Archive(tmp_path / "code.tar.gz")


def everything_below(folder: Path) -> set[str]:
    """Names of all there is, so that a test sees what has come."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
