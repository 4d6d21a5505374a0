from __future__ import annotations

import pytest
import sqlglot
from flyte_core_sql import url as urls
from flyte_core_sql.connection import Connection
from flyte_core_sql.url import UrlParts, dialect_of, is_url, parse_url, split_secrets
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from flyte_core.errors import InvalidValueError


@pytest.mark.parametrize(
    ("url", "dialect"),
    [
        ("duckdb://", "duckdb"),
        ("sqlite:///a.db", "sqlite"),
        ("sqlite+pysqlite:///a.db", "sqlite"),
        ("postgresql://h/d", "postgres"),
        ("postgresql+psycopg://h/d", "postgres"),
        ("PostgreSQL+psycopg2://h/d", "postgres"),
        ("cockroachdb://h/d", "postgres"),
        ("redshift+redshift_connector://h/d", "redshift"),
        ("mysql+pymysql://h/d", "mysql"),
        ("mariadb+mariadbconnector://h/d", "mysql"),
        ("mssql+pyodbc://h/d", "tsql"),
        ("oracle+oracledb://h/d", "oracle"),
        ("snowflake://account/d", "snowflake"),
        ("bigquery://project", "bigquery"),
        ("databricks://h", "databricks"),
        ("trino://h/catalog", "trino"),
        ("awsathena+rest://h", "athena"),
        ("clickhousedb://h", "clickhouse"),
        ("firebird://h/d", ""),
    ],
)
def test_the_dialect_is_that_of_the_url(url, dialect):
    assert dialect_of(url) == dialect


def test_every_dialect_is_one_of_sqlglot():
    names = {*urls._DIALECTS.values(), *urls._SAME_NAME}
    assert [name for name in names if sqlglot.Dialect.get(name) is None] == []


@pytest.mark.parametrize(
    ("given", "is_one"), [("duckdb://", True), ("sqlite:/a", False), ("name", False), (None, False)]
)
def test_a_text_with_a_scheme_and_two_slashes_is_meant_as_a_url(given, is_one):
    assert is_url(given) is is_one


def test_a_url_is_taken_apart_as_sqlalchemy_does():
    parts = parse_url("postgresql+psycopg://an%40n:p%2Fw@[::1]:5433/app?sslmode=require&host=a&host=b")
    assert parts == UrlParts(
        scheme="postgresql+psycopg",
        username="an@n",
        password="p/w",
        host="::1",
        port=5433,
        database="app",
        query={"sslmode": "require", "host": ("a", "b")},
    )
    assert "p/w" not in repr(parts)


@pytest.mark.parametrize(
    "url",
    [
        "", "db", "sqlite", "sqlite:/x.db", "://h/d", "postgresql://ann@h:port/d", "postgresql://ann:p@ss@h/d",
        "postgresql://h/d\nmore", "postgresql://h:1:2/d", "post gres://h/d",
    ],
)  # fmt: skip
def test_what_is_no_url_gives_nothing_and_no_error_that_repeats_it(url):
    assert parse_url(url) is None


@pytest.mark.parametrize(
    ("url", "found", "meant"),
    [
        ("sqlite://shop.db", "sqlite://shop.db", "sqlite:///shop.db"),
        ("duckdb://shop.db", "duckdb://shop.db", "duckdb:///shop.db"),
        ("duckdb://data/shop.db?threads=2", "duckdb://data/shop.db", "duckdb:///data/shop.db"),
        ("sqlite+pysqlite://:memory:", "sqlite+pysqlite://:memory:", "sqlite+pysqlite:///:memory:"),
        ("sqlite://C:/shop.db", "sqlite://C:/shop.db", "sqlite:///C:/shop.db"),
        ("sqlite://ann:S3cr3t", "sqlite://***", "sqlite:///shop.db"),
        ("duckdb://password=S3cr3t", "duckdb://***", "duckdb:///shop.db"),
    ],
)
def test_a_file_in_the_place_of_a_server_is_refused_with_the_slashes_that_it_needs(url, found, meant):
    told = f"Connection: url = {found!r} is not allowed; expected a file behind three slashes: {meant}"
    with pytest.raises(InvalidValueError) as error:
        Connection(url=url)
    assert str(error.value) == told


def test_another_driver_may_have_a_server_where_these_have_a_file():
    assert parse_url("sqlite+libsql://db.example").host == "db.example"


@given(
    path=st.none() | st.text(st.characters(exclude_characters="?\n\r", exclude_categories=["Cs"])),
    query=st.none() | st.dictionaries(st.sampled_from("abc"), st.text("xy%& +=1", min_size=1)),
)
def test_duckdbs_short_grammar_is_that_of_sqlalchemy(path, query):
    url = "duckdb://" + ("" if path is None else f"/{path}")
    url += "" if query is None else "?" + "&".join(f"{name}={value}" for name, value in query.items())
    short, whole = parse_url(url), make_url(url)
    assert (short.database, dict(short.query)) == (whole.database or None, dict(whole.query))
    assert (short.username, short.password, short.host, short.port) == (None, None, None, None)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("duckdb://", ""),
        ("duckdb:///a/b.db", "a/b.db"),
        ("postgresql://ann@h:5433/app", "h:5433/app"),
        ("postgresql://ann@[::1]:5433/app", "[::1]:5433/app"),
        ("postgresql://ann@/app?host=/run/postgresql", "/run/postgresql/app"),
        ("mysql://h", "h"),
    ],
)
def test_the_address_is_what_people_write(url, address):
    assert parse_url(url).address == address


@pytest.mark.parametrize(
    ("url", "bare", "password", "query"),
    [
        ("sqlite:///a b.db", "sqlite:///a b.db", None, {}),
        ("postgresql://ann:p%40w@h/d?sslmode=require", "postgresql://ann@h/d?sslmode=require", "p@w", {}),
        (
            "duckdb:///md:db?motherduck_token=t&threads=2",
            "duckdb:///md:db?threads=2",
            None,
            {"motherduck_token": "t"},
        ),
        (
            "mssql+pyodbc:///?odbc_connect=SERVER%3Ddb%3BPWD%3Dx",
            "mssql+pyodbc://",
            None,
            {"odbc_connect": "SERVER=db;PWD=x"},
        ),
    ],
)
def test_secrets_are_split_from_the_rest_of_a_url(url, bare, password, query):
    split, parts = split_secrets(url)
    assert (split, parts.password, parts.secret_query) == (bare, password, query)


@given(
    path=st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), min_size=1),
    value=st.text(min_size=1),
)
def test_a_duckdb_file_of_any_name_survives_the_split(path, value):
    url = urls._render(UrlParts(scheme="duckdb", database=path, query={"token": "x", "a": value}))
    split, parts = split_secrets(url)
    assert (parts.database, parts.query["a"]) == (path, value)
    assert parse_url(split) == UrlParts(scheme="duckdb", database=path, query={"a": value})
