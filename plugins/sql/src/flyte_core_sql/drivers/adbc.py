"""Sessions of PostgreSQL whose one result is read with ADBC, which makes Arrow of what the server sends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import attrs

from flyte_core_sql.drivers.adbc_types import bound, is_readable, normalised
from flyte_core_sql.drivers.common import quoted, refuse_table
from flyte_core_sql.drivers.failures import Failure, raise_connect_failure, raise_failure
from flyte_core_sql.drivers.guard import Guard
from flyte_core_sql.drivers.pool import idle_connections
from flyte_core_sql.drivers.postgres import connect_arguments, open_postgres, settings_of

if TYPE_CHECKING:
    import pyarrow as pa

    from flyte_core_sql.connection import OpenConnection
    from flyte_core_sql.drivers.session import ParamStyle, Result, Session

__all__ = ["open_adbc"]

_GRACE = 1.0
#: Rows that the server sends for one FETCH: some megabytes.
_FETCH = 65_536
_CURSOR = "flyte_core"
_DECLARE = f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR "
_COPY = "adbc.postgresql.use_copy"
#: The statement is right, and none that COPY or DECLARE CURSOR takes: EXPLAIN, SHOW, INSERT ... RETURNING.
_OTHER_STATEMENT = frozenset({"42601", "0A000", "42P11"})


def open_adbc(opened: OpenConnection, *, read_only: bool, timeout: float | None) -> Session:
    """Open a session for one statement, whose rows are read with `Result.batches`.

    Args:
        opened: the connection, of PostgreSQL.
        read_only: whether the server refuses what writes.
        timeout: seconds that the statement may take.

    Raises:
        ConnectionFailedError: the server cannot be reached, or does not let this user in.
    """
    return AdbcSession(opened, _take(opened), read_only=read_only, timeout=timeout)


@attrs.frozen(kw_only=True, eq=False)
class _Taken:
    """A connection, of whom it is, and whether it waited for this session, so that it may have ended meanwhile."""

    connection: Any
    key: tuple[Any, ...]
    waited: bool


def _take(opened: OpenConnection) -> _Taken:
    """Give a connection that waits, else a new one."""
    arguments = connect_arguments(opened)
    key = ("adbc", *sorted((name, str(value)) for name, value in arguments.items()))
    connection = idle_connections().take(key)
    waited = connection is not None
    return _Taken(connection=connection if waited else _connect(opened, arguments), key=key, waited=waited)


def _connect(opened: OpenConnection, arguments: Mapping[str, Any]) -> Any:
    from adbc_driver_manager import Error
    from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped] # it has no types

    words = " ".join(f"{name}={_quoted(str(value))}" for name, value in arguments.items())
    try:
        return dbapi.connect(words, autocommit=True)
    except Error as error:
        raise_connect_failure(opened, error)


def _quoted(value: str) -> str:
    """Quote a value for libpq: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _run(connection: Any, command: str) -> None:
    with connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{_COPY: "false"})
        cursor.execute(command)


def _close(connection: Any) -> None:
    # A connection that has ended says so once more.
    with contextlib.suppress(Exception):
        connection.close()


