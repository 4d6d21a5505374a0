"""What databases behind SQLAlchemy do each in a way of their own: beginning, reading only, stopping, saying errors."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flyte_core.errors import InvalidValueError
from flyte_core_sql.drivers.failures import Failure
from flyte_core_sql.errors import QueryError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection as AlchemyConnection

__all__ = ["adapted", "begin", "failure_of", "interrupt_of"]

_READ_ONLY = {
    "mariadb": "START TRANSACTION READ ONLY",
    "mysql": "START TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
    "postgresql": "SET TRANSACTION READ ONLY",
    "redshift": "SET TRANSACTION READ ONLY",
    "cockroachdb": "SET TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
}
_LIKE_POSTGRES = frozenset({"postgresql", "cockroachdb", "redshift"})
_LIKE_MYSQL = frozenset({"mysql", "mariadb"})


def begin(connection: AlchemyConnection, label: str, *, read_only: bool, timeout: float | None) -> None:
    """Begin a transaction as the database needs it.

    Args:
        connection: SQLAlchemy's, on which nothing was done.
        label: what messages call it.
        read_only: whether it must refuse what writes.
        timeout: seconds that a statement may take.

    Raises:
        InvalidValueError: nothing is known here of how this database would refuse to write.
    """
    name = connection.dialect.name
    if read_only and name not in _READ_ONLY:
        allowed = f"False, and a user of the database who may only read: {name} has no such transactions here"
        raise InvalidValueError(label, "read_only", read_only, allowed)
    if name == "sqlite":
        # sqlite3 by itself begins with the first statement that writes, and commits before others.
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.isolation_level = None
        connection.exec_driver_sql(_READ_ONLY["sqlite"] if read_only else "PRAGMA query_only = OFF")
        if read_only:
            driver.set_authorizer(_keep_read_only)
        connection.exec_driver_sql("BEGIN")
    elif read_only:
        connection.exec_driver_sql(_READ_ONLY[name])
        if name == "postgresql":
            # After a query the server lets nobody make it a transaction that writes.
            connection.exec_driver_sql("SELECT 1")
    if timeout is not None and name in _LIKE_POSTGRES:
        connection.exec_driver_sql(f"SET statement_timeout = {max(1, round(timeout * 1000))}")


def _keep_read_only(action: int, name: str | None, value: str | None, *_: str | None) -> int:
    """Deny a script to switch off what keeps it from writing: https://www.sqlite.org/c3ref/set_authorizer.html."""
    import sqlite3

    switches = action == sqlite3.SQLITE_PRAGMA and (name or "").lower() == "query_only" and value is not None
    return sqlite3.SQLITE_DENY if switches else sqlite3.SQLITE_OK


def interrupt_of(connection: AlchemyConnection) -> Callable[[], None]:
    """Give what has the database stop a statement from another thread: what its driver offers, else the end of it.

    Args:
        connection: SQLAlchemy's.
    """
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name in _LIKE_MYSQL and hasattr(driver, "thread_id"):
        number, engine = driver.thread_id(), connection.engine
        return lambda: _kill(engine, number)
    for way in ("interrupt", "cancel_safe", "cancel"):
        if callable(found := getattr(driver, way, None)):
            return found  # type: ignore[no-any-return] # a driver's
    return driver.close  # type: ignore[no-any-return] # a driver's


def _kill(engine: Any, number: int) -> None:
    with engine.connect() as other:
        other.exec_driver_sql(f"KILL QUERY {int(number)}")


def adapted(dialect: str, parameters: Sequence[Any] | Mapping[str, Any] | None) -> Any:
    """Give parameters as the database's driver takes them.

    Args:
        dialect: SQLAlchemy's name for the database.
        parameters: values by position or by name.
    """
    if parameters is None:
        return None
    change = _for_sqlite if dialect == "sqlite" else _with_json_lists
    if dialect in _LIKE_POSTGRES:
        return parameters if isinstance(parameters, Mapping) else tuple(parameters)
    if isinstance(parameters, Mapping):
        return {name: change(value) for name, value in parameters.items()}
    return tuple(change(value) for value in parameters)


def _with_json_lists(value: Any) -> Any:
    """Give a list as JSON: these databases have no arrays, and functions that read it."""
    return json.dumps(value, default=str) if isinstance(value, (list, tuple)) else value


def _for_sqlite(value: Any) -> Any:
    """Give a value as one of SQLite's five types: times as its own functions write them, which is in UTC.

    Source: https://www.sqlite.org/lang_datefunc.html
    """
    if isinstance(value, Decimal):
        return _sqlite_number(value)
    if isinstance(value, float) and math.isnan(value):
        raise QueryError("SQLite has no NaN: it would be NULL there, so pass None for it")
    if isinstance(value, dt.datetime):
        # As texts they are compared, so all of them are written alike.
        utc = value if value.tzinfo is None else value.astimezone(dt.timezone.utc).replace(tzinfo=None)
        return utc.isoformat(" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, (list, tuple)):
        # The items as they would be for themselves, so that those of json_each compare.
        return json.dumps([_for_sqlite(item) for item in value], default=str)
    return str(value) if isinstance(value, UUID) else value


def _sqlite_number(value: Decimal) -> int | float:
    """Give a decimal as a number, where no digit is lost: a text would come behind every number.

    Raises:
        QueryError: SQLite has no such number.
    """
    if not value.is_finite():
        raise QueryError(f"SQLite has no number {value}")
    if value == value.to_integral_value() and abs(value) < 2**63:
        return int(value)
    number = float(value)
    if Decimal(repr(number)) != value:
        raise QueryError(f"SQLite has no number of all the digits of {value}: pass a float, or a str to store its text")
    return number


def failure_of(error: BaseException, *, lost: bool = False) -> Failure:
    """Read an error of a driver, in the ways that drivers have in common.

    Args:
        error: the driver's own.
        lost: whether SQLAlchemy takes the connection for gone.
    """
    diag = getattr(error, "diag", None)
    position = getattr(diag, "statement_position", None)
    return Failure(
        message=getattr(diag, "message_primary", None) or _words(error),
        state=getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or None,
        position=int(position) if position else None,
        detail=getattr(diag, "message_detail", None),
        hint=getattr(diag, "message_hint", None),
        lost=lost,
    )


def _words(error: BaseException) -> str:
    """Give an error's words; MySQL's are a number and a text."""
    with contextlib.suppress(ValueError, TypeError):
        number, text = error.args
        return f"{text} (error {int(number)})"
    return str(error) or type(error).__name__
