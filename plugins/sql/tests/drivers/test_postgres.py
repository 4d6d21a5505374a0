"""Sessions of a real PostgreSQL: what is read, what is bound, and what is left on the server."""

from __future__ import annotations

import datetime as dt
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from flyte_core_sql.connection import Connection, OpenConnection, resolve_connection
from flyte_core_sql.drivers import open_session
from flyte_core_sql.drivers.packages import has_adbc
from flyte_core_sql.drivers.pool import idle_connections
from flyte_core_sql.drivers.session import Session
from flyte_core_sql.errors import ConnectionLostError, QueryError, QueryTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyte_core.errors import InvalidTypeError
from flyte_core.models import Secret
from tests.support.postgres import PostgresServer

UTC = dt.timezone.utc
UUID = uuid.UUID("b1b1c646-b878-47f9-b042-54a725a49df5")

Open = Callable[..., Session]

#: How a result is read: with ADBC where that can, by a cursor of psycopg, and all at once.
WAYS = [
    pytest.param({"fetch": "batches", "statements": 1}, id="adbc"),
    pytest.param({"fetch": "batches", "statements": 2}, id="cursor"),
    pytest.param({"fetch": "rows"}, id="rows"),
]


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that connections of the test alone have on the server."""
    return f"test {abs(hash(request.node.nodeid))}"


@pytest.fixture
def opened(postgres: PostgresServer, name: str) -> Iterator[OpenConnection]:
    """The server, and nothing of the test left on it at the end."""
    yield resolve_connection("db", env={"FLYTE_CORE_SQL_DB": f"{postgres.url_with_password}?application_name={name}"})
    idle_connections().clear()
    postgres.wait_for("true", 0, name)


@pytest.fixture
def database(opened: OpenConnection) -> Iterator[Open]:
    """What opens sessions, which the test's end closes."""
    sessions: list[Session] = []

    def open_one(**options: Any) -> Session:
        sessions.append(open_session(opened, **options))
        return sessions[-1]

    yield open_one
    for session in sessions:
        session.rollback()
        session.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what waits for the next session wait as long as a slow machine needs."""
    monkeypatch.setattr(idle_connections(), "_seconds", 3600.0)


def read(session: Session, text: str, parameters: list[Any] | None = None) -> pa.Table:
    """Run a statement and give all of it."""
    table = pa.Table.from_batches(list(session.execute(text, parameters).batches()))
    session.commit()
    return table


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("true", pa.bool_(), True),
        ("1::int2", pa.int16(), 1),
        ("1", pa.int32(), 1),
        ("1::int8", pa.int64(), 1),
        ("4294967295::oid", pa.int64(), 4294967295),
        ("0.5::float4", pa.float32(), 0.5),
        ("'-Infinity'::float8", pa.float64(), float("-inf")),
        ("1.50::numeric(10, 2)", pa.decimal128(10, 2), Decimal("1.50")),
        ("(-0.5)::numeric(60, 3)", pa.decimal256(60, 3), Decimal("-0.500")),
        ("12345678901234567890.123", pa.decimal128(23, 3), Decimal("12345678901234567890.123")),
        ("'NaN'::numeric", pa.string(), "NaN"),
        ("'NaN'::numeric(4, 1)", pa.string(), "NaN"),
        ("'-Infinity'::numeric", pa.string(), "-Infinity"),
        ("1e80::numeric", pa.string(), "1" + "0" * 80),
        ("'é𝄞\t'", pa.string(), "é𝄞\t"),
        ("''", pa.string(), ""),
        ("'a'::char(3)", pa.string(), "a  "),
        (r"'\x00ff'::bytea", pa.binary(), b"\0\xff"),
        ("date '2020-01-02'", pa.date32(), dt.date(2020, 1, 2)),
        ("time '1:02:03.5'", pa.time64("us"), dt.time(1, 2, 3, 500000)),
        ("timestamp '2020-01-02 3:4'", pa.timestamp("us"), dt.datetime(2020, 1, 2, 3, 4)),
        ("timestamptz '2020-01-02 3:4+2'", pa.timestamp("us", "UTC"), dt.datetime(2020, 1, 2, 1, 4, tzinfo=UTC)),
        ("interval '1 mon -2 days 3.5 s'", pa.month_day_nano_interval(), pa.MonthDayNano([1, -2, 3_500_000_000])),
        ("interval '-1 year'", pa.month_day_nano_interval(), pa.MonthDayNano([-12, 0, 0])),
        ("""'{"a": [1, "é"]}'::json""", pa.string(), '{"a": [1, "é"]}'),
        ("""'{"a":1}'::jsonb""", pa.string(), '{"a": 1}'),
        (f"'{UUID}'::uuid", pa.string(), str(UUID)),
        ("'10.0.0.1'::inet", pa.string(), "10.0.0.1"),
        ("int4range(1, 5)", pa.string(), "[1,5)"),
        ("row(1, 'a b')", pa.string(), '(1,"a b")'),
        ("b'101'", pa.string(), "101"),
        ("array[1, null]", pa.list_(pa.int32()), [1, None]),
        ("array[[1, 2], [3, 4]]", pa.list_(pa.list_(pa.int32())), [[1, 2], [3, 4]]),
        ("array['a,\"', null]", pa.list_(pa.string()), ['a,"', None]),
        ("array[]::text[]", pa.list_(pa.string()), []),
        ("array[1.5, 10]", pa.list_(pa.decimal128(3, 1)), [Decimal("1.5"), Decimal(10)]),
        (f"array['{UUID}'::uuid]", pa.list_(pa.string()), [str(UUID)]),
        ("null::int4[]", pa.list_(pa.int32()), None),
        ("null", pa.string(), None),
        ("null::numeric(4, 1)", pa.decimal128(4, 1), None),
    ],
)
def test_every_type_keeps_its_meaning(database: Open, way: dict[str, Any], text: str, kind: Any, value: Any) -> None:
    found = read(database(**way), f"SELECT {text} AS a")

    assert found.schema.field("a").type == kind
    assert found["a"].to_pylist() == [value]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "int"),
        (True, "bool"),
        (7, "int8"),
        (2**40, "numeric"),
        (0.1, "float8"),
        (Decimal("0.1234567890123456789"), "numeric"),
        ("é𝄞'\"\\; -- $1 %s", "text"),
        (b"\0\xff'", "bytea"),
        (dt.date(2020, 1, 2), "date"),
        (dt.datetime(2020, 1, 2, 3, 4, 5, 6), "timestamp"),
        (dt.datetime(2020, 1, 2, 3, 4, tzinfo=dt.timezone(dt.timedelta(hours=5))), "timestamptz"),
        ([1, None, 3], "int[]"),
        (["a", None, '{}",\\'], "text[]"),
        ([], "text[]"),
        ([[1, 2], [3, 4]], "int[]"),
    ],
)
def test_every_parameter_comes_back_as_it_was(database: Open, way: dict[str, Any], value: Any, text: str) -> None:
    assert read(database(**way), f"SELECT $1::{text} AS a", [value])["a"].to_pylist() == [value]


@pytest.mark.parametrize("way", WAYS)
def test_a_time_with_a_zone_does_not_change_the_sessions_own(postgres: PostgresServer, way: dict[str, Any]) -> None:
    url = f"{postgres.url_with_password}?options=-c%20timezone%3DAsia/Tokyo"
    session = open_session(resolve_connection("db", env={"FLYTE_CORE_SQL_DB": url}), **way)
    value = dt.datetime(2020, 1, 1, 20, tzinfo=UTC)

    found = read(session, "SELECT $1::timestamptz::text AS a", [value])

    assert found["a"].to_pylist() == ["2020-01-02 05:00:00+09"]
    session.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("value", "kind", "literal"),
    [
        ("b", "mood", "'b'::mood"),
        (str(UUID), "uuid", f"'{UUID}'::uuid"),
        (UUID, "uuid", f"'{UUID}'::uuid"),
        ('{"a": 1}', "jsonb", """'{"a":1}'::jsonb"""),
        ("10.0.0.1", "inet", "'10.0.0.1'::inet"),
        ("2020-01-02", "date", "date '2020-01-02'"),
        (dt.timedelta(days=1, seconds=5), "interval", "interval '1 day 5 s'"),
        (2**40, "int4", "null"),
        (Decimal("1.5"), "numeric", "1.5"),
    ],
)
def test_a_parameter_meets_a_column_of_another_type_as_a_literal_would(
    database: Open, postgres: PostgresServer, way: dict[str, Any], value: Any, kind: str, literal: str
) -> None:
    postgres.execute("DO $$ BEGIN CREATE TYPE mood AS ENUM ('a', 'b'); EXCEPTION WHEN OTHERS THEN NULL; END $$")
    text = f"SELECT c IS NOT DISTINCT FROM {literal} AS same FROM (SELECT ({literal})::{kind} AS c) t"

    found = read(database(**way), f"{text} WHERE c = $1 OR c IS NULL AND $2", [value, True])

    assert found["same"].to_pylist() == [True]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", ["1.10", "1.1", "0.00", "-5.000", "100", "1E+3"])
def test_a_decimal_keeps_the_zeros_behind_its_point(database: Open, way: dict[str, Any], value: str) -> None:
    found = read(database(**way), "SELECT CAST($1 AS numeric)::text AS a", [Decimal(value)])

    assert found["a"].to_pylist() == [f"{Decimal(value):f}"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_comes_back_and_changes_no_statement(database: Open, text: str) -> None:
    session = database()

    assert session.execute("SELECT $1::text, $1 = $2, 5", [text, text]).rows() == [(text, True, 5)]
    session.close()


@pytest.mark.parametrize("value", ["a\0b", "a\ud800"])
@pytest.mark.parametrize("way", WAYS)
def test_a_text_that_the_server_does_not_hold_is_an_error_of_the_query(
    database: Open, way: dict[str, Any], value: str
) -> None:
    with pytest.raises(QueryError):
        read(database(**way), "SELECT $1::text AS a", [value])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "text", ["timestamp 'infinity'", "timestamptz '-infinity'", "date 'infinity'", "date '-infinity'"]
)
def test_an_infinite_time_is_no_other_time(database: Open, way: dict[str, Any], text: str) -> None:
    with pytest.raises(QueryError, match="infinit"):
        read(database(**way), f"SELECT {text} AS a")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("text", "parameters", "found"),
    [
        ("VALUES (1), (2)", None, [1, 2]),
        ("WITH t AS (SELECT $1::int) SELECT * FROM t", [5], [5]),
        ("SHOW intervalstyle", None, ["postgres"]),
        ("SELECT 1 -- at the end", None, [1]),
        ("SELECT $1::int -- at the end", [1], [1]),
        ("/* first */ SELECT 1", None, [1]),
        ("INSERT INTO kinds VALUES (7), (8) RETURNING a", None, [7, 8]),
        ("INSERT INTO kinds VALUES ($1) RETURNING a", [7], [7]),
        ("WITH i AS (INSERT INTO kinds VALUES (7) RETURNING a) SELECT * FROM i", None, [7]),
        ("SELECT 1 WHERE false", None, []),
        ("SELECT '$1 %s %(a)s :b ? 100%'", None, ["$1 %s %(a)s :b ? 100%"]),
        ("SELECT '$1 %s 100%' || $1::text", ["x"], ["$1 %s 100%x"]),
    ],
)
def test_every_kind_of_statement_gives_its_rows_however_it_is_read(
    database: Open, postgres: PostgresServer, way: dict[str, Any], text: str, parameters: Any, found: list[Any]
) -> None:
    postgres.execute("CREATE TABLE IF NOT EXISTS kinds (a int); TRUNCATE kinds")

    (column,) = read(database(**way), text, parameters).columns

    assert column.to_pylist() == found
    assert postgres.execute("SELECT count(*) FROM kinds") == [(len(found) if "INSERT" in text else 0,)]


@pytest.mark.parametrize("way", WAYS)
def test_a_statement_without_rows_counts_what_it_changed(database: Open, way: dict[str, Any]) -> None:
    session = database(**way)

    result = session.execute("CREATE TEMPORARY TABLE t AS SELECT * FROM generate_series(1, 5)", None)

    assert result.row_count == 5
    assert list(result.columns) == []
    assert result.rows() == []
    assert list(result.batches()) == []


@pytest.mark.parametrize("way", WAYS)
def test_many_rows_come_in_pieces(database: Open, way: dict[str, Any]) -> None:
    text = "SELECT i, 'name ' || i AS n FROM generate_series(1, $1) AS i"

    result = database(**way).execute(text, [150_000])
    batches = list(result.batches())

    assert len(batches) > 2
    assert pa.Table.from_batches(batches)["i"].to_pylist() == list(range(1, 150_001))


@pytest.mark.parametrize("way", WAYS)
def test_a_result_that_is_not_read_to_its_end_leaves_nothing(
    database: Open, postgres: PostgresServer, way: dict[str, Any], name: str
) -> None:
    session = database(**way)
    batches = session.execute("SELECT * FROM generate_series(1, 1000000)", None).batches()
    next(batches)

    session.rollback()
    session.close()

    postgres.wait_for("state LIKE '%transaction%' OR state = 'active'", 0, name)


def test_rows_are_values_of_python(database: Open) -> None:
    text = f"SELECT 1, 1.50, interval '1 day 5 s', interval '1 mon', '{UUID}'::uuid, '[1]'::json, array[[1]], null"

    (row,) = database().execute(text, None).rows()

    assert row == (
        1,
        Decimal("1.50"),
        dt.timedelta(days=1, seconds=5),
        pa.MonthDayNano([1, 0, 0]),
        UUID,
        "[1]",
        [[1]],
        None,
    )


@pytest.mark.parametrize("way", WAYS)
def test_no_more_rows_are_read_than_asked_for(database: Open, way: dict[str, Any]) -> None:
    result = database(**way).execute("SELECT * FROM generate_series(1, 10)", None)

    assert list(result.rows(2)) == [(1,), (2,)]
    assert list(result.rows(1)) == [(3,)]
    assert len(result.rows()) == 7
    assert list(result.rows()) == []


@pytest.mark.parametrize("way", WAYS)
def test_an_error_shows_its_place_in_the_statement_as_written(database: Open, way: dict[str, Any]) -> None:
    with pytest.raises(QueryError) as caught:
        read(database(**way), "SELECT *\nFROM nowhere WHERE $1", [True])

    lines = str(caught.value).splitlines()
    assert "connection 'db'" in lines[0]
    assert '"nowhere" does not exist (SQLSTATE 42P01)' in lines[0]
    assert lines[1:] == ["  line 2, column 6:", "    FROM nowhere WHERE $1", "         ^"]
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("way", WAYS)
def test_an_error_while_rows_are_read_is_one_of_the_query(database: Open, way: dict[str, Any]) -> None:
    with pytest.raises(QueryError, match="division by zero"):
        read(database(**way), "SELECT 1 / (200000 - i) FROM generate_series(1, 300000) AS i")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("parameters", [None, [1]])
def test_a_session_that_only_reads_writes_nothing(
    database: Open, postgres: PostgresServer, way: dict[str, Any], parameters: Any
) -> None:
    postgres.execute("CREATE TABLE IF NOT EXISTS read_only (a int)")
    value = "$1" if parameters else "1"

    with pytest.raises(QueryError, match=r"read-only transaction \(SQLSTATE 25006\)"):
        read(database(read_only=True, **way), f"INSERT INTO read_only VALUES ({value}) RETURNING a", parameters)


@pytest.mark.parametrize("driver", ["auto", "sqlalchemy"])
@pytest.mark.parametrize("switch", ["SET TRANSACTION READ WRITE", "SET transaction_read_only = off"])
def test_a_script_cannot_switch_off_that_it_only_reads(postgres: PostgresServer, driver: Any, switch: str) -> None:
    url = postgres.url.replace("postgresql://", "postgresql+psycopg://")
    connection = Connection(url=url, password=Secret("PW"), driver=driver)
    session = open_session(resolve_connection(connection, env={"PW": postgres.password}), read_only=True)

    with pytest.raises(QueryError, match="must be set before any query"):
        session.execute(switch, None)

    session.close()


def test_a_connection_that_only_reads_does_so_for_every_task(postgres: PostgresServer) -> None:
    connection = Connection(url=postgres.url, read_only=True, password=Secret("PW"))
    session = open_session(resolve_connection(connection, env={"PW": postgres.password}))

    with pytest.raises(QueryError, match="read-only"):
        session.execute("CREATE TABLE never (a int)", None)

    session.close()


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_kept_before_the_commit(database: Open, postgres: PostgresServer, way: dict[str, Any]) -> None:
    postgres.execute("CREATE TABLE IF NOT EXISTS undone (a int)")
    session = database(**way)
    list(session.execute("INSERT INTO undone VALUES (1) RETURNING a", None).batches())

    session.rollback()

    assert postgres.execute("SELECT * FROM undone") == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", ["SELECT pg_sleep(60)", "SELECT count(*) FROM generate_series(1, 10000000000)"])
def test_a_statement_that_takes_too_long_ends_on_the_server_too(
    database: Open, postgres: PostgresServer, way: dict[str, Any], text: str, name: str
) -> None:
    with pytest.raises(QueryTimeoutError, match=r"statement_timeout=0\.1 s"):
        read(database(timeout=0.1, **way), text)

    postgres.wait_for("state = 'active'", 0, name)


def test_a_server_that_does_not_mind_the_timeout_is_told(database: Open, postgres: PostgresServer, name: str) -> None:
    session = database(timeout=0.1)
    session.execute("SET LOCAL statement_timeout = 0", None)

    with pytest.raises(QueryTimeoutError):
        session.execute("SELECT pg_sleep(60)", None)

    postgres.wait_for("state = 'active'", 0, name)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("parameters", [None, [60]])
def test_a_cancelled_statement_ends_on_the_server(
    database: Open, postgres: PostgresServer, way: dict[str, Any], parameters: Any, name: str
) -> None:
    session = database(**way)

    def cancel() -> None:
        postgres.wait_for("wait_event = 'PgSleep'", 1, name)
        session.cancel()
        while not ended.wait(0.2):
            session.cancel()

    ended = threading.Event()
    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        with pytest.raises(QueryError, match="was cancelled"):
            read(session, f"SELECT pg_sleep({'$1' if parameters else 60})::text", parameters)
    finally:
        ended.set()
        thread.join()

    session.rollback()
    session.close()
    postgres.wait_for("true", 0, name)


@pytest.mark.parametrize("way", WAYS)
def test_a_session_that_was_cancelled_before_runs_nothing(database: Open, way: dict[str, Any]) -> None:
    session = database(**way)
    session.cancel()

    with pytest.raises(QueryError, match="was cancelled"):
        session.execute("SELECT 1", None)


@pytest.mark.parametrize("way", WAYS)
def test_the_end_of_a_session_is_never_an_error(database: Open, way: dict[str, Any]) -> None:
    session = database(**way)
    session.execute("SELECT 1", None)
    session.close()

    session.rollback()
    session.cancel()
    session.close()


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("way", WAYS)
def test_the_next_session_takes_the_connection_and_nothing_that_was_left_on_it(
    database: Open, postgres: PostgresServer, way: dict[str, Any], name: str
) -> None:
    first = database(**way)
    list(first.execute("SELECT set_config('my.secret', 'x', false)", None).batches())
    first.commit()
    first.close()
    assert postgres.connections(name) == 1

    second = database(**way)

    assert read(second, "SELECT current_setting('my.secret', true) AS a")["a"].to_pylist() in ([None], [""])
    assert postgres.connections(name) == 1


def test_an_idle_connection_is_closed_after_a_moment(database: Open, postgres: PostgresServer, name: str) -> None:
    session = database()
    session.execute("SELECT 1", None)
    session.commit()
    session.close()

    postgres.wait_for("true", 0, name)


@pytest.mark.usefixtures("patient")
def test_a_connection_that_failed_is_closed_at_once(database: Open, postgres: PostgresServer, name: str) -> None:
    session = database()
    with pytest.raises(QueryError):
        session.execute("SELECT 1 / 0", None)

    session.rollback()
    session.close()

    postgres.wait_for("true", 0, name)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("way", WAYS)
def test_an_idle_connection_that_the_server_ended_is_not_taken(
    database: Open, postgres: PostgresServer, way: dict[str, Any], name: str
) -> None:
    first = database(**way)
    list(first.execute("SELECT 1", None).batches())
    first.commit()
    first.close()
    postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [name])
    postgres.wait_for("true", 0, name)

    assert read(database(**way), "SELECT 1 AS a")["a"].to_pylist() == [1]


def end_backends(postgres: PostgresServer, name: str) -> None:
    """End the server's processes for the test's connections, and return once their sockets are closed."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
    found = [number for (number,) in postgres.execute(query, [name])]
    assert found
    postgres.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", [found])
    until = time.monotonic() + 20
    while any(Path(f"/proc/{number}").exists() for number in found):
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("parameters", [None, [1]])
@pytest.mark.parametrize("options", [{}, {"read_only": True, "timeout": 60}])
def test_a_connection_that_the_server_ends_before_the_first_statement_is_replaced(
    database: Open, postgres: PostgresServer, way: dict[str, Any], parameters: Any, options: dict[str, Any], name: str
) -> None:
    # Two wait, so that the next one that is taken has ended too.
    waiting = [database(**way), database(**way)]
    for session in waiting:
        list(session.execute("SELECT 1", None).batches())
        session.commit()
    for session in waiting:
        session.close()
    session = database(**options, **way)
    end_backends(postgres, name)

    found = read(session, f"SELECT {'$1::int' if parameters else 1} AS a", parameters)

    assert found["a"].to_pylist() == [1]
    assert postgres.connections(name) == 1


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("waited", [True, False])
def test_a_connection_that_ends_after_a_statement_is_not_replaced(
    database: Open, postgres: PostgresServer, way: dict[str, Any], waited: bool, name: str
) -> None:
    postgres.execute("CREATE TABLE IF NOT EXISTS never_twice (a int); TRUNCATE never_twice")
    if waited:
        first = database(**way)
        list(first.execute("SELECT 1", None).batches())
        first.commit()
        first.close()
    session = database(**way)
    list(session.execute("INSERT INTO never_twice VALUES (1) RETURNING a", None).batches())
    end_backends(postgres, name)

    def go_on() -> None:
        # A session of ADBC runs no second statement.
        if way.get("statements") != 1:
            session.execute("INSERT INTO never_twice VALUES (2) RETURNING a", None)
        session.commit()

    with pytest.raises(ConnectionLostError):
        go_on()

    assert postgres.execute("SELECT * FROM never_twice") == []


