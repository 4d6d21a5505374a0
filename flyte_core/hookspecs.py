"""Every hook of flyte_core: its arguments, its result, when it is called, and an example.

This file is the contract between the core and its plugins. ``docs/hooks.md`` is generated from it.
A plugin is a module of functions marked with `hookimpl`, named in an entry point:

- group ``flyte_core.task_types``: the *owner* of a task type; its functions answer for that type;
- group ``flyte_core.hooks``: a *cross-cutting* plugin; its wrappers run around every task type.

Who answers, outermost first: cross-cutting wrappers, ordered by entry-point name; the task template's own
method, where its class overrides it below the owner's `task_template_class`; the owner's function, asked only for
instances of that class; the template's inherited method.

``pre``, ``execute``, ``post``, ``run_task`` and ``build_image`` are asynchronous: an implementation may be ``def``
(it runs in a worker thread) or ``async def``, and a wrapper receives a `HookCall`, an awaitable that has not started.
All other hooks are synchronous.
"""

# Specifications have a signature and a docstring, and no body.
# pyright: reportReturnType=false

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from flyte_core.hookcall import HookCall

if TYPE_CHECKING:
    from flyteidl2.core import tasks_pb2
    from flyteidl2.task import task_definition_pb2
    from google.protobuf.message import Message

    from flyte_core.models import Image, SerializationContext
    from flyte_core.template import TaskTemplate

__all__ = [
    "ASYNC_HOOKS",
    "COLLECTED_HOOKS",
    "CORE_HOOKS",
    "HOOK_API_VERSION",
    "PROJECT_NAME",
    "HookCall",
    "hookimpl",
    "hookspec",
]

#: Name of the pluggy project; markers of another project are not seen.
PROJECT_NAME = "flyte_core"

#: Version of the contract in this file. The second number grows when a hook or an argument is added, the first when
#: one is changed or removed. A plugin may state ``flyte_core_api = ">=1.0,<2"`` in its module.
HOOK_API_VERSION = (1, 0)

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)

#: Hooks whose call gives a `HookCall`.
ASYNC_HOOKS = frozenset({"pre", "execute", "post", "run_task", "build_image"})

#: Hooks that are called on every plugin instead of stopping at the first answer.
COLLECTED_HOOKS = frozenset({"child_context", "modify_task_spec"})

#: Hooks that the core itself answers; plugins wrap them.
CORE_HOOKS = frozenset({"run_task", "serialize_task", "build_image"})


@hookspec(firstresult=True)
def task_template_class(task_type: str) -> type[TaskTemplate] | None:
    """Name the class of the task templates of this task type.

    Called by the registry when the class of a task type is needed: by ``TaskEnvironment.task`` for functions, and to
    decide for which templates the owner's other functions are asked. Answered by owners only.

    Args:
        task_type: the entry point's name that is being resolved; one module may own several.

    Returns:
        A subclass of `flyte_core.extend.TaskTemplate`, or None when the owner has functions but no class of its own:
        then they are asked for every template of the type.

    Example:
        >>> @hookimpl
        ... def task_template_class(task_type):
        ...     from flyte_core.extend import TaskTemplate
        ...     return TaskTemplate
    """


@hookspec(firstresult=True)
def config(task: TaskTemplate, sctx: SerializationContext) -> Mapping[str, str] | None:
    """Give configuration for ``TaskTemplate.config`` of the wire form.

    Called by the serializer, once for each task. The name of a pod template's primary container is added to it.

    Args:
        task: the template being serialized; not to be changed.
        sctx: version, project, paths and code bundle of this serialization.

    Returns:
        Text by text key; both must be ``str``.

    Example:
        >>> @hookimpl
        ... def config(task, sctx):
        ...     return {"queue": task.queue or "default"}
    """


