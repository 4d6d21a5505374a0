"""What DuckDB's errors mean to the author of a query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb

from flyte_core_sql.errors import ConnectionConfigError, ConnectionFailedError, ConnectionLostError, QueryError

if TYPE_CHECKING:
    from flyte_core_sql.connection import OpenConnection

__all__ = ["FAILURES", "is_interrupt", "opening_failure", "query_failure"]

#: What the engine raises: its own errors, those of the bindings for values that they cannot convert, and OSError from
#: a reader of Arrow batches, which has nothing but the message.
FAILURES = (duckdb.Error, OSError, RuntimeError, ValueError, OverflowError)

_WRONG_OPTION = (duckdb.InvalidInputException, duckdb.CatalogException, duckdb.NotImplementedException, TypeError)

_MEMORY = (
    "give the connection more with options={'memory_limit': '8GB'}, a place for what does not fit with "
    "options={'temp_directory': '/path'}, or fewer threads with options={'threads': 1}"
)
_DISK = "free some of it, or lead options={'temp_directory': '/path'} to a disk with more space"


def is_interrupt(error: BaseException) -> bool:
    """Whether a statement ended because it was told to."""
    return isinstance(error, duckdb.InterruptException) or str(error).startswith("INTERRUPT Error")


def query_failure(connection: OpenConnection, error: BaseException) -> QueryError | ConnectionLostError:
    """Give the error for a statement that failed; the place in the text is in DuckDB's own message."""
    message = _told(connection, error)
    if isinstance(error, duckdb.FatalException):
        return ConnectionLostError(f"{message}\nDuckDB cannot go on with this database; the next run opens it anew")
    hint = _hint(error, message)
    return QueryError(f"{message}\nHint: {hint}" if hint else message)


def opening_failure(connection: OpenConnection, error: BaseException) -> ConnectionFailedError | ConnectionConfigError:
    """Give the error for a database that cannot be opened."""
    message = _told(connection, error)
    if isinstance(error, _WRONG_OPTION):
        return ConnectionConfigError(f"{message}\nHint: the connection's options are settings of DuckDB")
    return ConnectionFailedError(f"{message}\nHint: {hint}" if (hint := _opening_hint(message)) else message)


def _told(connection: OpenConnection, error: BaseException) -> str:
    text = re.sub(r"\n*See also https://duckdb\.org/\S*", "", str(error)).rstrip()
    return connection.scrub(f"{connection.label}: {text}")


def _hint(error: BaseException, message: str) -> str:
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory Error" in message:
        return f"{_DISK}; or {_MEMORY}" if "max_temp_directory_size" in message else _MEMORY
    if "No space left on device" in message:
        return f"the disk is full: {_DISK}"
    return ""


def _opening_hint(message: str) -> str:
    if "Conflicting lock is held" in message:
        return "another process writes to this file; try again when it is done"
    if "different configuration" in message:
        return "other code of this process has the file open with other settings; close that connection first"
    if "No space left on device" in message:
        return f"the disk is full: {_DISK}"
    return ""
