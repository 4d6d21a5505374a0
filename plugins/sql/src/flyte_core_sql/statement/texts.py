"""What is wrong in a query's text whatever sqlglot makes of it: placeholders in quotes, and malformed ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flyte_core_sql.errors import PlaceholderError
from flyte_core_sql.statement.scan import TEMPLATE, Word, is_quoted

if TYPE_CHECKING:
    from flyte_core_sql.statement.declared import Declared

__all__ = ["check_quotes", "check_templates", "check_text"]

_COLON = re.compile(r"(?<!:):([^\W\d]\w*)")
# What was probably meant as a template: it names the inputs, or is one word in double braces.
_INPUTS_TEMPLATE = re.compile(r"\{\{\s*[.$]?\s*inputs?\b", re.IGNORECASE)
_WORD_TEMPLATE = re.compile(r"\{\{-?\s*[.$]?\s*([^\W\d]\w*)\s*-?\}\}")

# What an f-string makes of a template. No struct begins with a dot.
_HALVED_TEMPLATE = re.compile(r"(?<!\{)\{\s*\.inputs\.(\w+)\s*\}(?!\})")


def check_text(owner: str, text: str) -> None:
    """Refuse a text that no database takes.

    Raises:
        PlaceholderError: it is empty, or holds what cannot be sent.
    """
    if not text.strip("\ufeff \t\r\n\f\v;"):
        raise PlaceholderError(owner, "query", text, "a SQL statement")
    if "\0" in text:
        raise PlaceholderError(owner, "query", text, f"no NUL character; there is one at offset {text.index(chr(0))}")
    try:
        text.encode()
    except UnicodeEncodeError as e:
        raise PlaceholderError(owner, "query", text, f"text that can be written as UTF-8; {e}") from e


def check_quotes(declared: Declared, words: Sequence[Word]) -> None:
    """Refuse placeholders in strings and in quoted names, where no database looks for parameters.

    Raises:
        PlaceholderError: there is one.
    """
    for word in words:
        if is_quoted(word):
            _check_quoted(declared, word)


def _check_quoted(declared: Declared, word: Word) -> None:
    text = declared.text[word.start : word.end]
    template = TEMPLATE.search(text) or _INPUTS_TEMPLATE.search(text)
    if template is not None:
        written = template[0] if template.re is TEMPLATE else "{{ .inputs.… }}"
        raise declared.refuse(word.start + template.start(), _outside(written, word))
    for match in _COLON.finditer(text):
        if match[1] in declared.names:
            raise declared.refuse(word.start + match.start(), _outside(match[0], word))


def _outside(written: str, word: Word) -> str:
    if word.type == "IDENTIFIER":
        return f"{written} outside of the quotes of a name; names come from an input in fragments"
    return (
        f"{written} outside of quotes: write 'before' || {written} || 'after', or {written} alone; "
        "where the text itself is meant, cut it in two behind its colon or brace"
    )


def check_templates(declared: Declared, words: Sequence[Word]) -> None:
    """Refuse braces that are no template, and look like one.

    Raises:
        PlaceholderError: there are some.
    """
    for word in words:
        if word.type not in ("L_BRACE", "BLOCK_START"):
            continue
        found = _INPUTS_TEMPLATE.match(declared.text, word.start) or _WORD_TEMPLATE.match(declared.text, word.start)
        if found is not None:
            meant = found[1] if found.re is _WORD_TEMPLATE else "name"
            raise declared.refuse(word.start, f"{{{{ .inputs.{meant} }}}}, dot and braces as they are here")
        halved = _HALVED_TEMPLATE.match(declared.text, word.start)
        if halved is not None:
            raise declared.refuse(
                word.start,
                f"two braces on each side. Single braces: was this an f-string? write {{{{ .inputs.{halved[1]} }}}} "
                "in a plain text",
            )
