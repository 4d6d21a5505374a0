"""A real container engine for the tests that need one, with images made from the busybox of this machine."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

#: Set where a Docker engine must be there: a test that would be skipped for want of one fails then.
REQUIRED = "FLYTE_CORE_REQUIRE_DOCKER"

IMAGE = "flyte-core-test/busybox:1"
IMAGE_AS_USER = "flyte-core-test/busybox-user:1"


def skip_or_fail(reason: str) -> None:
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason}, and {REQUIRED}=1")
    pytest.skip(reason)


def file_system() -> bytes:
    """Give a busybox with its applets as a tar file."""
    found = shutil.which("busybox", path="/bin:/usr/bin:/usr/local/bin")
    if (
        found is None
        or b"statically linked"
        not in subprocess.run(
            ["sh", "-c", f"file -L {found} 2>/dev/null || echo statically linked"], capture_output=True, check=True
        ).stdout
    ):
        skip_or_fail("there is no static busybox here (package busybox-static)")
    assert found is not None
    applets = subprocess.run([found, "--list"], capture_output=True, text=True, check=True).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, mode in (("bin", 0o755), ("tmp", 0o1777), ("etc", 0o755), ("var", 0o755)):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            archive.addfile(folder)
        archive.add(os.path.realpath(found), "bin/busybox")
        for applet in applets:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            if applet != "busybox":
                archive.addfile(link)
    return buffer.getvalue()


def make_images(api: Any) -> None:
    data = file_system()
    for uri, changes in ((IMAGE, None), (IMAGE_AS_USER, "USER 1234:1234")):
        repository, tag = uri.rsplit(":", 1)
        params = {"fromSrc": "-", "repo": repository, "tag": tag}
        if changes:
            params["changes"] = changes
        api._post(api._url("/images/create"), data=data, params=params).raise_for_status()


@pytest.fixture(scope="session")
def docker_api() -> Any:
    """A connection to the engine; skips without one."""
    import docker

    try:
        api = docker.from_env(timeout=60).api
        api.ping()
    except Exception as e:
        skip_or_fail(f"there is no Docker engine: {e}")
    if not api.images(name=IMAGE, quiet=True) or not api.images(name=IMAGE_AS_USER, quiet=True):
        make_images(api)
    return api


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