@pytest.mark.usefixtures("patient")
def test_a_connection_that_ends_after_a_transaction_is_not_replaced(
    database: Open, postgres: PostgresServer, name: str
) -> None:
    first = database()
    first.execute("SELECT 1", None)
    first.commit()
    first.close()
    session = database()
    session.execute("SET my.setting = 'x'", None)
    session.commit()
    end_backends(postgres, name)

    with pytest.raises(ConnectionLostError):
        session.execute("SELECT 1", None)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("way", WAYS)
def test_a_session_that_was_cancelled_takes_no_other_connection(
    database: Open, postgres: PostgresServer, way: dict[str, Any], name: str
) -> None:
    first = database(**way)
    list(first.execute("SELECT 1", None).batches())
    first.commit()
    first.close()
    session = database(**way)
    end_backends(postgres, name)
    session.cancel()

    with pytest.raises(QueryError, match="was cancelled"):
        session.execute("SELECT 1", None)

    assert postgres.connections(name) == 0


def test_statements_of_one_session_see_what_the_others_did(database: Open) -> None:
    session = database(fetch="batches", statements=3)
    session.execute("CREATE TEMPORARY TABLE t AS SELECT 1 AS a", None)
    session.execute("INSERT INTO t VALUES ($1)", [2])

    assert read(session, "SELECT a FROM t ORDER BY a")["a"].to_pylist() == [1, 2]


