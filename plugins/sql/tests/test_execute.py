"""SQL tasks as they run: on every kind of database, in runs, cancelled, cached, and in a container's process."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from flyte_core_sql import Connection, SQLTask, drivers
from flyte_core_sql.drivers.turns import AT_MOST
from flyte_core_sql.errors import (
    ConnectionConfigError,
    ConnectionFailedError,
    FragmentError,
    QueryError,
    QueryTimeoutError,
    ResultError,
)

import flyte_core
from flyte_core.errors import (
    FlyteCoreError,
    InputError,
    InvalidTypeError,
    RuntimeDataValidationError,
    TaskTimeoutError,
)
from flyte_core.io import DataFrame, File
from flyte_core.models import NativeInterface, Secret, SerializationContext
from flyte_core.runtime import TaskEvent, with_runcontext
from flyte_core.serialize import task_spec
from tests.support.postgres import PostgresServer

#: How many rows it takes to be running for a minute.
FOREVER = {
    "duckdb": "SELECT count(*) FROM range(100000000000) AS a(n) WHERE n % :modulus = 1",
    "sqlite": "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a WHERE n < 100000000000) "
    "SELECT count(*) FROM a WHERE n % :modulus = 1",
    "postgres": "SELECT count(*) FROM generate_series(1, 100000000000) AS a(n) WHERE n % CAST(:modulus AS BIGINT) = 1",
}


@pytest.fixture(params=["duckdb", "sqlite", "postgres"])
def dialect(request: pytest.FixtureRequest) -> str:
    """The name of a kind of database."""
    return request.param


@pytest.fixture
def connection(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Connection:
    """A database of that kind, whose content is the test's own."""
    if dialect != "postgres":
        return Connection(url=f"{dialect}:///{tmp_path / 'test.db'}")
    server: PostgresServer = request.getfixturevalue("postgres")
    monkeypatch.setenv("TESTERS_PASSWORD", server.password)
    server.execute("DROP SCHEMA IF EXISTS public CASCADE")
    server.execute("CREATE SCHEMA public")
    return Connection(url=server.url, password=Secret(key="x", as_env_var="TESTERS_PASSWORD"))


def query(text: str, outputs: Any = None, *, inputs: dict[str, Any] | None = None, **given: Any) -> SQLTask:
    return SQLTask(given.pop("name", "query"), text, inputs, outputs, **given)


def call(task: SQLTask, **inputs: Any) -> Any:
    return asyncio.run(task(**inputs))


@dataclass
class Town:
    name: str
    people: int | None


def test_rows_are_written_and_read(connection: Connection) -> None:
    call(query("CREATE TABLE towns (name VARCHAR(50), people INTEGER)", connection=connection))
    insert = query(
        "INSERT INTO towns VALUES (:name, :people)",
        int,
        inputs={"name": str, "people": int | None},
        connection=connection,
    )
    assert call(insert, name="O'Hara; --", people=3) == 1
    assert call(insert, name="é\\:x", people=None) == 1
    towns = query("SELECT name, people FROM towns ORDER BY people IS NULL", list[Town], connection=connection)
    assert call(towns) == [Town("O'Hara; --", 3), Town("é\\:x", None)]
    found = query(
        "SELECT count(*) AS n FROM towns WHERE name IN :names", int, inputs={"names": list[str]}, connection=connection
    )
    assert call(found, names=["O'Hara; --", "other"]) == 1
    assert call(found, names=[]) == 0
    frame = query("SELECT name, people FROM towns ORDER BY name", DataFrame, connection=connection)
    assert call(frame).val.column("name").to_pylist() == ["O'Hara; --", "é\\:x"]


def test_a_script_is_one_transaction(connection: Connection) -> None:
    create = query(
        "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (:a); SELECT a FROM t",
        int,
        inputs={"a": int},
        connection=connection,
    )
    assert call(create, a=4) == 4
    broken = query("INSERT INTO t VALUES (5); INSERT INTO missing VALUES (1)", connection=connection)
    with pytest.raises(QueryError, match="missing"):
        call(broken)
    wrong = query("INSERT INTO t VALUES (6); SELECT a FROM t", str, connection=connection)
    with pytest.raises(ResultError):
        call(wrong)
    assert call(query("SELECT a FROM t", list[int], connection=connection)) == [4]


def test_what_the_wire_cannot_hold_is_told_before_anything_is_kept() -> None:
    big = "CREATE TABLE t (a HUGEINT); INSERT INTO t VALUES (99999999999999999999) RETURNING a"
    with pytest.raises(RuntimeDataValidationError, match="64 bits"):
        call(query(big, int))


