from __future__ import annotations

import pytest
from flyte_core_sql.connection import Connection, resolve_connection
from flyte_core_sql.errors import ConnectionConfigError
from flyte_core_sql.named import variable_of
from flyte_core_sql.url import parse_url

from flyte_core.models import Secret

_TABLE = """
[tool.flyte_core.sql.connections.warehouse]
url = "postgresql://ann@db.example/app"
password = { secret = "pw", group = "db", env = "WAREHOUSE_PW" }
options = { connect_timeout = 5 }
secret_options = { sslpassword = { secret = "ssl-pw" } }
driver = "sqlalchemy"
read_only = true

[tool.flyte_core.sql.connections]
local = { url = "sqlite:///app.db" }
"""
_ENV = {"WAREHOUSE_PW": "S3cr3t", "SSL_PW": "0ther"}


def _write(tmp_path, text=_TABLE, name="pyproject.toml"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def _table(tmp_path, body):
    return _write(tmp_path, f"[sql.connections.w]\n{body}", "flyte_core.toml")


def test_a_connection_is_read_from_the_settings(tmp_path):
    path = _write(tmp_path)
    opened = resolve_connection("warehouse", env=_ENV, cwd=tmp_path)
    assert opened.source == f"{path} [tool.flyte_core.sql.connections.warehouse]"
    assert opened.connection == Connection(
        name="warehouse",
        url="postgresql://ann@db.example/app",
        password=Secret("pw", group="db", as_env_var="WAREHOUSE_PW"),
        options={"connect_timeout": 5},
        secret_options={"sslpassword": Secret("ssl-pw")},
        driver="sqlalchemy",
        read_only=True,
    )
    assert opened.secret_values == ("S3cr3t", "0ther")


def test_a_connection_is_read_from_flyte_core_toml(tmp_path):
    path = _table(tmp_path, 'url = "duckdb://"')
    assert resolve_connection("w", env={}, cwd=tmp_path).source == f"{path} [sql.connections.w]"


@pytest.mark.parametrize(
    ("password", "secret"),
    [
        ('{ secret = "k" }', Secret("k")),
        ('{ env = "V" }', Secret("V", as_env_var="V")),
        ('{ secret = "k", mount = "/m" }', Secret("k", mount="/m")),
        ('{ secret = "k", group = "g", mount = "/m", env = "V" }', Secret("k", group="g", mount="/m", as_env_var="V")),
    ],
)
def test_a_secret_of_the_settings_is_one_of_the_tasks(tmp_path, password, secret):
    _table(tmp_path, f'url = "postgresql://ann@db/app"\npassword = {password}\n')
    if secret.as_env_var is None:
        with pytest.raises(ConnectionConfigError, match="/m/k"):
            resolve_connection("w", env={}, cwd=tmp_path)
    else:
        opened = resolve_connection("w", env={secret.as_env_var: "x"}, cwd=tmp_path)
        assert opened.connection.password == secret


@pytest.mark.parametrize(
    ("name", "variable"),
    [("w", "FLYTE_CORE_SQL_W"), ("sales-eu.v2", "FLYTE_CORE_SQL_SALES_EU_V2"), ("aB", "FLYTE_CORE_SQL_AB")],
)
def test_the_variable_is_named_after_the_connection(tmp_path, name, variable):
    assert variable_of(name) == variable
    opened = resolve_connection(name, env={variable: "postgresql://ann:S3cr3t@db/app"}, cwd=tmp_path)
    assert (opened.url, opened.source) == ("postgresql://ann@db/app", f"environment {variable}")
    assert opened.url_with_password().password == "S3cr3t"
    assert "S3cr3t" not in repr(opened)


def test_credentials_in_the_query_of_a_variable_are_split_from_the_url(tmp_path):
    url = "snowflake://ann@account/db?token=S3cr3t&warehouse=w&token=S3cr3t-2"
    opened = resolve_connection("w", env={"FLYTE_CORE_SQL_W": url}, cwd=tmp_path)
    assert opened.url == "snowflake://ann@account/db?warehouse=w"
    assert opened.url_with_password().query == {"warehouse": "w", "token": ("S3cr3t", "S3cr3t-2")}
    assert dict(opened.query) == {"warehouse": "w", "token": ["S3cr3t", "S3cr3t-2"]}
    assert opened.secret_values == ("S3cr3t", "S3cr3t-2")
    assert "S3cr3t" not in f"{opened!r} {opened.connection.custom()}"


def test_a_variable_of_the_same_kind_of_database_keeps_the_rest_of_the_table(tmp_path):
    _write(tmp_path)
    env = {**_ENV, "FLYTE_CORE_SQL_WAREHOUSE": "postgresql+psycopg://bob@other/app"}
    opened = resolve_connection("warehouse", env=env, cwd=tmp_path)
    assert opened.url == "postgresql+psycopg://bob@other/app"
    assert opened.url_with_password().password == "S3cr3t"
    assert opened.options == {"connect_timeout": 5, "sslpassword": "0ther"}
    assert (opened.connection.driver, opened.connection.read_only) == ("sqlalchemy", True)
    assert opened.source.startswith("environment FLYTE_CORE_SQL_WAREHOUSE over ")


def test_a_variables_own_password_counts_before_the_tables(tmp_path):
    _write(tmp_path)
    env = {"SSL_PW": "0ther", "FLYTE_CORE_SQL_WAREHOUSE": "postgresql://bob:mine@other/app"}
    opened = resolve_connection("warehouse", env=env, cwd=tmp_path)
    assert opened.url_with_password().password == "mine"
    assert opened.connection.password is None


def test_a_variable_of_another_kind_of_database_keeps_read_only_alone(tmp_path):
    _write(tmp_path)
    opened = resolve_connection("warehouse", env={"FLYTE_CORE_SQL_WAREHOUSE": "sqlite:///x.db"}, cwd=tmp_path)
    assert opened.connection == Connection(name="warehouse", url="sqlite:///x.db", read_only=True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///app.db", "{folder}/app.db"),
        ("sqlite+pysqlite:///data/app.db?mode=ro", "{folder}/data/app.db"),
        ("duckdb:///app.db", "{folder}/app.db"),
        ("duckdb:////data/app.db", "/data/app.db"),
        ("sqlite:///:memory:", ":memory:"),
        ("sqlite:///file:app.db?uri=true", "file:app.db"),
        ("duckdb:///md:app", "md:app"),
        ("duckdb:///s3://bucket/app.db", "s3://bucket/app.db"),
        ("duckdb://", None),
        ("duckdb:///", None),
        ("sqlite://", None),
        ("postgresql:///app", "app"),
    ],
)
def test_a_relative_file_of_the_settings_starts_at_their_folder(tmp_path, url, expected):
    folder = tmp_path / "50% a"
    (folder / "deep").mkdir(parents=True)
    _write(folder, f'[sql.connections]\nw = {{ url = "{url}" }}\n', "flyte_core.toml")
    opened = resolve_connection("w", env={}, cwd=folder / "deep")
    assert opened.connection.parts == parse_url(opened.url)
    assert opened.connection.parts.database == (expected and expected.format(folder=folder))
    assert opened.url.partition("?")[2] == url.partition("?")[2]


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("", ['url = "..."']),
        ("url = 1", ['url = "..."']),
        ('url = "duckdb://"\npasword = "x"', ["'pasword'", "did you mean password?"]),
        ('url = "duckdb://"\nthreads = 2', ["'threads'", "known are url, password, options"]),
        ('url = "postgresql://ann:S3cr3t@db/app"', ["url = 'postgresql://***'", "no password"]),
        ('url = "postgresql://ann@db/app"\npassword = "S3cr3t"', ["password: expected a table such as"]),
        ('url = "postgresql://ann@db/app"\npassword = { value = "S3cr3t" }', ["'value'", "known are secret, group"]),
        ('url = "postgresql://ann@db/app"\npassword = { group = "g" }', ["the secret's name"]),
        ('url = "postgresql://ann@db/app"\npassword = { secret = 1 }', ["secret: expected a text"]),
        (
            'url = "postgresql://ann@db/app"\npassword = { secret = "k", env = "a b" }',
            ["as_env_var", "capital letters"],
        ),
        ('url = "postgresql://db/app"\npassword = { secret = "k" }', ["the user whose password it is"]),
        ('url = "duckdb://"\noptions = { token = "S3cr3t" }', ["options['token'] = '***'"]),
        ('url = "duckdb://"\noptions = 1', ["options", "a mapping"]),
        ('url = "duckdb://"\noptions = { since = 2024-01-01 }', ["options", "JSON"]),
        (
            'url = "duckdb://"\nsecret_options = { token = "S3cr3t" }',
            ["secret_options.token: expected a table such as"],
        ),
        ('url = "duckdb://"\nsecret_options = "S3cr3t"', ["secret_options: expected a table such as"]),
        ('url = "duckdb://"\ndriver = "odbc"', ["driver = 'odbc'"]),
        ('url = "duckdb://"\nread_only = "yes"', ["read_only = 'yes'"]),
    ],
)
def test_a_wrong_table_is_refused_with_its_place_and_no_password(tmp_path, body, parts):
    path = _table(tmp_path, body)
    with pytest.raises(ConnectionConfigError) as caught:
        resolve_connection("w", env={}, cwd=tmp_path)
    assert all(part in str(caught.value) for part in [f"{path} [sql.connections.w]", *parts])
    assert "S3cr3t" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[sql]\nconnection = 1", ["[sql]", "'connection'", "did you mean connections?"]),
        ("[sql]\nconnections = 1", ["[sql.connections]", "expected a table"]),
        ("[sql.connections]\nw = 'sqlite:///S3cr3t.db'", ["[sql.connections.w]", "expected a table such as"]),
    ],
)
def test_wrong_tables_around_a_connection_are_refused(tmp_path, text, parts):
    _write(tmp_path, text, "flyte_core.toml")
    with pytest.raises(ConnectionConfigError) as caught:
        resolve_connection("w", env={}, cwd=tmp_path)
    assert all(part in str(caught.value) for part in parts)
    assert "S3cr3t" not in str(caught.value)