class AdbcSession:
    """A session of ADBC for one result, or of psycopg where ADBC would not read it right."""

    style: ParamStyle = "numeric_dollar"

    def __init__(
        self,
        opened: OpenConnection,
        taken: _Taken,
        *,
        read_only: bool,
        timeout: float | None,
    ) -> None:
        self._opened, self._taken = opened, taken
        self._connection: Any = taken.connection
        self._read_only, self._timeout = read_only, timeout
        self._cursor: Any = None
        self._other: Session | None = None
        self._began = False
        self._clean = True
        self._guard = Guard(self._interrupt, None if timeout is None else timeout + _GRACE)

    def quote(self, name: str) -> str:
        """Quote an identifier."""
        return quoted(name)

    def add_table(self, name: str, table: Any) -> None:
        """Refuse: nothing of this machine can be a table there."""
        refuse_table(self._opened, name, table)

    def execute(self, text: str, parameters: Sequence[Any] | Mapping[str, Any] | None) -> Result:
        """Run the statement."""
        if self._other is None:
            result = self._execute(text, list(parameters or ()))
            if result is not None:
                return result
            self._go_to_psycopg()
        assert self._other is not None
        return self._other.execute(text, parameters)

    def _execute(self, text: str, parameters: list[Any]) -> Result | None:
        """Run the statement with ADBC; None when it is not one for that, and nothing was done then."""
        from adbc_driver_manager import Error

        if self._began:
            # A second statement belongs to the transaction of the first.
            raise_failure(self._opened, AssertionError(), Failure(message="a session of ADBC runs one statement"), text)
        self._guard.begin()
        try:
            self._go_on()
            self._begin()
            return self._started(text, parameters)
        except Error as error:
            if getattr(error, "sqlstate", None) in _OTHER_STATEMENT and self._guard.stopped is None:
                return None
            self.failed(error, text, shift=len(_DECLARE) if parameters else 0)
        except (UnicodeError, ValueError) as error:
            self.failed(error, text)

    def _go_on(self) -> None:
        from adbc_driver_manager import AdbcStatusCode, OperationalError

        if self._guard.stopped is not None:
            raise OperationalError("cancelled before it began", status_code=AdbcStatusCode.CANCELLED)

    def _begin(self) -> None:
        """Begin, on another connection where the server ended the one that waited: nothing was done on it yet."""
        from adbc_driver_manager import Error

        self._began = True
        while True:
            try:
                self._begin_transaction()
            except Error as error:
                if not self._taken.waited or not failure_of(error).is_lost:
                    raise
            else:
                return
            _close(self._connection)
            self._connection = None
            self._taken = _take(self._opened)
            self._connection = self._taken.connection
            self._go_on()

    def _begin_transaction(self) -> None:
        # Known to the driver, which otherwise ends transactions of its own around some parameters.
        self._connection.adbc_connection.set_autocommit(False)
        commands = settings_of(read_only=self._read_only, timeout=self._timeout)
        if self._taken.waited and not commands:
            # The driver does not say that its own BEGIN met nobody.
            commands = ["SELECT 1"]
        for command in commands:
            _run(self._connection, command)

    def _started(self, text: str, parameters: list[Any]) -> Result | None:
        """Ask what the statement takes and gives, and run it when both are ADBC's."""
        self._cursor = cursor = self._connection.cursor()
        values = bound(parameters, cursor.adbc_prepare(text)) if parameters else None
        if parameters and values is None:
            return None
        schema = cursor.adbc_execute_schema(text)
        if not schema.names or not is_readable(schema):
            return None
        if values is None:
            cursor.execute(text)
            return AdbcResult(self, text, schema, cursor.fetch_record_batch())
        # Without COPY, which takes no parameters, the driver would first have the whole result in memory.
        _run(self._connection, "SET LOCAL cursor_tuple_fraction = 1")
        cursor.adbc_statement.set_options(**{_COPY: "false"})
        cursor.execute(_DECLARE + text, values)
        return AdbcResult(self, text, schema, self._fetched())

    def _fetched(self) -> Iterator[pa.RecordBatch]:
        count = _FETCH
        while count == _FETCH:
            count = 0
            self._cursor.execute(f"FETCH {_FETCH} FROM {_CURSOR}")
            for batch in self._cursor.fetch_record_batch():
                count += batch.num_rows
                yield batch

    def _go_to_psycopg(self) -> None:
        self._undo()
        self._give_back()
        other = open_postgres(self._opened, read_only=self._read_only, timeout=self._timeout, fetch="batches")
        self._other = other
        if self._guard.stopped is not None:
            other.cancel()

    def failed(self, error: Exception, text: str, *, shift: int = 0, committing: bool = False) -> NoReturn:
        """Raise what a driver's error is, and have the connection not used again."""
        self._clean = False
        self._guard.end()
        raise_failure(
            self._opened,
            error,
            failure_of(error, shift),
            text,
            stopped=self._guard.stopped,
            timeout=self._timeout,
            committing=committing,
        )

    def ended(self) -> None:
        """Stop the clock: all rows are read."""
        self._guard.end()

    def commit(self) -> None:
        """Keep what was done."""
        if self._other is not None:
            self._other.commit()
            return
        self._end_cursor()
        if self._began:
            try:
                self._end("COMMIT")
            except Exception as error:  # the driver's, which are of several kinds
                self.failed(error, "COMMIT", committing=True)
            self._began = False

    def rollback(self) -> None:
        """Undo what was done."""
        if self._other is not None:
            self._other.rollback()
        else:
            self._undo()

    def cancel(self) -> None:
        """Have the server end the running statement."""
        self._guard.cancel()
        if self._other is not None:
            self._other.cancel()

    def _interrupt(self) -> None:
        if self._other is None and self._cursor is not None:
            self._cursor.adbc_cancel()

    def close(self) -> None:
        """Have the connection wait for the next session when nothing of this one is left on it, else end it."""
        if self._other is not None:
            self._guard.close()
            self._other.close()
            return
        self._undo()
        self._guard.close()
        self._give_back()

    def _undo(self) -> None:
        self._end_cursor()
        if self._began:
            try:
                self._end("ROLLBACK")
            except Exception:  # whatever it is, the connection is not used again
                self._clean = False
            self._began = False

    def _end(self, how: Literal["COMMIT", "ROLLBACK"]) -> None:
        """End the transaction, and the empty one that the driver then begins."""
        # The connection's own, since the one of PEP 249 does nothing when it was opened to commit by itself.
        link = self._connection.adbc_connection
        if how == "COMMIT":
            link.commit()
        else:
            link.rollback()
        link.set_autocommit(True)

    def _end_cursor(self) -> None:
        self._guard.end()
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            try:
                cursor.close()
            except Exception:  # an interrupted result says so again
                self._clean = False

    def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        clean = self._clean and self._guard.stopped is None
        if clean:
            try:
                _run(connection, "DISCARD ALL")
            except Exception:  # whatever it is, the connection is not used again
                clean = False
        if clean:
            idle_connections().give(self._taken.key, connection, lambda: _close(connection))
        else:
            _close(connection)


