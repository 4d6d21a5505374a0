"""Containers as tasks for flyte_core: the task type ``raw-container``."""

from __future__ import annotations

from flyte_core_container.template import ContainerTask

__all__ = ["ContainerTask"]
