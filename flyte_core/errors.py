"""Every public exception of flyte_core; each message says what happened, where, and what to do.

All of them derive from `FlyteCoreError`, and also from the built-in exception that the Flyte SDK
raises in the same place, so that ``except ValueError`` written for the SDK keeps working.

The run-time family (`BaseRuntimeError` and below) carries Flyte's error ``code`` and ``kind``; names and
constructor arguments are those of ``flyte.errors`` 2.0.0b33.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

ErrorKind = Literal["system", "unknown", "user"]

__all__ = [
    "ActionNotFoundError",
    "BaseRuntimeError",
    "CacheError",
    "ClusterRequiredError",
    "ConfigError",
    "CustomError",
    "DeploymentError",
    "ErrorKind",
    "FlyteCoreError",
    "HookCallError",
    "HookError",
    "HookValidationError",
    "ImageBuildError",
    "ImagePullBackOffError",
    "InitializationError",
    "InlineIOMaxBytesBreached",
    "InputError",
    "InvalidImageNameError",
    "InvalidTypeError",
    "InvalidValueError",
    "LogsNotYetAvailableError",
    "ModuleLoadError",
    "NotInTaskContextError",
    "OOMError",
    "OnlyAsyncIOSupportedError",
    "PluginBlockedError",
    "PluginConflictError",
    "PluginError",
    "PluginLoadError",
    "PluginNotFoundError",
    "PluginVersionError",
    "PrimaryContainerNotFoundError",
    "ReferenceTaskError",
    "RemoteStorageError",
    "RequiredPluginError",
    "RetriesExhaustedError",
    "RunAbortedError",
    "RuntimeDataValidationError",
    "RuntimeSystemError",
    "RuntimeUnknownError",
    "RuntimeUserError",
    "SerializationError",
    "SlowDownError",
    "TaskInterruptedError",
    "TaskNotExecutableError",
    "TaskTimeoutError",
    "TypeTransformerFailedError",
    "UnionRpcError",
    "UnknownFieldError",
    "UnresolvedAnnotationError",
]


class FlyteCoreError(Exception):
    """Base of everything flyte_core raises on purpose."""


# ---- values given by a user ----------------------------------------------------------------------


def _field_message(owner: str, field: str, value: object, allowed: str) -> str:
    shown = repr(value)
    if len(shown) > 200:
        shown = shown[:197] + "..."
    return f"{owner}: {field} = {shown} is not allowed; expected {allowed}"


class InvalidValueError(FlyteCoreError, ValueError):
    """A field of a value holds something outside what is allowed.

    Args:
        owner: the class or function whose field it is, such as ``Resources``.
        field: the field's name.
        value: what was given; shown shortened to 200 characters.
        allowed: what would have been right, as the end of the sentence "expected ...".

    Example:
        >>> raise InvalidValueError("Resources", "cpu", "1x", "a Kubernetes quantity such as 500m or 2")
        Traceback (most recent call last):
        ...
        flyte_core.errors.InvalidValueError: Resources: cpu = '1x' is not allowed; expected a Kubernetes quantity such as 500m or 2
    """  # noqa: E501 - one message, one line

    def __init__(self, owner: str, field: str, value: object, allowed: str) -> None:
        super().__init__(_field_message(owner, field, value, allowed))
        self.owner, self.field, self.value, self.allowed = owner, field, value, allowed

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.owner, self.field, self.value, self.allowed)


class InvalidTypeError(FlyteCoreError, TypeError):
    """A field of a value holds an object of a type that is not allowed; arguments as `InvalidValueError`."""

    def __init__(self, owner: str, field: str, value: object, allowed: str) -> None:
        super().__init__(_field_message(owner, field, value, allowed))
        self.owner, self.field, self.value, self.allowed = owner, field, value, allowed

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.owner, self.field, self.value, self.allowed)


class UnknownFieldError(FlyteCoreError, TypeError):
    """A keyword argument names no field; the message lists near misses and what exists.

    Args:
        where: the call it was given to.
        field: the unknown name.
        known: names that exist.
    """

    def __init__(self, where: str, field: str, known: Sequence[str]) -> None:
        close = near_misses(field, known)
        hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
        super().__init__(f"{where}: there is no field {field!r}; {hint}known: {', '.join(sorted(known))}")
        self.where, self.field, self.known = where, field, tuple(known)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.where, self.field, self.known)


class UnresolvedAnnotationError(FlyteCoreError, NameError, TypeError, ValueError):
    """An annotation of a function does not name a type; the original error is chained.

    Args:
        owner: the function's name.
        parameter: the parameter's name, or ``return``.
        annotation: what is written there.
        reason: why it can't be resolved.
    """

    def __init__(self, owner: str, parameter: str, annotation: object, reason: Exception) -> None:
        text = f"{owner}: the annotation of {parameter}, {annotation!r}, does not name a type: {reason}"
        super().__init__(text + "; import or define that name in the function's module")
        self.owner, self.parameter, self.annotation, self.reason = owner, parameter, annotation, reason

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.owner, self.parameter, self.annotation, self.reason)


class InputError(FlyteCoreError, ValueError):
    """A call of a task has missing, unknown, doubled or too many inputs; the message lists all of them.

    Args:
        owner: whose inputs they are, such as ``task 'flows.main'``.
        problems: one text for each fault.
    """

    def __init__(self, owner: str, problems: Sequence[str]) -> None:
        super().__init__(f"{owner}: {'; '.join(problems)}")
        self.owner, self.problems = owner, tuple(problems)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.owner, self.problems)


class ConfigError(FlyteCoreError, ValueError):
    """A setting from a flag, the environment or a file is wrong; the message says which and where from."""


class ClusterRequiredError(FlyteCoreError, RuntimeError):
    """A function needs a Flyte cluster, and this installation or process has none."""


class SerializationError(FlyteCoreError, ValueError):
    """A task cannot be turned into its wire form; the message names the task and the field."""


class TaskNotExecutableError(FlyteCoreError, NotImplementedError):
    """A task has no code that could run here; the message says what to override or install."""


class RemoteStorageError(FlyteCoreError, NotImplementedError):
    """A URL points to storage outside this machine, which this release does not read or write; it is named."""


class CacheError(FlyteCoreError, OSError):
    """The local result cache cannot be used; the message names its file."""


# ---- plugins and hooks -----------------------------------------------------------------------------


class PluginError(FlyteCoreError):
    """Something is wrong with a plugin, or between plugins.

    Args:
        message: what happened and what to do.
        plugin: the entry point's name.
        distribution: the distribution that declares it.
        version: that distribution's version.
    """

    def __init__(
        self,
        message: str,
        *,
        plugin: str | None = None,
        distribution: str | None = None,
        version: str | None = None,
    ) -> None:
        super().__init__(message)
        self.plugin, self.distribution, self.version = plugin, distribution, version

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class PluginNotFoundError(PluginError, LookupError, ValueError):
    """Nobody claims a name; the message lists near misses, installed names and the package to install."""


class PluginConflictError(PluginError, ValueError):
    """Two owners claim one name; the message names both and how to choose."""


class PluginBlockedError(PluginError, ValueError):
    """The plugin asked for is blocked by configuration; the message says which setting."""


class PluginLoadError(PluginError, ImportError):
    """A plugin's module cannot be imported; the original error is chained."""