def failure_of(error: BaseException, shift: int = 0) -> Failure:
    """Read an error of ADBC; while rows are read there is nothing but its words.

    Args:
        error: the driver's.
        shift: how much stands before the statement in what the server got.
    """
    import re

    details = {name: value.decode("utf-8", "replace") for name, value in getattr(error, "details", None) or ()}
    details = {_key(name): value for name, value in details.items()}
    words = re.search(r"(?:ERROR|FATAL|PANIC): +(.*?)(?:\n|$)", str(error))
    position = details.get("PG_DIAG_STATEMENT_POSITION")
    message = details.get("PG_DIAG_MESSAGE_PRIMARY") or (words.group(1) if words else str(error))
    at = int(position) - (shift if "DECLARE" in str(error) else 0) if position else None
    return Failure(
        message=message,
        state=getattr(error, "sqlstate", None) or None,
        position=at,
        detail=details.get("PG_DIAG_MESSAGE_DETAIL"),
        hint=details.get("PG_DIAG_MESSAGE_HINT"),
    )


def _key(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


class AdbcResult:
    """A result of ADBC; see `flyte_core_sql.drivers.session.Result`."""

    row_count: int | None = None

    def __init__(self, session: AdbcSession, text: str, schema: pa.Schema, batches: Any) -> None:
        self._session, self._text, self._schema = session, text, schema
        self._batches = iter(batches)
        self._rest: list[Sequence[Any]] = []

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns."""
        return list(self._schema.names)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the rows as Arrow."""
        import pyarrow as pa

        some = False
        while (batch := self._next()) is not None:
            if batch.num_rows or not some:
                yield batch
            some = True
        if not some:
            empty = [pa.array([], field.type) for field in self._schema]
            yield normalised(pa.RecordBatch.from_arrays(empty, schema=self._schema))
        self._session.ended()

    def _next(self) -> pa.RecordBatch | None:
        try:
            batch = next(self._batches, None)
            return None if batch is None else normalised(batch)
        except Exception as error:  # while it reads, ADBC's errors are of several kinds, OSError among them
            self._session.failed(error, self._text)

    def rows(self, at_most: int | None = None) -> Sequence[Sequence[Any]]:
        """Give the rows as values; meant for few, since `batches` is what this session is for."""
        while at_most is None or len(self._rest) < at_most:
            batch = self._next()
            if batch is None:
                break
            self._rest += zip(*(column.to_pylist() for column in batch.columns), strict=True)
        count = len(self._rest) if at_most is None else at_most
        found, self._rest = self._rest[:count], self._rest[count:]
        return found
