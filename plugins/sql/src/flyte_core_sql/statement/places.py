"""Places in a query, for messages: line, column and the text around them."""

from __future__ import annotations

import re

from flyte_core_sql.errors import PlaceholderError

__all__ = ["excerpt", "place", "refusal"]

_LINE_END = re.compile(r"\r\n|\r|\n")
_WIDTH = 60


def place(text: str, offset: int) -> tuple[int, int]:
    """Give line and column of an offset, both from 1, as an editor shows them.

    Example:
        >>> place("SELECT 1,\\r\\n  :a", 13)
        (2, 3)
    """
    ends = [match.end() for match in _LINE_END.finditer(text, 0, offset)]
    start = ends[-1] if ends else 0
    # A mark of encoding is no column.
    return len(ends) + 1, offset - start + 1 - text.startswith("\ufeff", start)


def excerpt(text: str, offset: int) -> str:
    """Give the line that an offset stands in, cut to what is around it.

    Example:
        >>> excerpt("SELECT 1,\\n  :a", 12)
        ':a'
    """
    begin = max((match.end() for match in _LINE_END.finditer(text, 0, offset)), default=0)
    after = _LINE_END.search(text, offset)
    end = after.start() if after else len(text)
    first, last = max(begin, offset - _WIDTH // 2), min(end, offset + _WIDTH // 2)
    shown = text[first:last].strip("\ufeff \t")
    return ("..." if first > begin else "") + shown + ("..." if last < end else "")


def refusal(owner: str, text: str, offset: int, allowed: str) -> PlaceholderError:
    """Make the error that points at a place in the query.

    Args:
        owner: whose query it is.
        text: the query.
        offset: where the mistake begins.
        allowed: what would have been right, as the end of the sentence "expected ...".

    Example:
        >>> print(refusal("task 'top'", "SELECT :nn", 7, "an input for :nn"))
        task 'top': query, line 1, column 8 = 'SELECT :nn' is not allowed; expected an input for :nn
    """
    line, column = place(text, offset)
    return PlaceholderError(owner, f"query, line {line}, column {column}", excerpt(text, offset), allowed)
