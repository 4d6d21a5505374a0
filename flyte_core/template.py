"""TaskTemplate: one task as a value, and the methods by which an author gives it behaviour."""

from __future__ import annotations

import copy
import inspect
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal

import attrs

from flyte_core._dataclass_facade import DataclassFields, DataclassParams
from flyte_core.context import current_controller
from flyte_core.errors import InvalidTypeError, InvalidValueError, TaskNotExecutableError, UnknownFieldError
from flyte_core.models.cache import Cache
from flyte_core.models.image import Image
from flyte_core.models.limits import MAX_INLINE_IO_BYTES
from flyte_core.models.retry import RetryStrategy

if TYPE_CHECKING:
    from flyteidl2.core import tasks_pb2
    from google.protobuf.message import Message
    from typing_extensions import ParamSpec, TypeVar

    # The values that a task rarely has are imported when one is given: each costs about a millisecond.
    from flyte_core.environment import TaskEnvironment
    from flyte_core.models import (
        CacheRequest,
        Documentation,
        NativeInterface,
        PodTemplate,
        Resources,
        ReusePolicy,
        SecretRequest,
        SerializationContext,
        TimeoutType,
        Trigger,
    )
    from flyte_core.models.cache import CacheBehavior

    # With defaults, so that a bare TaskTemplate in an annotation means any task.
    P = ParamSpec("P", default=...)
    R = TypeVar("R", default=Any)
    F = TypeVar("F", bound=Callable[..., Any], default=Any)
else:
    from typing import ParamSpec, TypeVar

    P, R, F = ParamSpec("P"), TypeVar("R"), TypeVar("F")

__all__ = ["PYTHON_TASK_TYPE", "TaskTemplate"]

#: The task type of plain function tasks.
PYTHON_TASK_TYPE = "python"

#: Fields that say which task it is; a task with others is another task.
_NOT_FOR_OVERRIDE = ("name", "image", "docs", "interface")

#: What a reusable environment's replicas were started with, so one task cannot change it.
_FIXED_BY_REUSE = ("resources", "env_vars", "secrets")