class PluginVersionError(PluginLoadError):
    """A plugin was made for another version of flyte_core or of its hook API; both are named."""


class HookValidationError(PluginLoadError, TypeError):
    """A plugin's hooks do not match their specifications; all faults are listed.

    Args:
        message: the whole text.
        faults: one line for each fault.
    """

    def __init__(
        self,
        message: str,
        *,
        faults: Sequence[str] = (),
        plugin: str | None = None,
        distribution: str | None = None,
        version: str | None = None,
    ) -> None:
        super().__init__(message, plugin=plugin, distribution=distribution, version=version)
        self.faults = tuple(faults)


class RequiredPluginError(PluginLoadError):
    """A plugin that ``require`` names is absent, blocked or broken, so the policy it enforces cannot hold."""


class HookError(PluginError, RuntimeError):
    """A plugin's hook raised; the original exception is chained.

    Args:
        message: the whole text, naming plugin, distribution, version, hook and task.
        hook: the hook's name.
        task: the task's name, where one was in hand.
    """

    def __init__(
        self,
        message: str,
        *,
        hook: str | None = None,
        task: str | None = None,
        plugin: str | None = None,
        distribution: str | None = None,
        version: str | None = None,
    ) -> None:
        super().__init__(message, plugin=plugin, distribution=distribution, version=version)
        self.hook, self.task = hook, task


class HookCallError(FlyteCoreError, RuntimeError):
    """A `HookCall` was awaited twice."""


class TypeTransformerFailedError(FlyteCoreError, TypeError, AssertionError, ValueError):
    """A Python value or type and a Flyte literal or literal type do not fit each other."""


# ---- running tasks: names and arguments of flyte.errors ----------------------------------------------


