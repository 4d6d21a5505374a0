"""Sessions of PostgreSQL through psycopg, with parameters that the server binds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import attrs

from flyte_core_sql.drivers.common import quoted, refuse_table
from flyte_core_sql.drivers.failures import Failure, raise_connect_failure, raise_failure
from flyte_core_sql.drivers.guard import Guard
from flyte_core_sql.drivers.pool import idle_connections
from flyte_core_sql.drivers.postgres_types import INTERVAL, arrow_of, prepare_loaders, to_timedelta
from flyte_core_sql.drivers.rows import CHUNK, to_batch

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

    from flyte_core_sql.connection import OpenConnection
    from flyte_core_sql.drivers.session import ParamStyle, Result, Session

__all__ = ["connect_arguments", "open_postgres", "settings_of"]

#: Seconds that the server's own statement timeout has before the statement is ended from here: the server may be gone.
_GRACE = 1.0
_CONNECT_SECONDS = 10
_CANCEL_SECONDS = 5.0
_RESET_SECONDS = 1.0
#: Of the server's socket, for a server that vanishes without a word.
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
#: A statement of which no cursor can be declared: it gives no rows, or only few.
_NO_CURSOR = frozenset({"42601", "0A000"})


def connect_arguments(opened: OpenConnection) -> dict[str, Any]:
    """Give what libpq connects with, in its own words.

    Args:
        opened: the connection; its options are libpq's too.
    """
    url = opened.url_with_password()
    given: dict[str, Any] = url.translate_connect_args(username="user", database="dbname")
    for name, value in url.query.items():
        given[name] = value if isinstance(value, str) else ",".join(value)
    defaults = {"fallback_application_name": "flyte-core-sql", "connect_timeout": _CONNECT_SECONDS, **_KEEPALIVE}
    # Whatever the server keeps its texts in.
    return {**defaults, **given, **opened.options, "client_encoding": "UTF8"}


def settings_of(*, read_only: bool, timeout: float | None) -> list[str]:
    """Give the commands that begin a transaction's own settings.

    Args:
        read_only: whether the server refuses what writes.
        timeout: seconds after which the server ends a statement.
    """
    # After a query the server lets nobody make it a transaction that writes.
    commands = ["SET TRANSACTION READ ONLY", "SELECT 1"] if read_only else []
    if timeout is not None:
        # Zero is none at all.
        commands.append(f"SET LOCAL statement_timeout = {max(1, round(timeout * 1000))}")
    return commands


def open_postgres(
    opened: OpenConnection,
    *,
    read_only: bool,
    timeout: float | None,
    fetch: Literal["rows", "batches"] = "rows",
) -> Session:
    """Open a session through psycopg.

    Args:
        opened: the connection.
        read_only: whether the server refuses what writes.
        timeout: seconds that a statement may take.
        fetch: how results are read; ``batches`` keeps them on the server, in a cursor.

    Raises:
        ConnectionFailedError: the server cannot be reached, or does not let this user in.
    """
    return PostgresSession(opened, _take(opened), read_only=read_only, timeout=timeout, fetch=fetch)


@attrs.frozen(kw_only=True, eq=False)
class _Taken:
    """A connection, of whom it is, and whether it waited for this session, so that it may have ended meanwhile."""

    connection: psycopg.Connection[Any]
    key: tuple[Any, ...]
    waited: bool


def _take(opened: OpenConnection) -> _Taken:
    """Give a connection that waits and is ready, else a new one."""
    arguments = connect_arguments(opened)
    key = ("psycopg", *sorted((name, str(value)) for name, value in arguments.items()))
    while (connection := idle_connections().take(key)) is not None:
        if _is_ready(connection):
            return _Taken(connection=connection, key=key, waited=True)
        connection.close()
    return _Taken(connection=_connect(opened, arguments), key=key, waited=False)


def _connect(opened: OpenConnection, arguments: Mapping[str, Any]) -> psycopg.Connection[Any]:
    import psycopg

    try:
        # Prepared statements outlive a statement; where a proxy stands between, the next may meet another server.
        connection = psycopg.connect(**arguments, autocommit=True, prepare_threshold=None)
    except psycopg.Error as error:
        raise_connect_failure(opened, error)
    prepare_loaders(connection)
    return connection


def _reset(connection: psycopg.Connection[Any]) -> bool:
    """Have the server forget what a session may have left, such as settings, temporary tables and locks.

    Its answer is not waited for: who takes the connection next reads it.
    """
    import psycopg

    try:
        connection.rollback()
        connection.pgconn.send_query(b"DISCARD ALL")
        return connection.pgconn.flush() == 0
    except psycopg.Error:
        return False


def _is_ready(connection: psycopg.Connection[Any]) -> bool:
    """Say whether an idle connection is still one: the answer to its reset is there, and nothing after it.

    A server that is gone has closed its socket, whose end can be read. One that is about to may not be noticed here:
    libpq takes its last words for a notice. So whoever begins a transaction looks once more.
    """
    import psycopg
    from psycopg.pq import ExecStatus

    link = connection.pgconn
    try:
        while link.is_busy():
            if not _is_readable(link.socket, _RESET_SECONDS):
                return False
            link.consume_input()
        results = [result.status for result in iter(link.get_result, None)]
        return results == [ExecStatus.COMMAND_OK] and not _is_readable(link.socket, 0)
    except psycopg.Error:
        return False


def _is_readable(number: int, seconds: float) -> bool:
    import select

    # select() alone knows no number above 1023.
    if hasattr(select, "poll"):
        waiting = select.poll()
        waiting.register(number, select.POLLIN)
        return bool(waiting.poll(seconds * 1000))
    return bool(select.select([number], [], [], seconds)[0])


class PostgresSession:
    """A session of psycopg; see `flyte_core_sql.drivers.session.Session`."""

    style: ParamStyle = "numeric_dollar"

    def __init__(
        self,
        opened: OpenConnection,
        taken: _Taken,
        *,
        read_only: bool,
        timeout: float | None,
        fetch: Literal["rows", "batches"],
    ) -> None:
        self._opened, self._taken, self._connection = opened, taken, taken.connection
        # As its types have it, psycopg takes no texts but those that stand in the program.
        self._begin: Any = "; ".join(["BEGIN", *settings_of(read_only=read_only, timeout=timeout)])
        self._timeout, self._fetch = timeout, fetch
        self._guard = Guard(self._interrupt, None if timeout is None else timeout + _GRACE)
        self._cursors = 0
        self._result: PostgresResult | None = None
        self._clean = True

    def quote(self, name: str) -> str:
        """Quote an identifier."""
        return quoted(name)

    def add_table(self, name: str, table: Any) -> None:
        """Refuse: nothing of this machine can be a table there."""
        refuse_table(self._opened, name, table)

    def execute(self, text: str, parameters: Sequence[Any] | Mapping[str, Any] | None) -> Result:
        """Run one statement."""
        import psycopg
        from psycopg.pq import TransactionStatus

        self._end_result()
        self._guard.begin()
        try:
            self._go_on()
            if self._connection.info.transaction_status == TransactionStatus.IDLE:
                self._begin_transaction()
            cursor = self._cursor(text, parameters)
        except (psycopg.Error, UnicodeError) as error:
            self.failed(error, text)
        self._result = PostgresResult(self, cursor, text)
        if isinstance(cursor, psycopg.RawCursor):
            # All of it is here already.
            self._guard.end()
        return self._result

    def _go_on(self) -> None:
        import psycopg

        if self._guard.stopped is not None:
            raise psycopg.errors.QueryCanceled("cancelled before it began")

    def _begin_transaction(self) -> None:
        """Begin, on another connection where the server ended the one that waited: nothing was done on it yet."""
        import psycopg

        while True:
            try:
                self._connection.execute(self._begin)
            except psycopg.Error as error:
                if not self._taken.waited or not self._failure(error).is_lost:
                    raise
            else:
                self._taken = attrs.evolve(self._taken, waited=False)
                return
            self._connection.close()
            self._taken = _take(self._opened)
            self._connection = self._taken.connection
            self._go_on()

    def _cursor(self, text: Any, parameters: Any) -> Any:
        """Run a statement, in a cursor of the server where its rows are many and that can be."""
        import psycopg

        if self._fetch == "batches":
            self._cursors += 1
            # All rows are wanted, and not the first ones soon.
            self._connection.execute("SAVEPOINT flyte_core; SET LOCAL cursor_tuple_fraction = 1")
            cursor = psycopg.RawServerCursor(self._connection, f"flyte_core_{self._cursors}")
            try:
                return cursor.execute(text, parameters)
            except (psycopg.Error, UnicodeError) as error:
                _close(cursor)
                # An error with a place is one of the statement; without the cursor its place is right.
                placed = isinstance(error, psycopg.Error) and error.diag.statement_position
                if getattr(error, "sqlstate", None) not in _NO_CURSOR and not placed:
                    raise
            self._connection.execute("ROLLBACK TO SAVEPOINT flyte_core")
        return psycopg.RawCursor(self._connection).execute(text, parameters)

    def failed(self, error: Exception, text: str, *, committing: bool = False) -> NoReturn:
        """Raise what a driver's error is, and have the connection not used again."""
        self._clean = False
        # First of all, since it has still to be told apart from the end of the connection.
        failure = self._failure(error)
        self._end_result()
        raise_failure(
            self._opened,
            error,
            failure,
            text,
            stopped=self._guard.stopped,
            timeout=self._timeout,
            committing=committing,
        )

    def _failure(self, error: Exception) -> Failure:
        import psycopg

        if not isinstance(error, psycopg.Error):
            return Failure(message=str(error))
        diag = error.diag
        position = diag.statement_position
        return Failure(
            message=diag.message_primary or str(error),
            state=error.sqlstate,
            position=int(position) if position else None,
            detail=diag.message_detail,
            hint=diag.message_hint,
            lost=self._connection.closed,
        )

    def commit(self) -> None:
        """Keep what was done."""
        import psycopg

        self._end_result()
        self._guard.begin()
        try:
            self._connection.commit()
        except psycopg.Error as error:
            self.failed(error, "COMMIT", committing=True)
        self._guard.end()

    def rollback(self) -> None:
        """Undo what was done."""
        import psycopg

        self._end_result()
        try:
            self._connection.rollback()
        except psycopg.Error:
            self._clean = False

    def cancel(self) -> None:
        """Have the server end the running statement."""
        self._guard.cancel()

    def _interrupt(self) -> None:
        self._connection.cancel_safe(timeout=_CANCEL_SECONDS)

    def close(self) -> None:
        """Have the connection wait for the next session when nothing of this one is left on it, else end it."""
        self._end_result()
        self._guard.close()
        connection = self._connection
        if self._clean and self._guard.stopped is None and _reset(connection):
            idle_connections().give(self._taken.key, connection, connection.close)
        else:
            with contextlib.suppress(Exception):
                connection.close()

    def _end_result(self) -> None:
        if self._result is not None:
            self._result.close()
            self._result = None
        self._guard.end()


