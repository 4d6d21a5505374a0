"""Errors of running tasks: names and constructor arguments of ``flyte.errors`` 2.0.0b33."""

from __future__ import annotations

from typing import Literal

from flyte_core.errors.base import FlyteCoreError, rebuild

__all__ = [
    "ActionNotFoundError",
    "BaseRuntimeError",
    "CustomError",
    "DeploymentError",
    "ErrorKind",
    "ImageBuildError",
    "ImagePullBackOffError",
    "InitializationError",
    "InlineIOMaxBytesBreached",
    "InvalidImageNameError",
    "LogsNotYetAvailableError",
    "ModuleLoadError",
    "NotInTaskContextError",
    "OOMError",
    "OnlyAsyncIOSupportedError",
    "PrimaryContainerNotFoundError",
    "ReferenceTaskError",
    "RetriesExhaustedError",
    "RunAbortedError",
    "RuntimeDataValidationError",
    "RuntimeSystemError",
    "RuntimeUnknownError",
    "RuntimeUserError",
    "SlowDownError",
    "TaskInterruptedError",
    "TaskTimeoutError",
    "UnionRpcError",
]


ErrorKind = Literal["system", "unknown", "user"]


class BaseRuntimeError(FlyteCoreError, RuntimeError):
    """The execution of a task failed.

    Args:
        code: short machine-readable code; for a user's exception the name of its class.
        kind: ``user``, ``system`` or ``unknown``.
        root_cause_message: the text.
        worker: where it ran, if known.
    """

    kind: ErrorKind

    def __init__(self, code: str, kind: ErrorKind, root_cause_message: str, worker: str | None = None) -> None:
        super().__init__(root_cause_message)
        self.code, self.kind, self.worker = code, kind, worker

    def __reduce__(self) -> tuple[object, ...]:
        return rebuild, (type(self), self.args, dict(self.__dict__))


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
