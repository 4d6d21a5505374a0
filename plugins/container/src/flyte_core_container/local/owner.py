"""Whose a container is: its labels, and the removal of containers and folders whose owner is dead."""

from __future__ import annotations

import os
import shutil
import socket
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyte_core import logger
from flyte_core_container.local.answers import EngineRefusal
from flyte_core_container.local.files import staging_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flyte_core_container.local.engine import Engine

__all__ = ["ownership", "process_start", "reap"]

_HOST = "flyte-core.owner.host"
_PID = "flyte-core.owner.pid"
_START = "flyte-core.owner.start"
_NAMESPACE = "flyte-core.owner.pid-namespace"
_FOLDER = "flyte-core.folder"


@lru_cache(maxsize=1)
def _host() -> str:
    return socket.gethostname()


def _namespace() -> str:
    """Name the process namespace; numbers of processes mean something only within one."""
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - a name, not a path
    except OSError:
        return ""


def process_start(pid: int) -> str | None:
    """Say when a process was started, as boot and ticks since; None when there is no such process.

    A process's number is given again, number and start together are not. Where there is no ``/proc`` the text is
    empty, and a process that lives is taken for the one that is meant.
    """
    proc = Path("/proc")
    if (proc / "self/stat").exists():
        try:
            # The second field is the program's name in brackets and may hold anything.
            fields = (proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return f"{_boot()}:{fields[19]}"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


@lru_cache(maxsize=1)
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def ownership(folder: str) -> dict[str, str]:
    """Give the labels that say which process a container belongs to, and which folder of this machine is its own."""
    return {
        _HOST: _host(),
        _PID: str(os.getpid()),
        _START: process_start(os.getpid()) or "",
        _NAMESPACE: _namespace(),
        _FOLDER: folder,
    }


def _is_dead(labels: Mapping[str, str]) -> bool:
    pid = labels.get(_PID, "")
    if labels.get(_HOST) != _host() or labels.get(_NAMESPACE) != _namespace() or not pid.isdecimal():
        return False
    return process_start(int(pid)) != labels.get(_START, "")


def reap(engine: Engine) -> list[str]:
    """Remove the containers, running or not, of processes of this machine that have died.

    Args:
        engine: where to look.

    Returns:
        The ids of the containers that were removed.
    """
    found: list[Any] = engine.call(engine.api.containers, all=True, filters={"label": [f"{_HOST}={_host()}"]})
    removed = []
    for container in found:
        labels = container.get("Labels") or {}
        if not _is_dead(labels):
            continue
        try:
            engine.call(engine.api.remove_container, container["Id"], force=True, v=True)
        except EngineRefusal as e:
            # Another process is removing it at the same time.
            if e.status not in (404, 409):
                raise
        removed.append(container["Id"])
        logger.info("removed container %s of process %s, which has died", container["Id"][:12], labels[_PID])
        _remove_folder(labels.get(_FOLDER, ""))
    return removed


def _remove_folder(folder: str) -> None:
    # Labels can be written by anybody: only what lies where such folders lie is removed.
    path = Path(folder)
    if folder and path.is_absolute() and path.parent == staging_root() and ".." not in path.parts:
        shutil.rmtree(path, ignore_errors=True)
