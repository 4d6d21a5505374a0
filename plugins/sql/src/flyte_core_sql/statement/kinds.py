"""What a statement does, told by its words: whether it reads only, and whether it gives rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from flyte_core_sql.statement.split import verb

if TYPE_CHECKING:
    from flyte_core_sql.statement.scan import Word

__all__ = ["Kind", "Nature", "nature_of"]

Kind = Literal["select", "dml", "ddl", "other"]
"""A query that gives rows; a change of rows; a change of what there is; everything else."""

_SELECT = frozenset({"SELECT", "VALUES", "FROM", "TABLE", "PIVOT", "PIVOT_WIDER", "UNPIVOT"})
_DML = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "UPSERT", "COPY"})
_DDL = frozenset({"CREATE", "ALTER", "DROP", "TRUNCATE", "COMMENT", "GRANT", "REVOKE", "RENAME", "REINDEX", "REFRESH"})
_LOOKS = frozenset({"SHOW", "DESCRIBE", "DESC", "EXPLAIN", "SUMMARIZE"})
_GIVES_ROWS = _LOOKS | {"PRAGMA", "CALL", "EXECUTE", "EXEC", "FETCH"}
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "CREATE", "DROP", "ALTER", "TRUNCATE"})
#: What follows FOR when rows are locked; a transaction that reads only refuses it.
_LOCKS = frozenset({"UPDATE", "SHARE", "NO", "KEY"})


@frozen(kw_only=True, slots=True)
class Nature:
    """What is known of a statement without knowing the database.

    Args:
        kind: what it is.
        returns_rows: whether it gives rows, as far as its words tell.
        reads_only: whether it changes nothing; functions are taken to change nothing.
    """

    kind: Kind
    returns_rows: bool
    reads_only: bool


def nature_of(words: Sequence[Word]) -> Nature:
    """Tell what a statement does.

    Example:
        >>> from flyte_core_sql.statement.scan import read_words
        >>> nature_of(read_words("task", "WITH a AS (SELECT 1) DELETE FROM t RETURNING *", "postgres"))
        Nature(kind='dml', returns_rows=True, reads_only=False)
    """
    keywords = [verb(word) for word in words]
    main = _main_verb(keywords)
    writes = _writes(keywords)
    if main in _SELECT:
        if "INTO" in _top_level(keywords):
            return Nature(kind="ddl", returns_rows=False, reads_only=False)
        return Nature(kind="select", returns_rows=True, reads_only=not writes)
    if main in _DML:
        rows = any(each in ("RETURNING", "OUTPUT") for each in _top_level(keywords))
        return Nature(kind="dml", returns_rows=rows, reads_only=False)
    if main in _DDL:
        return Nature(kind="ddl", returns_rows=False, reads_only=False)
    # EXPLAIN alone only plans what it is given.
    reads = main in _LOOKS and not (writes and ("ANALYZE" in keywords or "ANALYSE" in keywords))
    return Nature(kind="other", returns_rows=main in _GIVES_ROWS, reads_only=reads)


def _main_verb(keywords: Sequence[str]) -> str:
    first = next((each for each in keywords if each != "("), "")
    if first != "WITH":
        return first
    return next((each for each in _top_level(keywords) if each in _SELECT | _DML), "")


def _top_level(keywords: Sequence[str]) -> Iterator[str]:
    # Of "(SELECT …) UNION …", which begins with a parenthesis, all is told by the first word.
    depth = 0
    for each in keywords:
        depth += (each == "(") - (each == ")")
        if depth == 0:
            yield each


def _writes(keywords: Sequence[str]) -> bool:
    for index, each in enumerate(keywords):
        following = keywords[index + 1] if index + 1 < len(keywords) else ""
        # insert(…) and truncate(…) are functions.
        if (each in _WRITES and following != "(") or (each == "FOR" and following in _LOCKS):
            return True
    return False
