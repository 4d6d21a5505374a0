"""A task template as a Flyte TaskSpec: one pass, each hook asked once.

What the tasks of an environment share (identity, runtime, resources, variables, secrets, accelerators) is one
prototype message that is copied, which costs 2 µs where building it anew costs 20.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flyteidl2.core import identifier_pb2, security_pb2, tasks_pb2
from flyteidl2.task import task_definition_pb2
from google.protobuf.message import Message

from flyte_core._version import __version__
from flyte_core.errors import InvalidTypeError, RuntimeSystemError, RuntimeUserError, SerializationError
from flyte_core.models import (
    Image,
    PodTemplate,
    Resources,
    RetryStrategy,
    ReusePolicy,
    Secret,
    SecretRequest,
    SerializationContext,
    VersionParameters,
    cache_from_request,
    secrets_from_request,
    timeout_from_request,
)
from flyte_core.models.pod import PRIMARY_CONTAINER_NAME_FIELD
from flyte_core.registry import TaskPluginRegistry
from flyte_core.serialize.pods import k8s_pod
from flyte_core.serialize.resources import shared_messages
from flyte_core.serialize.reuse import make_reusable
from flyte_core.template import TaskTemplate
from flyte_core.types.convert import default_inputs, interface_codec

if TYPE_CHECKING:
    from flyte_core.registry import Registry, TaskHooks

__all__ = ["MAX_NAME_LENGTH", "task_definition", "task_spec"]

#: The cluster refuses longer short names and environment names.
MAX_NAME_LENGTH = 63

_RUNTIME_FLAVOR = "python"

#: Group, key and environment variable: all of a secret that goes on the wire.
_SecretReference = tuple[str | None, str, str | None]


def task_spec(
    task: TaskTemplate, sctx: SerializationContext, *, registry: Registry | None = None
) -> task_definition_pb2.TaskSpec:
    """Serialize one task.

    Args:
        task: the template; it is not changed.
        sctx: version, project, domain, paths, code bundle and image cache of this serialization.
        registry: where plugins are looked up; default the process's own.

    Returns:
        A new ``flyteidl2.task.task_definition_pb2.TaskSpec``. ``SerializeToString(deterministic=True)`` of it gives the
        same bytes in every process.

    Raises:
        SerializationError: (a ValueError) when the template cannot be written.
        HookError: when a plugin's hook raises.

    Example:
        >>> from flyte_core import TaskEnvironment
        >>> from flyte_core.models import SerializationContext
        >>> env = TaskEnvironment("hello", image="python:3.12")
        >>> @env.task
        ... def greet(name: str) -> str:
        ...     return f"hello {name}"
        >>> from pathlib import Path
        >>> spec = task_spec(greet, SerializationContext(version="v1", root_dir=Path.cwd()))
        >>> spec.task_template.id.name
        'hello.greet'
    """
    if not isinstance(task, TaskTemplate):
        raise InvalidTypeError("task_spec()", "task", task, "a task template")
    if not isinstance(sctx, SerializationContext):
        raise InvalidTypeError("task_spec()", "sctx", sctx, "a SerializationContext")
    hooks = (registry if registry is not None else TaskPluginRegistry).hooks_for(task)

    def serialize(task: TaskTemplate, sctx: SerializationContext) -> task_definition_pb2.TaskSpec:
        return _serialize(task, sctx, hooks)

    spec: task_definition_pb2.TaskSpec = hooks.wrap("serialize_task", serialize)(task, sctx)
    return spec


def _serialize(task: TaskTemplate, sctx: SerializationContext, hooks: TaskHooks) -> task_definition_pb2.TaskSpec:
    sql = hooks.sql(task, sctx)
    spec = task_definition_pb2.TaskSpec()
    spec.CopyFrom(_shared(task, sctx, with_container=sql is None and task.image is not None))
    template = spec.task_template
    template.id.name = task.name
    template.type = task.task_type
    template.task_type_version = task.task_type_version
    _fill_metadata(template.metadata, task)
    template.interface.CopyFrom(interface_codec(task.native_interface, task.name).typed)
    if sql is not None:
        _fill_sql(template, task, sql)
    elif task.image is not None:
        _fill_container(template, task, sctx, hooks)
    _fill_config(template, task, hooks.config(task, sctx))
    _fill_custom(template, task, hooks.custom_config(task, sctx))
    _fill_cache(template, task, sctx)
    if task.reusable is not None:
        _fill_reusable(template, task, sctx)
    spec.default_inputs.extend(default_inputs(task.native_interface))
    spec.short_name = task.short_name[:MAX_NAME_LENGTH]
    if hooks.has_modify_task_spec:
        hooks.modify_task_spec(task, sctx, spec)
    return spec


# ---- what tasks share ------------------------------------------------------------------------------------


def _shared(task: TaskTemplate, sctx: SerializationContext, *, with_container: bool) -> task_definition_pb2.TaskSpec:
    secrets = None if task.secrets is None else _secret_references(task.secrets)
    return _prototype(
        (sctx.project or "", sctx.domain or "", sctx.org or "", sctx.version),
        task.parent_env_name,
        _image_uri(task, sctx) if with_container else None,
        task.resources,
        tuple(task.env_vars.items()) if task.env_vars else (),
        secrets,
    )


@lru_cache(maxsize=128)
def _prototype(
    identity: tuple[str, str, str, str],
    env_name: str | None,
    image: str | None,
    resources: Resources | None,
    env_vars: tuple[tuple[str, str], ...],
    secrets: tuple[_SecretReference, ...] | None,
) -> task_definition_pb2.TaskSpec:
    """Give the message that tasks with all this in common start from; it is copied, never changed."""
    spec = task_definition_pb2.TaskSpec()
    if env_name is not None:
        spec.environment.name = env_name[:MAX_NAME_LENGTH]
    template = spec.task_template
    template.id.resource_type = identifier_pb2.ResourceType.TASK
    template.id.project, template.id.domain, template.id.org, template.id.version = identity
    runtime = template.metadata.runtime
    runtime.type = tasks_pb2.RuntimeMetadata.FLYTE_SDK
    runtime.version = __version__
    runtime.flavor = _RUNTIME_FLAVOR
    container_resources, extended = shared_messages(resources)
    if extended is not None:
        template.extended_resources.CopyFrom(extended)
    if image is not None:
        template.container.image = image
        if container_resources is not None:
            template.container.resources.CopyFrom(container_resources)
        for key, value in env_vars:
            template.container.env.add(key=key, value=value)
    if secrets is not None:
        template.security_context.SetInParent()
        mount = security_pb2.Secret.MountType
        for group, key, env_var in secrets:
            template.security_context.secrets.add(
                group=group, key=key, env_var=env_var, mount_requirement=mount.ENV_VAR if env_var else mount.FILE
            )
    return spec


def _secret_references(request: SecretRequest) -> tuple[_SecretReference, ...]:
    if isinstance(request, (str, Secret)):
        request = [request]
    return tuple(_reference_by_key(s) if isinstance(s, str) else _reference(s) for s in request)


@lru_cache(maxsize=256)
def _reference_by_key(key: str) -> _SecretReference:
    return _reference(secrets_from_request(key)[0])


def _reference(secret: Secret) -> _SecretReference:
    if not isinstance(secret, Secret):
        raise InvalidTypeError("task_spec()", "secrets", secret, "keys and Secrets")
    return secret.group, secret.key, secret.as_env_var


def _image_uri(task: TaskTemplate, sctx: SerializationContext) -> str:
    """Find the image in the image cache by the task's environment, or name it by its definition."""
    env_name, image = task.parent_env_name, task.image
    if env_name is None:
        raise RuntimeSystemError(
            "BadConfig",
            f"task {task.name!r} belongs to no environment; declare it with @env.task, or put it into one with "
            f"TaskEnvironment.from_task({task.name.replace('.', '-')!r}, task)",
        )
    if sctx.image_cache is None:
        if not isinstance(image, Image):
            raise RuntimeSystemError("BadConfig", f"task {task.name!r}: its image is {image!r}; expected an Image")
        return image.uri
    uri: str | None = sctx.image_cache.image_lookup.get(env_name)
    if uri is None:
        known = ", ".join(sorted(sctx.image_cache.image_lookup)) or "none"
        raise RuntimeUserError(
            "MissingEnvironment",
            f"task {task.name!r}: environment {env_name!r} is not in the image cache (it has: {known}); a parent "
            f"environment that calls its tasks must name it in depends_on=[...]",
        )
    return uri


