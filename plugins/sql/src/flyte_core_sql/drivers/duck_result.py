"""What a statement of DuckDB gave: rows of Python, or batches of Arrow straight from the engine."""

from __future__ import annotations

import functools
import re
import uuid
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flyte_core_sql.drivers.duck_guard import Guard

__all__ = ["DuckResult", "without_quoted"]

T = TypeVar("T")

_BATCH_ROWS = 131_072
#: What DuckDB gives Arrow in a form that loses something or is its own, and as what it can be read. UHUGEINT would
#: wrap around; as DECIMAL a value that does not fit is an error.
_AS_READABLE = {
    "UHUGEINT": "DECIMAL(38, 0)",
    "BIT": "VARCHAR",
    "TIME WITH TIME ZONE": "VARCHAR",
    "BIGNUM": "VARCHAR",
    "VARINT": "VARCHAR",
}
#: Their names in that of a type, which has them inside too; in quotes they are names of fields, or members of an enum.
_UNREADABLE = re.compile(rf"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\b(?:{"|".join(_AS_READABLE)})\b""")
#: What DuckDB itself gives as Python's values not at all without pytz, with months of 30 days, or without nanoseconds.
_BY_ARROW = re.compile(r"\b(?:TIMESTAMP WITH TIME ZONE|INTERVAL|TIMESTAMP_NS|TIME_NS)\b")
_RETURNING = re.compile(r"\breturning\b", re.IGNORECASE)
_NO_CODE = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$", re.DOTALL)


class DuckResult:
    """The result of one statement.

    A query begins when its rows are asked for, in the form that is asked for: DuckDB 2 gives Arrow without holding
    the whole result only to a query that was begun that way. All other statements have run.

    Args:
        cursor: the connection.
        guard: what runs calls to the engine.
        statement: the statement.
        parameters: its values.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        guard: Guard,
        statement: duckdb.Statement | str,
        parameters: Sequence[Any] | None,
        *,
        deferred: bool,
    ) -> None:
        self._cursor = cursor
        self._guard = guard
        self._statement = statement
        self._parameters = parameters
        self._pending = deferred
        self._over = False
        self._relation: duckdb.DuckDBPyRelation | None = None
        self._reader: Any = None
        self._columns: tuple[str, ...] | None = None
        self._types: tuple[str, ...] = ()
        self._count: int | None = None
        if not deferred:
            self._run(self._begin)

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns."""
        if self._columns is None:
            self._run(self._bind)
        return self._columns or ()

    @property
    def row_count(self) -> int | None:
        """The number of rows that were changed."""
        return self._count

    def rows(self, at_most: int | None = None) -> Sequence[Sequence[Any]]:
        """The rows as values of Python."""
        return self._run(self._rows, at_most)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows as batches of Arrow."""
        if not self._pending and not self.columns:
            yield pa.RecordBatch.from_arrays([], schema=pa.schema([]))
            return
        self._reader = reader = self._run(self._open_reader)
        names = list(self._columns or reader.schema.names)
        empty = True
        try:
            while (batch := self._run(_next, reader)) is not None:
                if batch.num_rows:
                    empty = False
                    yield _named(batch, names)
            if empty:
                yield _named(_empty(reader.schema), names)
        finally:
            self.end()

    def settle(self, *, in_transaction: bool) -> None:
        """Let the statement have its effect, before the next one begins or the transaction ends.

        A query of which nobody asked for rows is run all the same, for its errors.
        """
        if self._over:
            return
        if self._pending:
            for _ in self.batches():
                pass
        elif self._reader is None:
            # In a transaction what writes has to go on to its end, although nobody reads the rows that it returns.
            # DuckDB 1 does so by itself.
            leave = getattr(self._cursor, "complete" if in_transaction else "abort", None)
            if leave is not None:
                self._run(leave)
        self.end()

    def end(self) -> None:
        """Let go of the rows that nobody has read."""
        reader, self._reader, self._pending, self._relation = self._reader, None, False, None
        self._over = True
        if reader is not None:
            reader.close()

    def _run(self, call: Callable[..., T], *arguments: object) -> T:
        """Call the engine; a statement that has failed is over."""
        try:
            return self._guard.run(call, *arguments)
        except BaseException:
            self._over, self._pending = True, False
            raise

    # ---- beginning -----------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Run the statement so that its rows can be fetched."""
        deferred, self._pending = self._pending, False
        # None, not an empty list: DuckDB then takes the text as it is.
        self._cursor.execute(self._statement, self._parameters or None)
        described = self._cursor.description or []
        self._columns = tuple(column[0] for column in described)
        self._types = tuple(str(column[1]) for column in described)
        if not (deferred or self._gives_rows()):
            counts = self._cursor.fetchall() if self._columns == ("Count",) else []
            self._count = counts[0][0] if counts else None
            self._columns, self._types = (), ()

    def _gives_rows(self) -> bool:
        if isinstance(self._statement, str):
            return bool(self._columns)
        expected = {str(kind).rpartition(".")[2] for kind in self._statement.expected_result_type}
        if expected == {"QUERY_RESULT"}:
            return bool(self._columns)
        if "QUERY_RESULT" not in expected:
            return False
        if self._columns != ("Count",) or self._types != ("BIGINT",):
            return True
        return bool(_RETURNING.search(without_quoted(self._statement.query)))

    def _bind(self) -> None:
        """Have the engine check the query and say what columns it has, without running it."""
        if self._relation is None:
            self._relation = self._cursor.sql(self._statement, params=self._parameters or None)
            self._columns = tuple(self._relation.columns)
            self._types = tuple(str(kind) for kind in self._relation.types)

    def _open_reader(self) -> Any:
        if not self._pending:
            self._check_readable(self._types)
            return _reader(self._cursor)
        self._bind()
        self._pending = False
        relation: Any = self._relation
        kinds = [(kind, _readable(kind)) for kind in self._types]
        if any(kind != readable for kind, readable in kinds):
            relation = relation.project(
                ", ".join(
                    f"#{place}" if kind == readable else f"CAST(#{place} AS {readable})"
                    for place, (kind, readable) in enumerate(kinds, 1)
                )
            )
        return _reader(relation)

    def _check_readable(self, kinds: Sequence[str]) -> None:
        """Refuse what would arrive as something else: the statement has run, and nothing can be cast any more."""
        for kind in kinds:
            if _readable(kind) != kind:
                name = (self._columns or ())[self._types.index(kind)]
                text = f"column {name!r} of type {kind} cannot be read here; cast it to VARCHAR in the query"
                raise duckdb.NotSupportedError(text)

    # ---- rows ----------------------------------------------------------------------------------------

    def _rows(self, at_most: int | None) -> list[tuple[Any, ...]]:
        if self._pending:
            self._relation = None
            self._begin()
        if not self._columns:
            return []
        if _are_by_arrow(self._types):
            return self._arrow_rows(at_most)
        return self._cursor.fetchall() if at_most is None else self._cursor.fetchmany(at_most)

    def _arrow_rows(self, at_most: int | None) -> list[tuple[Any, ...]]:
        """The rows by way of Arrow."""
        if self._reader is None:
            self._check_readable([kind for kind in self._types if kind not in _FROM_ARROW])
            self._reader = _reader(self._cursor)
        rows: list[tuple[Any, ...]] = []
        while (at_most is None or len(rows) < at_most) and (batch := _next(self._reader)) is not None:
            kept = batch if at_most is None else batch.slice(0, at_most - len(rows))
            columns = [
                [_value(kind, value) for value in column.to_pylist()]
                for kind, column in zip(self._types, kept.columns, strict=True)
            ]
            rows.extend(zip(*columns, strict=True))
        return rows


