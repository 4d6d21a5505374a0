"""Sessions of any database that SQLAlchemy reaches, with statements in the driver's own words."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, cast

from flyte_core_sql.drivers.alchemy_databases import adapted, begin, failure_of, interrupt_of
from flyte_core_sql.drivers.common import refuse_table
from flyte_core_sql.drivers.failures import raise_connect_failure, raise_failure
from flyte_core_sql.drivers.guard import Guard
from flyte_core_sql.drivers.rows import CHUNK, inferred, to_batch
from flyte_core_sql.errors import ConnectionFailedError, DriverMissingError

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy.engine import Connection as AlchemyConnection
    from sqlalchemy.engine import CursorResult, Engine

    from flyte_core_sql.connection import OpenConnection
    from flyte_core_sql.drivers.session import ParamStyle, Result, Session

__all__ = ["open_alchemy"]

#: Of a database where a cursor of the server begins with a statement of its own, which not every statement can follow.
_DECLARES_CURSORS = frozenset({"postgresql", "cockroachdb", "redshift"})
_ENGINES = 16


def open_alchemy(
    opened: OpenConnection,
    *,
    read_only: bool,
    timeout: float | None,
    fetch: Literal["rows", "batches"] = "rows",
) -> Session:
    """Open a session through SQLAlchemy.

    Args:
        opened: the connection; its options are arguments of the driver.
        read_only: whether the database refuses what writes.
        timeout: seconds that a statement may take.
        fetch: how results are read; ``batches`` leaves them with the server where the driver can.

    Raises:
        DriverMissingError: no driver of that database is installed.
        ConnectionFailedError: the database cannot be reached, or does not let this user in.
        InvalidValueError: ``read_only`` where the database has no such thing.
    """
    from sqlalchemy.exc import SQLAlchemyError

    engine = _engine(opened)
    _check_file(opened, engine, read_only)
    try:
        connection = engine.connect()
    except SQLAlchemyError as error:
        raise_connect_failure(opened, getattr(error, "orig", None) or error)
    except Exception as error:  # a driver's own, which need not be of any kind
        raise_connect_failure(opened, error)
    try:
        begin(connection, opened.label, read_only=read_only, timeout=timeout)
    except SQLAlchemyError as error:
        connection.close()
        raise_connect_failure(opened, getattr(error, "orig", None) or error)
    except BaseException:
        connection.close()
        raise
    return AlchemySession(opened, connection, timeout=timeout, fetch=fetch)


def _engine(opened: OpenConnection) -> Engine:
    """Give the engine of a connection, which holds no connections; making one takes longer than a small query."""
    from flyte_core_sql.drivers.packages import with_driver

    url = opened.url_with_password()
    url = url.set(drivername=with_driver(url.drivername))
    try:
        return _made_engine(url, json.dumps(opened.options, sort_keys=True))
    except ImportError as error:
        raise DriverMissingError(_missing(opened, error)) from error
    except Exception as error:
        if type(error).__name__ != "NoSuchModuleError":
            raise
        raise DriverMissingError(_missing(opened, error)) from error


@functools.lru_cache(maxsize=_ENGINES)
def _made_engine(url: Any, options: str) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    arguments = json.loads(options)
    if url.get_backend_name() == "sqlite":
        # A task's thread opens what another one may close.
        arguments = {"check_same_thread": False, **arguments}
    return create_engine(url, poolclass=NullPool, connect_args=arguments, hide_parameters=True)


def _missing(opened: OpenConnection, error: BaseException) -> str:
    from flyte_core_sql.drivers.packages import package_for

    scheme = opened.connection.parts.scheme
    package = package_for(opened.connection.backend, scheme.partition("+")[2])
    return f"{opened.label}: no driver for {scheme} is installed: pip install {package} ({error})"


def _check_file(opened: OpenConnection, engine: Engine, read_only: bool) -> None:
    """Refuse to make an empty database where one is only to be read."""
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not read_only or not database or database.startswith(("file:", ":memory:")):
        return
    if not Path(database).exists():
        raise ConnectionFailedError(f"{opened.label}: there is no file {database}, and read_only=True makes none")


class AlchemySession:
    """A session of SQLAlchemy; see `flyte_core_sql.drivers.session.Session`."""

    def __init__(
        self,
        opened: OpenConnection,
        connection: AlchemyConnection,
        *,
        timeout: float | None,
        fetch: Literal["rows", "batches"],
    ) -> None:
        self._opened, self._connection = opened, connection
        self._timeout, self._fetch = timeout, fetch
        self._dialect = connection.dialect
        self._guard = Guard(interrupt_of(connection), timeout)
        self._result: CursorResult[Any] | None = None

    @property
    def style(self) -> ParamStyle:
        """How the driver writes parameters."""
        return cast("ParamStyle", self._dialect.paramstyle)

    def quote(self, name: str) -> str:
        """Quote an identifier as the database does."""
        preparer = self._dialect.identifier_preparer
        quoted = preparer.quote_identifier(name)
        # SQLAlchemy doubles what its driver would take for a placeholder; whoever renders the statement does so too.
        return quoted.replace("%%", "%") if getattr(preparer, "_double_percents", False) else quoted

    def add_table(self, name: str, table: Any) -> None:
        """Refuse: nothing of this machine can be a table there."""
        refuse_table(self._opened, name, table)

    def execute(self, text: str, parameters: Sequence[Any] | Mapping[str, Any] | None) -> Result:
        """Run one statement."""
        self._end_result()
        self._guard.begin()
        try:
            self._go_on()
            self._result = self._run(text, adapted(self._dialect.name, parameters))
        except Exception as error:  # a driver's, which need not be of any kind
            self.failed(error, text)
        if not self._result.returns_rows:
            self._guard.end()
        return AlchemyResult(self, self._result, text)

    def _go_on(self) -> None:
        if self._guard.stopped is not None:
            raise InterruptedError("cancelled before it began")

    def _run(self, text: str, parameters: Any) -> CursorResult[Any]:
        options: dict[str, Any] = {}
        if self._fetch == "batches":
            words = text.split(None, 1)
            declared = self._dialect.name in _DECLARES_CURSORS
            if not declared or (words and words[0].upper() in ("SELECT", "VALUES", "WITH")):
                options = {"stream_results": True, "max_row_buffer": CHUNK}
        # A text without parameters must not be looked through for placeholders, as drivers do with an empty list.
        options["no_parameters"] = parameters is None
        return self._connection.exec_driver_sql(text, parameters, execution_options=options)

    def failed(self, error: Exception, text: str, *, committing: bool = False) -> NoReturn:
        """Raise what a driver's error is."""
        self._guard.end()
        cause = getattr(error, "orig", None) or error
        failure = failure_of(cause, lost=getattr(error, "connection_invalidated", False))
        stopped = self._guard.stopped
        raise_failure(self._opened, cause, failure, text, stopped=stopped, timeout=self._timeout, committing=committing)

    def commit(self) -> None:
        """Keep what was done."""
        self._end_result()
        try:
            self._connection.commit()
        except Exception as error:  # a driver's
            self.failed(error, "COMMIT", committing=True)

    def rollback(self) -> None:
        """Undo what was done."""
        self._end_result()
        with contextlib.suppress(Exception):
            self._connection.rollback()

    def cancel(self) -> None:
        """Have the database end the running statement, in its driver's way."""
        self._guard.cancel()

    def close(self) -> None:
        """Close the connection."""
        self._end_result()
        self._guard.close()
        with contextlib.suppress(Exception):
            self._connection.close()

    def _end_result(self) -> None:
        self._guard.end()
        if self._result is not None:
            with contextlib.suppress(Exception):
                self._result.close()
            self._result = None


