"""Environment and TaskEnvironment: what a group of tasks shares, and the decorator that declares them."""

from __future__ import annotations

import inspect
import re
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, overload

import attrs

from flyte_core.errors import InvalidTypeError, InvalidValueError, PluginNotFoundError, UnknownFieldError
from flyte_core.models.cache import Cache
from flyte_core.models.image import Image
from flyte_core.models.interface import NativeInterface
from flyte_core.models.limits import MAX_INLINE_IO_BYTES
from flyte_core.registry import TaskPluginRegistry
from flyte_core.template import PYTHON_TASK_TYPE, TaskTemplate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self

    # The values that an environment rarely has are imported when one is given, as in flyte_core.template.
    from flyte_core.models import (
        CacheRequest,
        Documentation,
        PodTemplate,
        Resources,
        RetryStrategy,
        ReusePolicy,
        SecretRequest,
        TimeoutType,
        Trigger,
    )

__all__ = ["Environment", "TaskEnvironment"]

P = ParamSpec("P")
R = TypeVar("R")

_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")


def _check(owner: str, field: str, value: object, allowed: tuple[type | str, ...], described: str) -> None:
    """Refuse a value of another class; one of `flyte_core.models` may be named, and is imported if it comes to that."""
    if value is None:
        return
    from flyte_core import models

    classes = tuple(getattr(models, cls) if isinstance(cls, str) else cls for cls in allowed)
    if not isinstance(value, classes):
        raise InvalidTypeError(owner, field, value, described)


@attrs.define(slots=False, eq=False)
class Environment:
    """What a group of tasks or apps shares.

    Args:
        name: snake_case or kebab-case, lower case.
        depends_on: environments that are deployed along with this one, because its tasks call theirs.
        pod_template: name of a pod template on the cluster, or a `PodTemplate`.
        description: text for people.
        secrets: secrets that its tasks are given.
        env_vars: environment variables by name.
        resources: what its containers ask for.
        interruptible: whether its tasks may run on nodes that can be taken away.
        image: URI, `Image`, or ``"auto"`` for the default image.

    Raises:
        InvalidValueError: for a name of another form.
        InvalidTypeError: for a value of a wrong type.
    """

    name: str
    depends_on: list[Environment] = attrs.field(factory=list)
    pod_template: str | PodTemplate | None = None
    description: str | None = None
    secrets: SecretRequest | None = None
    env_vars: dict[str, str] | None = None
    resources: Resources | None = None
    interruptible: bool = False
    image: str | Image | Literal["auto"] = "auto"

    def __attrs_post_init__(self) -> None:
        owner = f"{type(self).__name__} {self.name!r}"
        given: Any = self.name
        if not isinstance(given, str) or not _NAME.fullmatch(given):
            raise InvalidValueError(
                type(self).__name__, "name", self.name, "lower-case snake_case or kebab-case, such as my_env or my-env"
            )
        if not isinstance(self.image, (str, Image)):
            raise InvalidTypeError(owner, "image", self.image, "a URI, an Image or 'auto'")
        _check(owner, "secrets", self.secrets, (str, "Secret", list), "a name, a Secret or a list of them")
        _check(owner, "resources", self.resources, ("Resources",), "a Resources")
        _check(owner, "env_vars", self.env_vars, (dict,), "a dict of str by str")
        _check(owner, "pod_template", self.pod_template, (str, "PodTemplate"), "a name or a PodTemplate")
        variables: dict[Any, Any] = self.env_vars or {}
        for name, value in variables.items():
            if not isinstance(name, str) or not isinstance(value, str):
                raise InvalidTypeError(owner, f"env_vars[{name!r}]", type(value), "names and values of type str")
        for other in self.depends_on:
            _check(owner, "depends_on", other, (Environment,), "a list of environments")

    def add_dependency(self, *env: Environment) -> None:
        """Add environments that are deployed along with this one; one that is there already is not added again.

        Raises:
            TypeError: for something that is no environment.
            ValueError: for the environment itself.
        """
        # The built-in classes themselves: callers of the reference compare the class's name here.
        for other in env:
            if not isinstance(other, Environment):
                raise TypeError(f"{self.name!r}.add_dependency(): expected environments, got {other!r}")
            if other is self or other.name == self.name:
                raise ValueError(f"{self.name!r}.add_dependency(): an environment cannot depend on itself")
        for other in env:
            if not any(known is other for known in self.depends_on):
                self.depends_on.append(other)

    def clone_with(
        self,
        name: str,
        image: str | Image | Literal["auto"] | None = None,
        resources: Resources | None = None,
        env_vars: dict[str, str] | None = None,
        secrets: SecretRequest | None = None,
        depends_on: list[Environment] | None = None,
        description: str | None = None,
        **kwargs: Any,
    ) -> Self:
        """Give another environment that shares all that is not given here.

        Arguments are the fields of the class. None keeps this environment's value, except in ``kwargs``, where it
        counts (``reusable=None`` makes an environment that is not reusable).

        Raises:
            UnknownFieldError: for a name that is no field.
        """
        given = {
            "image": image,
            "resources": resources,
            "env_vars": env_vars,
            "secrets": secrets,
            "depends_on": depends_on,
            "description": description,
        }
        changes = {field: value for field, value in given.items() if value is not None}
        fields = [a.name for a in attrs.fields(type(self)) if a.init]
        for field, value in kwargs.items():
            if field not in fields:
                raise UnknownFieldError(f"{type(self).__name__} {self.name!r}, clone_with()", field, fields)
            # These have no None of their own; there it means "as before".
            if value is not None or field not in {"cache", "interruptible", "pod_template", "queue"}:
                changes[field] = value
        kept = {field: getattr(self, field) for field in fields if field != "name"}
        kept["depends_on"] = list(kept["depends_on"])
        return type(self)(name, **{**kept, **changes})


