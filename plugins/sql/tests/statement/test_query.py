from __future__ import annotations

import datetime as dt
import enum
import logging
import pickle
import uuid
from decimal import Decimal
from typing import Any

import pytest
from flyte_core_sql.errors import PlaceholderError
from flyte_core_sql.statement import Rendered, check_query
from flyte_core_sql.statement.empty import empty_list

from flyte_core.errors import InvalidValueError


def _render(text: str, values: dict[str, Any], style: Any = "qmark", dialect: str = "duckdb", **given: Any) -> Rendered:
    parameters = {name: isinstance(value, list) for name, value in values.items()}
    (statement,) = check_query("task 't'", text, dialect=dialect, parameters=parameters, **given).statements
    return statement.render(style, values, {}, lambda name: f'"{name}"')


@pytest.mark.parametrize(
    ("style", "text", "parameters"),
    [
        ("qmark", "SELECT ?, ? % 2, ?", (1, 2, 1)),
        ("format", "SELECT %s, %s %% 2, %s", (1, 2, 1)),
        ("numeric", "SELECT :1, :2 % 2, :1", (1, 2)),
        ("numeric_dollar", "SELECT $1, $2 % 2, $1", (1, 2)),
        ("named", "SELECT :a, :b % 2, :a", {"a": 1, "b": 2}),
        ("named_dollar", "SELECT $a, $b % 2, $a", {"a": 1, "b": 2}),
        ("pyformat", "SELECT %(a)s, %(b)s %% 2, %(a)s", {"a": 1, "b": 2}),
    ],
)
def test_each_style_writes_parameters_in_its_way(style: str, text: str, parameters: object) -> None:
    assert _render("SELECT :a, :b % 2, {{ .inputs.a }}", {"a": 1, "b": 2}, style) == Rendered(text, parameters)  # type: ignore[arg-type] # a table of cases


@pytest.mark.parametrize(
    ("style", "text", "parameters"),
    [
        ("qmark", "a IN (?, ?) AND b NOT IN (?, ?) AND c = ?", (7, None, 7, None, 1)),
        ("numeric_dollar", "a IN ($1, $2) AND b NOT IN ($1, $2) AND c = $3", (7, None, 1)),
        ("named", "a IN (:i_0, :i_1) AND b NOT IN (:i_0, :i_1) AND c = :c", {"i_0": 7, "i_1": None, "c": 1}),
    ],
)
def test_a_list_after_in_is_one_parameter_for_each_element(style: str, text: str, parameters: object) -> None:
    query = "SELECT * FROM t WHERE a IN :i AND b NOT IN (:i) AND c = :c"

    assert _render(query, {"i": [7, None], "c": 1}, style) == Rendered(f"SELECT * FROM t WHERE {text}", parameters)  # type: ignore[arg-type] # a table of cases


def test_the_names_of_elements_are_no_names_of_inputs() -> None:
    rendered = _render("SELECT :i_0 WHERE 1 IN :i", {"i": [5], "i_0": 6}, "named")

    assert rendered == Rendered("SELECT :i_0 WHERE 1 IN (:i__0)", {"i_0": 6, "i__0": 5})


@pytest.mark.parametrize("text", ["SELECT :i", "SELECT 1 = ANY(:i)", "SELECT [x FOR x IN :i]", "SELECT 1 IN (2, :i)"])
def test_a_list_elsewhere_is_one_parameter(text: str) -> None:
    assert _render(text, {"i": [1, 2]}, "numeric_dollar").parameters == ([1, 2],)


def test_an_empty_list_has_no_parameters_and_nothing_is_escaped_for_it() -> None:
    rendered = _render("SELECT 5 % 2 WHERE 1 NOT IN (:i) AND 2 IN :i", {"i": []}, "pyformat")

    assert rendered == Rendered(
        "SELECT 5 % 2 WHERE 1 NOT IN (SELECT NULL WHERE 1 = 0) AND 2 IN (SELECT NULL WHERE 1 = 0)", None
    )


def test_no_list_at_all_is_null() -> None:
    parameters = {"i": True}
    (statement,) = check_query("t", "SELECT 1 WHERE 1 IN :i", dialect="duckdb", parameters=parameters).statements

    assert statement.render("qmark", {"i": None}, {}, str) == Rendered("SELECT 1 WHERE 1 IN (?)", (None,))


