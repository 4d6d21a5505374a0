"""The executor ``docker``: this process orchestrates a run, each task runs in a container of its own."""

from __future__ import annotations

from flyte_core_container.executor.executor import DockerExecutor

__all__ = ["DockerExecutor"]