@pytest.mark.parametrize("url", ["S3cr3t", "postgresql://ann:S3c@r3t@db/app", "postgresql://ann@db:S3cr3t/app"])
def test_a_variable_that_is_no_url_is_refused_and_not_shown(tmp_path, url):
    with pytest.raises(ConnectionConfigError) as caught:
        resolve_connection("w", env={"FLYTE_CORE_SQL_W": url}, cwd=tmp_path)
    assert "environment FLYTE_CORE_SQL_W: expected a URL" in str(caught.value)
    assert "r3t" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_unknown_name_is_told_with_those_that_there_are_and_how_to_configure_it(tmp_path):
    path = _write(tmp_path)
    env = {
        "FLYTE_CORE_SQL_SALES": "postgresql://ann:S3cr3t@db/app",
        "FLYTE_CORE_SQL_LOCAL": "duckdb://",
        "FLYTE_CORE_SQL_EMPTY": "",
    }
    with pytest.raises(ConnectionConfigError) as caught:
        resolve_connection("Warehose", env=env, cwd=tmp_path)
    assert str(caught.value) == (
        "connection 'Warehose' is not configured. Did you mean 'warehouse'? "
        f"There are: 'warehouse' ({path} [tool.flyte_core.sql.connections.warehouse]), "
        "'local' (environment FLYTE_CORE_SQL_LOCAL), 'sales' (environment FLYTE_CORE_SQL_SALES). "
        'Set FLYTE_CORE_SQL_WAREHOSE to its URL, or write url = "..." into [tool.flyte_core.sql.connections.Warehose] '
        "of pyproject.toml ([sql.connections.Warehose] of flyte_core.toml)"
    )


