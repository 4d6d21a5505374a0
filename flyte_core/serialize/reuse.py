"""Reusable environments: the ``actor`` task type and the version that tells replicas apart."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

from flyte_core.errors import RuntimeUserError
from flyte_core.models import PRIMARY_CONTAINER_DEFAULT_NAME
from flyte_core.models.pod import PRIMARY_CONTAINER_NAME_FIELD

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

    from flyteidl2.core import tasks_pb2

    from flyte_core.models import CodeBundle, ReusePolicy

__all__ = ["ACTOR_TASK_TYPE", "make_reusable"]

ACTOR_TASK_TYPE = "actor"

#: The cluster keeps this many characters of the version.
_VERSION_LENGTH = 15


def make_reusable(
    template: tasks_pb2.TaskTemplate, policy: ReusePolicy, bundle: CodeBundle | None, env_name: str
) -> None:
    """Turn a finished template into an actor's, in place.

    Args:
        template: a container or pod task without a custom part.
        policy: replicas, concurrency and times to live.
        bundle: the code that the replicas run, if any.
        env_name: the environment whose tasks share the replicas.

    Raises:
        RuntimeUserError: when the task has a custom part of its own.
    """
    if template.HasField("custom"):
        raise RuntimeUserError(
            "BadConfiguration",
            f"task {template.id.name!r}: a task with a custom part (custom_config) cannot be reusable; "
            f"set reusable='off' or remove the custom part",
        )
    if not template.HasField("container") and not template.HasField("k8s_pod"):
        raise RuntimeUserError(
            "BadConfiguration",
            f"task {template.id.name!r}: only container and pod tasks can be reusable; set reusable='off'",
        )
    image, version = _image_and_version(template, policy, bundle, env_name)
    ttl, scaledown = policy.ttl, policy.get_scaledown_ttl()
    template.custom.update(
        {
            "name": env_name,
            "version": version[:_VERSION_LENGTH],
            "type": ACTOR_TASK_TYPE,
            "spec": {
                "container_image": image,
                "backlog_length": None,
                "parallelism": policy.concurrency,
                "min_replica_count": policy.min_replicas,
                "replica_count": policy.max_replicas,
                "ttl_seconds": ttl.total_seconds() if ttl else None,
                "scaledown_ttl_seconds": scaledown.total_seconds() if scaledown else None,
            },
        }
    )
    template.type = ACTOR_TASK_TYPE


def _image_and_version(
    template: tasks_pb2.TaskTemplate, policy: ReusePolicy, bundle: CodeBundle | None, env_name: str
) -> tuple[str, str]:
    """Give the image, and a hash of all that two tasks must have in common to share a replica."""
    shared = type(template)()
    shared.CopyFrom(template)
    image = shared.container.image
    if shared.HasField("k8s_pod"):
        primary = shared.config[PRIMARY_CONTAINER_NAME_FIELD] or PRIMARY_CONTAINER_DEFAULT_NAME
        # Protobuf's types allow any JSON here; a pod's containers are a list of objects.
        containers = cast("Iterable[MutableMapping[str, Any]]", shared.k8s_pod.pod_spec["containers"])
        for container in containers:
            if container["name"] == primary:
                image = container["image"]
                container["args"] = []
    else:
        shared.container.ClearField("args")
    parts = [
        env_name.encode(),
        shared.container.SerializeToString(deterministic=True),
        shared.k8s_pod.SerializeToString(deterministic=True),
        shared.extended_resources.SerializeToString(deterministic=True),
        shared.security_context.SerializeToString(deterministic=True),
        repr((shared.metadata.interruptible, shared.metadata.pod_template_name)).encode(),
        repr((policy.min_replicas, policy.max_replicas, policy.concurrency)).encode(),
        repr((policy.ttl, policy.get_scaledown_ttl())).encode(),
        (bundle.computed_version if bundle is not None else "").encode(),
    ]
    digest = hashlib.sha256()
    for part in parts:
        # The length in front keeps ("ab", "c") and ("a", "bc") apart.
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return image, digest.hexdigest()
