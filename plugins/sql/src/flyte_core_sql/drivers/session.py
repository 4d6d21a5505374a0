"""What every database looks like from here: a session that runs statements, and the result of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

__all__ = ["ParamStyle", "Result", "Session"]

ParamStyle = Literal["qmark", "format", "pyformat", "named", "numeric", "numeric_dollar", "named_dollar"]
"""How a driver writes a parameter: those of PEP 249 (``?``, ``%s``, ``%(a)s``, ``:a``, ``:1``), ``$1`` and ``$a``."""


class Result(Protocol):
    """What one statement gave; it can be gone through once, and ends with the next statement of its session."""

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns; empty for a statement that gives no rows."""
        ...

    @property
    def row_count(self) -> int | None:
        """The number of rows that the statement changed; None where the database does not say."""
        ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows piece by piece, in memory that is bounded; at least one batch, so that the schema is known.

        Values keep their meaning: decimals, dates, times with their zone, blobs, arrays; JSON is text. The types of
        one column may widen from batch to batch, where the database has no types of its own.
        """
        ...

    def rows(self, at_most: int | None = None) -> Sequence[Sequence[Any]]:
        """The rows as values of Python; JSON is text.

        Args:
            at_most: how many to read; None is all.
        """
        ...


class Session(Protocol):
    """One open connection, used by one thread at a time; only `cancel` may be called from another."""

    @property
    def style(self) -> ParamStyle:
        """How parameters are written."""
        ...

    def quote(self, name: str) -> str:
        """Write a name so that the database takes it for an identifier, whatever is in it."""
        ...

    def add_table(self, name: str, table: Any) -> None:
        """Make an input a table of that name, for this session alone.

        Raises:
            InvalidTypeError: this database cannot read such an input.
        """
        ...

    def execute(self, text: str, parameters: Sequence[Any] | Mapping[str, Any] | None) -> Result:
        """Run one statement, in the transaction that the first one begins.

        Args:
            text: the statement.
            parameters: their values; None where the statement has none, and then nothing in the text is escaped.

        Raises:
            QueryError: the database refuses it, or it fails.
            QueryTimeoutError: it takes longer than the statement timeout.
            ConnectionLostError: the connection ends.
        """
        ...

    def commit(self) -> None:
        """Keep what was done."""
        ...

    def rollback(self) -> None:
        """Undo what was done; never an error, also not on a connection that is gone."""
        ...

    def cancel(self) -> None:
        """Have the running statement end with an error; from any thread, at any time, and never an error."""
        ...

    def close(self) -> None:
        """Close the connection; never an error."""
        ...