# ---- what belongs to one task ----------------------------------------------------------------------------


def _fill_metadata(metadata: tasks_pb2.TaskMetadata, task: TaskTemplate) -> None:
    if isinstance(task.retries, RetryStrategy):
        # Assigning to a sub-message makes it present even when all its fields are at their defaults.
        metadata.retries.retries = task.retries.count
    if task.timeout is not None:
        metadata.timeout.FromTimedelta(timeout_from_request(task.timeout).runtime)
    metadata.interruptible = task.interruptible
    metadata.generates_deck.value = task.report
    metadata.debuggable = task.debuggable
    if isinstance(task.pod_template, str):
        metadata.pod_template_name = task.pod_template


def _fill_cache(template: tasks_pb2.TaskTemplate, task: TaskTemplate, sctx: SerializationContext) -> None:
    """Write the cache policy; the rest of the template is finished, as the version of some tasks depends on it."""
    cache = cache_from_request(task.cache)
    if not cache.is_enabled():
        return
    cache.check_inputs(task.native_interface.inputs, f"task {task.name!r}, cache")
    metadata = template.metadata
    metadata.discoverable = True
    metadata.cache_serializable = cache.serialize
    metadata.cache_ignore_input_vars.extend(cache.get_ignored_inputs())
    func = getattr(task, "func", None)
    definition = _definition(template) if func is None else ""
    metadata.discovery_version = cache.get_version(
        VersionParameters(func=func, image=task.image, code_bundle=sctx.code_bundle, definition=definition)
    )


