"""How each kind of database is reached: sessions, whichever driver is beneath."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flyte_core_sql.errors import DriverMissingError

if TYPE_CHECKING:
    from flyte_core_sql.connection import OpenConnection
    from flyte_core_sql.drivers.session import Session

__all__ = ["open_session"]

#: The schemes that libpq's own drivers serve; another one, such as postgresql+psycopg2, is SQLAlchemy's.
_LIBPQ = frozenset({"postgres", "postgresql", "postgresql+psycopg"})


def open_session(
    connection: OpenConnection,
    *,
    read_only: bool = False,
    timeout: float | None = None,
    private: bool = True,
    fetch: Literal["rows", "batches"] = "rows",
    statements: int = 1,
) -> Session:
    """Open a session of a database.

    Args:
        connection: where it is, and who connects; whatever it says of ``read_only`` holds too.
        read_only: whether the database refuses what writes.
        timeout: seconds that a statement may take.
        private: whether an embedded database in memory is the session's alone.
        fetch: how results are read; ``batches`` leaves large ones on the server, and takes ADBC for PostgreSQL.
        statements: how many the session is to run.

    Raises:
        DriverMissingError: no package for this database is installed.
        ConnectionFailedError: it cannot be reached, or does not let this user in.
        InvalidValueError: ``read_only`` where that database has no such thing.

    Example:
        >>> from flyte_core_sql.connection import resolve_connection
        >>> session = open_session(resolve_connection("sqlite://"))
        >>> session.execute("SELECT ? + 1", [41]).rows()
        [(42,)]
        >>> session.close()
    """
    declared = connection.connection
    read_only = read_only or declared.read_only
    if declared.backend == "duckdb" and declared.driver != "sqlalchemy":
        from flyte_core_sql.drivers.duck import open_duckdb

        return open_duckdb(connection, read_only=read_only, timeout=timeout, private=private, fetch=fetch)
    if declared.driver == "adbc":
        _check_adbc(connection)
    if declared.parts.scheme in _LIBPQ:
        return _open_libpq(connection, read_only=read_only, timeout=timeout, fetch=fetch, statements=statements)
    from flyte_core_sql.drivers.alchemy import open_alchemy

    return open_alchemy(connection, read_only=read_only, timeout=timeout, fetch=fetch)


def _check_adbc(connection: OpenConnection) -> None:
    from flyte_core_sql.drivers.packages import has_adbc, package_for

    declared = connection.connection
    if declared.parts.scheme not in _LIBPQ:
        raise DriverMissingError(
            f"{connection.label}: driver='adbc' is for PostgreSQL; {declared.backend} is reached with driver='auto'"
        )
    if not has_adbc():
        package = package_for("postgresql")
        raise DriverMissingError(f"{connection.label}: ADBC is not installed, or too old: pip install -U {package}")


def _open_libpq(
    connection: OpenConnection,
    *,
    read_only: bool,
    timeout: float | None,
    fetch: Literal["rows", "batches"],
    statements: int,
) -> Session:
    from flyte_core_sql.drivers.packages import has_adbc, is_installed, package_for

    if not is_installed("psycopg"):
        raise DriverMissingError(
            f"{connection.label}: psycopg is not installed: pip install {package_for('postgresql')}; "
            "a URL such as postgresql+psycopg2://… names another driver"
        )
    adbc = connection.connection.driver != "sqlalchemy" and has_adbc()
    # One result is what ADBC does best; what a script leaves in a transaction, only its own connection sees.
    if adbc and fetch == "batches" and statements == 1:
        from flyte_core_sql.drivers.adbc import open_adbc

        return open_adbc(connection, read_only=read_only, timeout=timeout)
    from flyte_core_sql.drivers.postgres import open_postgres

    return open_postgres(connection, read_only=read_only, timeout=timeout, fetch=fetch)
