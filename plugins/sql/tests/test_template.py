"""What a SQL task may declare, and what it is on the wire."""

from __future__ import annotations

import asyncio
import copy
import pickle
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, NamedTuple

import cloudpickle
import pytest
from flyte_core_sql import Connection, SQLTask
from flyte_core_sql.errors import InputError, PlaceholderError, ResultError
from google.protobuf.json_format import MessageToDict

import flyte_core
from flyte_core.errors import InvalidTypeError, InvalidValueError, UnknownFieldError
from flyte_core.io import DataFrame, File
from flyte_core.models import Resources, Secret, SerializationContext
from flyte_core.registry import TaskPluginRegistry
from flyte_core.serialize import task_spec

QUERY = "SELECT  n\n\tFROM range(:count) AS numbers(n)  -- all\n"
WAREHOUSE = Connection(name="warehouse", url="postgresql://ann@db.example/app", password=Secret("warehouse-password"))


class Extremes(NamedTuple):
    low: int
    name: str


def task(query: str = QUERY, **given: Any) -> SQLTask:
    given = {"inputs": {"count": int}, "outputs": list[int], **given}
    return SQLTask(given.pop("name", "numbers"), query, **given)


def custom(declared: SQLTask) -> dict[str, Any]:
    return MessageToDict(task_spec(declared, SerializationContext(version="1")).task_template.custom)


def test_the_statement_on_the_wire_is_the_query_to_the_letter() -> None:
    template = task_spec(task(), SerializationContext(version="1")).task_template
    assert template.type == "sql"
    assert template.sql.statement == QUERY
    assert not template.HasField("container")


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [("ansi", "ANSI"), ("hive", "HIVE"), ("duckdb", "OTHER"), (None, "OTHER"), ("PostgreSQL", "OTHER")],
)
def test_the_dialect_on_the_wire_is_one_that_flyte_knows(dialect: str | None, expected: str) -> None:
    from flyteidl2.core import tasks_pb2

    declared = task("SELECT :count AS n", dialect=dialect)
    template = task_spec(declared, SerializationContext(version="1")).task_template
    assert tasks_pb2.Sql.Dialect.Name(template.sql.dialect) == expected


@pytest.mark.parametrize(
    ("connection", "dialect"),
    [
        (None, "duckdb"),
        ("warehouse", ""),
        ("sqlite:///x.db", "sqlite"),
        ("postgresql+psycopg://ann@h/d", "postgres"),
        (WAREHOUSE, "postgres"),
        ("mysql+pymysql://ann@h/d", "mysql"),
    ],
)
def test_the_dialect_is_that_of_the_connection(connection: Any, dialect: str) -> None:
    assert task("SELECT :count AS n", connection=connection).dialect == dialect
    assert task("SELECT :count AS n", connection=connection, dialect="sqlite").dialect == "sqlite"


def test_the_custom_part_says_how_to_connect_and_no_secret() -> None:
    declared = task("SELECT :count AS n", connection=WAREHOUSE, read_only=True, statement_timeout=timedelta(seconds=90))
    found = custom(declared)
    assert found["dialect"] == "postgres"
    assert found["readOnly"] is True
    assert found["statementTimeout"] == 90
    assert found["connection"]["url"] == "postgresql://ann@db.example/app"
    assert "assword" not in str(found)
    assert custom(task("SELECT :count AS n", connection="warehouse"))["connection"] == {"name": "warehouse"}


def test_the_secrets_of_the_connection_are_the_tasks() -> None:
    own = Secret(key="own")
    declared = task("SELECT :count AS n", connection=WAREHOUSE, secrets=[own])
    assert declared.secrets == [own, Secret(key="warehouse-password")]
    assert declared.override(secrets=[own]).secrets == declared.secrets
    assert task("SELECT :count AS n", connection=WAREHOUSE).override(short_name="n").secrets == declared.secrets[1:]
    spec = task_spec(declared, SerializationContext(version="1"))
    assert [found.key for found in spec.task_template.security_context.secrets] == ["own", "warehouse-password"]
    assert task().secrets is None


def test_as_a_container_it_starts_the_runtime_with_its_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = task(as_container=True, image="app:1")
    flyte_core.TaskEnvironment.from_task("queries", declared)
    module = ModuleType("queries")
    module.__file__ = str(tmp_path / "queries.py")
    module.declared = declared  # type: ignore[attr-defined] # as any variable of a module
    monkeypatch.setitem(sys.modules, "queries", module)
    template = task_spec(declared, SerializationContext(version="1", root_dir=tmp_path)).task_template
    assert not template.HasField("sql")
    assert template.container.image == "app:1"
    assert list(template.container.args[-4:]) == ["mod", "queries", "instance", "declared"]
    assert MessageToDict(template.custom)["statement"] == QUERY


