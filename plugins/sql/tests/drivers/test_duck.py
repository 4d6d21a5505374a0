"""Sessions with DuckDB."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from flyte_core_sql.connection import Connection, OpenConnection, resolve_connection
from flyte_core_sql.drivers import duck_databases
from flyte_core_sql.drivers.duck import DuckSession, open_duckdb
from flyte_core_sql.errors import ConnectionConfigError, ConnectionFailedError, QueryError, QueryTimeoutError

ENDLESS = "SELECT count(*) FROM range(10000000000) t(i), range(100) u(j) WHERE i * j % 7 = 3"
Opener = Callable[..., DuckSession]


@pytest.fixture(name="open_")
def _open() -> Iterator[Opener]:
    opened: list[DuckSession] = []

    def make(url: str = "duckdb://", options: dict[str, Any] | None = None, **how: Any) -> DuckSession:
        connection = OpenConnection(connection=Connection(name="lake", url=url, options=options or {}))
        opened.append(open_duckdb(connection, **how))
        return opened[-1]

    yield make
    for session in opened:
        session.close()


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> str:
    return f"duckdb:///{tmp_path}/data.db"


def _all(session: DuckSession, text: str) -> pa.Table:
    return pa.Table.from_batches(list(session.execute(text).batches()))


def _store(session: DuckSession, text: str) -> None:
    session.execute(text)
    session.commit()


# ---- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        2**63,
        2**100,
        2**100 + 1,
        -(2**127),
        2**128 - 1,
        1.5,
        "it's $1 -- \x00 ü 😀",
        b"\x00\xff",
        datetime(2024, 1, 1, 1),
        datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
        date(2024, 1, 1),
        timedelta(days=1, microseconds=5),
        Decimal("1.230"),
        UUID(int=5),
        [],
        [1, None, 2],
        [1, 2**100 + 1, None],
        [Decimal("1.5"), Decimal("22.25")],
        Decimal("1.5E-37"),
        [Decimal("0.12345678901234567890"), Decimal("123456789012345678")],
        [Decimal(16777217), None, Decimal("Infinity")],
        [date(2024, 1, 1)],
        [[1], [2]],
    ],
    ids=repr,
)
def test_a_parameter_comes_back_as_it_was(open_: Opener, value: Any) -> None:
    assert open_().execute("SELECT $1", [value]).rows() == [(value,)]


_LOST = [
    2**128,
    -(2**127) - 1,
    Decimal("1e50"),
    [2**200],
    [Decimal("0.12345678901234567890"), Decimal("12345678901234567890")],
    [Decimal("12345678901234567890"), Decimal("NaN")],
    "\ud800",
]


@pytest.mark.parametrize("value", _LOST, ids=repr)
def test_a_parameter_that_would_lose_something_is_refused(open_: Opener, value: Any) -> None:
    with pytest.raises(QueryError, match="connection 'lake'"):
        open_().execute("SELECT $1", [value]).rows()


@pytest.mark.parametrize(
    ("text", "value", "arrow"),
    [
        ("""'{"a":1}'::JSON""", '{"a":1}', '{"a":1}'),
        ("(2::HUGEINT ** 0)::HUGEINT + 2::HUGEINT", 3, Decimal(3)),
        ("'340282366920938463463374607431768'::UHUGEINT", 340282366920938463463374607431768, None),
        ("1.23::DECIMAL(38,2)", Decimal("1.23"), Decimal("1.23")),
        ("'2024-05-01 12:00:00+02'::TIMESTAMPTZ", datetime(2024, 5, 1, 10, tzinfo=timezone.utc), None),
        ("'a'::ENUM('a', 'b')", "a", "a"),
        ("[1, 2]::INT[2]", (1, 2), [1, 2]),
        (r"'\x00\xff'::BLOB", b"\x00\xff", b"\x00\xff"),
        ("'101'::BIT", "101", "101"),
        ("{'a': 1, 'b': 'x'}", {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
        ("NULL", None, None),
    ],
)
def test_a_value_survives_as_python_and_as_arrow(open_: Opener, text: str, value: Any, arrow: Any) -> None:
    session = open_()
    assert session.execute(f"SELECT {text} AS v").rows() == [(value,)]
    expected = value if arrow is None else arrow
    assert _all(session, f"SELECT {text} AS v").to_pylist() == [{"v": expected}]


def test_a_number_that_arrow_cannot_hold_is_an_error_and_not_another_number(open_: Opener) -> None:
    with pytest.raises(QueryError, match="Conversion Error"):
        _all(open_(), "SELECT 340282366920938463463374607431768211455::UHUGEINT")


@pytest.mark.parametrize("text", ["[{}]", "{{'a': {}}}", "{{'BIT': [{}]}}"])
def test_such_a_number_is_an_error_inside_of_others_too(open_: Opener, text: str) -> None:
    number = text.format("340282366920938463463374607431768211455::UHUGEINT")
    with pytest.raises(QueryError, match="Conversion Error"):
        _all(open_(), f"SELECT {number}")


def test_types_are_told_from_names_that_are_like_them(open_: Opener) -> None:
    text = """SELECT {'BIT': 'a'::ENUM('BIT', 'a'), 'bits': ['101'::BIT, NULL]} AS v"""
    assert _all(open_(), text).to_pylist() == [{"v": {"BIT": "a", "bits": ["101", None]}}]


@pytest.mark.parametrize("kind", ["UHUGEINT", "BIT", "TIMETZ", "UHUGEINT[]"])
def test_what_has_run_and_cannot_be_read_as_arrow_is_refused(open_: Opener, kind: str) -> None:
    session = open_()
    session.execute(f"CREATE TABLE t (v {kind})")
    with pytest.raises(QueryError, match=r"column 'v' of type .* cannot be read here; cast it to VARCHAR"):
        _all(session, "INSERT INTO t VALUES (NULL) RETURNING v")


def test_rows_have_large_numbers_beside_a_time_zone(open_: Opener) -> None:
    text = "SELECT 340282366920938463463374607431768211455::UHUGEINT, TIMESTAMPTZ '2024-05-01 00:00:00+00'"
    assert open_(fetch="rows").execute(text).rows() == [(2**128 - 1, datetime(2024, 5, 1, tzinfo=timezone.utc))]


@pytest.mark.parametrize("beside", ["", ", TIMESTAMPTZ '2024-05-01 00:00:00+00'"])
def test_rows_keep_months_and_nanoseconds_for_their_reader_to_refuse(open_: Opener, beside: str) -> None:
    text = "SELECT INTERVAL '1 month', [INTERVAL '1 day', NULL], TIMESTAMP_NS '2024-05-01 00:00:00.000000009'"
    month, days, moment, *_ = open_(fetch="rows").execute(text + beside).rows()[0]
    assert (month, days) == (pa.MonthDayNano([1, 0, 0]), [timedelta(days=1), None])
    assert moment.nanosecond == 9


def test_rows_with_a_time_zone_keep_what_stands_beside_it(open_: Opener) -> None:
    text = (
        "SELECT TIMESTAMPTZ '2024-05-01 00:00:00+00', 5::HUGEINT, INTERVAL '2 days', "
        "UUID '6f1f2f90-0000-4000-8000-000000000001', MAP {'a': 1}"
    )
    moment = datetime(2024, 5, 1, tzinfo=timezone.utc)
    identity = UUID("6f1f2f90-0000-4000-8000-000000000001")
    assert open_().execute(text).rows() == [(moment, 5, timedelta(days=2), identity, {"a": 1})]


def test_the_time_zone_is_utc_unless_the_options_say_otherwise(open_: Opener) -> None:
    text = "SELECT TIMESTAMPTZ '2024-05-01 00:00'::VARCHAR"
    assert open_(private=False).execute(text).rows() == [("2024-05-01 00:00:00+00",)]
    session = open_(options={"TimeZone": "Europe/Berlin"}, private=False)
    assert session.execute(text).rows() == [("2024-05-01 00:00:00+02",)]


# ---- results ---------------------------------------------------------------------------------------


def test_columns_are_named_as_the_query_names_them_also_where_two_are_equal(open_: Opener) -> None:
    session = open_()
    result = session.execute("SELECT 1 AS a, '1'::BIT AS a")
    assert list(result.columns) == ["a", "a"]
    assert result.rows() == [(1, "1")]
    assert next(iter(session.execute("SELECT 1 AS a, '1'::BIT AS a").batches())).schema.names == ["a", "a"]


def test_a_result_without_rows_has_one_batch_with_its_schema(open_: Opener) -> None:
    (batch,) = open_().execute("SELECT 1::BIGINT AS a, 'x' AS b WHERE false").batches()
    assert batch.num_rows == 0
    assert batch.schema == pa.schema([("a", pa.int64()), ("b", pa.string())])


def test_rows_can_be_read_a_few_at_a_time(open_: Opener) -> None:
    result = open_().execute("SELECT * FROM range(5)")
    assert [result.rows(2), result.rows(2), result.rows()] == [[(0,), (1,)], [(2,), (3,)], [(4,)]]


def test_a_statement_that_changes_rows_tells_how_many(open_: Opener) -> None:
    session = open_()
    created = session.execute("CREATE TABLE t (a INT)")
    assert (list(created.columns), created.row_count, created.rows()) == ([], None, [])
    assert session.execute("INSERT INTO t VALUES (1), (2) -- returning").row_count == 2
    returned = session.execute('UPDATE t SET a = 5 RETURNING a::BIGINT AS "Count"')
    assert (list(returned.columns), returned.row_count, returned.rows()) == (["Count"], None, [(5,), (5,)])
    assert [b.num_rows for b in session.execute("INSERT INTO t VALUES (1), (2) RETURNING a").batches()] == [2]


def test_a_statement_whose_rows_are_not_all_read_has_its_whole_effect(open_: Opener) -> None:
    session = open_()
    session.execute("CREATE TABLE t (a INT)")
    session.execute("INSERT INTO t SELECT * FROM range(300000) RETURNING a").rows(1)
    assert session.execute("SELECT count(*) FROM t").rows() == [(300000,)]


@pytest.mark.parametrize("then", ["commit", "execute"])
def test_a_query_whose_rows_nobody_reads_fails_all_the_same(open_: Opener, then: str) -> None:
    session = open_()
    session.execute("SELECT error('boom')")
    with pytest.raises(QueryError, match="boom"):
        session.commit() if then == "commit" else session.execute("SELECT 1")


def test_a_large_result_takes_bounded_memory() -> None:
    code = """
