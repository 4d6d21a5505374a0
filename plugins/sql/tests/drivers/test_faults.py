"""What happens when a PostgreSQL server, its disk or the way to it fails: a clear error, nothing kept, nothing left."""

from __future__ import annotations

import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from flyte_core_sql.connection import OpenConnection, resolve_connection
from flyte_core_sql.drivers import open_session
from flyte_core_sql.drivers.pool import idle_connections
from flyte_core_sql.errors import ConnectionFailedError, ConnectionLostError, QueryError

from tests.support.postgres import PostgresServer, own_postgres
from tests.support.s3 import free_port

WAYS = [
    pytest.param({"fetch": "batches", "statements": 1}, id="adbc"),
    pytest.param({"fetch": "batches", "statements": 2}, id="cursor"),
    pytest.param({"fetch": "rows"}, id="rows"),
]
every_way = pytest.mark.parametrize("way", WAYS)


def opened(url: str) -> OpenConnection:
    return resolve_connection("db", env={"FLYTE_CORE_SQL_DB": url})


@pytest.fixture(scope="module")
def breakable() -> Iterator[PostgresServer]:
    """A server that these tests end and start again."""
    with own_postgres() as server:
        yield server
        idle_connections().clear()


@every_way
def test_a_server_that_is_killed_mid_query_is_an_error_and_back_again_it_serves(
    breakable: PostgresServer, way: dict[str, Any]
) -> None:
    breakable.execute("CREATE TABLE IF NOT EXISTS kept (a int); TRUNCATE kept; CHECKPOINT")
    connection = opened(breakable.url_with_password)
    session = open_session(connection, **way)

    def kill() -> None:
        breakable.wait_for("wait_event = 'PgSleep'", 1)
        breakable.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    text = "INSERT INTO kept SELECT 1 FROM pg_sleep(60) RETURNING a"
    with pytest.raises(ConnectionLostError, match=r"127\.0\.0\.1:\d+/postgres as 'tester' ended") as caught:
        list(session.execute(text, None).batches())
    thread.join()
    session.rollback()
    session.close()
    assert breakable.password not in "".join(traceback.format_exception(caught.value))

    with pytest.raises(ConnectionFailedError, match="nothing listens there"):
        open_session(connection, **way)

    breakable.start()
    session = open_session(connection, **way)
    result = session.execute("SELECT count(*) FROM kept", None)
    assert result.rows() == [(0,)]
    session.commit()
    session.close()
    idle_connections().clear()
    breakable.wait_for("true", 0)


@pytest.mark.parametrize("way", WAYS[:2])
def test_a_server_that_ends_while_rows_are_read_is_an_error(breakable: PostgresServer, way: dict[str, Any]) -> None:
    session = open_session(opened(breakable.url_with_password), **way)
    batches = session.execute("SELECT generate_series(1, 5000000), repeat('x', 100)", None).batches()
    next(batches)

    breakable.kill()
    with pytest.raises(ConnectionLostError):
        for _ in batches:
            pass
    session.rollback()
    session.close()

    breakable.start()


@every_way
def test_an_idle_connection_does_not_outlive_its_server(breakable: PostgresServer, way: dict[str, Any]) -> None:
    connection = opened(breakable.url_with_password)
    session = open_session(connection, **way)
    list(session.execute("SELECT 1", None).batches())
    session.commit()
    session.close()

    breakable.kill()
    breakable.start()

    session = open_session(connection, **way)
    assert session.execute("SELECT 1", None).rows() == [(1,)]
    session.rollback()
    session.close()


@every_way
def test_a_full_disk_is_an_error_and_nothing_is_kept(breakable: PostgresServer, way: dict[str, Any]) -> None:
    # Who may fill no more of it than this finds it full.
    breakable.execute(
        "DROP TABLE IF EXISTS half; DROP ROLE IF EXISTS small; CREATE ROLE small LOGIN PASSWORD 'small password';"
        "CREATE TABLE half (a text); GRANT ALL ON half TO small;"
        "ALTER ROLE small SET temp_file_limit = '1MB'"
    )
    url = f"postgresql://small:small%20password@{breakable.address}/postgres"
    session = open_session(opened(url), **way)
    text = "INSERT INTO half SELECT md5(i::text) AS a FROM generate_series(1, 500000) AS i ORDER BY a RETURNING a"

    with pytest.raises(QueryError, match="temporary file size exceeds"):
        list(session.execute(text, None).batches())

    session.rollback()
    session.close()
    breakable.wait_for("true", 0)
    assert breakable.execute("SELECT count(*) FROM half") == [(0,)]


@every_way
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "wr0ng pass"}, "check the user and the secret that holds the password"),
        ({"database": "nowhere"}, "check the database's name"),
        ({"user": "nobody"}, "check the user and the secret"),
        ({"port": "closed"}, "nothing listens there"),
        ({"host": "no-such-host.invalid"}, "check"),
    ],
)
def test_who_cannot_connect_is_told_why_and_no_password_is_printed(
    postgres: PostgresServer, way: dict[str, Any], change: dict[str, str], words: str
) -> None:
    from sqlalchemy.engine import make_url

    password = change.get("password", postgres.password)
    url = make_url(postgres.url).set(password=password)
    if change.get("port"):
        change = {"port": free_port()}  # type: ignore[dict-item] # of another type
    names = {"user": "username"}
    url = url.set(**{names.get(name, name): value for name, value in change.items()})  # type: ignore[arg-type] # as above
    given = opened(url.render_as_string(hide_password=False))

    with pytest.raises(ConnectionFailedError, match=words) as caught:
        open_session(given, **way)

    printed = "".join(traceback.format_exception(caught.value))
    assert password not in printed
    # Nor by what shows the attributes of errors, as some reporters of errors do.
    error: BaseException | None = caught.value
    while error is not None:
        assert password not in repr(vars(error))
        error = error.__cause__ or error.__context__
    assert f"as {change.get('user', 'tester')!r}" in str(caught.value)


@every_way
def test_a_server_without_a_free_connection_says_so(way: dict[str, Any]) -> None:
    with own_postgres(max_connections="4", superuser_reserved_connections="0", max_wal_senders="0") as server:
        given = opened(server.url_with_password)
        sessions = [open_session(given, fetch="rows") for _ in range(4)]

        with pytest.raises(ConnectionFailedError, match="no connection left"):
            open_session(given, **way)

        for session in sessions:
            session.close()
        idle_connections().clear()


def test_a_process_leaves_no_connection_behind(postgres: PostgresServer) -> None:
    code = f"""
from flyte_core_sql.connection import resolve_connection
from flyte_core_sql.drivers import open_session
url = {postgres.url_with_password + "?application_name=short-lived"!r}
for fetch in ("rows", "batches"):
    session = open_session(resolve_connection("db", env={{"FLYTE_CORE_SQL_DB": url}}), fetch=fetch)
    list(session.execute("SELECT 1", None).batches())
    session.commit()
    session.close()
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    postgres.wait_for("true", 0, "short-lived")