class PostgresResult:
    """A result of psycopg; see `flyte_core_sql.drivers.session.Result`."""

    def __init__(self, session: PostgresSession, cursor: Any, text: str) -> None:
        self._session, self._cursor, self._text = session, cursor, text
        self._description = cursor.description or []

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns."""
        return [column.name for column in self._description]

    @property
    def row_count(self) -> int | None:
        """How many rows the statement changed."""
        return self._cursor.rowcount if self._cursor.rowcount >= 0 else None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the rows as Arrow."""
        if not self._description:
            return
        to_arrow = [arrow_of(column) for column in self._description]
        rows = self._read(CHUNK)
        yield to_batch(self.columns, rows, to_arrow)
        while len(rows) == CHUNK and (rows := self._read(CHUNK)):
            yield to_batch(self.columns, rows, to_arrow)

    def rows(self, at_most: int | None = None) -> Sequence[Sequence[Any]]:
        """Give the rows as values."""
        if not self._description:
            return []
        rows = self._read(at_most)
        intervals = [at for at, column in enumerate(self._description) if column.type_code == INTERVAL]
        if not intervals:
            return rows
        return [
            tuple(to_timedelta(value) if at in intervals else value for at, value in enumerate(row)) for row in rows
        ]

    def _read(self, at_most: int | None) -> list[tuple[Any, ...]]:
        import psycopg

        try:
            rows: list[tuple[Any, ...]] = (
                self._cursor.fetchall() if at_most is None else self._cursor.fetchmany(at_most)
            )
        except (psycopg.Error, UnicodeError) as error:
            self._session.failed(error, self._text)
        return rows

    def close(self) -> None:
        """Let the server forget the rows that were not read."""
        _close(self._cursor)


def _close(cursor: Any) -> None:
    import psycopg

    try:
        cursor.close()
    except psycopg.Error:
        # A cursor of the server is not taken for closed when the connection ends with the attempt; now it is.
        with contextlib.suppress(psycopg.Error):
            cursor.close()
