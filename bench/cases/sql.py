"""SQL tasks beside the drivers beneath them: a group-by of DuckDB, a table of PostgreSQL, and one row.

Each task is called in a warm process, and the other side has its connection open already. That every row came is
checked each time.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyperf

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "tests" / "support" / "postgres.py"

GENERATED = 10_000_000
GROUP_BY = f"""
SELECT n % 1000 AS bucket, count(*) AS rows, sum(n) AS total, avg(n * 0.5) AS mean, max(hash(n)) AS top
FROM range({GENERATED}) AS numbers(n) GROUP BY bucket ORDER BY bucket
"""

STORED = 1_000_000
#: Ten columns of ten types.
TABLE = f"""
CREATE UNLOGGED TABLE trips AS
SELECT n::bigint AS id, (n % 1000)::int AS count, (n % 7)::smallint AS day, n * 0.37::float8 AS distance,
    (n % 100)::float4 / 8 AS weight, (n % 99999)::numeric(12, 2) / 100 AS price, n % 3 = 0 AS paid,
    'Town ' || n % 5000 AS town, date '2020-01-01' + (n % 1000)::int AS date,
    timestamptz '2024-01-01 00:00+00' + n * interval '1 second' AS at
FROM generate_series(1, {STORED}) AS numbers(n)
"""
READ = "SELECT * FROM trips"

CALLS = 1000
ONE = "SELECT {} + 1 AS next"

Work = Callable[[], Any]
#: Gives what runs a query.
Preparation = Callable[[str], Work]


def main() -> None:
    """Measure the side that the command line names."""
    runner = pyperf.Runner(add_cmdline_args=_forward)
    runner.argparser.add_argument("--sdk", choices=("flyte_core", "tools"), required=True)
    runner.argparser.add_argument("--part", choices=(*_TABLES, "call", "nested"), required=True)
    args = runner.parse_args()
    name = f"{args.sdk} sql {args.part}"
    if not args.worker:
        runner.bench_func(name, str)
        return
    if args.part not in _TABLES:
        one = _driver_one if args.sdk == "tools" else _call_one if args.part == "call" else _nested_one
        runner.bench_time_func(name, _timed(one()), inner_loops=CALLS)
        return
    query, rows = (GROUP_BY, 1000) if args.part == "group-by" else (READ, STORED)
    with _TABLES[args.part](args.sdk == "flyte_core") as prepare:
        # What is done once in a process is done with one row.
        prepare(f"SELECT * FROM ({query}) AS whole LIMIT 1")()
        runner.bench_time_func(name, _checked(prepare(query), rows))


def _checked(work: Work, rows: int) -> Callable[[int], float]:
    def measure(loops: int) -> float:
        took = 0.0
        for _ in range(loops):
            start = pyperf.perf_counter()
            found = work()
            took += pyperf.perf_counter() - start
            if len(found) != rows:
                raise SystemExit(f"not every row came: {len(found)}")
            del found
        return took

    return measure


def _timed(work: Callable[[], list[float]]) -> Callable[[int], float]:
    """Take the median of the calls as what each of them took: a mean would have what else the machine did in it."""
    return lambda loops: sum(statistics.median(work()) * CALLS for _ in range(loops))


# ---- tables --------------------------------------------------------------------------------------------


@contextmanager
def _group_by(ours: bool) -> Iterator[Preparation]:
    """DuckDB's own API gives an Arrow table, which is what the task's output has inside."""
    if ours:
        yield lambda query: _task(query, None)
        return
    import duckdb

    connection = duckdb.connect()
    yield lambda query: lambda: connection.sql(query).to_arrow_table()


@contextmanager
def _beside_pandas(ours: bool) -> Iterator[Preparation]:
    import pandas as pd

    with _server() as url:
        if ours:
            yield lambda query: _task(query, url, pd.DataFrame)
            return
        import sqlalchemy

        engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
            yield lambda query: lambda: pd.read_sql(query, connection)


@contextmanager
def _beside_adbc(ours: bool) -> Iterator[Preparation]:
    """ADBC gives an Arrow table, with NUMERIC as texts; the task gives decimals, and a DataFrame of flyte_core."""
    with _server() as url:
        if ours:
            yield lambda query: _task(query, url)
            return
        from adbc_driver_postgresql import dbapi

        with dbapi.connect(url) as connection, connection.cursor() as cursor:

            def read(query: str) -> Any:
                cursor.execute(query)
                return cursor.fetch_arrow_table()

            yield lambda query: lambda: read(query)


_TABLES = {"group-by": _group_by, "read-beside-pandas": _beside_pandas, "read-beside-adbc": _beside_adbc}


def _task(query: str, url: str | None, output: Any = None) -> Work:
    """Give the call of a task, whose output is a DataFrame unless it is said."""
    from flyte_core_sql import SQLTask

    from flyte_core.io import DataFrame

    if url is not None:
        # As a deployment names it: a URL in a task has no password.
        os.environ["FLYTE_CORE_SQL_BENCH"] = url
    connection = None if url is None else "bench"
    dialect = None if url is None else "postgres"
    task = SQLTask("table", query, outputs=output or DataFrame, connection=connection, dialect=dialect)
    if output is not None:
        return lambda: asyncio.run(task())
    return lambda: asyncio.run(task()).val


@contextmanager
def _server() -> Iterator[str]:
    """Run the server of the tests with the table in it, and give its URL."""
    import psycopg

    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(SERVER)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(TABLE)
                connection.execute("VACUUM ANALYZE trips")
            yield url
        finally:
            process.stdin.close()


# ---- one row -------------------------------------------------------------------------------------------


def _one_task() -> Any:
    from flyte_core_sql import SQLTask

    return SQLTask("one", ONE.format(":number"), inputs={"number": int}, outputs=int)


async def _each_call(task: Any) -> list[float]:
    """Call the task again and again; give what each call took."""
    took = []
    for number in range(CALLS):
        start = pyperf.perf_counter()
        found = await task(number=number)
        took.append(pyperf.perf_counter() - start)
        if found != number + 1:
            raise SystemExit("the row is not the right one")
    return took


def _call_one() -> Callable[[], list[float]]:
    """The task called in an event loop that runs, as a program with one calls it."""
    task = _one_task()
    return lambda: asyncio.run(_each_call(task))


def _nested_one() -> Callable[[], list[float]]:
    """The task called by another one, in a run: each call is an action of the run, recorded and stored."""
    import flyte_core

    task = _one_task()
    env = flyte_core.TaskEnvironment("bench")

    async def outer() -> list[float]:
        return await _each_call(task)

    whole = env.task(outer)
    flyte_core.init()

    def work() -> list[float]:
        with tempfile.TemporaryDirectory() as folder:
            took: list[float] = flyte_core.with_runcontext(mode="local", raw_data_path=folder).run(whole).outputs()
            return took

    return work


def _driver_one() -> Callable[[], list[float]]:
    import duckdb

    connection = duckdb.connect()
    query = ONE.format("$1")

    async def call(number: int) -> Any:
        return connection.execute(query, [number]).fetchall()[0][0]

    return lambda: asyncio.run(_each_call(call))


def _forward(command: list[str], args: object) -> None:
    command.extend(["--sdk", args.sdk, "--part", args.part])  # type: ignore[attr-defined]  # argparse's namespace


if __name__ == "__main__":
    main()