def task_definition(task: TaskTemplate, hooks: TaskHooks) -> bytes:
    """Say in bytes what a task without a function does, as its plugin would write it; for the local cache's key."""
    template, sctx = tasks_pb2.TaskTemplate(), SerializationContext(version="local")
    sql = hooks.sql(task, sctx)
    if sql is not None:
        _fill_sql(template, task, sql)
    elif task.image is not None:
        _fill_container(template, task, sctx, hooks)
    _fill_custom(template, task, hooks.custom_config(task, sctx))
    return _definition(template)


def _definition(template: tasks_pb2.TaskTemplate) -> bytes:
    """Give what a template does without what it runs on: arguments, statement, data loading and the custom part."""
    found = tasks_pb2.TaskTemplate()
    for field in ("custom", "sql", "k8s_pod", "container"):
        if template.HasField(field):
            getattr(found, field).CopyFrom(getattr(template, field))
    if found.HasField("container"):
        for field in ("image", "resources", "env"):
            found.container.ClearField(field)
    data: bytes = found.SerializeToString(deterministic=True)
    return data


def _fill_container(
    template: tasks_pb2.TaskTemplate, task: TaskTemplate, sctx: SerializationContext, hooks: TaskHooks
) -> None:
    container = template.container
    args = hooks.container_args(task, sctx)
    if args:
        try:
            container.args.extend(args)
        except TypeError as e:
            raise SerializationError(
                f"task {task.name!r}: container_args() gave {args!r}; every argument must be a str"
            ) from e
    data_config = hooks.data_loading_config(task, sctx)
    if data_config is not None:
        try:
            container.data_config.CopyFrom(data_config)
        except TypeError as e:
            raise SerializationError(
                f"task {task.name!r}: data_loading_config() gave {type(data_config).__name__}; "
                f"expected flyteidl2.core.tasks_pb2.DataLoadingConfig or None"
            ) from e
    if isinstance(task.pod_template, PodTemplate):
        # Filling the pod replaces the container: both are cases of one oneof.
        copy = tasks_pb2.Container()
        copy.CopyFrom(container)
        template.k8s_pod.CopyFrom(k8s_pod(task.name, copy, task.pod_template))
        template.config[PRIMARY_CONTAINER_NAME_FIELD] = task.pod_template.primary_container_name


def _fill_sql(template: tasks_pb2.TaskTemplate, task: TaskTemplate, sql: object) -> None:
    if isinstance(sql, str):
        template.sql.statement = sql
    elif isinstance(sql, tasks_pb2.Sql):
        template.sql.CopyFrom(sql)
    else:
        raise SerializationError(
            f"task {task.name!r}: sql() gave {type(sql).__name__}; expected str, flyteidl2.core.tasks_pb2.Sql or None"
        )


def _fill_config(template: tasks_pb2.TaskTemplate, task: TaskTemplate, config: Mapping[str, str] | None) -> None:
    if not config:
        return
    try:
        template.config.update(config)
    except (TypeError, ValueError) as e:
        raise SerializationError(
            f"task {task.name!r}: config() gave {config!r}; expected a mapping of str by str"
        ) from e


def _fill_custom(template: tasks_pb2.TaskTemplate, task: TaskTemplate, custom: object) -> None:
    if custom is None:
        return
    if isinstance(custom, Message):
        from google.protobuf.json_format import MessageToDict

        custom = MessageToDict(custom)
    if not isinstance(custom, Mapping):
        raise SerializationError(
            f"task {task.name!r}: custom_config() gave {type(custom).__name__}; expected a mapping or a message"
        )
    if not custom:
        return
    try:
        template.custom.update(_as_json(custom))
    except (TypeError, ValueError, AttributeError) as e:
        raise SerializationError(
            f"task {task.name!r}: custom_config() gave something that JSON cannot hold: {custom!r}: {e}"
        ) from e


def _as_json(value: Any) -> Any:
    """Give the value with its mappings and sequences as plain dicts and lists, which Struct wants."""
    if isinstance(value, Mapping):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return value


def _fill_reusable(template: tasks_pb2.TaskTemplate, task: TaskTemplate, sctx: SerializationContext) -> None:
    if not isinstance(task.reusable, ReusePolicy):
        raise RuntimeUserError(
            "BadConfig", f"task {task.name!r}: reusable is a {type(task.reusable).__name__}; expected a ReusePolicy"
        )
    env_name = task.parent_env_name or task.name.split(".")[0]
    make_reusable(template, task.reusable, sctx.code_bundle, env_name)
