"""Any database of SQLAlchemy is a session: shown with SQLite, whose driver is Python's own."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from flyte_core_sql.connection import Connection, resolve_connection
from flyte_core_sql.drivers import open_session
from flyte_core_sql.drivers.session import Session
from flyte_core_sql.errors import ConnectionFailedError, DriverMissingError, QueryError, QueryTimeoutError

from flyte_core.errors import InvalidTypeError

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

Open = Callable[..., Session]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Open]:
    """Give what opens sessions of one file."""
    sessions: list[Session] = []

    def opened(**options: Any) -> Session:
        session = open_session(resolve_connection(f"sqlite:///{tmp_path}/a.db"), **options)
        sessions.append(session)
        return session

    yield opened
    for session in sessions:
        session.close()


def test_a_statement_gives_rows_and_columns(database: Open) -> None:
    session = database()

    result = session.execute("SELECT ? AS a, 'x' AS b", [5])

    assert session.style == "qmark"
    assert list(result.columns) == ["a", "b"]
    assert result.rows() == [(5, "x")]


def test_columns_of_one_name_stay_apart(database: Open) -> None:
    result = database().execute("SELECT 1 AS a, 2 AS a", None)

    (batch,) = result.batches()

    assert batch.schema.names == ["a", "a"]
    assert [column.to_pylist() for column in batch.columns] == [[1], [2]]


def test_a_text_without_parameters_reaches_the_database_as_it_is(database: Open) -> None:
    text = "SELECT '100%', '%s', '%(a)s', ':b', '?' -- 5 %"

    assert database().execute(text, None).rows() == [("100%", "%s", "%(a)s", ":b", "?")]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, None),
        (True, 1),
        (2**62, 2**62),
        (0.1, 0.1),
        ("é𝄞'\"--", "é𝄞'\"--"),
        (b"\0\xff", b"\0\xff"),
        (Decimal("0.10"), 0.1),
        (Decimal(12), 12),
        (dt.date(2020, 1, 2), "2020-01-02"),
        (dt.datetime(2020, 1, 2, 3, 4, 5), "2020-01-02 03:04:05"),
        (dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=5))), "2020-01-01 22:04:05"),
        (dt.timedelta(minutes=1.5), 90.0),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([1, "a"], '[1, "a"]'),
    ],
)
def test_a_parameter_arrives_as_what_sqlite_has_for_it(database: Open, value: Any, found: Any) -> None:
    assert database().execute("SELECT ?", [value]).rows() == [(found,)]


def test_a_time_is_the_one_that_sqlite_writes(database: Open) -> None:
    now = dt.datetime(2026, 2, 8, tzinfo=dt.timezone.utc)
    found = database().execute("SELECT datetime('2026-02-08') = ?, '2026-02-08 00:00:00' >= ?", [now, now]).rows()
    assert found == [(1, 1)]


@pytest.mark.parametrize(
    "value", [Decimal("0.12345678901234567890123"), Decimal("98765432109876543.21"), Decimal("NaN"), float("nan")]
)
def test_a_number_that_sqlite_does_not_have_is_refused(database: Open, value: Any) -> None:
    for parameter in (value, [value]):
        with pytest.raises(QueryError, match="SQLite has no"):
            database().execute("SELECT ?", [parameter])


def test_a_decimal_is_a_number_where_sqlite_compares(database: Open) -> None:
    assert database().execute("SELECT 0.5 < ?, 0.05 < ?", [Decimal("0.1")] * 2).rows() == [(0, 1)]


@pytest.mark.parametrize("value", [2**70, "a\ud800"])
def test_a_value_that_the_driver_refuses_is_an_error_of_the_query(database: Open, value: Any) -> None:
    with pytest.raises(QueryError):
        database().execute("SELECT ?", [value])


def test_rows_are_read_in_batches_and_types_widen_from_one_to_the_next(database: Open) -> None:
    text = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 60000)"

    batches = list(database().execute(f"{text} SELECT i, iif(i < 55000, i, 'x') AS m FROM n", None).batches())

    assert [batch.num_rows for batch in batches] == [50_000, 10_000]
    assert [batch.schema.field("m").type for batch in batches] == [pa.int64(), pa.string()]


def test_a_result_without_rows_has_one_batch(database: Open) -> None:
    (batch,) = database().execute("SELECT 1 AS a WHERE 0", None).batches()

    assert batch.schema.names == ["a"]
    assert batch.num_rows == 0


def test_a_statement_without_rows_counts_what_it_changed(database: Open) -> None:
    session = database()
    session.execute("CREATE TABLE t (a)", None)

    result = session.execute("INSERT INTO t VALUES (?), (2)", [1])

    assert result.row_count == 2
    assert list(result.columns) == []
    assert result.rows() == []
    assert session.execute("UPDATE t SET a = 0 WHERE a = 5", None).row_count == 0


def test_nothing_is_kept_before_the_commit_not_even_a_table(database: Open) -> None:
    session = database()
    session.execute("CREATE TABLE t (a)", None)
    session.execute("INSERT INTO t VALUES (1)", None)
    session.rollback()
    session.execute("CREATE TABLE u (a)", None)
    session.commit()

    assert database().execute("SELECT name FROM sqlite_master", None).rows() == [("u",)]


def test_a_session_that_only_reads_writes_nothing(database: Open) -> None:
    writer = database()
    writer.execute("CREATE TABLE t (a)", None)
    writer.commit()
    session = database(read_only=True)

    with pytest.raises(QueryError, match="readonly database"):
        session.execute("INSERT INTO t VALUES (1)", None)

    session.rollback()
    assert session.execute("SELECT count(*) FROM t", None).rows() == [(0,)]


@pytest.mark.parametrize("off", ["PRAGMA query_only = OFF", "PRAGMA Query_Only(0)", "PRAGMA main.query_only = 0"])
def test_a_script_cannot_switch_off_that_it_only_reads(database: Open, off: str) -> None:
    database().commit()
    session = database(read_only=True)

    with pytest.raises(QueryError, match="not authorized"):
        session.execute(off, None)

    assert session.execute("PRAGMA query_only", None).rows() == [(1,)]


def test_a_file_that_is_not_there_is_not_made_for_reading(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailedError, match="there is no file"):
        open_session(resolve_connection(f"sqlite:///{tmp_path}/none.db"), read_only=True)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailedError, match="check that its folder exists"):
        open_session(resolve_connection(f"sqlite:///{tmp_path}/no/a.db"))


def test_a_statement_that_takes_too_long_ends(database: Open) -> None:
    with pytest.raises(QueryTimeoutError, match=r"statement_timeout=0\.05 s"):
        database(timeout=0.05).execute(ENDLESS, None).rows()


def test_a_long_result_ends_while_it_is_read(database: Open) -> None:
    result = database(timeout=0.2).execute(ENDLESS.replace("max(i)", "i"), None)

    with pytest.raises(QueryTimeoutError):
        for _ in result.batches():
            pass


def test_a_cancelled_statement_ends_and_so_does_the_next(database: Open) -> None:
    session = database()
    ended = threading.Event()

    def cancel() -> None:
        while not ended.wait(0.01):
            session.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        with pytest.raises(QueryError, match="was cancelled"):
            session.execute(ENDLESS, None).rows()
    finally:
        ended.set()
        thread.join()
    with pytest.raises(QueryError, match="was cancelled"):
        session.execute("SELECT 1", None)


def test_the_end_of_a_session_is_never_an_error(database: Open) -> None:
    session = database()
    session.close()

    session.rollback()
    session.cancel()
    session.close()


@pytest.mark.parametrize("name", ["a", "a b", 'a"b', "a%b", "a%%b", "select", "'; DROP TABLE t --"])
def test_a_quoted_name_is_one_identifier(database: Open, name: str) -> None:
    session = database()

    result = session.execute(f"SELECT 1 AS {session.quote(name)}", None)

    assert list(result.columns) == [name]


def test_nothing_can_be_a_table_there(database: Open) -> None:
    with pytest.raises(InvalidTypeError, match="on DuckDB only"):
        database().add_table("t", object())


def test_a_database_without_a_driver_names_what_to_install() -> None:
    with pytest.raises(DriverMissingError, match="pip install snowflake-sqlalchemy"):
        open_session(resolve_connection("snowflake://ann@account/db"))


def test_options_are_arguments_of_the_driver(tmp_path: Path) -> None:
    opened = resolve_connection(Connection(url=f"sqlite:///{tmp_path}/a.db", options={"timeout": 0.01}))
    with closing(open_session(opened)) as first, closing(open_session(opened)) as second:
        first.execute("CREATE TABLE t (a)", None)

        with pytest.raises(QueryError, match="locked"):
            second.execute("CREATE TABLE u (a)", None)


@pytest.mark.parametrize(
    "value", [Decimal("1.5"), Decimal(7), dt.timedelta(days=1), dt.datetime(2024, 5, 1, 12), uuid.UUID(int=5)], ids=repr
)
def test_a_value_of_a_list_in_sqlite_is_what_it_would_be_alone(database: Open, value: Any) -> None:
    found = database().execute("SELECT ? = value, typeof(value) FROM json_each(?)", [value, [value]]).rows()

    assert found == [(1, database().execute("SELECT typeof(?)", [value]).rows()[0][0])]