@pytest.mark.parametrize("element", ["1", "'a'", "1.5", "NULL", "DATE '2024-02-29'", "TRUE"])
def test_nothing_is_in_an_empty_list_whatever_its_type(element: str) -> None:
    import duckdb

    with duckdb.connect() as connection:
        nothing = empty_list("duckdb", None)
        found = connection.execute(f"SELECT {element} IN {nothing}, {element} NOT IN {nothing}")
        assert found.fetchall() == [(False, True)]


class _Colour(enum.Enum):
    RED = "red"


class _Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


@pytest.mark.parametrize(
    ("element_type", "sql"),
    [
        (bool, "BOOLEAN"),
        (int, "BIGINT"),
        (int | None, "BIGINT"),
        (float, "DOUBLE PRECISION"),
        (str, "TEXT"),
        (bytes, "BYTEA"),
        (dt.datetime, "TIMESTAMPTZ"),
        (dt.date, "DATE"),
        (dt.timedelta, "INTERVAL"),
        (Decimal, "DECIMAL"),
        (uuid.UUID, "UUID"),
        (_Colour, "TEXT"),
    ],
)
def test_an_empty_list_has_the_type_of_its_elements_where_that_matters(element_type: Any, sql: str) -> None:
    assert empty_list("postgres", element_type) == f"(SELECT CAST(NULL AS {sql}) WHERE 1 = 0)"
    assert empty_list("sqlite", element_type) == "(SELECT NULL WHERE 1 = 0)"


@pytest.mark.parametrize("element_type", [None, object, _Mixed, int | str, Any])
def test_an_empty_list_of_an_unknown_type_has_none(element_type: Any) -> None:
    assert empty_list("postgres", element_type) == "(SELECT NULL WHERE 1 = 0)"


@pytest.mark.parametrize(("dialect", "table"), [("oracle", "DUAL"), ("mysql", "DUAL"), ("bigquery", "UNNEST([1])")])
def test_an_empty_list_is_selected_from_something_where_it_must_be(dialect: str, table: str) -> None:
    assert f" FROM {table} WHERE 1 = 0)" in empty_list(dialect, int)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("SELECT{{ .inputs.a }}FROM t", "SELECT :a FROM t"),
        ("SELECT [1,2][1:{{ .inputs.a }}]", "SELECT [1,2][1: :a]"),
        ("FROBNICATE {{ .inputs.a }}{{ .inputs.a }}", "FROBNICATE :a :a"),
        ("SELECT (:a)", "SELECT (:a)"),
        ("SELECT :a::int", "SELECT :a::int"),
    ],
)
def test_a_parameter_grows_together_with_nothing(text: str, rendered: str) -> None:
    assert _render(text, {"a": 1}, "named").text == rendered


def test_a_mark_of_encoding_is_kept_from_the_driver() -> None:
    assert _render("\ufeffSELECT :a", {"a": 1}) == Rendered("SELECT ?", (1,))


@pytest.mark.parametrize(
    ("query", "statements"),
    [
        ("SELECT 1", ["SELECT 1"]),
        (" SELECT 1 ; -- end\n", [" SELECT 1 ; -- end\n"]),
        ("SELECT 1;;; SELECT 2;", ["SELECT 1;", " SELECT 2;"]),
        ("-- first\nSELECT 1;\n-- second\nSELECT 2", ["-- first\nSELECT 1;", "\n-- second\nSELECT 2"]),
        ("SELECT ';'; SELECT \";\" /* ; */", ["SELECT ';';", ' SELECT ";" /* ; */']),
        ("BEGIN; SELECT 1; END", ["BEGIN;", " SELECT 1;", " END"]),
        ("BEGIN IMMEDIATE; SELECT CASE 1 WHEN 1 THEN 2 END; COMMIT", None),
        ("CREATE TRIGGER a BEGIN SELECT 1; SELECT CASE WHEN 1 THEN 2 END; END; SELECT 1", 2),
        ("CREATE PROCEDURE p() BEGIN IF a THEN SELECT 1; END IF; SELECT CASE WHEN 1 THEN 2 END; END; SELECT 1", 2),
        ("CREATE PROCEDURE p() BEGIN CASE x WHEN 1 THEN SELECT 2; END CASE; END; SELECT 1", 2),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 1", 2),
        ("DO $$ BEGIN x; END $$; SELECT 1", 2),
    ],
)
def test_a_script_is_cut_at_its_semicolons(query: str, statements: list[str] | int | None) -> None:
    texts = [each.text for each in check_query("t", query, dialect="postgres", parameters={}).statements]

    if isinstance(statements, list):
        assert texts == statements
    else:
        assert len(texts) == (statements or 3)