@pytest.mark.parametrize("outputs", [int, dict])
def test_a_write_whose_outputs_cannot_leave_is_undone(tmp_path: Path, outputs: Any) -> None:
    connection = Connection(url=f"duckdb:///{tmp_path}/x.db")
    call(query("CREATE TABLE t (a HUGEINT)", connection=connection))
    write = query("INSERT INTO t VALUES (99999999999999999999) RETURNING a", outputs, connection=connection)
    with pytest.raises(FlyteCoreError):
        flyte_core.run(write)
    assert call(query("SELECT count(*) AS n FROM t", int, connection=connection)) == 0


def test_every_error_names_the_task(connection: Connection) -> None:
    with pytest.raises(QueryError, match="lost_one"):
        call(query("SELECT a FROM nowhere", int, connection=connection, name="lost_one"))


def test_a_read_only_task_changes_nothing(connection: Connection) -> None:
    call(query("CREATE TABLE t (a INTEGER)", connection=connection))
    with pytest.raises(QueryError):
        call(query("INSERT INTO t VALUES (1)", connection=connection, read_only=True))
    assert call(query("SELECT count(*) AS n FROM t", int, connection=connection, read_only=True)) == 0


def test_a_statement_that_takes_too_long_is_stopped(connection: Connection, dialect: str) -> None:
    slow = query(FOREVER[dialect], int, inputs={"modulus": int}, connection=connection, statement_timeout=0.3)
    with pytest.raises(QueryTimeoutError, match=r"0\.3"):
        call(slow, modulus=7)


def test_the_tasks_own_timeout_stops_its_statement(connection: Connection, dialect: str) -> None:
    limit = timedelta(milliseconds=500)
    slow = query(FOREVER[dialect], int, inputs={"modulus": int}, connection=connection, timeout=limit)
    for run in (call, flyte_core.run):
        with pytest.raises(TaskTimeoutError, match="timeout"):
            run(slow, modulus=7)


def test_cancelling_a_task_ends_its_statement(
    connection: Connection, dialect: str, request: pytest.FixtureRequest
) -> None:
    slow = query(FOREVER[dialect], int, inputs={"modulus": int}, connection=connection)

    async def main() -> None:
        work = asyncio.ensure_future(slow(modulus=7))
        await asyncio.sleep(0.3)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(main())
    if dialect == "postgres":
        request.getfixturevalue("postgres").wait_for("state = 'active'", 0)


@pytest.mark.parametrize("moment", [0.0, 0.001, 0.01, 0.03])
def test_cancelling_at_any_moment_ends_soon(connection: Connection, dialect: str, moment: float) -> None:
    slow = query(FOREVER[dialect], int, inputs={"modulus": int}, connection=connection)

    async def main() -> None:
        work = asyncio.ensure_future(slow(modulus=7))
        await asyncio.sleep(moment)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(asyncio.wait_for(main(), 30))


