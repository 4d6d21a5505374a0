"""Checking a query against a task's inputs, once; what comes of it is ready to be rendered."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import frozen

from flyte_core import logger
from flyte_core_sql.errors import PlaceholderError
from flyte_core_sql.statement.declared import Declared
from flyte_core_sql.statement.dialects import check_dialect
from flyte_core_sql.statement.foreign import check_foreign
from flyte_core_sql.statement.fragments import fragment_tokens, read_with_fragments
from flyte_core_sql.statement.kinds import nature_of
from flyte_core_sql.statement.placeholders import Found, find_placeholders
from flyte_core_sql.statement.places import place
from flyte_core_sql.statement.rendering import Statement
from flyte_core_sql.statement.scan import Word, read_words
from flyte_core_sql.statement.slots import cut, extent
from flyte_core_sql.statement.split import split_words
from flyte_core_sql.statement.texts import check_quotes, check_templates, check_text

if TYPE_CHECKING:
    from flyte_core_sql.statement.reading import Reading

__all__ = ["Query", "check_query"]

#: How other languages and drivers write a placeholder: those of f-strings, shells, and some databases.
_OTHER_SIGNS = r"[$#]?\{{+\s*(?:\.?inputs\.)?{name}\s*\}}+|[@$]{name}\b"


@frozen(kw_only=True)
class Query:
    """A checked query.

    Args:
        statements: in order; a script has several.
        tables: the inputs that it reads as tables.

    Example:
        >>> query = check_query("task", "SELECT 1; SELECT 2", dialect="duckdb", parameters={})
        >>> [statement.text for statement in query.statements]
        ['SELECT 1;', ' SELECT 2']
    """

    statements: tuple[Statement, ...]
    tables: frozenset[str]

    @property
    def reads_only(self) -> bool:
        """Whether no statement changes anything; functions are taken to change nothing."""
        return all(statement.reads_only for statement in self.statements)


def check_query(
    owner: str,
    query: str,
    *,
    dialect: str,
    parameters: Mapping[str, bool],
    tables: Collection[str] = (),
    fragments: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    element_types: Mapping[str, Any] = MappingProxyType({}),
) -> Query:
    """Find a query's placeholders, and check that they and the inputs fit.

    A placeholder is ``:name`` or ``{{ .inputs.name }}``. In comments there are none. What sqlglot cannot parse is
    told by its tokens, with a warning.

    Args:
        owner: whose query it is, for messages: ``task 'top'``.
        query: one statement, or several with semicolons between them.
        dialect: a dialect of sqlglot; empty is what is common to all.
        parameters: the inputs that are values; whether each is a list.
        tables: the inputs that are tables, by their name or as ``{{ .inputs.name }}``.
        fragments: the inputs that choose a piece of SQL, as ``{{ .inputs.name }}``: value -> SQL text.
        element_types: the types of lists' elements, which an empty list needs in some databases.

    Returns:
        The query; the same one for the same arguments.

    Raises:
        PlaceholderError: anything does not fit; the place, what is there and what would be right are given.

    Example:
        >>> query = check_query("task", "SELECT :n + 1", dialect="duckdb", parameters={"n": False})
        >>> query.statements[0].render("numeric_dollar", {"n": 2}, {}, str)
        Rendered(text='SELECT $1 + 1', parameters=(2,))
    """
    return _checked(
        owner,
        query,
        dialect,
        tuple(parameters.items()),
        frozenset(tables),
        tuple((name, tuple(texts.items())) for name, texts in fragments.items()),
        tuple(element_types.items()),
    )


@lru_cache(maxsize=1024)
def _checked(
    owner: str,
    query: str,
    dialect: str,
    parameters: tuple[tuple[str, bool], ...],
    tables: frozenset[str],
    fragments: tuple[tuple[str, tuple[tuple[str, str], ...]], ...],
    element_types: tuple[tuple[str, Any], ...],
) -> Query:
    check_text(owner, query)
    check_dialect(owner, dialect)
    texts = {name: dict(each) for name, each in fragments}
    declared = Declared(
        owner=owner,
        text=query,
        dialect=dialect,
        parameters={name: is_list for name, is_list in parameters if name not in texts and name not in tables},
        tables=tables,
        fragments=texts,
        element_types=dict(element_types),
    )
    declared.check_names()
    words = read_words(owner, query, dialect)
    check_quotes(declared, words)
    check_templates(declared, words)
    return _read(declared, words)


def _read(declared: Declared, words: Sequence[Word]) -> Query:
    tokens = fragment_tokens(declared)
    statements: list[Statement] = []
    named: set[str] = set()
    lookalikes: dict[str, int] = {}
    for each in split_words(words):
        reading = read_with_fragments(declared, each, tokens)
        found = find_placeholders(declared, each, reading)
        check_foreign(declared, each, reading)
        if reading.error is not None:
            _warn(declared, each, reading)
        named |= {word.name for word in found.placeholders} | _tables_in(declared, each, reading)
        lookalikes.update(found.lookalikes)
        statements.append(_statement(declared, words, each, found))
    if not statements:
        raise PlaceholderError(declared.owner, "query", declared.text, "a SQL statement, and not comments alone")
    _check_used(declared, words, named, lookalikes)
    return Query(statements=tuple(statements), tables=declared.tables)


def _warn(declared: Declared, words: Sequence[Word], reading: Reading) -> None:
    line = str(reading.error).splitlines()[0] if str(reading.error) else type(reading.error).__name__
    logger.warning(
        "%s: sqlglot cannot parse the statement that begins with %r as %s (%s); its placeholders are told by their "
        "looks, and the database will judge it",
        declared.owner,
        declared.text[words[0].start : words[0].start + 40],
        declared.dialect or "standard SQL",
        line,
    )


def _tables_in(declared: Declared, words: Sequence[Word], reading: Reading) -> set[str]:
    if reading.parsed:
        present = set(reading.tables)
    else:
        present = {word.tokens[0].text.lower() for word in words if not word.form}
    return {name for name in declared.tables if name.lower() in present}


def _statement(declared: Declared, words: Sequence[Word], own: Sequence[Word], found: Found) -> Statement:
    nature = nature_of(own)
    reach = extent(declared.text, words, own)
    return Statement(
        text=declared.text[slice(*reach)],
        pieces=cut(declared, reach, own, found),
        kind=nature.kind,
        returns_rows=nature.returns_rows,
        reads_only=nature.reads_only,
    )


def _check_used(declared: Declared, words: Sequence[Word], named: set[str], lookalikes: Mapping[str, int]) -> None:
    for name in declared.names:
        if name in named:
            continue
        if name in declared.tables:
            allowed = f"each table to be read by the query, as {name} or {{{{ .inputs.{name} }}}}"
        elif name in declared.fragments:
            allowed = f"each fragment to stand in the query, as {{{{ .inputs.{name} }}}}"
        else:
            allowed = f"each input to stand in the query, as :{name} or {{{{ .inputs.{name} }}}}"
        raise PlaceholderError(declared.owner, "inputs", name, allowed + _why_unused(declared, words, name, lookalikes))


def _why_unused(declared: Declared, words: Sequence[Word], name: str, lookalikes: Mapping[str, int]) -> str:
    if name in lookalikes:
        line, column = place(declared.text, lookalikes[name])
        return (
            f"; what is on line {line}, column {column} means something else in this place; {{{{ .inputs.{name} }}}} "
            "is always a placeholder"
        )
    for match in re.finditer(_OTHER_SIGNS.format(name=re.escape(name)), declared.text):
        if not _is_in_comment(words, match.start()):
            line, column = place(declared.text, match.start())
            return f"; {match[0]} on line {line}, column {column} is no placeholder"
    if name in declared.tables:
        inside = re.search(rf"\bWITH\b.*\b{re.escape(name)}\b", declared.text, re.IGNORECASE | re.DOTALL)
        return "; a WITH of the same name would hide it" if inside else ""
    written = re.search(rf":{re.escape(name)}\b|\.inputs\.{re.escape(name)}\b", declared.text)
    return "; it is only in a comment" if written and _is_in_comment(words, written.start()) else ""


def _is_in_comment(words: Sequence[Word], offset: int) -> bool:
    return not any(word.start <= offset < word.end for word in words)