class AlchemyResult:
    """A result of SQLAlchemy; see `flyte_core_sql.drivers.session.Result`."""

    def __init__(self, session: AlchemySession, result: CursorResult[Any], text: str) -> None:
        self._session, self._result, self._text = session, result, text
        self._count = result.rowcount
        description = result.cursor.description if result.returns_rows and result.cursor is not None else None
        # The driver's names, since two may be the same.
        self._columns = [column[0] for column in description or ()]

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns."""
        return self._columns

    @property
    def row_count(self) -> int | None:
        """How many rows the statement changed."""
        return self._count if self._count >= 0 else None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the rows as Arrow, each batch with the types that its values have."""
        if not self._columns:
            return
        rows = self._read(CHUNK)
        yield self._batch(rows)
        while len(rows) == CHUNK and (rows := self._read(CHUNK)):
            yield self._batch(rows)

    def _batch(self, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        return to_batch(self._columns, rows, [inferred] * len(self._columns))

    def rows(self, at_most: int | None = None) -> Sequence[Sequence[Any]]:
        """Give the rows as values."""
        return self._read(at_most) if self._columns else []

    def _read(self, at_most: int | None) -> Sequence[Sequence[Any]]:
        try:
            found = self._result.fetchall() if at_most is None else self._result.fetchmany(at_most)
        except Exception as error:  # a driver's, which need not be of any kind
            self._session.failed(error, self._text)
        return [tuple(row) for row in found]