@pytest.mark.parametrize("timeout", [None, timedelta(minutes=5)])
def test_a_task_that_is_cancelled_ends_with_its_session_however_often_it_is_cancelled(
    connection: Connection, dialect: str, timeout: timedelta | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = query(FOREVER[dialect], int, inputs={"modulus": int}, connection=connection, timeout=timeout)
    opened, told = threading.Event(), []
    real = drivers.open_session

    def watched(*args: Any, **kwargs: Any) -> Any:
        session = real(*args, **kwargs)
        close = session.close
        session.close = lambda: (close(), told.append("closed"))
        opened.set()
        return session

    monkeypatch.setattr(drivers, "open_session", watched)

    async def main() -> None:
        work = asyncio.ensure_future(slow(modulus=7))
        await asyncio.to_thread(opened.wait)
        work.cancel()
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        told.append("ended")

    asyncio.run(main())

    assert told == ["closed", "ended"]


def test_a_task_whose_fields_change_runs_as_it_is_then(connection: Connection) -> None:
    task = query("SELECT 1 AS a", int, connection=connection)
    assert call(task) == 1

    task.query = "SELECT 'one' AS a"
    task.interface = NativeInterface({}, {"o0": str})

    assert call(task) == "one"


def test_a_task_that_nobody_has_any_more_is_forgotten() -> None:
    task = query("SELECT 1 AS a", int)
    assert call(task) == 1
    known = weakref.ref(task)

    del task
    gc.collect()

    assert known() is None


def test_many_tasks_run_beside_each_other(connection: Connection) -> None:
    task = query("SELECT :n + 1 AS n", int, inputs={"n": int}, connection=connection)

    async def main() -> list[int]:
        return await asyncio.gather(*(task(n=n) for n in range(40)))

    assert asyncio.run(main()) == list(range(1, 41))


def test_more_tasks_than_a_server_has_places_for_wait_for_their_turn(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTERS_PASSWORD", postgres.password)
    connection = Connection(url=postgres.url, password=Secret(key="x", as_env_var="TESTERS_PASSWORD"))
    task = query("SELECT :n + 1 AS n FROM pg_sleep(0.02)", int, inputs={"n": int}, connection=connection)

    async def main() -> list[int]:
        return await asyncio.gather(*(task(n=n) for n in range(150)))

    assert asyncio.run(main()) == list(range(1, 151))


def test_a_task_that_waits_for_its_turn_can_be_cancelled(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTERS_PASSWORD", postgres.password)
    connection = Connection(url=postgres.url, password=Secret(key="x", as_env_var="TESTERS_PASSWORD"))
    task = query("SELECT 1 AS n FROM pg_sleep(60)", int, connection=connection)

    async def main() -> None:
        work = [asyncio.ensure_future(task()) for _ in range(AT_MOST + 5)]
        await asyncio.sleep(1)
        for one in work:
            one.cancel()
        await asyncio.wait(work, timeout=30)
        assert all(one.cancelled() for one in work)

    asyncio.run(main())
    postgres.wait_for("state = 'active'", 0)


def test_the_plan_is_shown_and_nothing_is_run(connection: Connection) -> None:
    call(query("CREATE TABLE t (a INTEGER)", connection=connection))
    delete = query("DELETE FROM t WHERE a = :a", inputs={"a": int}, connection=connection)
    call(query("INSERT INTO t VALUES (1)", connection=connection))
    assert "t" in asyncio.run(delete.explain(a=1))
    assert call(query("SELECT count(*) AS n FROM t", int, connection=connection)) == 1
    read = query("SELECT a FROM t WHERE a = :a", list[int], inputs={"a": int}, connection=connection)
    assert "t" in asyncio.run(read.explain(a=1))


def test_the_plans_of_a_script_are_those_that_there_are(connection: Connection) -> None:
    call(query("CREATE TABLE t (a INTEGER)", connection=connection))
    script = query("CREATE TABLE made (a INTEGER); SELECT a FROM made; SELECT a FROM t", int, connection=connection)
    made, unknown, *known = asyncio.run(script.explain()).split("\n\n")
    assert made == "no plan: CREATE TABLE made (a INTEGER)"
    assert unknown.startswith("no plan without the statements before it: ")
    assert "t" in known[-1]
    with pytest.raises(QueryError):
        call(query("SELECT a FROM made", int, connection=connection))


def test_wrong_inputs_are_told_before_anything_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    task = query("SELECT :n AS n", int, inputs={"n": int}, connection="nowhere", dialect="duckdb")
    with pytest.raises(InputError, match="n"):
        call(task)
    with pytest.raises(InputError, match="did you mean"):
        call(task, nn=1)
    with pytest.raises(ConnectionConfigError, match="nowhere"):
        call(task, n=1)


def test_a_fragment_is_one_of_those_that_are_declared() -> None:
    task = query(
        "SELECT n FROM range(3) AS a(n) ORDER BY {{ .inputs.order }}",
        list[int],
        inputs={"order": str},
        fragments={"order": {"up": "n ASC", "down": "n DESC"}},
    )
    assert call(task, order="down") == [2, 1, 0]
    for wrong in ("dwon", "n DESC", "", "n; DROP TABLE x"):
        with pytest.raises(FragmentError, match="up, down"):
            call(task, order=wrong)


def test_the_embedded_database_is_every_tasks_own() -> None:
    call(query("CREATE TABLE mine (a INTEGER)"))
    with pytest.raises(QueryError, match="mine"):
        call(query("SELECT * FROM mine", list[int]))
    call(query("SELECT a FROM data", list[int], inputs={"data": pa.Table}), data=pa.table({"a": [1]}))
    with pytest.raises(QueryError, match="data"):
        call(query("SELECT a FROM data", list[int]))


def test_variables_of_the_program_are_no_tables() -> None:
    secret_table = pa.table({"a": [1]})
    with pytest.raises(QueryError, match="secret_table"):
        call(query("SELECT * FROM secret_table", list[int]))
    assert secret_table.num_rows == 1


def test_a_table_input_needs_the_embedded_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    for connection, dialect in ((url, None), ("shop", "postgres")):
        with pytest.raises(InvalidTypeError, match="DuckDB"):
            query("SELECT a FROM data", list[int], inputs={"data": pa.Table}, connection=connection, dialect=dialect)
    # What a name stands for is known where the task runs.
    monkeypatch.setenv("FLYTE_CORE_SQL_SHOP", url)
    task = query("SELECT a FROM data", list[int], inputs={"data": pa.Table}, connection="shop")
    with pytest.raises(InvalidTypeError, match="DuckDB"):
        call(task, data=pa.table({"a": [1]}))


env = flyte_core.TaskEnvironment("flow")
longest = SQLTask(
    "longest",
    "SELECT word, length(word) AS letters FROM words ORDER BY letters DESC, word LIMIT :most",
    {"words": File["csv"], "most": int},
    DataFrame,
)
sql_env = flyte_core.TaskEnvironment.from_task("queries", longest)


@env.task
async def write_words(text: str, folder: str) -> File:
    path = Path(folder) / "words.csv"
    path.write_text("\n".join(["word", *text.split()]))
    return await File.from_local(path)


@env.task
async def flow(text: str, folder: str) -> list[str]:
    words = await write_words(text, folder)
    frame = await longest(words=words, most=2)
    table = await frame.open(pa.Table).all()
    return table.column("word").to_pylist()


def test_python_and_sql_tasks_hand_data_to_each_other(tmp_path: Path) -> None:
    assert flyte_core.run(flow, text="a ccc bb dddd", folder=str(tmp_path)).outputs() == ["dddd", "ccc"]


def test_a_cached_result_depends_on_query_connection_inputs_and_files(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n2\n")
    ends: Counter[str] = Counter()

    def run(text: str, connection: Any = None, least: int = 0) -> str:
        ends.clear()

        def count(event: TaskEvent) -> None:
            ends[event.kind] += 1

        task = query(
            text, list[int], inputs={"data": File, "least": int}, connection=connection, cache="auto", name="cached"
        )
        flyte_core.TaskEnvironment.from_task("cached", task)
        with_runcontext(on_event=count).run(task, data=File(path=str(file)), least=least)
        return "cached" if ends["cached"] else "computed"

    text = "SELECT a FROM data WHERE a > :least"
    assert [run(text), run(text)] == ["computed", "cached"]
    assert run(text, least=1) == "computed"
    assert run(text + " ") == "computed"
    other = Connection(name="other", url=f"duckdb:///{tmp_path}/x.db")
    assert [run(text, other), run(text, other)] == ["computed", "cached"]
    file.write_text("a\n1\n2\n3\n")
    os.utime(file, ns=(1, 1))
    assert [run(text), run(text)] == ["computed", "cached"]


def test_a_container_runs_the_query_by_the_runtimes_entry_point(tmp_path: Path) -> None:
    (tmp_path / "queries.py").write_text(
        "import flyte_core\nfrom flyte_core_sql import SQLTask\n"
        'add = SQLTask("add", "SELECT :a + :b AS n", {"a": int, "b": int}, int, as_container=True)\n'
        'env = flyte_core.TaskEnvironment.from_task("queries", add)\n'
    )
    sys.path.insert(0, str(tmp_path))
    try:
        import queries
    finally:
        sys.path.remove(str(tmp_path))
    del sys.modules["queries"]
    sys.modules["queries"] = queries
    from flyteidl2.task import common_pb2

    from flyte_core.types.convert import interface_codec

    spec = task_spec(queries.add, SerializationContext(version="1", root_dir=tmp_path))
    codec = interface_codec(queries.add.native_interface)
    (tmp_path / "inputs.pb").write_bytes(codec.encode_inputs((), {"a": 40, "b": 2}).SerializeToString())
    values = {
        "{{.input}}": str(tmp_path / "inputs.pb"),
        "{{.outputPrefix}}": str(tmp_path / "out"),
        "{{.rawOutputDataPrefix}}": str(tmp_path / "raw"),
        "{{.runName}}": "run",
        "{{.actionName}}": "a0",
    }
    words = [values.get(word, word) for word in spec.task_template.container.args]
    assert words[0] == "fc0"
    done = subprocess.run(
        [sys.executable, "-m", "flyte_core.runtime.entrypoint", *words[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    outputs = common_pb2.Outputs.FromString((tmp_path / "out" / "outputs.pb").read_bytes())
    assert codec.decode_outputs(outputs) == 42


@pytest.fixture
def closed(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The server, of which a test must leave no connection."""
    yield postgres
    gc.collect()
    postgres.wait_for("true", 0, "flyte%", seconds=10)


def test_a_wrong_password_is_an_error_that_does_not_show_it(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WRONG_PASSWORD", "n0t-the-passw0rd")
    wrong = Connection(name="shop", url=postgres.url, password=Secret(key="x", as_env_var="WRONG_PASSWORD"))
    with pytest.raises(ConnectionFailedError, match="shop") as refused:
        call(query("SELECT 1 AS n", int, connection=wrong))
    chain: BaseException | None = refused.value
    while chain is not None:
        assert "n0t-the-passw0rd" not in str(chain)
        chain = chain.__cause__
    said = capfd.readouterr()
    assert "n0t-the-passw0rd" not in said.out + said.err


def test_a_secret_that_is_not_there_is_named(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISSING_PASSWORD", raising=False)
    connection = Connection(url=postgres.url, password=Secret(key="x", as_env_var="MISSING_PASSWORD"))
    with pytest.raises(ConnectionConfigError, match="MISSING_PASSWORD"):
        call(query("SELECT 1 AS n", int, connection=connection))
