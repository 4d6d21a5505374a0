"""What can go wrong with a container, as errors that say where, why and what to do."""

from __future__ import annotations

from flyte_core.errors import OOMError, RuntimeSystemError, RuntimeUserError, SerializationError

__all__ = [
    "ContainerFailedError",
    "ContainerLostError",
    "ContainerOOMError",
    "DockerMissingError",
    "EngineUnavailableError",
    "MissingOutputError",
    "OutputError",
    "PathInTemplateError",
    "TemplateValueError",
    "UnseenFilesError",
]


class ContainerFailedError(RuntimeUserError):
    """The container ended with another code than 0, or its command could not be started.

    Args:
        message: what happened, with the last lines of its log.
        exit_code: the code; None when it was never started.
        code: short machine-readable code of the error.
    """

    def __init__(self, message: str, exit_code: int | None, code: str = "ContainerFailed") -> None:
        super().__init__(code, message)
        self.exit_code = exit_code


class ContainerOOMError(ContainerFailedError, OOMError):
    """The container needed more memory than it may have; arguments as `ContainerFailedError`."""

    def __init__(self, message: str, exit_code: int | None, code: str = "OOMKilled") -> None:
        super().__init__(message, exit_code, code)


class OutputError(RuntimeUserError, ValueError):
    """The container ended well, but an output is missing or is not of its type; the original error is chained."""

    def __init__(self, message: str) -> None:
        super().__init__("OutputError", message)


class MissingOutputError(OutputError, FileNotFoundError):
    """The container ended well, and has not written an output that is declared."""


class EngineUnavailableError(RuntimeSystemError):
    """There is no container engine, or it does not answer any more; the original error is chained."""

    def __init__(self, message: str) -> None:
        super().__init__("EngineUnavailable", message)


class DockerMissingError(EngineUnavailableError, ImportError):
    """The Python package ``docker``, through which engines are spoken to, cannot be imported."""


class PathInTemplateError(RuntimeUserError, ValueError, AssertionError):
    """A template would put the path of a file of this machine into a container's command."""

    def __init__(self, message: str) -> None:
        super().__init__("PathInTemplateError", message)


class TemplateValueError(RuntimeUserError, SerializationError):
    """A template stands for nothing that could be a word of a command."""

    def __init__(self, message: str) -> None:
        super().__init__("SerializationError", message)


class ContainerLostError(RuntimeSystemError):
    """The container went away by another hand: it was removed, or the engine that ran it was restarted."""

    def __init__(self, message: str) -> None:
        super().__init__("ContainerLost", message)


class UnseenFilesError(RuntimeUserError):
    """The container engine is on another machine, and a run would need it to see this one's files."""

    def __init__(self, message: str) -> None:
        super().__init__("UnseenFiles", message)