@pytest.mark.parametrize(
    ("query", "kind", "rows", "reads"),
    [
        ("SELECT 1", "select", True, True),
        ("(SELECT 1) UNION (SELECT 2)", "select", True, True),
        ("VALUES (1)", "select", True, True),
        ("TABLE t", "select", True, True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "select", True, True),
        ("WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", "select", True, False),
        ("SELECT replace('a', 'b', 'c'), \"delete\"", "select", True, True),
        ("SELECT 1 FROM t FOR UPDATE", "select", True, False),
        ("SELECT 1 INTO u FROM t", "ddl", False, False),
        ("INSERT INTO t VALUES (1)", "dml", False, False),
        ("INSERT INTO t VALUES (1) RETURNING a", "dml", True, False),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "dml", False, False),
        ("UPDATE t SET a = 1", "dml", False, False),
        ("MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE", "dml", False, False),
        ("CREATE TABLE t (a int)", "ddl", False, False),
        ("TRUNCATE t", "ddl", False, False),
        ("EXPLAIN DELETE FROM t", "other", True, True),
        ("EXPLAIN ANALYZE DELETE FROM t", "other", True, False),
        ("EXPLAIN ANALYZE SELECT 1", "other", True, True),
        ("SHOW search_path", "other", True, True),
        ("SET x = 1", "other", False, False),
        ("CALL p()", "other", True, False),
        ("BEGIN", "other", False, False),
    ],
)
def test_the_words_of_a_statement_tell_what_it_does(query: str, kind: str, rows: bool, reads: bool) -> None:
    checked = check_query("t", query, dialect="postgres", parameters={})
    (statement,) = checked.statements

    assert (statement.kind, statement.returns_rows, statement.reads_only) == (kind, rows, reads)
    assert checked.reads_only is reads


def test_a_script_reads_only_when_each_statement_does() -> None:
    assert not check_query("t", "SELECT 1; DROP TABLE t", dialect="duckdb", parameters={}).reads_only


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM t",
        'SELECT * FROM "T" AS x',
        "SELECT * FROM u JOIN t USING (a)",
        "SELECT (SELECT max(a) FROM t)",
        "FROM t",
        "SUMMARIZE t",
        "DESCRIBE t",
        "WITH t AS (SELECT * FROM t) SELECT * FROM t",
        "WITH u AS (SELECT * FROM t), t AS (SELECT 1) SELECT * FROM u",
        "SELECT {{ .inputs.t }}.a FROM {{ .inputs.t }}",
        "SELECT * FROM {{ .inputs.t }} AS x",
        "INSERT INTO u SELECT * FROM t",
        "EXPLAIN SELECT * FROM t",
    ],
)
def test_an_input_that_is_a_table_stands_where_tables_do(query: str) -> None:
    checked = check_query("t", query, dialect="duckdb", parameters={}, tables=["t"])

    assert checked.tables == {"t"}
    assert checked.statements[0].render("qmark", {}, {}, lambda name: f'"{name}"') == Rendered(
        query.replace("{{ .inputs.t }}", '"t"'), None
    )


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT 1", "each table to be read by the query"),
        ("SELECT t FROM u", "each table to be read by the query"),
        ("SELECT 't'", "each table to be read by the query"),
        ("SELECT * FROM s.t", "each table to be read by the query"),
        ("WITH t AS (SELECT 1) SELECT * FROM t", "would hide it"),
        ("WITH t AS (SELECT 1), u AS (SELECT * FROM t) SELECT * FROM u", "would hide it"),
        ("WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT * FROM t) SELECT * FROM t", "would hide it"),
        ("SELECT * FROM :t", "without a colon"),
        ("SELECT {{ .inputs.t }}", "where a table can stand"),
        ("SELECT '{{ .inputs.t }}' FROM t", "outside of quotes"),
    ],
)
def test_an_input_that_is_a_table_stands_nowhere_else(query: str, says: str) -> None:
    with pytest.raises(PlaceholderError, match=says):
        check_query("t", query, dialect="duckdb", parameters={}, tables=["t"])


_ORDER = {"up": "a ASC", "down": "a DESC, b % 2"}


