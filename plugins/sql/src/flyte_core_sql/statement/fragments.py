"""The SQL texts that a fragment may be: each must be a whole, and fit into the statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flyte_core_sql.errors import PlaceholderError
from flyte_core_sql.statement.foreign import find_foreign
from flyte_core_sql.statement.reading import Reading, read_statement
from flyte_core_sql.statement.scan import Word, is_operand, read_words

if TYPE_CHECKING:
    from sqlglot import Token

    from flyte_core_sql.statement.declared import Declared

__all__ = ["fragment_tokens", "read_with_fragments"]

_PAIRS = {")": "(", "]": "[", "}": "{"}


def fragment_tokens(declared: Declared) -> dict[str, dict[str, list[Token]]]:
    """Cut all texts into tokens, and check each alone.

    Returns:
        Input -> text -> its tokens.

    Raises:
        PlaceholderError: a text is empty, or holds a placeholder, a comment, a semicolon, or quotes or parentheses
            that are not closed.
    """
    return {
        name: {text: _checked(declared, f"fragments[{name!r}][{value!r}]", text) for value, text in texts.items()}
        for name, texts in declared.fragments.items()
    }


def _checked(declared: Declared, field: str, text: str) -> list[Token]:
    def refuse(allowed: str) -> PlaceholderError:
        return PlaceholderError(declared.owner, field, text, allowed)

    if not text.strip() or "\0" in text:
        raise refuse("a piece of SQL")
    try:
        words = read_words(declared.owner, text, declared.dialect)
    except PlaceholderError as e:
        raise refuse("a piece of SQL with every quote closed") from e
    if not words or _has_comment(text, words):
        raise refuse("a piece of SQL without comments")
    if any(word.type == "SEMICOLON" for word in words):
        raise refuse("a piece of SQL without semicolons")
    if not _is_balanced(text, words):
        raise refuse("a piece of SQL with every parenthesis closed")
    if _has_placeholder(words) or find_foreign(words, text, declared.dialect) is not None:
        raise refuse("a piece of SQL without placeholders")
    return [token for word in words for token in word.tokens]


def _has_comment(text: str, words: Sequence[Word]) -> bool:
    ends = [0, *(word.end for word in words)]
    starts = [*(word.start for word in words), len(text)]
    return any(text[end:start].strip() for end, start in zip(ends, starts, strict=True))


def _is_balanced(text: str, words: Sequence[Word]) -> bool:
    opened: list[str] = []
    for word in words:
        piece = text[word.start : word.end]
        if piece in _PAIRS.values():
            opened.append(piece)
        elif piece in _PAIRS and (not opened or opened.pop() != _PAIRS[piece]):
            return False
    return not opened


def _has_placeholder(words: Sequence[Word]) -> bool:
    for before, word in zip([None, *words], words, strict=False):
        if word.form == "{{" or word.type == "BLOCK_START":
            return True
        # "a[:n]" and "f:name" are none.
        beside = before is not None and (before.type == "L_BRACKET" or is_operand(before))
        if word.form == ":" and not beside:
            return True
    return False


def read_with_fragments(
    declared: Declared, words: Sequence[Word], tokens: Mapping[str, Mapping[str, list[Token]]]
) -> Reading:
    """Parse a statement with each text that its fragments may be; one at a time differs from the first.

    Raises:
        PlaceholderError: the statement cannot be parsed with a text, and can with another, or with a plain name.
    """
    used = [name for name in tokens if any(word.form == "{{" and word.name == name for word in words)]
    first = {name: next(iter(tokens[name].values())) for name in used}

    def read(chosen: Mapping[str, Sequence[Token]]) -> Reading:
        return read_statement(words, declared.text, declared.dialect, declared.tables, chosen)

    reading = read(first)
    for name in used:
        readings = {text: read({**first, name: chosen}) for text, chosen in tokens[name].items()}
        failed = [text for text, each in readings.items() if each.error is not None]
        if not failed:
            continue
        if len(failed) < len(readings) or read({**first, name: _plain_name()}).error is None:
            error = readings[failed[0]].error
            raise PlaceholderError(
                declared.owner, f"fragments[{name!r}]", failed[0], f"SQL that fits into the query; {_short(error)}"
            ) from error
    return reading


def _plain_name() -> list[Token]:
    from sqlglot import Token, TokenType

    return [Token(TokenType.VAR, "x", start=0, end=0)]


def _short(error: Exception | None) -> str:
    return str(error).splitlines()[0] if error is not None else ""