from flyte_core_sql.connection import resolve_connection
from flyte_core_sql.drivers.duck import open_duckdb
session = open_duckdb(resolve_connection(None), private=False)
# Not ru_maxrss, which begins with that of the process that started this one.
def peak(): return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) // 1024
next(iter(session.execute("SELECT i, i * 2, random() FROM range(1000000) t(i)").batches()))
before = peak()
text = "SELECT i, i * 2 a, i + 3 b, random() c FROM range(20000000) t(i)"
rows = sum(b.num_rows for b in session.execute(text).batches())
assert rows == 20000000
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100  # MB; the rows are 640


# ---- sessions of one database ----------------------------------------------------------------------


def test_sessions_in_memory_do_not_see_each_others_tables(open_: Opener) -> None:
    first, second = open_(private=False), open_(private=False)
    first.add_table("mine", pa.table({"a": [1]}))
    assert first.execute("SELECT * FROM mine").rows() == [(1,)]
    with pytest.raises(QueryError, match="mine does not exist"):
        second.execute("SELECT * FROM mine").rows()
    first.close()
    with pytest.raises(QueryError, match="mine does not exist"):
        open_(private=False).execute("SELECT * FROM mine").rows()


def test_a_private_session_leaves_nothing_to_the_next(open_: Opener) -> None:
    first = open_(private=True)
    first.execute("CREATE TABLE t AS SELECT 1")
    first.execute("SET default_null_order = 'nulls_first'")
    first.commit()
    for private in (True, False):
        session = open_(private=private)
        assert session.execute("SELECT count(*) FROM duckdb_tables()").rows() == [(0,)]
        assert session.execute("SELECT current_setting('default_null_order')").rows() == [("NULLS_LAST",)]