@pytest.mark.parametrize("text", ["a", 'a"b', "A b", "select", "a'; DROP TABLE t; --", "$1", "é"])
@pytest.mark.parametrize("way", WAYS)
def test_a_quoted_name_is_one_identifier(database: Open, way: dict[str, Any], text: str) -> None:
    session = database(**way)

    assert list(session.execute(f"SELECT 1 AS {session.quote(text)}", None).columns) == [text]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_can_be_a_table_there(database: Open, way: dict[str, Any]) -> None:
    with pytest.raises(InvalidTypeError, match="on DuckDB only"):
        database(**way).add_table("t", object())


@pytest.mark.parametrize("driver", ["auto", "adbc", "sqlalchemy"])
def test_every_driver_reads_the_same(postgres: PostgresServer, driver: Any) -> None:
    if driver == "adbc" and not has_adbc():
        pytest.skip("the driver of ADBC for this Python is too old")
    connection = Connection(url=postgres.url, password=Secret("PW"), driver=driver)
    opened = resolve_connection(connection, env={"PW": postgres.password})

    session = open_session(opened, fetch="batches")

    assert type(session).__name__ == ("PostgresSession" if driver == "sqlalchemy" or not has_adbc() else "AdbcSession")
    assert read(session, "SELECT 1.5 AS a").to_pylist() == [{"a": Decimal("1.5")}]
    session.close()