@hookspec(firstresult=True)
def custom_config(task: TaskTemplate, sctx: SerializationContext) -> Mapping[str, Any] | Message | None:
    """Give the part of the wire form that only this task type knows, ``TaskTemplate.custom``.

    Called by the serializer, once for each task. A task with a custom part cannot be reusable.

    Args:
        task: the template being serialized; not to be changed.
        sctx: version, project, paths and code bundle of this serialization.

    Returns:
        A mapping that JSON can hold, or a protobuf message, which is turned into one by
        ``google.protobuf.json_format.MessageToDict`` with its defaults (camelCase names), as published plugins do.

    Example:
        >>> @hookimpl
        ... def custom_config(task, sctx):
        ...     return {"workers": task.plugin_config.workers}
    """


@hookspec(firstresult=True)
def sql(task: TaskTemplate, sctx: SerializationContext) -> str | tasks_pb2.Sql | None:
    """Give the SQL statement that is the task's target.

    Called by the serializer before any container hook. An answer that is not None makes SQL the target, and no
    container hook is asked.

    Args:
        task: the template being serialized; not to be changed.
        sctx: version, project, paths and code bundle of this serialization.

    Returns:
        The statement, a ``flyteidl2.core.tasks_pb2.Sql`` with its dialect, or None when the task is no SQL task.

    Example:
        >>> @hookimpl
        ... def sql(task, sctx):
        ...     return "select 1"
    """


@hookspec(firstresult=True)
def container_args(task: TaskTemplate, sctx: SerializationContext) -> Sequence[str] | None:
    """Give the arguments of the task's container.

    Called by the serializer for container and pod targets; not for a task with ``image=None``.

    Args:
        task: the template being serialized; not to be changed.
        sctx: version, project, paths and code bundle of this serialization.

    Returns:
        The arguments, each a ``str``. Flyte replaces templates such as ``{{.input}}`` in them.

    Example:
        >>> @hookimpl
        ... def container_args(task, sctx):
        ...     return ["my-entrypoint", "--inputs", sctx.input_path]
    """


@hookspec(firstresult=True)
def data_loading_config(task: TaskTemplate, sctx: SerializationContext) -> tasks_pb2.DataLoadingConfig | None:
    """Give the configuration of Flyte CoPilot, which carries inputs and outputs for images without an SDK.

    Called by the serializer for container and pod targets.

    Args:
        task: the template being serialized; not to be changed.
        sctx: version, project, paths and code bundle of this serialization.

    Returns:
        A ``flyteidl2.core.tasks_pb2.DataLoadingConfig``, or None when CoPilot is not wanted.

    Example:
        >>> @hookimpl
        ... def data_loading_config(task, sctx):
        ...     from flyteidl2.core import tasks_pb2
        ...     return tasks_pb2.DataLoadingConfig(enabled=True, input_path="/in", output_path="/out")
    """