def test_an_image_that_nobody_would_run_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="unless as_container=True"):
        task(image="app:1")


def test_the_owner_of_the_task_type_gives_this_class() -> None:
    assert TaskPluginRegistry.task_template_class("sql") is SQLTask


@pytest.mark.parametrize("way", [pickle, cloudpickle])
def test_a_task_survives_pickling(way: Any) -> None:
    declared = task(fragments=None, connection=WAREHOUSE, dialect="duckdb")
    again = way.loads(way.dumps(declared))
    assert again == declared
    assert again.connection == WAREHOUSE


def test_overriding_leaves_the_task_as_it_is() -> None:
    declared = task()
    before = copy.copy(declared)
    other = declared.override(short_name="x", retries=2, timeout=5)
    assert (other.short_name, other.retries.count, other.query) == ("x", 2, QUERY)  # type: ignore[union-attr]
    assert declared == before


def test_one_type_is_the_output_o0() -> None:
    assert task(outputs=DataFrame).interface.outputs == {"o0": DataFrame}
    assert task(outputs={"total": int}).interface.outputs == {"total": int}
    assert task(outputs=None).interface.outputs == {}


def test_the_fields_of_a_named_tuple_are_several_outputs() -> None:
    declared = SQLTask("t", "SELECT 1 AS low, 'x' AS name", outputs=Extremes)
    assert declared.interface.outputs == {"low": int, "name": str}
    assert flyte_core.run(declared).outputs() == (1, "x")


@pytest.mark.parametrize("connection", ["sqlite://", WAREHOUSE, Connection(url="duckdb://", driver="sqlalchemy")])
def test_a_table_is_an_input_of_duckdb_only(connection: Any) -> None:
    with pytest.raises(InvalidTypeError, match="numbers") as refused:
        SQLTask("numbers", "SELECT * FROM f", {"f": DataFrame}, DataFrame, connection=connection)
    assert "DuckDB" in str(refused.value)


@pytest.mark.parametrize("table", [DataFrame, File])
@pytest.mark.parametrize("connection", [None, "duckdb:///x.db", "named"])
def test_a_table_is_an_input_where_the_connection_may_be_duckdb(table: type, connection: str | None) -> None:
    assert SQLTask("t", "SELECT * FROM f", {"f": table}, DataFrame, connection=connection).query


@pytest.mark.parametrize(
    ("dialect", "statement"),
    [
        (dialect, statement)
        for dialect in ("duckdb", "sqlite", "postgres", "")
        for statement in (
            "BEGIN",
            "begin transaction",
            "START TRANSACTION",
            "COMMIT",
            "END",
            "ROLLBACK",
            "-- all\nCOMMIT",
        )
    ]
    + [("sqlite", "BEGIN IMMEDIATE"), ("postgres", "ABORT"), ("postgres", "COMMIT AND CHAIN"), ("tsql", "COMMIT TRAN")],
)
def test_a_query_that_ends_its_own_transaction_is_refused(dialect: str, statement: str) -> None:
    with pytest.raises(InvalidValueError, match="one transaction"):
        SQLTask("t", f"SELECT 1; {statement}; SELECT 2", outputs=int, dialect=dialect)


