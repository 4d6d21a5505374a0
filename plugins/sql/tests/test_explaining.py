"""Which statements a database is asked to explain."""

from __future__ import annotations

import pytest
from flyte_core_sql.explaining import no_plan
from flyte_core_sql.statement import check_query


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SELECT :n", ""),
        ("WITH a AS (SELECT :n AS n) SELECT n FROM a", ""),
        ("INSERT INTO t VALUES (:n)", ""),
        ("-- a copy\nUPDATE t SET n = :n", ""),
        ("DELETE FROM t WHERE n = :n RETURNING n", ""),
        ("CREATE TABLE t (\n    n INTEGER\n);", "no plan: CREATE TABLE t ( n INTEGER )"),
        ("/* first; */ -- and\n DROP TABLE t", "no plan: DROP TABLE t"),
        ("PRAGMA table_info(t)", "no plan: PRAGMA table_info(t)"),
        ("EXPLAIN SELECT 1", "no plan: EXPLAIN SELECT 1"),
        ("COPY t FROM 'a.csv'", "no plan: COPY t FROM 'a.csv'"),
        (
            "CREATE TABLE t AS SELECT 1 AS aaaaaaaaaaaaaa, 2 AS bbbbbbbbbbbbbbbbbb, 3 AS c",
            "no plan: CREATE TABLE t AS SELECT 1 AS aaaaaaaaaaaaaa, 2 AS bbbbbbbb…",
        ),
    ],
)
def test_only_queries_and_changes_of_rows_are_explained(text, told):
    parameters = {"n": False} if ":n" in text else {}
    (statement,) = check_query("task", text, dialect="duckdb", parameters=parameters).statements
    assert no_plan(statement) == told


def test_each_statement_of_a_script_is_told_alone():
    query = check_query("task", "CREATE TABLE t (n INT); INSERT INTO t VALUES (1)", dialect="postgres", parameters={})
    assert [no_plan(statement) for statement in query.statements] == ["no plan: CREATE TABLE t (n INT)", ""]