@pytest.mark.parametrize("private", [True, False])
def test_a_query_does_not_see_variables_of_python(open_: Opener, private: bool) -> None:
    hidden = pa.table({"a": [1]})
    with pytest.raises(QueryError, match="hidden does not exist"):
        open_(private=private).execute("SELECT * FROM hidden").rows()
    assert hidden.num_rows == 1


def test_a_file_keeps_what_is_committed_and_nothing_else(open_: Opener, file: str) -> None:
    session = open_(file)
    session.execute("CREATE TABLE t AS SELECT 1 AS a")
    session.commit()
    session.execute("INSERT INTO t VALUES (2)")
    session.close()
    assert open_(file, read_only=True).execute("SELECT * FROM t").rows() == [(1,)]


def test_a_query_on_a_file_does_not_see_variables_of_python(open_: Opener, file: str) -> None:
    hidden = pa.table({"a": [1]})
    with pytest.raises(QueryError, match="hidden does not exist"):
        open_(file).execute("SELECT * FROM hidden").rows()
    assert hidden.num_rows == 1


def test_reading_only_joins_a_writer_of_the_same_file(open_: Opener, file: str) -> None:
    writer = open_(file)
    writer.execute("CREATE TABLE t AS SELECT 1 AS a")
    writer.commit()
    reader = open_(file, read_only=True)
    assert reader.execute("SELECT * FROM t").rows() == [(1,)]
    with pytest.raises(QueryError, match="read-only"):
        reader.execute("INSERT INTO t VALUES (2)")


