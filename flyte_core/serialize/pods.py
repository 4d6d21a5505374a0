"""Pod templates: the manifest of the pod that a task runs in.

Precedence, for the primary container only: command and arguments are the task's; the image is the template's, if it
names one; resources are merged key by key and the task's win; environment variables are the task's followed by the
template's, and Kubernetes lets the last one of a name win.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.core import tasks_pb2

from flyte_core.errors import InvalidTypeError, InvalidValueError, SerializationError
from flyte_core.models import PRIMARY_CONTAINER_DEFAULT_NAME, PodTemplate, Resources

if TYPE_CHECKING:
    from kubernetes.client import V1PodSpec

__all__ = ["k8s_pod", "pod_spec_from_resources"]


def _resource_name(entry: tasks_pb2.Resources.ResourceEntry) -> str:
    name: str = tasks_pb2.Resources.ResourceName.Name(entry.name)
    return name.lower().replace("_", "-")


def _fill_primary(primary: dict[str, Any], container: tasks_pb2.Container) -> None:
    primary["image"] = primary.get("image") or container.image
    primary["command"] = list(container.command)
    primary["args"] = list(container.args)
    requests = {_resource_name(e): e.value for e in container.resources.requests}
    limits = {_resource_name(e): e.value for e in container.resources.limits}
    if requests or limits:
        own = primary.get("resources") or {}
        primary["resources"] = {
            **own,
            "requests": {**(own.get("requests") or {}), **requests},
            "limits": {**(own.get("limits") or {}), **limits},
        }
    own_env = primary.get("env") or []
    primary["env"] = [*({"name": e.key, "value": e.value} for e in container.env), *own_env]


def k8s_pod(task_name: str, container: tasks_pb2.Container, template: PodTemplate) -> tasks_pb2.K8sPod:
    """Give the pod of a task: its pod template with the task's container filled in.

    Args:
        task_name: for the error.
        container: image, arguments, resources and variables of the task.
        template: the pod template; it is not changed.

    Raises:
        SerializationError: (a ValueError) when the template has no container of the primary container's name, or
            its manifest holds something that JSON cannot.
    """
    manifest = template.manifest()
    name = template.primary_container_name
    containers = manifest.setdefault("containers", [])
    primary = next((c for c in containers if c.get("name") == name), None)
    if primary is None:
        found = ", ".join(repr(c.get("name")) for c in containers) or "none"
        raise SerializationError(
            f"task {task_name!r}: its pod template has no primary container named {name!r} (containers: {found}); "
            f"add one, or set PodTemplate(primary_container_name=...)"
        )
    _fill_primary(primary, container)
    message = tasks_pb2.K8sPod()
    message.metadata.SetInParent()
    message.metadata.labels.update(template.labels or {})
    message.metadata.annotations.update(template.annotations or {})
    if container.HasField("data_config"):
        message.data_config.CopyFrom(container.data_config)
    try:
        message.pod_spec.update(manifest)
    except (ValueError, TypeError) as e:
        raise SerializationError(f"task {task_name!r}: its pod template cannot be written as JSON: {e}") from e
    return message


def pod_spec_from_resources(
    primary_container_name: str = PRIMARY_CONTAINER_DEFAULT_NAME,
    requests: Resources | None = None,
    limits: Resources | None = None,
    k8s_gpu_resource_key: str = "nvidia.com/gpu",
) -> V1PodSpec:
    """Give a Kubernetes pod spec with one container that asks for resources.

    Needs the package ``kubernetes`` (``pip install flyte-core[kubernetes]``).

    Args:
        primary_container_name: the container's name; default ``primary``.
        requests: single values, no pairs; None takes the limits.
        limits: single values, no pairs; None takes the requests.
        k8s_gpu_resource_key: the resource's name for devices; default ``nvidia.com/gpu``.

    Returns:
        A ``kubernetes.client.V1PodSpec``. Disk becomes ephemeral storage; shared memory, which is no resource of a
        container, an ``emptyDir`` volume in memory is mounted for by Flyte, so it adds nothing here.

    Raises:
        InvalidValueError: for a pair of values.

    Example:
        >>> from flyte_core.models import Resources
        >>> spec = pod_spec_from_resources(requests=Resources(cpu="1"))
        >>> spec.containers[0].resources.limits
        {'cpu': '1'}
    """
    from kubernetes.client import V1Container, V1PodSpec, V1ResourceRequirements

    asked = _container_resources("requests", requests, k8s_gpu_resource_key)
    limited = _container_resources("limits", limits, k8s_gpu_resource_key)
    return V1PodSpec(
        containers=[
            V1Container(
                name=primary_container_name,
                resources=V1ResourceRequirements(requests=asked or limited, limits=limited or asked),
            )
        ]
    )


def _container_resources(argument: str, resources: Resources | None, gpu_key: str) -> dict[str, Any] | None:
    if resources is None:
        return None
    owner = "pod_spec_from_resources()"
    if not isinstance(resources, Resources):
        raise InvalidTypeError(owner, argument, resources, "a Resources or None")
    for field in ("cpu", "memory", "disk"):
        value = getattr(resources, field)
        if isinstance(value, tuple):
            raise InvalidValueError(owner, f"{argument}.{field}", value, "one value; it can not be a list or tuple")
    gpu: Any = resources.gpu
    if gpu is not None and not isinstance(gpu, int):
        device = resources.get_device()
        gpu = None if device is None else str(device.quantity)
    named = {"cpu": resources.cpu, "memory": resources.memory, gpu_key: gpu, "ephemeral-storage": resources.disk}
    return {name: value for name, value in named.items() if value is not None}
