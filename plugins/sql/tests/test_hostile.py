"""Hostile values through whole tasks on real databases: nothing but values reaches a statement, and all come back."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import math
import re
import sqlite3
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid4

import attrs
import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from flyte_core_sql import SQLTask, drivers
from flyte_core_sql.errors import PlaceholderError, QueryError

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.io import File
from plugins.sql.tests.statement.corpus import (
    HOSTILE_QUERIES,
    HOSTILE_TEXTS,
    HOSTILE_VALUES,
    REFUSED_QUERIES,
    HostileQuery,
)
from tests.support.postgres import PostgresServer

R = TypeVar("R")

Kind = Literal["duckdb", "sqlite", "postgres"]
_KINDS: tuple[Kind, ...] = ("duckdb", "sqlite", "postgres")

_TABLES = "CREATE TABLE hostile (id INTEGER, value TEXT); CREATE TABLE canary (word TEXT)"
_CATALOGUES = {
    "duckdb": "SELECT table_name, sql FROM duckdb_tables() UNION ALL SELECT view_name, sql FROM duckdb_views()"
    " WHERE NOT internal ORDER BY ALL",
    "sqlite": "SELECT name, sql FROM sqlite_master ORDER BY name",
    "postgres": "SELECT relname, relkind, relnatts, relpages FROM pg_class WHERE relpersistence <> 't' ORDER BY 1, 2",
}


@attrs.frozen(kw_only=True)
class Database:
    """A database with the hostile texts in one table and a canary in another.

    Args:
        kind: whose it is.
        connection: what a task names it.
        look: runs a query on a way of its own, past everything that is tested.
        server: the one of PostgreSQL.
    """

    kind: Kind
    connection: str | None
    look: Callable[[str], list[tuple[Any, ...]]]
    server: PostgresServer | None = None

    def task(self, query: str, inputs: dict[str, Any], outputs: Any = None, **given: Any) -> SQLTask:
        """Declare a task on it."""
        given = {"connection": self.connection, "dialect": self.kind, **given}
        return SQLTask("hostile", query, inputs, outputs, **given)

    def state(self) -> list[Any]:
        """Give what no value may change: the catalogue, and what is in the tables."""
        queries = (_CATALOGUES[self.kind], "SELECT * FROM hostile ORDER BY id", "SELECT * FROM canary")
        return [self.look(query) for query in queries]


@pytest.fixture(scope="module", params=_KINDS)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Give each kind of database, filled without any code of ours."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "postgres":
            yield _postgres(request.getfixturevalue("postgres"), patch)
        else:
            with (_duckdb if request.param == "duckdb" else _sqlite)(folder) as found:
                yield found


def _rows() -> list[tuple[int, str]]:
    return list(enumerate(HOSTILE_TEXTS))


@contextmanager
def _duckdb(folder: Path) -> Iterator[Database]:
    path = str(folder / "hostile.db")
    # Kept open, since to open it anew for each task would take most of the time.
    with duckdb.connect(path) as connection:
        connection.execute(_TABLES)
        connection.executemany("INSERT INTO hostile VALUES (?, ?)", _rows())
        connection.execute("INSERT INTO canary VALUES ('alive')")
        look = lambda query: connection.cursor().execute(query).fetchall()  # noqa: E731 - of this connection
        yield Database(kind="duckdb", connection=f"duckdb:///{path}", look=look)


@contextmanager
def _sqlite(folder: Path) -> Iterator[Database]:
    path = str(folder / "hostile.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(_TABLES)
        connection.executemany("INSERT INTO hostile VALUES (?, ?)", _rows())
        connection.execute("INSERT INTO canary VALUES ('alive')")
        look = lambda query: connection.execute(query).fetchall()  # noqa: E731 - of this connection
        yield Database(kind="sqlite", connection=f"sqlite:///{path}", look=look)


def _postgres(server: PostgresServer, patch: pytest.MonkeyPatch) -> Database:
    import psycopg

    # Of its own, since this fixture may be made more than once in one server.
    name = f"hostile_{uuid4().hex}"
    server.execute(f"CREATE DATABASE {name}")
    # So that the server's own log says what reached it.
    server.execute(f"ALTER DATABASE {name} SET log_statement = 'all'")
    url = server.url_with_password.removesuffix(server.database) + name

    def look(query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(url, autocommit=True, application_name="looking on") as connection:
            return connection.execute(query).fetchall()

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TABLES)
        connection.cursor().executemany("INSERT INTO hostile VALUES (%s, %s)", _rows())
        connection.execute("INSERT INTO canary VALUES ('alive')")
    patch.setenv("FLYTE_CORE_SQL_HOSTILE", url)
    return Database(kind="postgres", connection="hostile", look=look, server=server)


@pytest.fixture(autouse=True)
def _unchanged(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test with a database, the database is what it was."""
    if "database" not in request.fixturenames:
        yield
        return
    database: Database = request.getfixturevalue("database")
    before = database.state()
    yield
    assert database.state() == before
    assert before[1:] == [_rows(), [("alive",)]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the texts that sessions are told to execute, as they come."""
    texts: list[str] = []
    open_session = drivers.open_session

    def spied(*args: Any, **kwargs: Any) -> Any:
        session = open_session(*args, **kwargs)
        execute = session.execute

        def recorded(text: str, parameters: Any) -> Any:
            texts.append(text)
            return execute(text, parameters)

        session.execute = recorded  # type: ignore[method-assign] # to see what it gets
        return session

    monkeypatch.setattr(drivers, "open_session", spied)
    return texts


def _each(values: Sequence[Any], call: Callable[[Any], Coroutine[Any, Any, R]]) -> list[R]:
    """Await a call for each value, one after the other in one loop."""

    async def gathered() -> list[R]:
        return [await call(value) for value in values]

    return asyncio.run(gathered())


def _same(found: Any, value: Any) -> bool:
    """Whether a value came back: NaN too, and a time in another zone."""
    if isinstance(value, float) and math.isnan(value):
        return isinstance(found, float) and math.isnan(found)
    if isinstance(value, float):
        return (found, math.copysign(1, found)) == (value, math.copysign(1, value))
    return type(found) is type(value) and bool(found == value)


#: What a parameter is called in a database, and what of the corpus it has no place for.
_CASTS: dict[Kind, dict[Any, str]] = {
    "duckdb": {
        bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", bytes: "BLOB", Decimal: "DECIMAL(38, 10)", dt.date: "DATE",
        dt.datetime: "TIMESTAMP", "zoned": "TIMESTAMPTZ", dt.timedelta: "INTERVAL", UUID: "UUID",
    },
    "sqlite": {bool: "", int: "", float: "", bytes: ""},
    "postgres": {
        bool: "boolean", int: "bigint", float: "float8", bytes: "bytea", Decimal: "numeric", dt.date: "date",
        dt.datetime: "timestamp", "zoned": "timestamptz", dt.timedelta: "interval", UUID: "uuid",
    },
}  # fmt: skip


def _typed_values(kind: Kind) -> Iterator[tuple[Any, str]]:
    """Give the values of the corpus that are no texts, and each one's type in the database."""
    for value in HOSTILE_VALUES:
        zoned = isinstance(value, dt.datetime) and value.tzinfo is not None
        if isinstance(value, (str, list)) or value is None:
            continue
        # SQLite has no NaN: it is NULL there.
        if kind == "sqlite" and isinstance(value, float) and math.isnan(value):
            continue
        cast = _CASTS[kind].get("zoned" if zoned else type(value))
        if cast is not None:
            yield value, cast


def test_the_corpus_is_as_large_as_it_has_to_be() -> None:
    assert len(HOSTILE_TEXTS) >= 60
    assert all(len(list(_typed_values(kind))) >= 12 for kind in _KINDS)


def test_each_text_comes_back_as_it_was_and_changes_no_statement(database: Database, sent: list[str]) -> None:
    cast = "CAST(:a AS TEXT)"
    echo = database.task(f"SELECT {cast} AS one, {cast.replace(':a', '{{ .inputs.a }}')} AS other", {"a": str}, {
        "one": str, "other": str,
    })  # fmt: skip

    found = _each(HOSTILE_TEXTS, lambda text: echo(a=text))

    assert found == [(text, text) for text in HOSTILE_TEXTS]
    assert len(sent) == len(HOSTILE_TEXTS)
    assert len(set(sent)) == 1


def test_each_value_of_another_type_comes_back_as_it_was(database: Database, sent: list[str]) -> None:
    values = list(_typed_values(database.kind))

    async def echoed(case: tuple[Any, str]) -> Any:
        value, cast = case
        written = f"CAST(:a AS {cast})" if cast else ":a"
        return await database.task(f"SELECT {written} AS a", {"a": type(value)}, type(value))(a=value)

    found = _each(values, echoed)

    assert [(value, back) for (value, _), back in zip(values, found, strict=True) if not _same(back, value)] == []
    assert len(set(sent)) == len({cast for _, cast in values})


def test_none_comes_back_as_none(database: Database) -> None:
    echo = database.task("SELECT CAST(:a AS TEXT) AS a", {"a": str | None}, str | None)

    assert _each([None, "NULL", ""], lambda text: echo(a=text)) == [None, "NULL", ""]


def test_each_text_finds_its_own_row_and_no_other(database: Database, sent: list[str]) -> None:
    find = database.task("SELECT id FROM hostile WHERE value = :a", {"a": str}, list[int])

    assert _each(HOSTILE_TEXTS, lambda text: find(a=text)) == [[number] for number, _ in _rows()]
    assert len(set(sent)) == 1


@pytest.mark.parametrize("written", ["IN :texts", "IN (:texts)", "IN {{ .inputs.texts }}"])
def test_each_text_in_a_list_finds_its_own_row(database: Database, sent: list[str], written: str) -> None:
    find = database.task(f"SELECT id FROM hostile WHERE value {written} ORDER BY id", {"texts": list[str]}, list[int])

    assert _each(HOSTILE_TEXTS, lambda text: find(texts=[text, "none of them"])) == [[n] for n, _ in _rows()]
    assert len(set(sent)) == 1
    assert asyncio.run(find(texts=list(HOSTILE_TEXTS))) == [number for number, _ in _rows()]
    assert asyncio.run(find(texts=[])) == []


def test_each_text_in_a_list_that_is_not_wanted_leaves_the_others(database: Database, sent: list[str]) -> None:
    count = database.task("SELECT count(*) FROM hostile WHERE value NOT IN :texts", {"texts": list[str]}, int)

    found = _each(HOSTILE_TEXTS, lambda text: count(texts=[text]))

    assert set(found) == {len(HOSTILE_TEXTS) - 1}
    assert len(set(sent)) == 1


def test_each_text_is_stored_as_it_is(database: Database, sent: list[str]) -> None:
    store = database.task("UPDATE canary SET word = :a WHERE word = :old", {"a": str, "old": str}, int)
    word = "alive"

    async def stored(text: str) -> list[Any]:
        nonlocal word
        count, word = await store(a=text, old=word), text
        return [count, *database.look("SELECT word FROM canary")]

    assert _each([*HOSTILE_TEXTS, "alive"], stored) == [[1, (text,)] for text in (*HOSTILE_TEXTS, "alive")]
    assert len(set(sent)) == 1


def test_no_text_is_the_name_of_a_fragment_unless_it_is_declared(database: Database, sent: list[str]) -> None:
    order = database.task(
        "SELECT id FROM hostile ORDER BY {{ .inputs.order }}",
        {"order": str},
        list[int],
        fragments={"order": {"first": "id", "last": "id DESC"}},
    )

    async def refused(text: str) -> bool:
        with pytest.raises(ValueError, match="order"):
            await order(order=text)
        return not sent

    assert all(_each([*HOSTILE_TEXTS, "id", "id DESC", "First"], refused))
    assert asyncio.run(order(order="last")) == [number for number, _ in reversed(_rows())]


def test_each_text_may_be_the_declared_name_of_a_fragment(database: Database, sent: list[str]) -> None:
    order = database.task(
        "SELECT id FROM hostile ORDER BY {{ .inputs.order }}",
        {"order": str},
        list[int],
        fragments={"order": dict.fromkeys(HOSTILE_TEXTS, "id")},
    )

    found = _each(HOSTILE_TEXTS, lambda text: order(order=text))

    assert all(ids == [number for number, _ in _rows()] for ids in found)
    assert set(sent) == {"SELECT id FROM hostile ORDER BY id"}


def test_texts_in_a_table_come_back_as_they_were(database: Database, sent: list[str]) -> None:
    rows = pa.table({"id": range(len(HOSTILE_TEXTS)), "text": pa.array(HOSTILE_TEXTS)})
    inputs = {"rows": pa.Table, "a": str}
    if database.kind != "duckdb":
        with pytest.raises((InvalidTypeError, PlaceholderError)):
            asyncio.run(database.task("SELECT * FROM rows WHERE text = :a", inputs, pa.Table)(rows=rows, a=""))
        return
    whole = database.task("SELECT * FROM {{ .inputs.rows }}", {"rows": pa.Table}, pa.Table)
    one = database.task("SELECT id FROM rows WHERE text = :a", inputs, list[int])

    assert asyncio.run(whole(rows=rows)).equals(rows)
    sent.clear()
    assert _each(HOSTILE_TEXTS, lambda text: one(rows=rows, a=text)) == [[number] for number, _ in _rows()]
    assert len(set(sent)) == 1


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_texts_in_a_file_come_back_as_they_were(tmp_path: Path, kind: str) -> None:
    # Quotes do not tell an empty text from none in a CSV file.
    texts = [text for text in HOSTILE_TEXTS if text or kind != "csv"]
    table = pa.table({"id": range(len(texts)), "text": texts})
    path = tmp_path / f"it's; --.{kind}"
    if kind == "csv":
        pyarrow.csv.write_csv(table, path)
    elif kind == "parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        path.write_text(json.dumps(table.to_pylist()), encoding="utf-8")
    read = SQLTask("hostile", "SELECT text FROM rows ORDER BY id", {"rows": File}, list[str])

    assert asyncio.run(read(rows=File(path=str(path)))) == texts


def test_hostile_names_of_columns_are_names_and_nothing_else() -> None:
    # DuckDB knows no names that differ in case alone, and none without a letter.
    names = list({text.lower(): text for text in HOSTILE_TEXTS if text}.values())
    rows = pa.table([[number] for number in range(len(names))], names=names)
    whole = SQLTask("hostile", "SELECT * FROM rows", {"rows": pa.Table}, pa.Table)

    assert asyncio.run(whole(rows=rows)).to_pylist() == rows.to_pylist()


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_the_log_of_the_server_has_one_statement_for_all_texts(database: Database) -> None:
    assert database.server is not None
    log = database.server.folder / "log"
    before = log.stat().st_size
    find = database.task("SELECT id FROM hostile WHERE value = :a -- logged", {"a": str}, list[int])

    _each(HOSTILE_TEXTS, lambda text: find(a=text))

    with log.open("rb") as file:
        file.seek(before)
        said = file.read().decode()
    executed = re.findall(r"LOG: +(?:execute|statement)[^:]*: (.*)", said)
    asked = [text for text in executed if text.startswith("SELECT id")]
    assert len(asked) == len(HOSTILE_TEXTS)
    assert set(asked) == {"SELECT id FROM hostile WHERE value = $1 -- logged"}
    commands = {text.partition(" ")[0].rstrip(";") for text in executed}
    assert commands <= {"SELECT", "BEGIN", "BEGIN;", "COMMIT", "ROLLBACK", "DISCARD", "SET"}


_MARKED = re.compile(r"«(?::(\w+)|\{\{\s*\.inputs\.(\w+)\s*\}\})»")


def _inputs(case: HostileQuery) -> dict[str, Any]:
    names = [match[1] or match[2] for match in _MARKED.finditer(case.marked)]
    return {name: list[str] if name.startswith("ids") else str for name in names}


def test_no_text_changes_what_a_hostile_query_sends(database: Database, sent: list[str]) -> None:
    """Most of these fail, for want of their tables; what matters is what the database was asked."""
    some = ["plain", "'; DROP TABLE hostile; --", "\\' OR 1=1 --"]
    # To open a file for reading alone takes long, and another one has it open.
    given = {"connection": None} if database.kind == "duckdb" else {}
    asked: dict[str, set[tuple[str, ...]]] = {}
    for case in HOSTILE_QUERIES:
        inputs = _inputs(case)
        if case.dialect != database.kind or not all(name.isascii() for name in inputs):
            continue
        query = re.sub("[«»]", "", case.marked)
        task = database.task(query, inputs, read_only=True, **given)
        for text in some:
            values = {name: text if kind is str else [text] for name, kind in inputs.items()}
            sent.clear()
            with suppress(QueryError):
                asyncio.run(task(**values))
            asked.setdefault(query, set()).add(tuple(sent))

    assert len(asked) >= 40
    assert [texts for texts in asked.values() if len(texts) != 1] == []


def test_queries_that_do_not_fit_are_refused_where_they_are_declared(database: Database, sent: list[str]) -> None:
    cases = [case for case in REFUSED_QUERIES if case.dialect == database.kind]
    for case in cases:
        with pytest.raises((InvalidValueError, PlaceholderError)):
            database.task(case.query, dict.fromkeys(case.inputs, str))

    assert len(cases) >= 50
    assert not sent
