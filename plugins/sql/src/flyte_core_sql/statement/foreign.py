"""Parameters in a driver's own way of writing, which has no place beside the task's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flyte_core_sql.statement.dialects import AT_PARAMETERS, DOLLAR_PARAMETERS
from flyte_core_sql.statement.scan import Word, is_operand

if TYPE_CHECKING:
    from flyte_core_sql.errors import PlaceholderError
    from flyte_core_sql.statement.declared import Declared
    from flyte_core_sql.statement.reading import Reading

__all__ = ["check_foreign", "find_foreign", "foreign_refusal"]

_WRITTEN = re.compile(r"%\(\w*\)\w?|[?$@%]\w*|:\s*\w*")


def check_foreign(declared: Declared, words: Sequence[Word], reading: Reading) -> None:
    """Refuse ``?``, ``$1``, ``%s`` and the like, where the dialect takes them as parameters.

    Raises:
        PlaceholderError: there is one.
    """
    found = find_foreign(words, declared.text, declared.dialect, reading)
    if found is not None:
        raise foreign_refusal(declared, found.start)


def foreign_refusal(declared: Declared, offset: int) -> PlaceholderError:
    """Make the error for a driver's parameter."""
    match = _WRITTEN.match(declared.text, offset)
    written = match[0] if match else declared.text[offset]
    return declared.refuse(
        offset,
        f":name or {{{{ .inputs.name }}}}; {written} is how drivers write parameters, which the task does itself",
    )


def find_foreign(words: Sequence[Word], text: str, dialect: str, reading: Reading | None = None) -> Word | None:
    """Give the first word that begins a driver's parameter.

    Args:
        words: of one statement.
        text: that they are from.
        dialect: a dialect of sqlglot.
        reading: what the parser made of it, which is surer than the words about ``?`` and ``%``.

    Example:
        >>> from flyte_core_sql.statement.scan import read_words
        >>> find_foreign(read_words("task", "a = $1", "duckdb"), "a = $1", "duckdb").start
        4
    """
    parsed = reading is not None and reading.parsed
    for index, word in enumerate(words):
        before = words[index - 1] if index else None
        following = words[index + 1] if index + 1 < len(words) else None
        if _is_sigil(word, following, text, dialect):
            return word
        doubtful = not parsed or (reading is not None and reading.foreign and word.type != "MOD")
        if doubtful and not is_operand(before) and _is_parameter(word, before, following, text):
            return word
    if parsed and reading is not None and reading.foreign:
        return next((word for word in words if word.type in ("PLACEHOLDER", "COLON", "MOD")), words[0])
    return None


def _is_sigil(word: Word, following: Word | None, text: str, dialect: str) -> bool:
    first = text[word.start]
    known = (first == "$" and dialect in DOLLAR_PARAMETERS) or (first == "@" and dialect in AT_PARAMETERS)
    if not known or word.type.endswith("STRING"):
        return False
    if word.end - word.start > 1:
        return text[word.start + 1].isalnum()
    return following is not None and following.start == word.end and text[following.start].isalnum()


def _is_parameter(word: Word, before: Word | None, following: Word | None, text: str) -> bool:
    """Whether a word that stands where a value is expected is a parameter of a driver."""
    if word.type == "PLACEHOLDER":
        return True
    if following is None:
        return False
    touching = following.start == word.end
    if word.type == "MOD":
        written = text[following.start : following.end]
        return touching and (written in ("s", "(") or written.startswith("s"))
    subscript = before is not None and before.type in ("L_BRACKET", "COLON")
    return word.type == "COLON" and not subscript and touching and following.type == "NUMBER"