@attrs.define(slots=False, eq=False)
class TaskEnvironment(Environment):
    """An environment whose tasks are declared with its `task` decorator.

    Args:
        cache: cache policy of its tasks; default ``"disable"``.
        reusable: policy of containers that stay for the next task; None for one container a task.
        plugin_config: configuration of a task plugin; its class decides which task type the tasks are of.
        queue: queue its tasks are put into; None is the default queue.

    The other arguments are those of `Environment`.

    Example:
        >>> from flyte_core import Resources, TaskEnvironment
        >>> env = TaskEnvironment("hello", resources=Resources(cpu=1, memory="1Gi"))
        >>> @env.task
        ... async def greet(name: str) -> str:
        ...     return f"hello {name}"
        >>> list(env.tasks)
        ['hello.greet']
    """

    cache: CacheRequest = "disable"
    reusable: ReusePolicy | None = None
    plugin_config: Any = None
    queue: str | None = None
    _tasks: dict[str, TaskTemplate] = attrs.field(factory=dict, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        owner = f"TaskEnvironment {self.name!r}"
        if self.reusable is not None and self.plugin_config is not None:
            raise InvalidValueError(
                owner, "plugin_config", type(self.plugin_config).__name__, "None, because the environment is reusable"
            )
        _check(owner, "reusable", self.reusable, ("ReusePolicy",), "a ReusePolicy")
        _check(owner, "cache", self.cache, (str, Cache), "'auto', 'override', 'disable' or a Cache")
        if isinstance(self.cache, str):
            Cache(behavior=self.cache)

    @overload
    def task(self, _func: Callable[P, R], /) -> TaskTemplate[P, R, Callable[P, R]]: ...

    @overload
    def task(
        self,
        *,
        short_name: str | None = None,
        cache: CacheRequest | None = None,
        retries: int | RetryStrategy = 0,
        timeout: TimeoutType = 0,
        docs: Documentation | None = None,
        pod_template: str | PodTemplate | None = None,
        report: bool = False,
        interruptible: bool | None = None,
        max_inline_io_bytes: int = MAX_INLINE_IO_BYTES,
        queue: str | None = None,
        triggers: tuple[Trigger, ...] | Trigger = (),
    ) -> Callable[[Callable[P, R]], TaskTemplate[P, R, Callable[P, R]]]: ...

    def task(
        self,
        _func: Callable[..., Any] | None = None,
        *,
        short_name: str | None = None,
        cache: CacheRequest | None = None,
        retries: int | RetryStrategy = 0,
        timeout: TimeoutType = 0,
        docs: Documentation | None = None,
        pod_template: str | PodTemplate | None = None,
        report: bool = False,
        interruptible: bool | None = None,
        max_inline_io_bytes: int = MAX_INLINE_IO_BYTES,
        queue: str | None = None,
        triggers: tuple[Trigger, ...] | Trigger = (),
    ) -> Any:
        """Declare a function to be a task of this environment.

        The task is named ``<environment>.<function>``. Whatever is not given here comes from the environment.

        Args:
            _func: the function, when the decorator is used without parentheses.
            short_name: name shown to people; default the function's name.
            cache: cache policy.
            retries: number of further attempts after a failure, or a `RetryStrategy`; default 0.
            timeout: seconds, ``timedelta`` or `Timeout`; default 0, no limit.
            docs: documentation; default the function's docstring.
            pod_template: name of a pod template or a `PodTemplate`; not in a reusable environment.
            report: whether the task writes an HTML report; default False.
            interruptible: whether it may run on nodes that can be taken away.
            max_inline_io_bytes: limit of inline inputs and outputs, in bytes; default 10 MiB.
            queue: queue the task is put into.
            triggers: what starts the task by itself.

        Returns:
            A task template of the class that the owner of the task type names, or, without parentheses omitted, the
            decorator that makes it.

        Raises:
            PluginNotFoundError: (a ValueError) when no plugin claims the class of ``plugin_config``, or the plugin
                for Python functions is not installed.
            InvalidValueError: for a setting that a reusable environment does not allow.

        Example:
            >>> env = TaskEnvironment("sums")
            >>> @env.task(retries=2)
            ... def add(a: int, b: int = 1) -> int:
            ...     return a + b
            >>> add(1)
            2
        """
        if self.reusable is not None and pod_template is not None:
            raise InvalidValueError(
                f"TaskEnvironment {self.name!r}",
                "pod_template",
                pod_template,
                "None, because the environment is reusable",
            )

        def declare(func: Callable[..., Any]) -> TaskTemplate:
            self._check_function(func)
            return self._add(
                self._template_class()(
                    func=func,
                    plugin_config=self.plugin_config,
                    name=f"{self.name}.{func.__name__}",
                    short_name=short_name or func.__name__,
                    interface=NativeInterface.from_callable(func),
                    docs=docs if docs is not None else _documentation(func),
                    cache=cache if cache is not None else self.cache,
                    retries=retries,
                    timeout=timeout,
                    pod_template=pod_template if pod_template is not None else self.pod_template,
                    report=report,
                    interruptible=interruptible if interruptible is not None else self.interruptible,
                    max_inline_io_bytes=max_inline_io_bytes,
                    queue=queue if queue is not None else self.queue,
                    triggers=triggers if isinstance(triggers, tuple) else (triggers,),
                    image=self.image,
                    resources=self.resources,
                    reusable=self.reusable,
                    env_vars=self.env_vars,
                    secrets=self.secrets,
                    parent_env=weakref.ref(self),
                    parent_env_name=self.name,
                )
            )

        return declare if _func is None else declare(_func)

    def _check_function(self, func: object) -> None:
        owner = f"TaskEnvironment {self.name!r}, @task"
        if not callable(func) or not hasattr(func, "__name__"):
            raise InvalidTypeError(owner, "function", func, "a function defined with def or async def")
        if self.reusable is not None and self.reusable.concurrency > 1 and not inspect.iscoroutinefunction(func):
            raise InvalidValueError(
                owner,
                "function",
                func.__name__,
                "an async function, because the environment is reusable with concurrency",
            )

    def _template_class(self) -> type[Any]:
        if self.plugin_config is None:
            return TaskPluginRegistry.task_template_class(PYTHON_TASK_TYPE)
        config_type = type(self.plugin_config)
        found = TaskPluginRegistry.find(config_type)
        if found is None:
            raise PluginNotFoundError(
                f"TaskEnvironment {self.name!r}: no plugin claims plugin_config of type "
                f"{config_type.__module__}.{config_type.__qualname__}; install the package that provides it "
                f"(entry-point group flyte_core.config_types), or call "
                f"flyte_core.extend.TaskPluginRegistry.register({config_type.__name__}, <your TaskTemplate class>)"
            )
        return found

    def _add(self, task: TaskTemplate) -> TaskTemplate:
        self._tasks[task.name] = task
        return task

    @property
    def tasks(self) -> dict[str, TaskTemplate]:
        """The tasks declared so far, by full name, in the order of their declaration."""
        return self._tasks

    @classmethod
    def from_task(cls, name: str, *tasks: TaskTemplate) -> Self:
        """Make an environment of tasks that were made by hand; its image is theirs.

        Args:
            name: the environment's name.
            *tasks: templates that belong to no environment yet, all with the same image.

        Returns:
            The environment; without tasks its image is ``"auto"``.

        Raises:
            InvalidValueError: when a task belongs to another environment, or two images differ.

        Example:
            ``env = TaskEnvironment.from_task("queries", top_customers, orders_by_day)``
        """
        owner = f"TaskEnvironment {name!r}, from_task()"
        for task in tasks:
            if not isinstance(task, TaskTemplate):
                raise InvalidTypeError(owner, "tasks", task, "task templates")
            if task.parent_env_name is not None:
                raise InvalidValueError(owner, "tasks", task.name, "tasks that belong to no environment yet")
        env = cls(name, image=_common_image(owner, tasks))
        for task in tasks:
            env._add(task)
            task.parent_env = weakref.ref(env)
            task.parent_env_name = name
        return env


def _documentation(func: Callable[..., Any]) -> Documentation | None:
    if not func.__doc__:
        return None
    from flyte_core.models.documentation import Documentation

    return Documentation.from_docstring(func)


def _common_image(owner: str, tasks: Iterable[TaskTemplate]) -> str | Image:
    images: list[str | Image] = []
    for task in tasks:
        if task.image is not None and task.image not in images:
            images.append(task.image)
    if len(images) > 1:
        shown = ", ".join(i if isinstance(i, str) else i.uri for i in images)
        raise InvalidValueError(owner, "image", shown, "one image for all tasks of an environment")
    return images[0] if images else "auto"
