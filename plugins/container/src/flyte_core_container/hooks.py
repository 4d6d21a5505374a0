"""The owner of task type ``raw-container``; the entry point names this module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyte_core.extend import hookimpl
from flyte_core_container import wire
from flyte_core_container.template import ContainerTask

if TYPE_CHECKING:
    from flyteidl2.core import tasks_pb2

    from flyte_core.models import SerializationContext

flyte_core_api = ">=1.0,<2"


@hookimpl
def task_template_class(task_type: str) -> type[ContainerTask]:
    """Name the class of container tasks."""
    return ContainerTask


@hookimpl
def container_args(task: ContainerTask, sctx: SerializationContext) -> list[str]:
    """Give command and arguments, with their templates for the cluster to fill in."""
    return wire.container_args(task)


@hookimpl
def custom_config(task: ContainerTask, sctx: SerializationContext) -> Mapping[str, Any]:
    """Give what a container on the wire has no field for."""
    return wire.custom_config(task)


@hookimpl
def data_loading_config(task: ContainerTask, sctx: SerializationContext) -> tasks_pb2.DataLoadingConfig:
    """Have CoPilot carry the inputs and outputs."""
    return wire.data_loading_config(task)
