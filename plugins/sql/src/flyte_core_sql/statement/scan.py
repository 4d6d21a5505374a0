"""A query as words: sqlglot's tokens, with what may be a placeholder put together to one word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from flyte_core_sql.statement.dialects import tokenize
from flyte_core_sql.statement.places import refusal

if TYPE_CHECKING:
    from sqlglot import Token

__all__ = ["TEMPLATE", "Word", "is_operand", "is_quoted", "read_words"]

#: ``{{ .inputs.name }}``; white space is what Go's engine takes for it.
TEMPLATE = re.compile(r"\{\{[\t\n\f\r ]*\.inputs\.([^\s{}]+)[\t\n\f\r ]*\}\}")

_NOT_LINE_END = re.compile(r"[^\r\n]")
_MISSING = re.compile(r"from \d+:(\d+)")

# What a value or a name can end with, so that an operator may follow.
_OPERAND_TYPES = frozenset(
    {"VAR", "IDENTIFIER", "NUMBER", "R_PAREN", "R_BRACKET", "R_BRACE", "END", "NULL", "TRUE", "FALSE"}
)


@frozen(kw_only=True, slots=True)
class Word:
    """A piece of the query that is no white space and no comment.

    Args:
        start: its offset.
        end: the offset behind it.
        type: the name of sqlglot's type of token; empty for a template.
        form: ``:`` for a name right behind a colon, ``{{`` for a template; neither needs to be a placeholder yet.
        name: of what has a form.
        tokens: what sqlglot made of it.
    """

    start: int
    end: int
    type: str
    form: Literal["", ":", "{{"] = ""
    name: str = ""
    tokens: tuple[Token, ...]


def is_quoted(word: Word) -> bool:
    """Whether a word is a string, or a name in quotes, in whatever way the dialect quotes."""
    return word.type.endswith("STRING") or (word.type == "IDENTIFIER" and word.end - word.start > 1)


def is_operand(word: Word | None) -> bool:
    """Whether an operator can follow a word, rather than a value.

    Example:
        >>> [is_operand(word) for word in read_words("task", "a = (1)", "")]
        [True, False, False, True, True]
    """
    return word is not None and (bool(word.form) or word.type in _OPERAND_TYPES or is_quoted(word))


def read_words(owner: str, text: str, dialect: str) -> list[Word]:
    """Cut a query into words; what is in comments is left out.

    Args:
        owner: for messages.
        text: the query.
        dialect: a dialect of sqlglot.

    Raises:
        PlaceholderError: a quote is not closed.

    Example:
        >>> [(word.form, word.name) for word in read_words("task", "a = :a -- :b", "duckdb")]
        [('', ''), ('', ''), (':', 'a')]
    """
    from sqlglot.errors import TokenError

    templates = {match.start(): match for match in TEMPLATE.finditer(text)}
    try:
        tokens = tokenize(_masked(text), dialect)
    except TokenError as e:
        offset = _missing_offset(text, e)
        # "$1,$" begins a dollar quote to sqlglot.
        dollar = re.match(r"\$\d+", text[offset:])
        allowed = f":name, and no {dollar[0]} as drivers write parameters" if dollar else "every quote closed"
        raise refusal(owner, text, offset, allowed) from e
    return _grouped(text, tokens, templates)


def _masked(text: str) -> str:
    # Braces never grow together with what stands beside them, and offsets and lines stay.
    masked = TEMPLATE.sub(lambda match: "{{" + _NOT_LINE_END.sub(" ", match[0][2:-2]) + "}}", text)
    return " " + masked[1:] if masked.startswith("\ufeff") else masked


def _missing_offset(text: str, error: Exception) -> int:
    found = _MISSING.search(f"{error} {error.__cause__}")
    return min(int(found[1]), len(text) - 1) if found else 0


def _grouped(text: str, tokens: Sequence[Token], templates: dict[int, re.Match[str]]) -> list[Word]:
    words: list[Word] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        template = templates.get(token.start)
        if template is not None and token.end == token.start:
            inside = [each for each in tokens[index : index + 4] if each.end < template.end()]
            if len(inside) == 4:
                words.append(_template_word(template, inside))
                index += 4
                continue
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        if token.token_type.name == "COLON" and following is not None and _names_input(text, token, following):
            words.append(_colon_word(text, token, following))
            index += 2
            continue
        words.append(Word(start=token.start, end=token.end + 1, type=token.token_type.name, tokens=(token,)))
        index += 1
    return words


def _names_input(text: str, colon: Token, token: Token) -> bool:
    return token.start == colon.end + 1 and text[token.start : token.end + 1].isidentifier()


def _template_word(template: re.Match[str], tokens: Sequence[Token]) -> Word:
    start, end = template.span()
    return Word(start=start, end=end, type="", form="{{", name=template[1], tokens=tuple(tokens))


def _colon_word(text: str, colon: Token, token: Token) -> Word:
    name = text[token.start : token.end + 1]
    kind = token.token_type.name
    return Word(start=colon.start, end=token.end + 1, type=kind, form=":", name=name, tokens=(colon, token))