@attrs.define(kw_only=True, slots=False, eq=False)
class TaskTemplate(Generic[P, R, F]):
    """One task: what it is called, what it takes and gives, and how it is to run.

    Authors of task types subclass it and override methods; every method has a hook of the same name that an owner's
    module can implement instead (`flyte_core.hookspecs`). Subclasses may be attrs classes, ``@dataclass(kw_only=True)``
    classes, plain classes whose ``__init__`` calls ``super().__init__``, or use mixins. Whatever has to be normalised
    goes into ``__post_init__``, which runs for all of them.

    Args:
        name: the task's name, unique within its project and domain.
        interface: inputs with their types and defaults, and outputs.
        short_name: name shown to people; default ``name``.
        task_type: routes the task to its owner, and is the type on the wire.
        task_type_version: version of the task type's own format.
        image: URI, `Image`, ``"auto"`` for the default image, or None for a task without a container.
        resources: what the container asks for.
        cache: ``"auto"``, ``"override"``, ``"disable"`` or a `Cache`.
        interruptible: whether it may run on nodes that can be taken away.
        retries: number of further attempts after a failure, or a `RetryStrategy`.
        reusable: policy of containers that stay for the next task; None for one container a task.
        docs: documentation shown to people.
        env_vars: environment variables by name.
        secrets: secrets that the task is given.
        timeout: seconds, ``timedelta`` or `Timeout`; 0 and None are no limit.
        pod_template: name of a pod template on the cluster, or a `PodTemplate`.
        report: whether the task writes an HTML report.
        queue: queue the task is put into; None is the default queue.
        debuggable: whether a debugger may be attached.
        parent_env: weak reference to the environment it belongs to.
        parent_env_name: that environment's name.
        max_inline_io_bytes: limit for the sum of inputs or outputs that travel inline, in bytes; default 10 MiB.
        triggers: what starts the task by itself.

    Example:
        >>> from flyte_core.models import NativeInterface
        >>> class Greeting(TaskTemplate):
        ...     async def execute(self, *args, **kwargs):
        ...         return f"hello {kwargs['name']}"
        >>> import inspect
        >>> interface = NativeInterface({"name": (str, inspect.Parameter.empty)}, {"o0": str})
        >>> Greeting(name="greet", interface=interface).short_name
        'greet'
    """

    name: str
    interface: NativeInterface
    short_name: str = ""
    task_type: str = PYTHON_TASK_TYPE
    task_type_version: int = 0
    # The reference has no None here; it is how a task says that it has no container.
    image: str | Image | Literal["auto"] | None = "auto"
    resources: Resources | None = None
    cache: CacheRequest = "disable"
    interruptible: bool = False
    retries: int | RetryStrategy | None = 0
    reusable: ReusePolicy | None = None
    docs: Documentation | None = None
    env_vars: dict[str, str] | None = None
    secrets: SecretRequest | None = None
    timeout: TimeoutType | None = None
    pod_template: str | PodTemplate | None = None
    report: bool = False
    queue: str | None = None
    debuggable: bool = False
    parent_env: weakref.ReferenceType[TaskEnvironment] | None = None
    parent_env_name: str | None = None
    ref: bool = attrs.field(default=False, init=False, repr=False)
    max_inline_io_bytes: int = MAX_INLINE_IO_BYTES
    triggers: tuple[Trigger, ...] = ()
    # attrs would call the argument "call_as_synchronous"; published plugins give it with the underscore.
    _call_as_synchronous: bool = attrs.field(default=False, alias="_call_as_synchronous")

    #: Whether ``execute`` itself asks for ``pre`` and ``post``, through `flyte_core.runtime.around`; if not, the runner
    #: asks for them round ``execute``.
    runs_pre_and_post: ClassVar[bool] = False

    __dataclass_fields__ = DataclassFields()
    __dataclass_params__ = DataclassParams()

    def __attrs_post_init__(self) -> None:
        self.__post_init__()

    def __post_init__(self) -> None:
        """Bring fields given in a short form into their full form; subclasses that override it call it."""
        # Dataclasses do not initialise an inherited field that is left out of __init__.
        self.__dict__.setdefault("ref", False)
        if isinstance(self.image, str):
            self.image = _image(self.image)
        if isinstance(self.cache, str):
            self.cache = _cache(self.cache)
        cache: Any = self.cache
        if isinstance(cache, Cache) and cache.ignored_inputs:
            cache.check_inputs(self.interface.inputs, f"task {self.name!r}, cache")
        if isinstance(self.retries, int):
            self.retries = RetryStrategy(count=self.retries)
        elif self.retries is not None and not isinstance(self.retries, RetryStrategy):
            raise InvalidTypeError(f"task {self.name!r}", "retries", self.retries, "a number or a RetryStrategy")
        if not self.short_name:
            self.short_name = self.name
        triggers: Any = self.triggers
        if not isinstance(triggers, tuple):
            self.triggers = (triggers,)

    # ---- a template is a value, except for the environment it hangs on --------------------------------

    def _state(self) -> dict[str, Any]:
        """Give all fields and attributes but the environment; an attrs subclass may keep its own in slots."""
        slots = [name for cls in type(self).__mro__ for name in cls.__dict__.get("__slots__", ())]
        state = {name: getattr(self, name) for name in slots if name != "__weakref__" and hasattr(self, name)}
        state.update(self.__dict__)
        state.pop("parent_env", None)
        return state

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TaskTemplate) or type(other) is not type(self):
            return NotImplemented
        return self._state() == other._state()

    def __hash__(self) -> int:
        return hash((type(self).__qualname__, self.name))

    def __getstate__(self) -> dict[str, Any]:
        return self._state()

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        # A slotted attrs subclass brings a __getstate__ of its own, which knows nothing of the weak reference.
        state = {name: value for name, value in self.__getstate__().items() if name != "parent_env"}
        return _blank, (type(self),), state

    @property
    def native_interface(self) -> NativeInterface:
        """The interface."""
        return self.interface

    @property
    def source_file(self) -> str | None:
        """Path of the file with the task's code; None when there is none."""
        return None

    # ---- what an author overrides -----------------------------------------------------------------------

    async def pre(self, *args: Any, **kwargs: Any) -> Mapping[str, Any] | None:
        """Prepare the execution; the result is added to the task context's ``data``. See the hook ``pre``."""
        return {}

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Do the work and give the outputs. See the hook ``execute``.

        Raises:
            TaskNotExecutableError: always; a task type that runs overrides it, or its owner has the hook.
        """
        raise self._not_executable()

    def _not_executable(self) -> TaskNotExecutableError:
        return TaskNotExecutableError(
            f"task {self.name!r} of type {self.task_type!r} ({type(self).__qualname__}) cannot run here: neither its "
            f"class overrides execute() nor does a plugin own its type; "
            f"override it, or install the plugin of task type {self.task_type!r}"
        )

    async def post(self, return_vals: Any) -> Any:
        """Finish the execution; the result is the task's output. See the hook ``post``."""
        return return_vals

    def config(self, sctx: SerializationContext) -> Mapping[str, str]:
        """Give configuration for the wire form. See the hook ``config``."""
        return {}

    def custom_config(self, sctx: SerializationContext) -> Mapping[str, Any] | Message:
        """Give the part of the wire form that only this task type knows. See the hook ``custom_config``."""
        return {}

    def data_loading_config(self, sctx: SerializationContext) -> tasks_pb2.DataLoadingConfig | None:
        """Give the configuration of Flyte CoPilot. See the hook ``data_loading_config``."""
        return None

    def container_args(self, sctx: SerializationContext) -> Sequence[str]:
        """Give the arguments of the task's container. See the hook ``container_args``."""
        return []

    def sql(self, sctx: SerializationContext) -> str | tasks_pb2.Sql | None:
        """Give the SQL statement that is the task's target. See the hook ``sql``."""
        return None

    # ---- calling --------------------------------------------------------------------------------------

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the task: inside a run as an action of its own, outside as its plain function.

        Returns:
            A coroutine for an asynchronous task, else the outputs.
        """
        controller = current_controller()
        if controller is None:
            return self.forward(*args, **kwargs)
        if self._call_as_synchronous:
            return controller.submit_sync(self, args, kwargs).result()
        return controller.submit(self, args, kwargs)

    async def aio(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the task from a coroutine, even when it is synchronous.

        Example:
            ``results = await asyncio.gather(*[legacy.aio(x) for x in range(10)])``
        """
        controller = current_controller()
        if controller is not None:
            return await controller.submit(self, args, kwargs)
        result = self.forward(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    def forward(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any] | Any:
        """Run the task's own code with nothing around it; what a call outside of a run does.

        Returns:
            A coroutine for an asynchronous task, else the outputs.

        Raises:
            TaskNotExecutableError: when the class does not override ``execute``; the hook is not asked out here.
        """
        if type(self).execute is TaskTemplate.execute:
            raise self._not_executable()
        result: Awaitable[Any] = self.execute(*args, **kwargs)
        if self._call_as_synchronous and inspect.iscoroutine(result):
            # Its import takes as long as all else that a declaration needs.
            import asyncio

            return asyncio.run(result)
        return result

    # ---- variants ---------------------------------------------------------------------------------------

    def override(
        self,
        *,
        short_name: str | None = None,
        resources: Resources | None = None,
        cache: CacheRequest | None = None,
        retries: int | RetryStrategy | None = None,
        timeout: TimeoutType | None = None,
        reusable: ReusePolicy | Literal["off"] | None = None,
        env_vars: dict[str, str] | None = None,
        secrets: SecretRequest | None = None,
        max_inline_io_bytes: int | None = None,
        pod_template: str | PodTemplate | None = None,
        queue: str | None = None,
        interruptible: bool | None = None,
        **kwargs: Any,
    ) -> TaskTemplate[P, R, F]:
        """Give a copy of the task with other parameters; the task itself stays as it is.

        What is None keeps the task's own value; what is false but not None counts: ``retries=0``, ``timeout=0``,
        ``env_vars={}`` and ``secrets=[]`` switch the task's own off, and so does ``reusable="off"``.

        Args:
            short_name: name shown to people.
            resources: what the container asks for.
            cache: cache policy.
            retries: number of further attempts, or a `RetryStrategy`.
            timeout: seconds, ``timedelta`` or `Timeout`.
            reusable: another policy, or ``"off"``.
            env_vars: environment variables; they replace the task's.
            secrets: secrets; they replace the task's.
            max_inline_io_bytes: limit of inline inputs and outputs, in bytes.
            pod_template: name or `PodTemplate`.
            queue: queue.
            interruptible: whether it may run on nodes that can be taken away.
            **kwargs: further fields of the task's class; ``name``, ``image``, ``docs`` and ``interface`` say which
                task it is and cannot be overridden.

        Returns:
            A new template of the same class.

        Raises:
            InvalidValueError: (a ValueError) for a field that cannot be overridden, and for resources, variables or
                secrets of a reusable task.
            UnknownFieldError: (a TypeError) for a name that is no field.

        Example:
            ``await work.override(retries=3, resources=Resources(memory="4Gi"))(x)``
        """
        given = {
            "short_name": short_name,
            "resources": resources,
            "cache": cache,
            "retries": retries,
            "timeout": timeout,
            "reusable": reusable,
            "env_vars": env_vars,
            "secrets": secrets,
            "max_inline_io_bytes": max_inline_io_bytes,
            "pod_template": pod_template,
            "queue": queue,
            "interruptible": interruptible,
        }
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self._check_override(changes, kwargs)
        changes.update(kwargs)
        if changes.get("reusable") == "off":
            changes["reusable"] = None
        other = copy.copy(self)
        other.parent_env = self.parent_env
        for name, value in changes.items():
            setattr(other, name, value)
        other.__post_init__()
        return other

    def _check_override(self, changes: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
        where = f"task {self.name!r}, override()"
        known = self._state() if extra else {}
        for field in extra:
            if field in _NOT_FOR_OVERRIDE:
                raise InvalidValueError(where, field, extra[field], f"nothing: {field} cannot be overridden")
            if field not in known:
                raise UnknownFieldError(where, field, [name for name in known if not name.startswith("_")])
        reusable = changes.get("reusable", self.reusable)
        if reusable is None:
            return
        from flyte_core.models.reuse import ReusePolicy

        if not isinstance(reusable, ReusePolicy) and reusable != "off":
            raise InvalidTypeError(where, "reusable", reusable, "a ReusePolicy or 'off'")
        if isinstance(reusable, ReusePolicy):
            for field in _FIXED_BY_REUSE:
                if field in changes:
                    raise InvalidValueError(
                        where,
                        field,
                        changes[field],
                        "nothing: a reusable task has its environment's; add reusable='off'",
                    )


@lru_cache(maxsize=64)
def _image(uri: str) -> Image:
    """Give the image of a URI or of ``"auto"``; images are values, so tasks share them and what they compute."""
    return Image.from_debian_base() if uri == "auto" else Image.from_base(uri)


@lru_cache(maxsize=8)
def _cache(behavior: CacheBehavior) -> Cache:
    return Cache(behavior=behavior)


def _blank(cls: type[TaskTemplate[P, R, F]]) -> TaskTemplate[P, R, F]:
    """Make a template without fields, for copying and unpickling."""
    task = cls.__new__(cls)
    task.parent_env = None
    return task
