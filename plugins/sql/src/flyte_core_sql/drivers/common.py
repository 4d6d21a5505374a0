"""What several kinds of sessions do alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from flyte_core.errors import InvalidTypeError

if TYPE_CHECKING:
    from flyte_core_sql.connection import OpenConnection

__all__ = ["quoted", "refuse_table"]


def quoted(name: str) -> str:
    """Write a name as standard SQL does, so that it is an identifier whatever is in it.

    Example:
        >>> quoted('a"b')
        '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def refuse_table(opened: OpenConnection, name: str, table: object) -> NoReturn:
    """Say that nothing of this machine can be a table on a server.

    Raises:
        InvalidTypeError: always.
    """
    allowed = "parameters; an input can be a table on DuckDB only"
    raise InvalidTypeError(opened.label, f"table {name}", type(table).__name__, allowed)
