from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from flyte_core_sql.connection import Connection, resolve_connection
from flyte_core_sql.errors import ConnectionConfigError

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models import Secret

_PASSWORD = "S3cr3t pa55"


def test_a_connection_is_an_embedded_duckdb_unless_it_says_otherwise():
    connection = Connection()
    assert (connection.url, connection.dialect, connection.backend, connection.secrets) == (
        "duckdb://",
        "duckdb",
        "duckdb",
        [],
    )
    assert connection.parts.database is None


@pytest.mark.parametrize(
    "fields",
    [
        {"url": f"postgresql://ann:{_PASSWORD}@db/app"},
        {"url": f"postgresql://:{_PASSWORD}@db/app"},
        {"url": "postgresql://ann:S3cr3t%20pa55@db/app"},
        {"url": f"postgresql://ann:a@{_PASSWORD}@db/app"},
        {"url": f"postgresql://ann@db:{_PASSWORD}/app"},
        {"url": f"postgresql://ann@db/app?password={_PASSWORD}"},
        {"url": f"postgresql://ann@db/app?sslpassword={_PASSWORD}"},
        {"url": f"snowflake://ann@account/db?token={_PASSWORD}"},
        {"url": f"snowflake://ann@account/db?proxy=http://a:{_PASSWORD}@p"},
        {"url": "mssql+pyodbc:///?odbc_connect=UID%3Dann%3BPWD%3DS3cr3t"},
        {"url": f"duckdb:///md:db?motherduck_token={_PASSWORD}"},
        {"url": f"duckdb:///postgres:host=db password={_PASSWORD}"},
        {"url": _PASSWORD},
        {"url": f"host=db password={_PASSWORD}"},
        {"password": _PASSWORD},
        {"password": "likeakeyS3cr3t", "url": "postgresql://ann@db/app"},
        {"secret_options": {"token": _PASSWORD}},
        {"options": {"password": _PASSWORD}},
        {"options": {"connect_args": {"token": _PASSWORD}}},
        {"options": {"dsn": f"host=db password={_PASSWORD}"}},
        {"options": {"proxy": f"http://ann:{_PASSWORD}@proxy"}},
        {"name": f"postgresql:ann:{_PASSWORD}@db"},
    ],
)  # fmt: skip
def test_a_password_in_a_connection_is_refused_and_not_shown(fields):
    with pytest.raises((InvalidValueError, InvalidTypeError)) as caught:
        Connection(**fields)
    copied = pickle.loads(pickle.dumps(caught.value))
    for error in (caught.value, copied):
        assert "S3cr3t" not in f"{error} {error!r} {vars(error)} {error.__cause__!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("fields", "error", "part"),
    [
        ({"url": 1}, InvalidTypeError, "a URL such as"),
        ({"url": "sqlite:/a.db"}, InvalidValueError, "a URL such as"),
        ({"url": "postgresql://db/app", "password": Secret("key")}, InvalidValueError, "the user whose password it is"),
        ({"url": "duckdb:///a.db", "password": Secret("key")}, InvalidValueError, "the user whose password it is"),
        ({"password": 1}, InvalidTypeError, "a Secret"),
        ({"options": [1]}, InvalidTypeError, "a mapping"),
        ({"options": {1: 2}}, InvalidTypeError, "texts as names"),
        ({"options": {"a": Path("x")}}, InvalidTypeError, "JSON"),
        ({"options": {"a": float("nan")}}, InvalidTypeError, "JSON"),
        ({"secret_options": {"a": 1}}, InvalidTypeError, "a Secret"),
        ({"secret_options": ["a"]}, InvalidTypeError, "a mapping"),
        ({"options": {"a": 1}, "secret_options": {"a": Secret("b")}}, InvalidValueError, "not also in options"),
        ({"driver": "odbc"}, InvalidValueError, "one of auto, adbc, sqlalchemy, duckdb"),
        ({"driver": "duckdb", "url": "sqlite:///a.db"}, InvalidValueError, "another driver"),
        ({"read_only": 1}, InvalidTypeError, "True or False"),
        ({"name": ""}, InvalidValueError, "a name of letters"),
        ({"name": "a b"}, InvalidValueError, "a name of letters"),
        ({"name": 1}, InvalidTypeError, "name"),
    ],
)  # fmt: skip
def test_a_connection_that_cannot_be_is_refused(fields, error, part):
    with pytest.raises(error, match=part):
        Connection(**fields)