@pytest.mark.parametrize(
    ("dialect", "statement"),
    [
        ("postgres", "SAVEPOINT a"),
        ("postgres", "ROLLBACK TO a"),
        ("postgres", "ROLLBACK TO SAVEPOINT a"),
        ("postgres", "ROLLBACK WORK TO SAVEPOINT a"),
        ("sqlite", "ROLLBACK TRANSACTION TO a"),
        ("duckdb", "SELECT 'COMMIT' AS rollback"),
        ("tsql", "BEGIN SELECT 1; SELECT 2 END"),
    ],
)
def test_a_query_may_have_savepoints_and_blocks(dialect: str, statement: str) -> None:
    assert SQLTask("t", f"SELECT 1; {statement}; SELECT 2", outputs=int, dialect=dialect).query


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"query": 3}, InvalidTypeError, "the statement as a text"),
        ({"query": " \n"}, InvalidValueError, "a statement"),
        ({"inputs": ["count"]}, InvalidTypeError, "a mapping of types by name"),
        ({"inputs": {1: int}}, InvalidTypeError, "texts as names"),
        ({"inputs": {"a-b": int}}, InvalidValueError, "as placeholders have"),
        ({"outputs": {"a b": int}}, InvalidValueError, "as placeholders have"),
        ({"outputs": complex}, InvalidTypeError, "o0"),
        ({"inputs": {"count": object}}, InvalidTypeError, "count"),
        ({"connection": 3}, InvalidTypeError, "a connection's name or URL"),
        ({"connection": " "}, InvalidValueError, "a name of letters"),
        ({"dialect": 3}, InvalidTypeError, "a dialect's name"),
        ({"dialect": "duckdp"}, InvalidValueError, "duckdb"),
        ({"fragments": ["count"]}, InvalidTypeError, "allowed texts by input"),
        ({"fragments": {"cuont": ["1"]}}, InvalidValueError, "did you mean count"),
        ({"fragments": {"count": []}}, InvalidValueError, "at least one text"),
        ({"fragments": {"count": "1"}}, InvalidTypeError, "a list of texts"),
        ({"fragments": {"count": [1]}}, InvalidTypeError, "a list of texts"),
        ({"statement_timeout": "1"}, InvalidTypeError, "a number of seconds"),
        ({"statement_timeout": True}, InvalidTypeError, "a number of seconds"),
        ({"statement_timeout": -1}, InvalidValueError, "at least 0"),
        ({"statement_timeout": float("nan")}, InvalidValueError, "at least 0"),
        ({"timeout": "1m"}, InvalidValueError, "a timedelta"),
        ({"max_in_memory": 1.5}, InvalidTypeError, "a number of bytes"),
        ({"max_in_memory": -1}, InvalidValueError, "at least 0"),
        ({"read_only": 1}, InvalidTypeError, "True or False"),
        ({"as_container": "yes"}, InvalidTypeError, "True or False"),
        ({"output": int}, UnknownFieldError, "did you mean 'outputs'"),
        ({"retires": 2}, UnknownFieldError, "did you mean 'retries'"),
        ({"task_type": "x"}, UnknownFieldError, "task_type"),
        ({"query": "SELECT 1"}, PlaceholderError, "count"),
        ({"query": "SELECT :cuont, :count"}, PlaceholderError, "did you mean"),
        ({"query": "SELECT ':count'"}, PlaceholderError, "quotes"),
    ],
)
def test_a_wrong_declaration_is_refused_and_names_the_task(
    given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as refused:
        task(**given)
    assert "numbers" in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://ann:s3cret@h/d", "postgresql://ann@h/d?password=s3cret"])
def test_a_password_in_the_template_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        task(connection=url)
    assert "s3cret" not in str(refused.value)


def test_a_fragments_texts_are_part_of_the_query_that_is_checked() -> None:
    query, inputs = "SELECT 1 AS a ORDER BY {{ .inputs.order }}", {"order": str}
    with pytest.raises(PlaceholderError, match="order"):
        SQLTask("t", query, inputs, int, fragments={"order": ["a; DROP TABLE t"]})
    declared = SQLTask("t", query, inputs, int, fragments={"order": {"up": "a ASC", "down": "a DESC"}})
    assert custom(declared)["fragments"] == {"order": {"up": "a ASC", "down": "a DESC"}}


def test_a_task_stands_in_an_environment() -> None:
    env = flyte_core.TaskEnvironment.from_task("queries", task(resources=Resources(cpu=1)))
    assert [found.name for found in env.tasks.values()] == ["numbers"]


@pytest.mark.parametrize("way", ["execute", "explain"])
def test_a_table_that_cannot_be_read_is_an_error_of_the_task(tmp_path: Path, way: str) -> None:
    task = SQLTask(name="top", query="SELECT * FROM t", inputs={"t": File}, outputs=DataFrame)
    with pytest.raises(InputError, match=r"^task 'top': input 't': cannot find .*none\.csv: "):
        asyncio.run(getattr(task, way)(t=File(path=str(tmp_path / "none.csv"))))


def test_a_run_that_fails_at_a_table_shows_no_function_of_the_plugin(tmp_path: Path) -> None:
    task = SQLTask(name="top", query="SELECT * FROM t", inputs={"t": File}, outputs=DataFrame)
    with pytest.raises(InputError, match=r"^task 'top': input 't': cannot find .*; check the path") as unread:
        flyte_core.run(task, t=File(path=str(tmp_path / "none.csv")))
    wrong = SQLTask(name="top", query="SELECT 1 AS a", outputs=Annotated[DataFrame, {"b": int}])
    with pytest.raises(ResultError, match=r"^task 'top': output 'o0' \(DataFrame\): column 'b' is") as differs:
        flyte_core.run(wrong)
    assert ".py" not in f"{unread.value}{differs.value}"