def test_a_writer_waits_for_those_who_only_read(open_: Opener, file: str) -> None:
    open_(file).close()
    reader = open_(file, read_only=True)
    opened = threading.Event()
    thread = threading.Thread(target=lambda: (open_(file), opened.set()))
    thread.start()
    assert not opened.wait(0.1)
    reader.close()
    thread.join(10)
    assert opened.is_set()


def test_a_writer_who_waits_too_long_is_told_why(open_: Opener, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duck_databases, "_PATIENCE", 0.01)
    open_(file).close()
    open_(file, read_only=True)
    with pytest.raises(ConnectionFailedError, match="another task of this process has it open for reading only"):
        open_(file)


@pytest.mark.parametrize("text", ["EXPLAIN ANALYZE COPY (SELECT 1) TO {}", "PREPARE p AS COPY (SELECT 1) TO {}"])
@pytest.mark.parametrize("private", [True, False])
def test_no_file_is_written_from_inside_of_another_statement(
    open_: Opener, tmp_path: Path, text: str, private: bool
) -> None:
    session = open_(read_only=True, private=private)
    with pytest.raises(QueryError, match="writes, and the connection is read-only"):
        session.execute(text.format(f"'{tmp_path}/a.csv'"))
    assert session.execute("EXPLAIN ANALYZE SELECT 'copy'").rows()
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize("text", ["CREATE TABLE u (a INT)", "COPY (SELECT 1) TO '/nowhere.csv'"])
def test_what_is_read_only_refuses_to_write(open_: Opener, file: str, text: str) -> None:
    open_(file).close()
    with pytest.raises(QueryError, match=r"read-only"):
        open_(file, read_only=True).execute(text)


def test_a_transaction_of_the_users_own_is_refused(open_: Opener) -> None:
    with pytest.raises(QueryError, match="one transaction"):
        open_().execute("COMMIT")


# ---- errors ----------------------------------------------------------------------------------------


def test_an_error_shows_duckdbs_message_with_its_place_and_the_connection(open_: Opener) -> None:
    with pytest.raises(QueryError) as raised:
        open_().execute("SELECT\n  nope FROM range(3)").rows()
    assert str(raised.value).startswith("connection 'lake': Binder Error")
    assert "LINE 2:" in str(raised.value)
    assert "^" in str(raised.value)
    assert isinstance(raised.value.__cause__, duckdb.Error)


def test_an_error_does_not_show_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_CORE_SQL_LAKE", "duckdb:///:memory:?password=hunter22")
    session = open_duckdb(resolve_connection("lake", cwd="/"))
    with pytest.raises(QueryError) as raised:
        session.execute("SELECT error('denied: hunter22')").rows()
    assert "hunter22" not in str(raised.value)
    session.close()


def test_an_error_in_the_midst_of_a_stream_is_a_query_error(open_: Opener) -> None:
    text = "SELECT CASE WHEN i = 900000 THEN error('boom') ELSE i::VARCHAR END FROM range(3000000) t(i)"
    with pytest.raises(QueryError, match="boom"):
        _all(open_(), text)


