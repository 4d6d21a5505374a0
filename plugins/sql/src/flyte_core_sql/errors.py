"""What can go wrong with a SQL task, as errors that say where, why and what to do."""

from __future__ import annotations

from flyte_core.errors import (
    ConfigError,
    DataFrameSchemaError,
    InvalidValueError,
    RuntimeSystemError,
    RuntimeUserError,
    StorageNotFoundError,
    TaskTimeoutError,
)

__all__ = [
    "ConnectionConfigError",
    "ConnectionLostError",
    "ConnectionFailedError",
    "DriverMissingError",
    "FragmentError",
    "InputError",
    "InputNotFoundError",
    "InputSchemaError",
    "PlaceholderError",
    "QueryError",
    "QueryTimeoutError",
    "ResultError",
    "ResultSchemaError",
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


class ResultSchemaError(ResultError, DataFrameSchemaError):
    """The columns of a frame are not those that its annotation declares.

    Args:
        message: the text.
        found: what compared them.
    """

    def __init__(self, message: str, found: DataFrameSchemaError) -> None:
        _begin(self, "ResultError", message)
        self.uri, self.differences, self.found = found.uri, found.differences, found.found


class InputError(RuntimeUserError, ValueError):
    """An input that is a table cannot be read as one."""

    def __init__(self, message: str) -> None:
        _begin(self, "InputError", message)


class InputNotFoundError(InputError, StorageNotFoundError):
    """There is nothing where an input that is a table should be.

    Args:
        message: the text.
        found: the storage's error.
    """

    def __init__(self, message: str, found: StorageNotFoundError) -> None:
        super().__init__(message)
        self.url, self.operation, self.reason, self.attempts = found.url, found.operation, found.reason, found.attempts


class InputSchemaError(InputError, DataFrameSchemaError):
    """A stored table has not the columns that the input's annotation declares.

    Args:
        message: the text.
        found: what compared them.
    """

    def __init__(self, message: str, found: DataFrameSchemaError) -> None:
        super().__init__(message)
        self.uri, self.differences, self.found = found.uri, found.differences, found.found


def _begin(error: RuntimeUserError, code: str, message: str) -> None:
    """Fill in an error that is also one of the core's, whose constructors want other arguments."""
    Exception.__init__(error, message)
    error.code, error.kind, error.worker = code, "user", None