@functools.lru_cache(maxsize=256)
def _are_by_arrow(kinds: tuple[str, ...]) -> bool:
    """Say whether rows of columns of these types are right only when they are read by way of Arrow."""
    return any(map(_BY_ARROW.search, kinds))


def without_quoted(text: str) -> str:
    """A statement without what stands in quotes and comments."""
    return _NO_CODE.sub(" ", text)


def _reader(source: Any) -> Any:
    """A reader of batches; DuckDB 2 gave the method another name."""
    if not hasattr(source, "to_arrow_reader"):
        return source.fetch_record_batch(_BATCH_ROWS)
    # It copies the rows of a statement that is no query, and says so.
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result", category=UserWarning)
    return source.to_arrow_reader(_BATCH_ROWS)


def _next(reader: Any) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None


def _named(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    """The batch with the names of the query's columns; DuckDB 2 makes equal ones unequal when it casts."""
    return batch if batch.schema.names == names else pa.RecordBatch.from_arrays(batch.columns, names=names)


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)


def _value(kind: str, value: Any) -> Any:
    """What DuckDB itself would have given for a value of Arrow."""
    if value is None:
        return None
    convert = _FROM_ARROW.get(kind.partition("(")[0])
    return value if convert is None else convert(value)


def _readable(kind: str) -> str:
    """The type as which a type of DuckDB is given to Arrow."""
    return _UNREADABLE.sub(lambda found: _AS_READABLE.get(found[0], found[0]), kind)


def _interval(value: Any) -> Any:
    """A timedelta; the interval itself where its months have no length, for which its reader has an error."""
    if value is None or isinstance(value, list):
        return value and [_interval(item) for item in value]
    if value.months or value.nanoseconds % 1000:
        return value
    return timedelta(days=value.days, microseconds=value.nanoseconds // 1000)


_FROM_ARROW: dict[str, Callable[[Any], Any]] = {
    "HUGEINT": int,
    "UUID": uuid.UUID,
    "UHUGEINT": lambda value: int(value) % 2**128,
    "INTERVAL": _interval,
    "INTERVAL[]": _interval,
    "MAP": dict,
}