def test_a_fragment_is_the_text_that_was_chosen() -> None:
    query = "SELECT * FROM t WHERE a = :a ORDER BY{{ .inputs.by }}LIMIT 1"
    (statement,) = check_query(
        "t", query, dialect="duckdb", parameters={"a": False}, fragments={"by": _ORDER}
    ).statements

    rendered = statement.render("format", {"a": 1}, {"by": "a DESC, b % 2"}, str)
    assert rendered == Rendered("SELECT * FROM t WHERE a = %s ORDER BY a DESC, b %% 2 LIMIT 1", (1,))


def test_a_fragment_that_was_not_declared_is_never_rendered() -> None:
    query = check_query(
        "t", "SELECT * FROM t ORDER BY {{ .inputs.by }}", dialect="duckdb", parameters={}, fragments={"by": _ORDER}
    )

    with pytest.raises(InvalidValueError, match="a text that was checked"):
        query.statements[0].render("qmark", {}, {"by": "1; DROP TABLE t"}, str)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a piece of SQL"),
        ("a -- x", "without comments"),
        ("/* x */ a", "without comments"),
        ("a; DROP TABLE t", "without semicolons"),
        ("a)", "every parenthesis closed"),
        ("(a", "every parenthesis closed"),
        ("a) + (b", "every parenthesis closed"),
        ("'a", "every quote closed"),
        ('"a', "every quote closed"),
        (":x", "without placeholders"),
        ("{{ .inputs.x }}", "without placeholders"),
        ("?", "without placeholders"),
        ("$1", "without placeholders"),
        ("%s", "without placeholders"),
        ("a FOO BAR BAZ", "fits into the query"),
    ],
)
@pytest.mark.parametrize("others", [{}, {"fine": "b DESC"}])
def test_a_fragment_that_is_no_whole_is_refused(text: str, says: str, others: dict[str, str]) -> None:
    with pytest.raises(PlaceholderError, match=says):
        check_query(
            "t",
            "SELECT * FROM t ORDER BY {{ .inputs.by }}",
            dialect="duckdb",
            parameters={},
            fragments={"by": {**others, "bad": text}},
        )


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT * FROM t ORDER BY :by", "since by is a fragment"),
        ("SELECT * FROM t", "each fragment to stand in the query"),
        ("SELECT '{{ .inputs.by }}'", "outside of quotes"),
        ("SELECT x_{{ .inputs.by }} FROM t", "a space between"),
    ],
)
def test_a_fragment_stands_alone_and_as_a_template(query: str, says: str) -> None:
    with pytest.raises(PlaceholderError, match=says):
        check_query("t", query, dialect="duckdb", parameters={}, fragments={"by": {"a": "a"}})


def test_a_fragment_without_texts_is_refused() -> None:
    with pytest.raises(PlaceholderError, match="at least one text"):
        check_query("t", "SELECT {{ .inputs.by }}", dialect="duckdb", parameters={}, fragments={"by": {}})


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM t WHERE v %> :a AND w <<% 'x:b'",
        "ALTER SYSTEM FROBNICATE (:a, 'b') WITH :a",
        "SELECT a FROM t WHERE ((((b = :a",
    ],
)
def test_what_sqlglot_cannot_parse_goes_by_its_tokens_with_a_warning(
    query: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        checked = check_query(f"task {query}", query, dialect="postgres", parameters={"a": False})

    rendered = checked.statements[0].render("named", {"a": 1}, {}, str)
    assert rendered == Rendered(query, {"a": 1})
    assert not [record for record in caplog.records if record.name == "sqlglot"]


def test_the_place_of_a_mistake_is_given() -> None:
    with pytest.raises(PlaceholderError, match=r"query, line 3, column 9 = 'WHERE a=:nmae'") as caught:
        check_query("task 't'", "SELECT *\r\nFROM t\r\nWHERE a=:nmae", dialect="duckdb", parameters={"name": False})

    assert (caught.value.owner, caught.value.field) == ("task 't'", "query, line 3, column 9")


def test_a_value_that_is_missing_is_named() -> None:
    query = check_query("t", "SELECT :a", dialect="duckdb", parameters={"a": False})

    with pytest.raises(InvalidValueError, match="a value for 'a'"):
        query.statements[0].render("qmark", {}, {}, str)


def test_the_same_query_is_parsed_once_and_can_be_pickled() -> None:
    given: dict[str, Any] = {"dialect": "duckdb", "parameters": {"a": False}}
    query = check_query("t", "SELECT :a", **given)

    assert check_query("t", "SELECT :a", **given) is query
    assert pickle.loads(pickle.dumps(query)) == query
