"""Resources as Flyte's messages: container resources, accelerators and shared memory."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flyteidl2.core import tasks_pb2

from flyte_core.errors import InvalidTypeError
from flyte_core.models import Resources
from flyte_core.models.accelerators import wire_name

if TYPE_CHECKING:
    from flyte_core.models import Device

__all__ = ["SHM_MOUNT_NAME", "SHM_MOUNT_PATH", "get_proto_extended_resources", "get_proto_resources"]

#: Where shared memory is mounted, and the volume's name; both as the Flyte SDK writes them.
SHM_MOUNT_PATH = "/dev/shm"  # noqa: S108 - the mount point of shared memory, not a temporary file
SHM_MOUNT_NAME = "flyte-shm"

_Entry = tasks_pb2.Resources.ResourceEntry

_DEVICE_CLASSES = {
    "GPU": tasks_pb2.GPUAccelerator.NVIDIA_GPU,
    "TPU": tasks_pb2.GPUAccelerator.GOOGLE_TPU,
    "NEURON": tasks_pb2.GPUAccelerator.AMAZON_NEURON,
    "AMD_GPU": tasks_pb2.GPUAccelerator.AMD_GPU,
    "HABANA_GAUDI": tasks_pb2.GPUAccelerator.HABANA_GAUDI,
}


def _checked(resources: object) -> Resources | None:
    if resources is not None and not isinstance(resources, Resources):
        raise InvalidTypeError("get_proto_resources()", "resources", resources, "a Resources or None")
    return resources


def _pair(value: Any) -> tuple[Any, Any]:
    return value if isinstance(value, tuple) else (value, None)


def get_proto_resources(resources: Resources | None) -> tasks_pb2.Resources | None:
    """Give the container resources of a `Resources` as Flyte's message.

    Args:
        resources: cpu, memory, gpu and disk become entries in this order; a pair is (request, limit).

    Returns:
        A ``flyteidl2.core.tasks_pb2.Resources``, or None when nothing is asked for.

    Example:
        >>> from flyte_core.models import Resources
        >>> get_proto_resources(Resources(cpu=(1, 2))).limits[0].value
        '2'
    """
    resources = _checked(resources)
    if resources is None:
        return None
    message = tasks_pb2.Resources()
    for name, value in (
        (tasks_pb2.Resources.CPU, resources.cpu),
        (tasks_pb2.Resources.MEMORY, resources.memory),
        (tasks_pb2.Resources.GPU, _quantity(resources.get_device())),
        (tasks_pb2.Resources.EPHEMERAL_STORAGE, resources.disk),
    ):
        request, limit = _pair(value)
        if request is not None:
            message.requests.append(_Entry(name=name, value=str(request)))
        if limit is not None:
            message.limits.append(_Entry(name=name, value=str(limit)))
    return message if message.requests or message.limits else None


def _quantity(device: Device | None) -> int | None:
    """How many devices are asked for; none of them is the same as no device."""
    return device.quantity if device is not None and device.quantity else None


def get_proto_extended_resources(resources: Resources | None) -> tasks_pb2.ExtendedResources | None:
    """Give the accelerator and the shared memory of a `Resources` as Flyte's message.

    Args:
        resources: a device with a name becomes the accelerator; ``shm="auto"`` is shared memory without a limit.

    Returns:
        A ``flyteidl2.core.tasks_pb2.ExtendedResources``, or None when there is neither.

    Example:
        >>> from flyte_core.models import Resources
        >>> get_proto_extended_resources(Resources(gpu="T4:1")).gpu_accelerator.device
        'nvidia-tesla-t4'
    """
    resources = _checked(resources)
    if resources is None:
        return None
    device, shared = resources.get_device(), resources.get_shared_memory()
    message = tasks_pb2.ExtendedResources()
    if device is not None and device.quantity and device.device is not None:
        accelerator = message.gpu_accelerator
        accelerator.device = wire_name(device.device)
        accelerator.device_class = _DEVICE_CLASSES[device.device_class]
        if device.partition:
            accelerator.partition_size = device.partition
    if shared is not None:
        message.shared_memory.mount_path = SHM_MOUNT_PATH
        message.shared_memory.mount_name = SHM_MOUNT_NAME
        message.shared_memory.size_limit = shared
    return message if message.ByteSize() else None


@lru_cache(maxsize=256)
def shared_messages(
    resources: Resources | None,
) -> tuple[tasks_pb2.Resources | None, tasks_pb2.ExtendedResources | None]:
    """Give both messages of one `Resources`; they are shared, so copy them before changing anything."""
    return get_proto_resources(resources), get_proto_extended_resources(resources)