def _rebuild(cls: type[BaseException], args: tuple[object, ...], state: dict[str, object]) -> BaseException:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class BaseRuntimeError(FlyteCoreError, RuntimeError):
    """The execution of a task failed.

    Args:
        code: short machine-readable code; for a user's exception the name of its class.
        kind: ``user``, ``system`` or ``unknown``.
        root_cause_message: the text.
        worker: where it ran, if known.
    """

    def __init__(self, code: str, kind: ErrorKind, root_cause_message: str, worker: str | None = None) -> None:
        super().__init__(root_cause_message)
        self.code, self.kind, self.worker = code, kind, worker

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class InitializationError(BaseRuntimeError):
    """Something needs `flyte_core.init` to have been called."""


class RuntimeSystemError(BaseRuntimeError):
    """The task failed because of the system, not because of its own code."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "system", message, worker)


class UnionRpcError(RuntimeSystemError):
    """Talking to the cluster failed."""


class RuntimeUserError(BaseRuntimeError):
    """The task failed because of its own code; ``code`` is the name of the exception's class."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "user", message, worker)


class RuntimeUnknownError(BaseRuntimeError):
    """The task failed and nothing tells why."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "unknown", message, worker)


class OOMError(RuntimeUserError):
    """The task ran out of memory."""


class TaskInterruptedError(RuntimeUserError):
    """The task was interrupted."""


class PrimaryContainerNotFoundError(RuntimeUserError):
    """A pod template has no container of the primary container's name."""


class RetriesExhaustedError(RuntimeUserError):
    """Every attempt of the task failed."""


class InvalidImageNameError(RuntimeUserError):
    """The image's name is not valid."""


class ImagePullBackOffError(RuntimeUserError):
    """The image cannot be pulled."""


class NotInTaskContextError(RuntimeUserError):
    """Something that only exists inside a running task was asked for outside."""


class ActionNotFoundError(FlyteCoreError, RuntimeError):
    """There is no such action."""


class CustomError(RuntimeUserError):
    """An error with a code of the user's own, raised from task code."""

    @classmethod
    def from_exception(cls, e: Exception) -> CustomError:
        """Wrap an exception: its class's name becomes the code, its text the message, itself the cause."""
        error = cls(type(e).__name__, str(e))
        error.__cause__ = e
        return error


class RuntimeDataValidationError(RuntimeUserError):
    """An input or output does not fit its declared type.

    Args:
        var: the input's or output's name.
        e: what is wrong with it.
        task_name: the task's name.
    """

    def __init__(self, var: str, e: Exception | str, task_name: str = "") -> None:
        where = f"task {task_name!r}, " if task_name else ""
        super().__init__("DataValidationError", f"{where}variable {var!r}: {e}")
        self.var, self.task_name = var, task_name


class LogsNotYetAvailableError(BaseRuntimeError):
    """The task has not written logs yet."""

    def __init__(self, message: str) -> None:
        super().__init__("LogsNotYetAvailable", "system", message)


class _FixedCodeError(RuntimeUserError):
    """A user error whose code belongs to its class."""

    _code = ""

    def __init__(self, message: str) -> None:
        super().__init__(self._code or type(self).__name__, message)


class TaskTimeoutError(_FixedCodeError):
    """The task ran longer than its timeout."""


class ReferenceTaskError(_FixedCodeError):
    """A reference to a task on a cluster cannot be used this way."""

    _code = "ReferenceTaskUsageError"


class DeploymentError(_FixedCodeError):
    """A deployment failed, or something it needs is missing."""


class ImageBuildError(_FixedCodeError):
    """An image could not be built."""


class ModuleLoadError(_FixedCodeError):
    """A user's file or module could not be loaded; its own traceback is chained."""


class InlineIOMaxBytesBreached(_FixedCodeError):
    """Inline inputs or outputs are larger than the task's ``max_inline_io_bytes``."""


class RunAbortedError(_FixedCodeError):
    """The run was aborted."""


class SlowDownError(_FixedCodeError):
    """The cluster asks to be called less often."""


class OnlyAsyncIOSupportedError(_FixedCodeError):
    """Synchronous input or output was used where only asynchronous is supported."""


def near_misses(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """Names from ``known`` that look like ``name``, best first; empty when nothing is close."""
    import difflib

    return difflib.get_close_matches(name, sorted(set(known)), n=limit, cutoff=0.6)


def mark_as_task_code(error: BaseException) -> None:
    """Remember that an exception comes out of a task's own code, so that no plugin on its way is blamed for it."""
    try:
        error._flyte_core_task_code = True  # type: ignore[attr-defined] # any exception may carry attributes
    except AttributeError:
        # A class with slots cannot; its exceptions are then reported as the plugin's.
        return


def is_task_code(error: BaseException) -> bool:
    """Whether `mark_as_task_code` has seen the exception."""
    return getattr(error, "_flyte_core_task_code", False) is True
