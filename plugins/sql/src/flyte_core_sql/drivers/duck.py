"""Sessions with DuckDB: embedded in this process, in memory or in a file."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from flyte_core.errors import InvalidTypeError
from flyte_core_sql.drivers.common import quoted
from flyte_core_sql.drivers.duck_databases import Lease, lease_file, lease_memory, lease_shared
from flyte_core_sql.drivers.duck_guard import Guard
from flyte_core_sql.drivers.duck_result import DuckResult, without_quoted
from flyte_core_sql.drivers.duck_tables import relation_of
from flyte_core_sql.errors import QueryError
from flyte_core_sql.inputs import TableSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flyte_core_sql.connection import OpenConnection
    from flyte_core_sql.drivers.session import ParamStyle

__all__ = ["DuckSession", "open_duckdb"]

_EMBEDDED = "duckdb://"
_IN_MEMORY = ("", ":memory:", None)
#: What needs no parser to be known for a query; parsing once more takes 30 µs. A PIVOT can be two statements.
_PLAIN_QUERY = re.compile(r"\s*(?:SELECT|VALUES)\b(?!.*\bPIVOT)", re.IGNORECASE | re.DOTALL)
#: What can leave something on a connection although it is a plain query: the seed of its random numbers.
_LEAVES_TRACES = re.compile("setseed|query", re.IGNORECASE)
#: Statements that write to files, which a read-only transaction does not keep from it.
_WRITES_FILES = ("COPY", "EXPORT", "COPY_DATABASE")
#: Statements that have others inside, which run with EXPLAIN ANALYZE or EXECUTE.
_WRAPS = ("EXPLAIN", "PREPARE")
_WRITES_INSIDE = re.compile(r"\b(?:COPY|EXPORT)\b", re.IGNORECASE)


def open_duckdb(
    connection: OpenConnection,
    *,
    read_only: bool = False,
    timeout: float | None = None,
    private: bool = True,
    fetch: Literal["rows", "batches"] = "batches",
) -> DuckSession:
    """Open a session with an embedded database.

    Args:
        connection: in memory, ``duckdb://``, or in a file, ``duckdb:///file.db``. Its options are settings of DuckDB.
            Unless they say otherwise, the time zone is UTC.
        read_only: whether writing is refused.
        timeout: the seconds that each statement may take.
        private: whether a database in memory has to be the session's own; what only reads can do without.
        fetch: how results are read. With ``rows`` a query runs at once, so that its columns are known without binding
            it once more, which takes 0.3 ms; batches of it hold the whole result.

    Returns:
        The session.

    Raises:
        ConnectionFailedError: the database cannot be opened.
        ConnectionConfigError: an option is none of DuckDB's, or has no such value.

    Example:
        >>> from flyte_core_sql.connection import resolve_connection
        >>> session = open_duckdb(resolve_connection(None))
        >>> session.execute("SELECT $1 + 1", [41]).rows()
        [(42,)]
        >>> session.close()
    """
    declared = connection.connection
    path = None if declared.url == _EMBEDDED else declared.parts.database
    if path not in _IN_MEMORY:
        lease = lease_file(connection, path, read_only)
        return DuckSession(connection, lease, "read only" if read_only else "write", timeout, fetch=fetch)
    if private or declared.options or declared.secret_options:
        lease = lease_memory(connection)
        return DuckSession(connection, lease, "read only" if read_only else "write", timeout, fetch=fetch)
    return DuckSession(connection, lease_shared(connection), None, timeout, fetch=fetch, read_only=read_only)


class DuckSession:
    """One connection to DuckDB; see `flyte_core_sql.drivers.session.Session`.

    Args:
        connection: for messages.
        lease: the engine's connection.
        transaction: how the first statement begins one; None for none, where everything only reads.
        timeout: the seconds that each statement may take.
        fetch: how results are read; see `open_duckdb`.
        read_only: whether statements that write files are refused, where no transaction says so.
    """

    style: ParamStyle = "numeric_dollar"

    def __init__(
        self,
        connection: OpenConnection,
        lease: Lease,
        transaction: str | None,
        timeout: float | None,
        *,
        fetch: Literal["rows", "batches"],
        read_only: bool = False,
    ) -> None:
        self._connection = connection
        self._lease = lease
        self._cursor = lease.cursor
        self._guard = Guard(connection, lease.cursor, timeout)
        self._transaction = transaction
        self._fetch = fetch
        self._read_only = read_only or transaction == "read only"
        self._begun = False
        self._result: DuckResult | None = None
        self._closed = False
        # Whether the connection is as it was, so that another session can have it.
        self._traceless = lease.keep is not None
        self._committed = False

    def quote(self, name: str) -> str:
        """Write a name as an identifier."""
        return quoted(name)

    def add_table(self, name: str, table: Any) -> None:
        """Make a table of an input: `flyte_core_sql.inputs.TableSource`, or a frame.

        Arrow tables and frames on top of Arrow are read where they are, without a copy, and files by DuckDB's own
        readers. The table is the session's alone.

        Raises:
            QueryError: DuckDB cannot read it.
        """
        source = table if isinstance(table, TableSource) else TableSource(name=name, frame=table)
        self._traceless = False
        self._guard.restart()
        self._guard.run(lambda: self._cursor.register(name, relation_of(self._cursor, source)))

    def execute(self, text: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> DuckResult:
        """Run one statement.

        Raises:
            QueryError: the database refuses it, or it fails.
            QueryTimeoutError: it takes longer than the statement timeout.
            InvalidTypeError: the parameters are no sequence.
        """
        self._settle()
        self._committed = False
        guard = self._guard
        guard.restart()
        if isinstance(parameters, Mapping):
            raise InvalidTypeError("DuckSession.execute", "parameters", parameters, "a sequence, for $1, $2, …")
        values = [self._bindable(value) for value in parameters] if parameters else None
        statement, is_query = self._parsed(text)
        deferred = is_query and self._fetch == "batches"
        if not self._begun and self._transaction is not None:
            guard.run(self._begin)
            self._begun = True
        self._result = DuckResult(self._cursor, guard, statement, values, deferred=deferred)
        return self._result

    def commit(self) -> None:
        """Keep what was done.

        Raises:
            QueryError: it cannot be kept, for want of space for instance.
        """
        self._settle()
        if self._begun:
            self._guard.run(self._cursor.commit)
            self._begun = False
        self._committed = True

    def rollback(self) -> None:
        """Undo what was done."""
        with suppress(Exception):  # of the engine, of Arrow; there is nothing that could be done
            self._drop_result()
        if self._begun:
            with suppress(duckdb.Error, RuntimeError):
                self._cursor.rollback()
            self._begun = False

    def cancel(self) -> None:
        """Interrupt the running statement, and let no other begin."""
        self._traceless = False
        self._guard.cancel()

    def close(self) -> None:
        """Close the connection, with all of its tables; one that is as it was waits for the next session."""
        if self._closed:
            return
        self._closed = True
        self.rollback()
        keep = self._lease.keep if self._traceless and self._committed else None
        with suppress(duckdb.Error, RuntimeError):
            (keep or self._lease.give_back)()

    def _parsed(self, text: str) -> tuple[duckdb.Statement | str, bool]:
        """Give what is to run, and whether it is a query, which could begin later."""
        is_plain, leaves_traces = _nature(text)
        if leaves_traces:
            self._traceless = False
        if is_plain:
            return text, True
        found = self._guard.run(self._cursor.extract_statements, text)
        if len(found) != 1:  # what one PIVOT is to DuckDB 1
            return text, False
        kind = found[0].type.name
        self._check(kind, text)
        return found[0], kind == "SELECT"

    def _begin(self) -> None:
        if self._transaction == "read only":
            self._cursor.execute("BEGIN TRANSACTION READ ONLY")
        else:
            self._cursor.begin()

    def _settle(self) -> None:
        result, self._result = self._result, None
        if result is not None:
            result.settle(in_transaction=self._begun)

    def _drop_result(self) -> None:
        result, self._result = self._result, None
        if result is not None:
            result.end()

    def _check(self, kind: str, statement: str) -> None:
        label = self._connection.label
        if kind == "TRANSACTION":
            text = "all statements of a task are one transaction, which ends with the task; BEGIN, COMMIT and ROLLBACK"
            raise QueryError(f"{label}: {text} have to go")
        writes = kind in _WRITES_FILES or (kind in _WRAPS and _WRITES_INSIDE.search(without_quoted(statement)))
        if self._read_only and writes:
            raise QueryError(f"{label}: {kind.replace('_', ' ')} writes, and the connection is read-only")

    def _bindable(self, value: Any) -> Any:
        """Give a value in the form that keeps it: the bindings make a DOUBLE of numbers that are too long."""
        if isinstance(value, list):
            return self._bindable_list(value)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            # As text: DuckDB 1 would make a DOUBLE of the number on the way.
            return duckdb.Value(str(value), self._cursor.type(self._wide_type(value)))
        if isinstance(value, Decimal) and value.is_finite():
            # As text: DuckDB would make a DOUBLE of one whose digits are all behind the point, and 38 places on.
            return duckdb.Value(f"{value:f}", self._cursor.type(self._decimal_type([value])))
        return value

    def _bindable_list(self, values: list[Any]) -> Any:
        items = [item for item in _items(values) if item is not None]
        decimals = [item for item in items if isinstance(item, Decimal)]
        if decimals and len(decimals) == len(items):
            return self._bindable_decimals(values, decimals)
        integers = [item for item in items if isinstance(item, int)]
        wide = [item for item in integers if not -(2**63) <= item < 2**63]
        if wide and len(integers) == len(items):
            kinds = {str(self._wide_type(item)) for item in (min(integers), max(integers))}
            kind = "UHUGEINT" if "UHUGEINT" in kinds else "HUGEINT"
            return self._typed_list(values, lambda item: str(int(item)), kind)
        return [self._bindable(value) for value in values]

    def _wide_type(self, value: int) -> str:
        if -(2**127) <= value < 2**127:
            return "HUGEINT"
        if 0 <= value < 2**128:
            return "UHUGEINT"
        raise QueryError(f"{self._connection.label}: the parameter {value} does not fit in 128 bits")

    def _bindable_decimals(self, values: list[Any], decimals: list[Decimal]) -> duckdb.Value:
        """Give decimals with the digits that all of them need, of which DuckDB itself would cut some off."""
        if all(value.is_finite() for value in decimals):
            return self._typed_list(values, lambda item: f"{item:f}", self._decimal_type(decimals))
        # Beside NaN and infinity, which no DECIMAL is, they would be numbers of seven digits.
        for item in decimals:
            if item.is_finite() and Decimal(repr(float(item))) != item:
                raise QueryError(f"{self._connection.label}: the parameter {item} is no DOUBLE, as NaN beside it is")
        return self._typed_list(values, float, "DOUBLE")

    def _typed_list(self, values: list[Any], write: Callable[[Any], Any], kind: str) -> duckdb.Value:
        """Give a list, or a list of lists, whose items are written so and are of that type."""
        return duckdb.Value(_written(values, write), self._cursor.type(kind + "[]" * _depth(values)))

    def _decimal_type(self, values: list[Decimal]) -> str:
        parts = [value.as_tuple() for value in values]
        whole = max(len(digits) + int(exponent) for _, digits, exponent in parts)
        scale = max(0, *(-int(exponent) for _, _, exponent in parts))
        if max(whole, 0) + scale > 38:
            told = values[0] if len(values) == 1 else f"with decimals such as {max(values, key=abs)}"
            raise QueryError(f"{self._connection.label}: the parameter {told} has more than 38 digits")
        return f"DECIMAL({max(whole + scale, scale, 1)}, {scale})"


@functools.lru_cache(maxsize=256)
def _nature(text: str) -> tuple[bool, bool]:
    """Say whether a statement is a plain query, and whether it could leave something on its connection."""
    is_plain = _PLAIN_QUERY.match(text) is not None and ";" not in text
    return is_plain, not is_plain or _LEAVES_TRACES.search(text) is not None


def _items(values: list[Any]) -> Iterator[Any]:
    """Give what is in a list and in the lists inside of it."""
    for value in values:
        if isinstance(value, list):
            yield from _items(value)
        else:
            yield value


def _depth(values: list[Any]) -> int:
    return 1 + max((_depth(value) for value in values if isinstance(value, list)), default=0)


def _written(values: list[Any], write: Callable[[Any], Any]) -> list[Any]:
    return [
        _written(value, write) if isinstance(value, list) else None if value is None else write(value)
        for value in values
    ]
