from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from flyte_core_sql.errors import PlaceholderError
from flyte_core_sql.statement import check_query
from flyte_core_sql.statement.rendering import Slot
from flyte_core_sql.statement.scan import read_words
from hypothesis import given, settings
from hypothesis import strategies as st

_PARAMETERS = {
    "qmark": r"\?",
    "format": "%s",
    "pyformat": r"%\(\w+\)s",
    "named": r":\w+",
    "numeric": r":\d+",
    "numeric_dollar": r"\$\d+",
    "named_dollar": r"\$\w+",
}
_STYLES = st.sampled_from(sorted(_PARAMETERS))
_DIALECTS = st.sampled_from(["duckdb", "sqlite", "postgres", "mysql", "snowflake", "bigquery", ""])

# Pieces that belong together in the wildest ways, and pieces of valid SQL.
_SCRAPS = st.sampled_from(
    [
        *[
            "SELECT",
            "FROM",
            "WHERE",
            "IN",
            "CASE",
            "END",
            "BEGIN",
            "WITH",
            "AS",
            "AND",
            "a",
            "b",
            "1",
            "ü",
            "🎉",
            "\ufeff",
        ],
        *["(", ")", "[", "]", "{", "}", "{{", "}}", "'", "''", '"', "`", "$$", "$", "E'", "\\", "--", "/*", "*/", "#"],
        *["\n", "\r\n", " ", "\t", ";", "?", "%", "%s", "@", ",", ".", "=", "|", "->", ":", "::"],
        *[":a", ":b", ":ids", ":end", "{{ .inputs.a }}", "{{ .inputs.ids }}", "x:y", "a[1:b]"],
    ]
)
_HOSTILE = st.lists(_SCRAPS | st.text(max_size=3), max_size=12).map("".join)
_VALUES = st.none() | st.integers() | st.text() | st.binary() | st.floats()

_literals = st.text(st.characters(blacklist_characters="\0\\:", blacklist_categories=("Cs",)), max_size=8).filter(
    lambda text: "{{" not in text
)
_terms = st.one_of(
    st.sampled_from(
        [":a", ":b", "{{ .inputs.a }}", "{{.inputs.end}}", ":end", "x", "y.z", "1", "NULL", "-2.5", "f(x)"]
    ),
    _literals.map(lambda text: "'" + text.replace("'", "''") + "'"),
)
_spaces = st.sampled_from([" ", "\n", "\r\n", " /* :zz ' \" */ ", " -- :zz {{ .inputs.zz }} '\n", "\t"])
_sums = st.lists(st.tuples(_terms, _spaces, st.sampled_from(["+", "=", "<>", "%", "||", "AND", "OR"])), max_size=4)


@st.composite
def _queries(draw: st.DrawFn) -> str:
    terms = "".join(f"{term}{space}{sign}{space}" for term, space, sign in draw(_sums))
    end = draw(st.sampled_from(["", ";", " ;\n", " -- :zz"]))
    return f"SELECT{draw(_spaces)}{terms}:a, :b, :end{draw(_spaces)}FROM t WHERE x IN (:ids){end}"


_INPUTS = {"a": False, "b": False, "end": False, "ids": True}


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="flyte_core")


def _values(value: Any, length: int) -> dict[str, Any]:
    return {"a": value, "b": value, "end": value, "ids": [value] * length}


# sqlglot loads a dialect when it is first used, which no deadline allows for.
@settings(deadline=None)
@given(query=_queries(), dialect=_DIALECTS.filter(lambda name: name not in ("mysql", "bigquery")), style=_STYLES)
def test_outside_of_placeholders_a_query_is_verbatim(query: str, dialect: str, style: Any) -> None:
    (statement,) = check_query("t", query, dialect=dialect, parameters=_INPUTS).statements

    rendered = statement.render(style, _values(1, 1), {}, str).text
    percent = style in ("format", "pyformat")
    verbatim = [piece.replace("%", "%%") if percent else piece for piece in statement.pieces if isinstance(piece, str)]
    # A space may keep a parameter apart from what stands beside it.
    parameter = rf" ?{_PARAMETERS[style]} ?"
    expected = [parameter if isinstance(piece, Slot) else None for piece in statement.pieces]
    texts = iter(verbatim)
    pattern = "".join(each or re.escape(next(texts)) for each in expected)
    assert re.fullmatch(pattern, rendered)
    assert statement.text == query


@settings(deadline=None)
@given(query=_queries(), dialect=_DIALECTS)
def test_what_is_rendered_has_the_same_tokens(query: str, dialect: str) -> None:
    try:
        (statement,) = check_query("t", query, dialect=dialect, parameters=_INPUTS).statements
    except PlaceholderError:
        return

    rendered = statement.render("named", _values(1, 1), {}, str).text
    before, after = (read_words("t", text, dialect) for text in (query, rendered))
    # A template in value position becomes a name behind a colon; all else is as it was.
    assert [word.form or word.type for word in after] == [word.form.replace("{{", ":") or word.type for word in before]


@settings(deadline=None)
@given(query=_HOSTILE | _queries(), dialect=_DIALECTS, style=_STYLES, first=_VALUES, second=_VALUES)
def test_values_never_change_a_statement(query: str, dialect: str, style: Any, first: Any, second: Any) -> None:
    try:
        statements = check_query("t", query, dialect=dialect, parameters=_INPUTS).statements
    except PlaceholderError:
        return

    for statement in statements:
        texts = {statement.render(style, _values(value, 2), {}, str).text for value in (first, second)}
        assert len(texts) == 1


@settings(deadline=None)
@given(query=_HOSTILE, dialect=_DIALECTS, names=st.sets(st.sampled_from(["a", "b", "end", "ids"])))
def test_whatever_the_text_it_is_checked_or_refused(query: str, dialect: str, names: set[str]) -> None:
    try:
        checked = check_query("t", query, dialect=dialect, parameters={name: name == "ids" for name in names})
    except PlaceholderError as e:
        error = e
    else:
        assert {name for statement in checked.statements for name in statement.inputs} == names
        return

    assert (error.owner, bool(error.allowed)) == ("t", True)