@pytest.mark.parametrize(
    ("url", "options", "error", "said"),
    [
        ("duckdb://", {"thraeds": 1}, ConnectionConfigError, "thraeds"),
        ("duckdb://", {"TimeZone": "Nowhere/City"}, ConnectionConfigError, "Nowhere"),
        ("duckdb:////nowhere/x.db", {}, ConnectionFailedError, "No such file"),
    ],
)
def test_what_cannot_be_opened_is_told(
    open_: Opener, url: str, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        open_(url, options)


def test_too_little_memory_is_told_with_what_to_do(open_: Opener) -> None:
    session = open_(options={"memory_limit": "50MB", "temp_directory": ""})
    with pytest.raises(QueryError, match=r"(?s)Out of Memory.*Hint: .*memory_limit"):
        session.execute("SELECT list(i ORDER BY random()) FROM range(50000000) t(i) GROUP BY i % 1000000").rows()


def test_a_timeout_is_told_and_the_session_goes_on(open_: Opener) -> None:
    session = open_(timeout=0.2, private=False)
    with pytest.raises(QueryTimeoutError, match=r"0\.2 s"):
        session.execute(ENDLESS).rows()
    assert session.execute("SELECT 1").rows() == [(1,)]


def test_a_timeout_counts_the_engine_and_not_the_reader_of_its_rows(
    open_: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_(timeout=5, private=False)
    batches = session.execute("SELECT * FROM range(2000000)").batches()
    next(batches)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 60)
    assert sum(batch.num_rows for batch in batches) > 0


def test_a_cancel_ends_the_statement_and_is_no_timeout(open_: Opener) -> None:
    session = open_(timeout=60, private=False)
    timer = threading.Timer(0.2, session.cancel)
    timer.start()
    with pytest.raises(QueryError, match="was cancelled"):
        session.execute(ENDLESS).rows()
    with pytest.raises(QueryError, match="was cancelled"):
        session.execute("SELECT 1").rows()
    timer.join()


def test_a_cancel_before_the_first_statement_is_not_lost_and_one_after_the_end_is_no_error(open_: Opener) -> None:
    session = open_(private=False)
    session.cancel()
    with pytest.raises(QueryError, match="was cancelled"):
        session.execute(ENDLESS).rows()
    session.close()
    session.cancel()
    session.rollback()
    session.close()


def test_a_cancel_reaches_one_session_alone(open_: Opener) -> None:
    first, second = open_(private=False), open_(private=False)
    batches = second.execute("SELECT * FROM range(3000000)").batches()
    read = next(batches).num_rows
    first.cancel()
    assert read + sum(batch.num_rows for batch in batches) == 3000000


# ---- faults ----------------------------------------------------------------------------------------


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_told_and_the_file_keeps_what_it_had(open_: Opener, small_disk: Path) -> None:
    url = f"duckdb:///{small_disk}/data.db"
    session = open_(url)
    session.execute("CREATE TABLE t AS SELECT 1 AS a")
    session.commit()
    with pytest.raises(QueryError, match=r"(?s)No space left on device.*Hint: the disk is full"):
        _store(session, "CREATE TABLE u AS SELECT md5(i::VARCHAR) FROM range(3000000) t(i)")
    session.close()
    again = open_(url)
    assert again.execute("SELECT a FROM t").rows() == [(1,)]
    assert again.execute("SELECT count(*) FROM duckdb_tables()").rows() == [(1,)]


def test_a_full_disk_for_what_does_not_fit_in_memory_is_told(open_: Opener, small_disk: Path) -> None:
    options = {"memory_limit": "60MB", "temp_directory": str(small_disk / "spill"), "threads": 1}
    with pytest.raises(QueryError, match=r"(?s)Hint: .*temp_directory"):
        open_(options=options).execute("CREATE TABLE x AS SELECT i, md5(i::VARCHAR) FROM range(3000000) t(i)")


def test_a_killed_writer_leaves_a_file_that_the_next_run_opens(open_: Opener, file: str) -> None:
    session = open_(file)
    session.execute("CREATE TABLE t AS SELECT 1 AS a")
    session.commit()
    session.close()
    code = f"""
from flyte_core_sql.connection import resolve_connection
from flyte_core_sql.drivers.duck import open_duckdb
session = open_duckdb(resolve_connection({file!r}))
session.execute("INSERT INTO t SELECT * FROM range(500000)")
print("writing", flush=True)
session.execute({ENDLESS!r}).rows()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        with pytest.raises(ConnectionFailedError, match="another process writes to this file"):
            open_(file)
        os.kill(writer.pid, signal.SIGKILL)
    again = open_(file)
    assert again.execute("SELECT a FROM t").rows() == [(1,)]
    again.execute("INSERT INTO t VALUES (2)")
    again.commit()


def test_a_forked_child_has_databases_of_its_own(open_: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = open_(private=False)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    child = open_(private=False)
    assert child.execute("SELECT 1").rows() == parent.execute("SELECT 1").rows()
    assert duck_databases._registries[-1].shared is not None


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([[Decimal("0.12345678901234567890"), Decimal("12345678901234567.5")], [None], []], "DECIMAL(37,20)[][]"),
        ([[[Decimal("1E-30")]], None], "DECIMAL(30,30)[][][]"),
        ([[2**70], [1, None]], "HUGEINT[][]"),
        ([[1.5], None], "DOUBLE[][]"),
    ],
)
def test_lists_of_lists_keep_every_digit(value: Any, kind: str) -> None:
    session = open_duckdb(resolve_connection(None))
    found = session.execute("SELECT $1 AS a, typeof($1) AS kind", [value]).rows()
    session.close()
    assert found == [(value, kind)]
