"""A container task on the wire: its words, its CoPilot configuration, and what has no field of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyteidl2.core import tasks_pb2

    from flyte_core_container.template import ContainerTask

__all__ = ["container_args", "custom_config", "data_loading_config"]


def container_args(task: ContainerTask) -> list[str]:
    """Give command and arguments as one list.

    Both are the container's *arguments*, as in the Flyte SDK, so the image's own entry point stays in front of them.
    """
    return [*task.command, *task.arguments]


def data_loading_config(task: ContainerTask) -> tasks_pb2.DataLoadingConfig:
    """Give the configuration of CoPilot: the two folders, and the format of the metadata file."""
    from flyteidl2.core import tasks_pb2

    return tasks_pb2.DataLoadingConfig(
        enabled=True,
        input_path=str(task.input_data_dir),
        output_path=str(task.output_data_dir),
        format=task.metadata_format,
    )


def custom_config(task: ContainerTask) -> Mapping[str, Any]:
    """Give user and working folder, which `tasks_pb2.Container` has no fields for; empty where neither is set."""
    given = {
        "user": task.user,
        "workingDir": None if task.working_dir is None else str(task.working_dir),
    }
    return {key: value for key, value in given.items() if value is not None}