@hookspec(firstresult=True)
def pre(task: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[Mapping[str, Any] | None]:
    """Prepare the execution of a task.

    Called by the runner: for function tasks inside ``execute``, right before the function; for other templates before
    ``execute``. Asynchronous.

    Args:
        task: the template being run; not to be changed.
        args: positional arguments of the task.
        kwargs: the task's inputs by name, as Python values.

    Returns:
        What is added to the task context's ``data``; None adds nothing.

    Example:
        >>> @hookimpl
        ... async def pre(task, args, kwargs):
        ...     return {"rows": len(kwargs)}
    """


@hookspec(firstresult=True)
def execute(task: TaskTemplate, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[Any]:
    """Do the task's work.

    Called by the runner, once for each attempt. Asynchronous. An implementation that calls the user's function does it
    through ``flyte_core.runtime.around(task, task.func, args, kwargs)``: what the function raises stays the user's
    error, and ``pre`` and ``post`` run round it.

    Args:
        task: the template being run; not to be changed.
        args: positional arguments of the task.
        kwargs: the task's inputs by name, as Python values.

    Returns:
        The outputs: None, one value, or a tuple with one value for each declared output.

    Example:
        >>> @hookimpl
        ... async def execute(task, args, kwargs):
        ...     return sum(kwargs.values())
    """


@hookspec(firstresult=True)
def post(task: TaskTemplate, return_vals: Any) -> Awaitable[Any]:
    """Finish the execution of a task; not called when the task failed.

    Called by the runner: for function tasks inside ``execute``, right after the function; for other templates after
    ``execute``. Asynchronous.

    Args:
        task: the template being run; not to be changed.
        return_vals: the outputs so far.

    Returns:
        The outputs that count; None leaves them as they are.

    Example:
        >>> @hookimpl
        ... async def post(task, return_vals):
        ...     return return_vals * 10
    """


@hookspec(firstresult=True)
def run_task(task: TaskTemplate, inputs: Mapping[str, Any]) -> Awaitable[Any]:
    """Run one action: the task with its cache look-up, all its attempts and its conversions.

    Called by the runner and answered by the core; cross-cutting plugins wrap it. Asynchronous.

    Args:
        task: the template being run; not to be changed.
        inputs: the inputs by name, as Python values.

    Returns:
        The outputs as Python values.

    Example:
        >>> @hookimpl(wrapper=True)
        ... def run_task(task, inputs):
        ...     call = yield
        ...     async def timed():
        ...         started = time.monotonic()
        ...         try:
        ...             return await call
        ...         finally:
        ...             print(task.name, time.monotonic() - started)
        ...     return timed()
    """


@hookspec(firstresult=True)
def serialize_task(task: TaskTemplate, sctx: SerializationContext) -> task_definition_pb2.TaskSpec | None:
    """Serialize one task.

    Called by the serializer and answered by the core; cross-cutting plugins wrap it.

    Args:
        task: the template being serialized; not to be changed.
        sctx: version, project, paths and code bundle of this serialization.

    Returns:
        The finished ``flyteidl2.task.task_definition_pb2.TaskSpec``.

    Example:
        >>> @hookimpl(wrapper=True)
        ... def serialize_task(task, sctx):
        ...     spec = yield
        ...     print(task.name, spec.ByteSize(), "bytes")
        ...     return spec
    """


@hookspec(firstresult=True)
def build_image(image: Image, builder: str) -> Awaitable[str]:
    """Build one image.

    Called by the image engine and answered by the core; cross-cutting plugins wrap it. Asynchronous.

    Args:
        image: the image's definition.
        builder: the name of the builder that was chosen.

    Returns:
        The URI of the image that was built or found.

    Example:
        >>> @hookimpl(wrapper=True)
        ... def build_image(image, builder):
        ...     call = yield
        ...     async def logged():
        ...         uri = await call
        ...         print("built", uri)
        ...         return uri
        ...     return logged()
    """


@hookspec
def child_context(task: TaskTemplate) -> Mapping[str, str] | None:
    """Give values that travel to the tasks which this task calls, such as a trace's parent.

    Called by the runner when a task calls another; every plugin is asked, and the answers are merged in the order of
    their entry-point names. The child finds them in ``get_custom_context()``.

    Args:
        task: the calling task's template; not to be changed.

    Returns:
        Text by text key, or None for nothing.

    Example:
        >>> @hookimpl
        ... def child_context(task):
        ...     return {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    """


@hookspec
def modify_task_spec(task: TaskTemplate, sctx: SerializationContext, spec: task_definition_pb2.TaskSpec) -> None:
    """Edit a finished task specification in place.

    Called by the serializer after everything else, on every plugin, in the order of their entry-point names; what a
    plugin returns is ignored.

    Args:
        task: the template being serialized; not to be changed.
        sctx: version, project, paths and code bundle of this serialization.
        spec: the finished message, to be edited.

    Example:
        >>> @hookimpl
        ... def modify_task_spec(task, sctx, spec):
        ...     spec.task_template.metadata.tags["team"] = "growth"
    """
