"""DockerExecutor: what ``--on docker`` and ``with_runcontext(mode="docker")`` name."""

from __future__ import annotations

import os

from flyte_core.runtime import LocalExecutor, RunHandle, RunOptions
from flyte_core_container.executor.controller import DockerController

__all__ = ["DockerExecutor"]


class DockerExecutor(LocalExecutor):
    """Runs every task in a container of its own environment's image, on the engine of this machine.

    This process finds cached results, tries again, and has the tasks run that a task in a container calls.

    Args:
        at_once: how many containers work at a time; default one for each core.
    """

    def __init__(self, at_once: int | None = None) -> None:
        super().__init__()
        self._at_once = at_once or _cores()

    def make_controller(self, options: RunOptions, handle: RunHandle) -> DockerController:
        """Make the controller of a run."""
        return DockerController(options, handle, self._at_once)


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