def test_a_text_as_a_password_is_the_key_of_a_secret():
    connection = Connection(url="postgresql://ann@db/app", password=Secret("app-db"))
    assert connection.password == Secret("app-db")
    assert connection == Connection(url="postgresql://ann@db/app", password=Secret("app-db"))


def test_a_cipher_of_sqlite_has_a_password_and_no_user():
    assert Connection(url="sqlite+pysqlcipher:///app.db", password=Secret("key")).secrets == [Secret("key")]


def test_every_secret_is_among_the_secrets_once():
    connection = Connection(
        url="snowflake://ann@account/db",
        password=Secret("pw"),
        secret_options={"token": Secret("token"), "private_key_passphrase": Secret("pw")},
    )
    assert connection.secrets == [Secret("pw"), Secret("token")]


def test_equal_connections_hash_alike_and_keep_their_options_to_themselves():
    options = {"threads": 4, "hosts": ["a"]}
    one = Connection(options=options, secret_options={"b": Secret("k"), "a": Secret("k")})
    other = Connection(options={"hosts": ["a"], "threads": 4}, secret_options={"a": Secret("k"), "b": Secret("k")})
    options["hosts"].append("b")
    assert one == other
    assert hash(one) == hash(other)
    assert one != attrs.evolve(one, options={})
    with pytest.raises(TypeError):
        one.options["threads"] = 5


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value)), attrs.evolve]
)
def test_a_copied_connection_is_the_same_and_still_frozen(copied):
    connection = Connection(
        name="w",
        url="postgresql://ann@db/app",
        password=Secret("k"),
        options={"a": {"b": [1]}},
        secret_options={"t": Secret("k2")},
    )
    again = copied(connection)
    assert (again, hash(again)) == (connection, hash(connection))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        again.url = "duckdb://"
    with pytest.raises(TypeError):
        again.options["a"] = 5


def test_the_wire_form_has_everything_but_the_secrets():
    connection = Connection(
        name="warehouse",
        url="postgresql+psycopg://ann@db/app",
        password=Secret("pw-key"),
        options={"connect_timeout": 5},
        secret_options={"sslpassword": Secret("ssl-key")},
        driver="sqlalchemy",
        read_only=True,
    )
    assert connection.custom() == {
        "name": "warehouse",
        "url": "postgresql+psycopg://ann@db/app",
        "driver": "sqlalchemy",
        "options": {"connect_timeout": 5},
        "read_only": True,
    }


def test_a_connection_is_called_by_its_name_or_its_url():
    assert Connection(name="warehouse").label == "connection 'warehouse'"
    assert Connection(url="sqlite:///a.db").label == "connection sqlite:///a.db"


# ---- where the task runs -------------------------------------------------------------------------------------


def test_no_connection_is_an_embedded_database_and_reads_no_settings(tmp_path):
    (tmp_path / "flyte_core.toml").write_text("not toml")
    assert resolve_connection(None, env={}, cwd=tmp_path).connection == Connection()


def test_a_url_is_a_connection_as_it_stands(tmp_path):
    (tmp_path / "flyte_core.toml").write_text("not toml")
    opened = resolve_connection("sqlite:///a.db?mode=ro", env={}, cwd=tmp_path)
    assert (opened.url, opened.source) == ("sqlite:///a.db?mode=ro", "the task")
    assert opened.query == {"mode": "ro"}
    assert opened.url_with_password().database == "a.db"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (1, InvalidTypeError),
        ("", InvalidValueError),
        ("ware house", InvalidValueError),
        ("host=db password=S3cr3t", InvalidValueError),
        ("postgresql:ann:S3cr3t@db", InvalidValueError),
        ("postgresql://ann:S3cr3t@db", InvalidValueError),
    ],
)
def test_what_is_no_connection_is_refused_and_no_password_shown(given, error):
    with pytest.raises(error) as caught:
        resolve_connection(given, env={}, cwd="/")
    assert "S3cr3t" not in f"{caught.value} {caught.value.value}"


def _opened(tmp_path):
    (tmp_path / "token").write_text("t0ken\n")
    connection = Connection(
        name="w",
        url="postgresql://ann@db/app?sslmode=require",
        password=Secret("pw", group="g"),
        options={"connect_timeout": 5},
        secret_options={"token": Secret("token", mount=tmp_path)},
    )
    return resolve_connection(connection, env={"G_PW": _PASSWORD}, cwd="/")


