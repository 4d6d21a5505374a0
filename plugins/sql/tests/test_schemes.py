"""Which schemes of URLs are misspelt, and which are only not installed."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
from flyte_core_sql import Connection, SQLTask
from flyte_core_sql.connection import resolve_connection
from flyte_core_sql.errors import ConnectionConfigError
from flyte_core_sql.schemes import misspelt

from flyte_core.errors import InvalidValueError


@pytest.mark.parametrize(
    ("scheme", "meant"),
    [
        ("sqllite", "sqlite"),
        ("sqlite3", "sqlite"),
        ("postgre", "postgresql"),
        ("psql", "postgresql"),
        ("duckbd", "duckdb"),
        ("snowlfake", "snowflake"),
        ("mysqll+pymysql", "mysql+pymysql"),
        ("postgresql+pyscopg", "postgresql+psycopg"),
        ("mysql+pymsql", "mysql+pymysql"),
        ("mariadb+pymsql", "mariadb+pymysql"),
    ],
)
def test_a_misspelt_scheme_has_near_misses(scheme: str, meant: str) -> None:
    assert meant in misspelt(scheme)


#: Those that are known, those that look like one of them, and one that looks like nothing.
_SCHEMES = [
    "duckdb", "sqlite", "sqlite+pysqlite", "postgres", "postgresql", "postgresql+psycopg",
    "postgresql+psycopg2", "PostgreSQL+pg8000", "mysql", "mariadb+mariadbconnector", "mssql+pyodbc",
    "oracle+oracledb", "snowflake", "bigquery", "trino", "databricks", "awsathena+rest", "redshift",
    "redshift+redshift_connector", "clickhouse+native", "clickhousedb", "cockroachdb", "teradatasql",
    "hana+hdbcli", "iris", "pinot", "rockset", "spanner+spanner", "yql", "taos", "firebird+firebird",
    "ibm_db_sa", "nobodys",
]  # fmt: skip


@pytest.mark.parametrize("scheme", _SCHEMES)
def test_a_scheme_that_some_dialect_may_have_is_left_alone(scheme: str) -> None:
    assert misspelt(scheme) == []


@pytest.mark.parametrize("scheme", ["sqllite", "postgresql+pyscopg"])
def test_a_scheme_of_an_installed_dialect_is_none_that_is_misspelt(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    there = EntryPoint(scheme.replace("+", "."), "nobodys.dialect:Dialect", "sqlalchemy.dialects")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [there])

    assert misspelt(scheme) == []


def test_a_scheme_that_is_registered_in_the_process_is_none_that_is_misspelt() -> None:
    from sqlalchemy.dialects import registry

    registry.register("sqlitish", "nobodys.dialect", "Dialect")
    try:
        assert misspelt("sqlitish") == []
    finally:
        registry.deregister("sqlitish") if hasattr(registry, "deregister") else registry.impls.pop("sqlitish")


def test_a_misspelt_scheme_is_refused_where_the_task_is_declared() -> None:
    with pytest.raises(InvalidValueError, match=r"url = 'sqllite:///app.db'.*did you mean sqlite://") as caught:
        SQLTask(name="top", query="SELECT 1", outputs=int, connection="sqllite:///app.db")

    assert "pip install" in str(caught.value)


def test_a_refused_scheme_shows_no_password() -> None:
    with pytest.raises(InvalidValueError) as caught:
        Connection(url="sqllite://ann:pa55word@db/app")

    assert "pa55word" not in str(caught.value)


def test_a_misspelt_scheme_of_a_named_connection_says_where_it_stands() -> None:
    env = {"FLYTE_CORE_SQL_SHOP": "sqllite://ann:pa55word@db/app"}
    with pytest.raises(
        ConnectionConfigError, match=r"environment FLYTE_CORE_SQL_SHOP: .*did you mean sqlite"
    ) as caught:
        resolve_connection("shop", env=env, cwd="/")

    assert "pa55word" not in str(caught.value)
