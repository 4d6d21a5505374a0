"""Pod templates: a pod whose primary container becomes the task's."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from attrs import frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError

if TYPE_CHECKING:
    from flyteidl2.core.tasks_pb2 import K8sPod
    from kubernetes.client import V1PodSpec

__all__ = ["PRIMARY_CONTAINER_DEFAULT_NAME", "PRIMARY_CONTAINER_NAME_FIELD", "PodTemplate"]

PRIMARY_CONTAINER_DEFAULT_NAME = "primary"
"""The name of the container that runs the task, unless a template names another."""

PRIMARY_CONTAINER_NAME_FIELD = "primary_container_name"
"""The key under which a task's config names that container."""


@frozen(slots=False)
class PodTemplate:
    """A pod that a task runs in.

    Args:
        pod_spec: a ``kubernetes.client.V1PodSpec``, or the same as a plain mapping with the names of a manifest
            (``nodeSelector``, ``initContainers``). By default a pod of the primary container alone.
        primary_container_name: the container that gets the task's image, arguments, resources and variables.
        labels: labels of the pod.
        annotations: annotations of the pod.

    Raises:
        InvalidTypeError: when a value is of another type.
        InvalidValueError: when the primary container's name is empty.

    Example:
        >>> PodTemplate({"containers": [{"name": "primary"}], "nodeSelector": {"disk": "ssd"}}).manifest()["nodeSelector"]
        {'disk': 'ssd'}
    """  # noqa: E501 - one example, one line

    # None becomes the default pod in __attrs_post_init__, which knows the container's name.
    pod_spec: V1PodSpec | Mapping[str, Any] | None = None
    primary_container_name: str = PRIMARY_CONTAINER_DEFAULT_NAME
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.primary_container_name, str):
            raise InvalidTypeError("PodTemplate", "primary_container_name", self.primary_container_name, "a text")
        if not self.primary_container_name:
            raise InvalidValueError("PodTemplate", "primary_container_name", "", "the name of a container")
        for field in ("labels", "annotations"):
            _check_texts(field, getattr(self, field))
        if self.pod_spec is None:
            object.__setattr__(self, "pod_spec", {"containers": [{"name": self.primary_container_name}]})
        elif not isinstance(self.pod_spec, Mapping) and not _is_model(self.pod_spec):
            raise InvalidTypeError("PodTemplate", "pod_spec", self.pod_spec, "a V1PodSpec or a manifest as a mapping")

    def manifest(self) -> dict[str, Any]:
        """The pod's specification as plain JSON with the names of a manifest.

        Returns:
            A copy that the caller may change; what is None is left out, as Kubernetes' own client does.
        """
        manifest: dict[str, Any] = _plain(self.pod_spec)
        return manifest

    def to_k8s_pod(self) -> K8sPod:
        """The pod as Flyte's message, unchanged by any task."""
        from flyteidl2.core.tasks_pb2 import K8sObjectMetadata, K8sPod

        pod = K8sPod(
            metadata=K8sObjectMetadata(labels=self.labels, annotations=self.annotations),
            primary_container_name=self.primary_container_name,
        )
        pod.pod_spec.update(self.manifest())
        return pod


def _check_texts(field: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for item in value.items() for part in item):
        raise InvalidTypeError("PodTemplate", field, value, "a mapping from texts to texts")


def _is_model(value: object) -> bool:
    # The generated classes of the kubernetes client carry both; recognized so, the package need not be imported.
    return hasattr(value, "openapi_types") and hasattr(value, "attribute_map")


def _plain(value: Any) -> Any:
    """What ``kubernetes.client.ApiClient.sanitize_for_serialization`` gives, without a client and its connections."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if _is_model(value):
        items = ((value.attribute_map[name], getattr(value, name)) for name in value.openapi_types)
        return {key: _plain(item) for key, item in items if item is not None}
    return copy.deepcopy(value)
