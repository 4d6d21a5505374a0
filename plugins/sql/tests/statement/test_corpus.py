from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from flyte_core_sql.errors import PlaceholderError
from flyte_core_sql.statement import Query, check_query
from flyte_core_sql.statement.scan import read_words

from plugins.sql.tests.statement.corpus import (
    HOSTILE_QUERIES,
    HOSTILE_VALUES,
    REFUSED_QUERIES,
    HostileQuery,
    RefusedQuery,
)

_MARKED = re.compile(r"«(?::(\w+)|\{\{\s*\.inputs\.(\w+)\s*\}\})»")


def _names(case: HostileQuery) -> dict[str, bool]:
    return {(match[1] or match[2]): (match[1] or match[2]).startswith("ids") for match in _MARKED.finditer(case.marked)}


def _plain(case: HostileQuery) -> str:
    return re.sub("[«»]", "", case.marked)


def _checked(case: HostileQuery) -> Query:
    return check_query("task 'hostile'", _plain(case), dialect=case.dialect, parameters=_names(case))


def _render(query: Query, style: Any, values: dict[str, Any]) -> list[str]:
    return [statement.render(style, values, {}, str).text for statement in query.statements]


_QUERIES = pytest.mark.parametrize("case", HOSTILE_QUERIES, ids=lambda case: f"{case.dialect}-{case.marked[:50]}")


@_QUERIES
def test_what_is_marked_is_a_placeholder_and_nothing_else_is(case: HostileQuery) -> None:
    query = _checked(case)

    parts = [statement.pieces for statement in query.statements]
    found = [piece if isinstance(piece, str) else f"«{piece.name}»" for pieces in parts for piece in pieces]
    expected = _MARKED.sub(lambda match: f"«{match[1] or match[2]}»", case.marked.removeprefix("\ufeff"))
    assert "".join(found).rstrip(";\n") == expected.lstrip(";").rstrip(";\n")


@_QUERIES
def test_sqlglot_understands_each_query_of_the_corpus(case: HostileQuery, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check_query("task 'anew'", _plain(case), dialect=case.dialect, parameters=_names(case))

    assert not [record for record in caplog.records if "cannot parse" in record.getMessage()]


@_QUERIES
@pytest.mark.parametrize("style", ["qmark", "numeric_dollar", "named_dollar", "pyformat", "format", "named", "numeric"])
def test_no_value_changes_a_statement(case: HostileQuery, style: str) -> None:
    query, names = _checked(case), _names(case)
    harmless = _render(query, style, {name: [1] if is_list else 1 for name, is_list in names.items()})

    for value in HOSTILE_VALUES:
        values = {name: [value] if is_list else value for name, is_list in names.items()}
        assert _render(query, style, values) == harmless


@_QUERIES
def test_what_is_rendered_has_the_tokens_of_the_query(case: HostileQuery) -> None:
    query, names = _checked(case), _names(case)

    values = {name: [1] if is_list else 1 for name, is_list in names.items()}
    for statement in query.statements:
        rendered = statement.render("named", values, {}, str).text
        assert _shape(rendered, case.dialect) == _shape(statement.text, case.dialect)


def _shape(text: str, dialect: str) -> list[str]:
    """Name each token; a list after IN brings parentheses where the query has none."""
    plain = re.sub(r"\bIN +\(((?::|\{\{ ?\.inputs\.)ids\w*( ?\}\})?)\)", r"IN \1", text.removeprefix("\ufeff"))
    return ["placeholder" if word.form else word.type for word in read_words("task", plain, dialect)]


@pytest.mark.parametrize("case", REFUSED_QUERIES, ids=lambda case: f"{case.dialect}-{case.query[:50]!r}-{case.inputs}")
def test_a_query_that_does_not_fit_is_refused_with_advice(case: RefusedQuery) -> None:
    with pytest.raises(PlaceholderError) as caught:
        check_query("task 'bad'", case.query, dialect=case.dialect, parameters=dict.fromkeys(case.inputs, False))

    assert case.says in str(caught.value)
    assert str(caught.value).startswith("task 'bad': ")


def test_the_corpus_is_as_large_as_it_has_to_be() -> None:
    assert len(HOSTILE_VALUES) >= 60
    assert all(sum(case.dialect == dialect for case in HOSTILE_QUERIES) >= 40 for dialect in ("duckdb", "sqlite"))
    assert sum(case.dialect == "postgres" for case in HOSTILE_QUERIES) >= 40