def test_without_any_connection_an_unknown_name_says_so(tmp_path):
    with pytest.raises(ConnectionConfigError, match=r"No connection is configured\. Set FLYTE_CORE_SQL_W "):
        resolve_connection("w", env={"FLYTE_CORE_SQL_W": ""}, cwd=tmp_path)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("shop.db", "'sqlite:///shop.db' or 'duckdb:///shop.db'"),
        ("data.duckdb", "'duckdb:///data.duckdb'"),
        ("x.sqlite", "'sqlite:///x.sqlite'"),
        ("x.SQLITE3", "'sqlite:///x.SQLITE3'"),
    ],
)
def test_an_unknown_name_that_is_a_files_is_told_with_the_files_url(tmp_path, name, meant):
    with pytest.raises(ConnectionConfigError) as error:
        resolve_connection(name, env={}, cwd=tmp_path)
    assert f"is not configured. Did you mean {meant}? No connection" in str(error.value)


def test_a_file_in_the_place_of_a_server_is_told_with_where_it_is_configured(tmp_path):
    path = _table(tmp_path, 'url = "sqlite://shop.db"')
    with pytest.raises(ConnectionConfigError) as error:
        resolve_connection("w", env={}, cwd=tmp_path)
    assert str(error.value).startswith(f"{path} [sql.connections.w]: ")
    assert "sqlite:///shop.db" in str(error.value)
    with pytest.raises(ConnectionConfigError, match=r"^environment FLYTE_CORE_SQL_A: .*duckdb:///shop\.db"):
        resolve_connection("a", env={"FLYTE_CORE_SQL_A": "duckdb://shop.db"}, cwd=tmp_path)
