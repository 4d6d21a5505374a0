"""A script cut into its statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flyte_core_sql.statement.scan import Word

__all__ = ["split_words", "verb"]

#: After BEGIN, these (or the end of the statement) begin a transaction and no block.
_TRANSACTION = frozenset(
    {"TRANSACTION", "TRAN", "WORK", "DEFERRED", "IMMEDIATE", "EXCLUSIVE", "CONCURRENT", "ISOLATION", "READ", "NOT"}
)
#: What ``END`` closes besides a block, as in END IF.
_OTHER_ENDS = frozenset({"IF", "LOOP", "WHILE", "REPEAT", "FOR"})
_ROUTINES = frozenset({"TRIGGER", "FUNCTION", "PROCEDURE", "PROC", "EVENT", "PACKAGE"})


def verb(word: Word) -> str:
    """Give a word as a keyword in capitals; empty for what has quotes, and for placeholders.

    Example:
        >>> from flyte_core_sql.statement.scan import read_words
        >>> [verb(word) for word in read_words("task", 'select "select" :a', "duckdb")]
        ['SELECT', '', '']
    """
    from flyte_core_sql.statement.scan import is_quoted

    return "" if word.form or is_quoted(word) else word.tokens[0].text.upper()


def split_words(words: Sequence[Word]) -> list[list[Word]]:
    """Cut a script at its semicolons, but for those in parentheses and in the blocks of triggers and routines.

    Returns:
        The words of each statement, its semicolon last; statements without words are left out.

    Example:
        >>> from flyte_core_sql.statement.scan import read_words
        >>> [len(each) for each in split_words(read_words("task", "SELECT 1; ; SELECT 2", "duckdb"))]
        [3, 2]
    """
    statements: list[list[Word]] = [[]]
    depth = 0
    for index, word in enumerate(words):
        current = statements[-1]
        if word.type == "SEMICOLON" and depth <= 0:
            if current:
                current.append(word)
                statements.append([])
            depth = 0
            continue
        depth += _change(words, index, current)
        current.append(word)
    return [each for each in statements if each]


def _change(words: Sequence[Word], index: int, current: Sequence[Word]) -> int:
    word = words[index]
    if word.type in ("L_PAREN", "R_PAREN"):
        return 1 if word.type == "L_PAREN" else -1
    keyword = verb(word)
    if keyword not in ("BEGIN", "CASE", "END"):
        return 0
    following = verb(words[index + 1]) if index + 1 < len(words) else ""
    if keyword == "BEGIN":
        return int(_opens_block(current, following))
    # CASE is counted in blocks only because their END looks the same.
    if not _has_block(current):
        return 0
    if keyword == "CASE":
        return 0 if current and verb(current[-1]) == "END" else 1
    return 0 if following in _OTHER_ENDS else -1


def _opens_block(current: Sequence[Word], following: str) -> bool:
    if not current:
        return following not in (*_TRANSACTION, ";", "")
    return _has_block(current)


def _has_block(current: Sequence[Word]) -> bool:
    first = verb(current[0]) if current else ""
    if first in ("BEGIN", "DECLARE"):
        return True
    return first in ("CREATE", "ALTER", "REPLACE") and any(verb(word) in _ROUTINES for word in current[:8])
