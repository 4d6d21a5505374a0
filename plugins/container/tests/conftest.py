"""A real container engine for the tests that need one, with images made from the busybox of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import IMAGE, IMAGE_AS_USER, machine_engine


@pytest.fixture(scope="session")
def docker_api() -> Any:
    """A connection to the engine; skips without one."""
    return machine_engine()


@pytest.fixture
def image(docker_api: Any) -> str:
    """An image with busybox that runs as root."""
    return IMAGE


@pytest.fixture
def image_as_user(docker_api: Any) -> str:
    """The same image, running as a user without a name."""
    return IMAGE_AS_USER


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have each test's folders of containers be its own, so that none is left can be seen."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return