def test_secrets_are_read_where_the_task_runs(tmp_path):
    opened = _opened(tmp_path)
    url = opened.url_with_password()
    assert (url.password, url.username, url.host, url.database, url.query) == (
        _PASSWORD, "ann", "db", "app", {"sslmode": "require"},
    )  # fmt: skip
    assert opened.options == {"connect_timeout": 5, "token": "t0ken"}
    assert opened.secret_values == (_PASSWORD, "t0ken")


def test_an_open_connection_shows_and_pickles_no_secret(tmp_path):
    opened = _opened(tmp_path)
    for shown in (
        repr(opened),
        str(opened),
        opened.label,
        opened.url,
        repr(attrs.asdict(opened)),
        repr(opened.connection),
    ):
        assert "S3cr3t" not in shown
        assert "t0ken" not in shown
    for copied in (pickle.dumps, copy.deepcopy):
        with pytest.raises(InvalidTypeError) as caught:
            copied(opened)
        assert "S3cr3t" not in str(caught.value)
    assert b"S3cr3t" not in pickle.dumps(opened.connection)


def test_an_open_connection_scrubs_its_own_secrets(tmp_path):
    opened = _opened(tmp_path)
    message = ConnectionError("no login: S3cr3t%20pa55, 'S3cr3t pa55', t0ken")
    assert opened.scrub(message) == "no login: ***, '***', ***"


def test_a_password_with_any_characters_reaches_the_driver():
    password = "p@ss/w:rd%41 +#?é'\"\\"
    opened = resolve_connection(Connection(url="postgresql://ann@db/app", password=Secret("k")), env={"K": password})
    from sqlalchemy.engine import make_url

    assert make_url(opened.url_with_password().render_as_string(hide_password=False)).password == password


@pytest.mark.parametrize(
    ("secret", "file"),
    [
        (Secret("Pw", mount="/m"), "Pw"),
        (Secret("Pw", mount="/m"), "pw"),
        (Secret("Pw", group="G", mount="/m"), "G/Pw"),
        (Secret("Pw", group="G", mount="/m"), "g/pw"),
        (Secret("Pw", group="G", mount="/m"), "Pw"),
        (Secret("Pw", mount="/m"), ""),
        (Secret("Pw", mount="/m", as_env_var="NOT_SET"), "Pw"),
    ],
)
def test_a_secret_is_read_from_its_mount(tmp_path, secret, file):
    secret = attrs.evolve(secret, mount=tmp_path / "mount")
    path = tmp_path / "mount" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("from the file\r\n")
    opened = resolve_connection(Connection(url="postgresql://ann@db/app", password=secret), env={"NOT_SET": ""})
    assert opened.secret_values == ("from the file",)


def test_a_secrets_variable_counts_before_its_file(tmp_path):
    (tmp_path / "k").write_text("file")
    secret = Secret("k", mount=tmp_path, as_env_var="V")
    opened = resolve_connection(Connection(url="postgresql://ann@db/app", password=secret), env={"V": "variable"})
    assert opened.secret_values == ("variable",)


@pytest.mark.parametrize(
    ("secret", "parts"),
    [
        (Secret("pw", group="g"), ["'pw' of group 'g'", "environment variable G_PW"]),
        (Secret("pw", mount="/nowhere"), ["'pw'", "/nowhere/pw"]),
        (Secret("pw", mount="/nowhere", as_env_var="V"), ["environment variable V", "/nowhere/pw"]),
    ],
)
def test_a_missing_secret_is_named_with_its_places(secret, parts):
    connection = Connection(name="w", url="postgresql://ann@db/app", password=secret)
    with pytest.raises(ConnectionConfigError) as caught:
        resolve_connection(connection, env={"G_PW": ""})
    assert all(part in str(caught.value) for part in ["the password of connection 'w'", *parts])


def test_a_file_that_is_no_text_is_refused_without_its_content(tmp_path):
    (tmp_path / "k").write_bytes(b"\xff\xfesecret")
    connection = Connection(url="postgresql://ann@db/app", password=Secret("k", mount=tmp_path))
    with pytest.raises(ConnectionConfigError, match="it is not UTF-8") as caught:
        resolve_connection(connection, env={})
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_connections_are_declared_without_their_drivers():
    code = (
        "import sys; from flyte_core_sql.connection import Connection, resolve_connection; "
        "resolve_connection(Connection(url='duckdb:///a.db?threads=2')); resolve_connection(None); "
        "print([m for m in ('sqlalchemy', 'duckdb', 'sqlglot', 'pyarrow') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
