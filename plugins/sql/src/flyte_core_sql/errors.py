"""What can go wrong with a SQL task, as errors that say where, why and what to do."""

from __future__ import annotations

from flyte_core.errors import ConfigError, InvalidValueError, RuntimeSystemError, RuntimeUserError, TaskTimeoutError

__all__ = [
    "ConnectionConfigError",
    "ConnectionLostError",
    "ConnectionFailedError",
    "DriverMissingError",
    "FragmentError",
    "PlaceholderError",
    "QueryError",
    "QueryTimeoutError",
    "ResultError",
]


class PlaceholderError(InvalidValueError):
    """A query's placeholders and the task's inputs do not fit; arguments as `flyte_core.errors.InvalidValueError`."""


class ConnectionConfigError(RuntimeUserError, ConfigError):
    """A named connection is not configured, or not as it must be."""

    def __init__(self, message: str) -> None:
        super().__init__("ConnectionConfig", message)


class FragmentError(RuntimeUserError, ValueError):
    """The value of an input is none of those for which the task has a fragment of SQL."""

    def __init__(self, message: str) -> None:
        super().__init__("FragmentError", message)


class DriverMissingError(RuntimeUserError, ImportError):
    """The Python package that speaks to this kind of database is not installed."""

    def __init__(self, message: str) -> None:
        super().__init__("DriverMissing", message)


class ConnectionFailedError(RuntimeSystemError, ConnectionError):
    """The database cannot be reached, or does not let this user in; the driver's error is chained."""

    def __init__(self, message: str) -> None:
        super().__init__("ConnectionFailed", message)


class ConnectionLostError(RuntimeSystemError, ConnectionError):
    """The connection ended while a statement ran; the driver's error is chained."""

    def __init__(self, message: str) -> None:
        super().__init__("ConnectionLost", message)


class QueryError(RuntimeUserError):
    """The database refused a statement, or failed while it ran; the driver's error is chained."""

    def __init__(self, message: str) -> None:
        super().__init__("QueryError", message)


class QueryTimeoutError(TaskTimeoutError):
    """A statement took longer than ``statement_timeout`` allows."""


class ResultError(RuntimeUserError, ValueError):
    """What the query gave is not what the task declares."""

    def __init__(self, message: str) -> None:
        super().__init__("ResultError", message)
