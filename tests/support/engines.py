"""Real container engines for tests: the machine's own, and second ones that a test may kill."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

__all__ = [
    "IMAGE",
    "IMAGE_AS_USER",
    "REQUIRED",
    "Daemon",
    "containers_of",
    "daemon",
    "image_of_the_docs",
    "log_of",
    "machine_engine",
    "make_images",
    "skip_or_fail",
]

#: Set where a Docker engine must be there: a test that would be skipped for want of one fails then.
REQUIRED = "FLYTE_CORE_REQUIRE_DOCKER"

IMAGE = "flyte-core-test/busybox:1"
IMAGE_AS_USER = "flyte-core-test/busybox-user:1"

#: What a reader would pull.
IMAGE_OF_THE_DOCS = "busybox:1"


def skip_or_fail(reason: str) -> NoReturn:
    """Skip a test for want of an engine, or fail it where one must be there."""
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
    """Give an engine the tests' images; no registry is asked."""
    data = file_system()
    for uri, changes in ((IMAGE, None), (IMAGE_AS_USER, "USER 1234:1234")):
        # With its tag: Podman does not look at a tag beside it.
        params = {"fromSrc": "-", "repo": uri}
        if changes:
            params["changes"] = changes
        api._post(api._url("/images/create"), data=data, params=params).raise_for_status()


def machine_engine() -> Any:
    """Give a connection to the engine that the environment names, with the tests' images; skip without one."""
    import docker

    reason = ""
    with warnings.catch_warnings():
        # The library leaves a socket open that could not be connected.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            api = docker.from_env(timeout=60).api
            api.ping()
        except Exception as e:
            reason = f"there is no Docker engine: {e}"
        if reason:
            gc.collect()
    if reason:
        skip_or_fail(reason)
    if not api.images(name=IMAGE, quiet=True) or not api.images(name=IMAGE_AS_USER, quiet=True):
        make_images(api)
    return api


def image_of_the_docs() -> None:
    """Have the engine know the image that pages name, unless it does: no registry is asked, and none is replaced."""
    api = machine_engine()
    if not api.images(name=IMAGE_OF_THE_DOCS, quiet=True):
        repository, _, tag = IMAGE_OF_THE_DOCS.partition(":")
        api.tag(IMAGE, repository, tag)


def containers_of(api: Any, task: str, *, owner: int | None = None) -> list[Any]:
    """Give the containers of a task that one process started: tests beside this one may run a task of that name.

    Args:
        api: the engine's.
        task: the task's name.
        owner: the process' id; this one by default.
    """
    labels = [f"flyte-core.task={task}", f"flyte-core.owner.pid={os.getpid() if owner is None else owner}"]
    return api.containers(all=True, filters={"label": labels})


def log_of(api: Any, container: str) -> bytes:
    """Give what a container has printed; nothing when the engine lists it before it has made it, as it does."""
    import docker.errors

    try:
        found: bytes = api.logs(container)
    except docker.errors.NotFound:
        return b""
    return found


class Daemon:
    """One dockerd with its own socket and folders, in namespaces that end with it.

    In a network namespace, since a dockerd without a bridge takes the machine's away; in one of processes, so that
    containers and their shims end with it; in one of mounts, so that none is left.

    Args:
        folder: where all of it lies.
        live_restore: whether its containers outlive it.
        hidden: a folder of this machine that it must not see.
    """

    def __init__(self, folder: Path, *, live_restore: bool = False, hidden: Path | None = None) -> None:
        self.url = f"unix://{folder}/docker.sock"
        self._folder = folder
        self._log = folder / "log"
        config = folder / "containerd.toml"
        config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        hide = f"mount -t tmpfs none '{hidden}' && " if hidden is not None else ""
        # A process of its own, as where systemd starts it: what outlives the engine hangs on it.
        containerd = (
            f"{hide}exec containerd --config={config} --address={folder}/containerd.sock "
            f"--root={folder}/containerd/root --state={folder}/containerd/state"
        )
        unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
        self._containerd = self._popen([*unshare, "sh", "-c", containerd])
        self._command = [
            "dockerd",
            f"--host={self.url}",
            f"--data-root={folder}/data",
            f"--exec-root={folder}/exec",
            f"--pidfile={folder}/pid",
            f"--containerd={folder}/containerd.sock",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            *(["--live-restore"] if live_restore else []),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def _popen(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def _inside(self, *command: str) -> list[str]:
        """Give a command in the namespaces, which are those of the first process in them."""
        first = Path(f"/proc/{self._containerd.pid}/task/{self._containerd.pid}/children").read_text().split()
        return ["nsenter", f"--target={first[0]}", "--mount", "--net", "--pid", *command]

    def start(self) -> Any:
        """Start it, and give a connection once it answers."""
        import docker

        until = time.monotonic() + 60
        while not (self._folder / "containerd.sock").exists() and time.monotonic() < until:
            time.sleep(0.05)
        self._process = self._popen(self._inside(*self._command))
        while True:
            with contextlib.suppress(Exception):
                api = docker.APIClient(base_url=self.url, version="auto", timeout=60)
                api.ping()
                return api
            if time.monotonic() > until or self._process.poll() is not None:
                skip_or_fail(f"a second dockerd does not start: {self._log.read_text()[-500:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as a crash would; containerd and the containers stay."""
        assert self._process is not None
        number = (self._folder / "pid").read_text().strip()
        subprocess.run(self._inside("sh", "-c", f"kill -9 {number}"), check=True)
        self._process.wait()

    def stop(self) -> None:
        """End all of it at once: the namespaces go, and everything in them."""
        self._containerd.kill()
        self._containerd.wait()
        if self._process is not None:
            self._process.wait()


@contextlib.contextmanager
def daemon(**given: Any) -> Iterator[tuple[Daemon, Any]]:
    """Give a second engine with the tests' images, and take it away again."""
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        skip_or_fail("a second engine needs dockerd and root")
    # A socket's path has a most length, which pytest's folders can pass.
    folder = Path(tempfile.mkdtemp(prefix="fcd", dir="/tmp"))
    engine = Daemon(folder, **given)
    try:
        api = engine.start()
        make_images(api)
        yield engine, api
    finally:
        engine.stop()
        shutil.rmtree(folder, ignore_errors=True)
