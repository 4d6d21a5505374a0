"""What a declaration of a SQL task may hold; every fault is told when the task is declared."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints
from weakref import ref

from flyte_core.errors import InvalidTypeError, InvalidValueError, UnknownFieldError, near_misses
from flyte_core.extend import TaskTemplate

if TYPE_CHECKING:
    from collections.abc import Callable

    from flyte_core_sql.connection import Connection
    from flyte_core_sql.outputs import OutputPlan
    from flyte_core_sql.statement import Query
    from flyte_core_sql.template import SQLTask

__all__ = [
    "check_connection",
    "check_dialect",
    "check_fields",
    "check_fragments",
    "check_image",
    "check_query_text",
    "check_seconds",
    "check_task",
    "checked_query",
    "output_plan",
    "outputs_by_name",
    "types_by_name",
]

T = TypeVar("T")

#: A statement's first words, where they begin or end a transaction; in T-SQL and procedures BEGIN opens a block, too.
_TRANSACTION = re.compile(
    r"BEGIN(?: (?:TRAN|TRANSACTION|WORK|DEFERRED|IMMEDIATE|EXCLUSIVE|CONCURRENT|ISOLATION|READ|NOT)\b.*)?"
    r"|START TRANSACTION.*|(?:COMMIT|END|ABORT)(?: (?:TRAN|TRANSACTION|WORK|AND|PREPARED)\b.*)?"
    r"|ROLLBACK(?! (?:(?:TRANSACTION|WORK) )?TO\b).*"
)


def types_by_name(owner: str, field: str, variables: object) -> dict[str, Any]:
    """Give inputs as a mapping of types.

    Raises:
        InvalidTypeError: when they are none, or a name is no text.
        InvalidValueError: when a name is not one that can stand in a query.
    """
    if variables is None:
        return {}
    if not isinstance(variables, Mapping):
        raise InvalidTypeError(owner, field, variables, "a mapping of types by name")
    for name in variables:
        if not isinstance(name, str):
            raise InvalidTypeError(owner, field, name, "texts as names")
        if not (name.isascii() and name.isidentifier()):
            raise InvalidValueError(owner, field, name, "names of ASCII letters, digits and _, as placeholders have")
    return dict(variables)


def outputs_by_name(owner: str, outputs: object) -> dict[str, Any]:
    """Give outputs as a mapping of types; a type alone is the output ``o0``, and a named tuple its fields."""
    if outputs is None:
        return {}
    if isinstance(outputs, type) and issubclass(outputs, tuple) and hasattr(outputs, "_fields"):
        return get_type_hints(outputs, include_extras=True)
    if isinstance(outputs, Mapping):
        return types_by_name(owner, "outputs", outputs)
    return {"o0": outputs}


def check_fields(owner: str, given: Mapping[str, Any], own: Iterable[str]) -> None:
    """Refuse arguments that a SQL task does not have.

    Args:
        owner: the task.
        given: those that are left for the template.
        own: the names of the others.

    Raises:
        UnknownFieldError: (a TypeError) naming near misses.
    """
    from attrs import fields

    taken = {"interface", "task_type"}
    inherited = [field.alias or field.name for field in fields(TaskTemplate) if field.init]
    known = [name for name in inherited if name not in taken]
    for name in given:
        if name not in known:
            raise UnknownFieldError(owner, name, [*own, *(name for name in known if not name.startswith("_"))])


def check_query_text(owner: str, query: object) -> None:
    """Refuse a query that is no text, or empty.

    Raises:
        InvalidTypeError: for the former.
        InvalidValueError: for the latter.
    """
    if not isinstance(query, str):
        raise InvalidTypeError(owner, "query", query, "the statement as a text")
    if not query.strip():
        raise InvalidValueError(owner, "query", query, "a statement")


def check_connection(owner: str, connection: object) -> None:
    """Refuse what names no connection; a URL must be one, without a password.

    Raises:
        InvalidTypeError: for another type.
        InvalidValueError: for an empty name, and for a URL that is wrong or has a password.
    """
    from flyte_core_sql.connection import Connection
    from flyte_core_sql.named import check_name
    from flyte_core_sql.url import is_url

    if isinstance(connection, (Connection, type(None))):
        return
    if not isinstance(connection, str):
        raise InvalidTypeError(owner, "connection", connection, "a connection's name or URL, a Connection, or None")
    if is_url(connection):
        as_connection(connection)
    else:
        check_name(owner, connection)


def as_connection(given: str | Connection | None) -> Connection | None:
    """Give what is known of a connection where the task is declared: nothing of one that is only named."""
    from flyte_core_sql.connection import Connection
    from flyte_core_sql.url import is_url

    if given is None:
        return Connection()
    if isinstance(given, Connection):
        return given
    return Connection(url=given) if is_url(given) else None


def check_dialect(owner: str, dialect: object, connection: str | Connection | None) -> str:
    """Give the dialect's name in sqlglot: as given, else that of the connection, else "" for ANSI SQL.

    Raises:
        InvalidTypeError: when it is no text.
    """
    if dialect is None:
        known = as_connection(connection)
        return "" if known is None else known.dialect
    if not isinstance(dialect, str):
        raise InvalidTypeError(owner, "dialect", dialect, "a dialect's name such as duckdb, postgres or sqlite")
    lowered = dialect.strip().lower()
    return {"ansi": "", "postgresql": "postgres", "mssql": "tsql"}.get(lowered, lowered)


def check_fragments(owner: str, fragments: object, inputs: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]]:
    """Give the allowed texts of each input by its value.

    Raises:
        InvalidTypeError: when they are no texts.
        InvalidValueError: when there is no such input, or nothing is allowed.
    """
    if fragments is None:
        return {}
    if not isinstance(fragments, Mapping):
        raise InvalidTypeError(owner, "fragments", fragments, "a mapping of allowed texts by input")
    found: dict[str, Mapping[str, str]] = {}
    for name, allowed in fragments.items():
        if name not in inputs:
            close = near_misses(str(name), list(inputs))
            hint = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(inputs) or 'none'}"
            raise InvalidValueError(owner, "fragments", name, f"names of inputs ({hint})")
        texts = _texts(owner, name, allowed)
        if not texts:
            raise InvalidValueError(owner, f"fragments[{name!r}]", allowed, "at least one text")
        found[name] = texts
    return found


def _texts(owner: str, name: str, allowed: object) -> dict[str, str]:
    pairs: dict[Any, Any] = {None: None}
    if isinstance(allowed, Mapping):
        pairs = dict(allowed)
    elif isinstance(allowed, (Sequence, set, frozenset)) and not isinstance(allowed, (str, bytes)):
        pairs = {text: text for text in allowed}
    if not all(isinstance(text, str) for pair in pairs.items() for text in pair):
        expected = "a list of texts, or a mapping from the input's values to texts"
        raise InvalidTypeError(owner, f"fragments[{name!r}]", allowed, expected)
    return pairs


def check_seconds(owner: str, field: str, value: object) -> float | None:
    """Give a duration in seconds; 0 and None are no limit.

    Raises:
        InvalidTypeError: when it is neither a number nor a ``timedelta``.
        InvalidValueError: when it is negative or not finite.
    """
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidTypeError(owner, field, value, "a number of seconds, a timedelta or None")
    if not (value >= 0 and math.isfinite(value)):
        raise InvalidValueError(owner, field, value, "a number of seconds of at least 0")
    return float(value) or None


def check_image(owner: str, image: Any, as_container: bool) -> Any:
    """Give the task's image: none unless it runs as a container.

    Raises:
        InvalidValueError: when there is one that nobody would run.
    """
    if as_container:
        return "auto" if image is None else image
    if image is not None:
        raise InvalidValueError(owner, "image", image, "None, unless as_container=True: a connector runs the query")
    return None


def check_task(task: SQLTask) -> None:
    """Check the fields against each other: the query's placeholders, the inputs and the outputs.

    Raises:
        InvalidTypeError: for inputs and outputs of types that no database has, and for a limit that is no number.
        InvalidValueError: for a limit that is negative.
        PlaceholderError: when query and inputs do not fit.
    """
    from flyte_core.models import check_timeout

    owner = f"task {task.name!r}"
    check_timeout(owner, task.timeout)
    limit: object = task.max_in_memory
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise InvalidTypeError(owner, "max_in_memory", limit, "a number of bytes")
    if limit < 0:
        raise InvalidValueError(owner, "max_in_memory", limit, "a number of bytes of at least 0")
    for field in ("read_only", "as_container"):
        if not isinstance(getattr(task, field), bool):
            raise InvalidTypeError(owner, field, getattr(task, field), "True or False")
    _check_tables(owner, checked_query(task), task)
    _check_transactions(owner, task.query, task.dialect)
    output_plan(task)


def _check_tables(owner: str, query: Query, task: SQLTask) -> None:
    known = as_connection(task.connection)
    if known is None:
        # Of a connection that is only named, the dialect tells what it is, where that is said.
        embedded, label = task.dialect in ("", "duckdb"), f"connection {task.connection!r} of dialect {task.dialect}"
    else:
        embedded, label = known.backend == "duckdb" and known.driver != "sqlalchemy", known.label
    if embedded or not query.tables:
        return
    expected = f"inputs that are values: {label} is not an embedded DuckDB, which alone reads tables of a task"
    raise InvalidTypeError(owner, "inputs", _Names(query.tables), expected)


class _Names:
    """Names as messages write them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(names)

    def __repr__(self) -> str:
        return ", ".join(self._names)


def _check_transactions(owner: str, query: str, dialect: str) -> None:
    """Refuse statements that begin or end a transaction: drivers differ in what is kept then.

    Raises:
        InvalidValueError: there is one.
    """
    from flyte_core_sql.statement.scan import read_words
    from flyte_core_sql.statement.split import split_words, verb

    for words in split_words(read_words(owner, query, dialect)):
        text = query[words[0].start : words[-1].end].rstrip(";").rstrip()
        if _TRANSACTION.fullmatch(" ".join(filter(None, map(verb, words[:4]))).rstrip("; ")):
            expected = "no BEGIN, COMMIT and ROLLBACK: a query is one transaction, which ends with the task"
            raise InvalidValueError(owner, "query", text, expected)


class _OfTasks(Generic[T]):
    """What is made of tasks, each beside what it was made of: to make it at each call takes longer than the call.

    By identity: a dictionary would compare all fields of two tasks at each look-up.

    Args:
        make: makes it.
    """

    def __init__(self, make: Callable[[SQLTask], T]) -> None:
        self._make = make
        self._known: dict[int, tuple[ref[SQLTask], tuple[Any, ...], T]] = {}

    def get(self, task: SQLTask, made_of: tuple[Any, ...]) -> T:
        number = id(task)
        known = self._known.get(number)
        if known is None or known[0]() is not task or known[1] != made_of:
            made = self._make(task)
            known = self._known[number] = (ref(task, lambda _: self._known.pop(number, None)), made_of, made)
        return known[2]


def checked_query(task: SQLTask) -> Query:
    """Give the query in its parsed form, which is made once.

    Raises:
        PlaceholderError: when query and inputs do not fit.
    """
    made_of = (task.name, task.query, task.dialect, task.interface, task.fragments)
    return _queries.get(task, made_of)


def _parsed_query(task: SQLTask) -> Query:
    from flyte_core_sql.inputs import check_input_type, element_type, is_list, kind_of
    from flyte_core_sql.statement import check_query

    owner = f"task {task.name!r}"
    types = {name: python_type for name, (python_type, _) in task.interface.inputs.items()}
    parameters: dict[str, bool] = {}
    elements: dict[str, Any] = {}
    tables: list[str] = []
    for name, python_type in types.items():
        if name in task.fragments:
            continue
        check_input_type(owner, name, python_type)
        if kind_of(python_type) == "table":
            tables.append(name)
            continue
        parameters[name] = is_list(python_type)
        if parameters[name]:
            elements[name] = element_type(python_type)
    return check_query(
        owner,
        task.query,
        dialect=task.dialect,
        parameters=parameters,
        tables=tables,
        fragments=task.fragments,
        element_types=elements,
    )


def output_plan(task: SQLTask) -> OutputPlan:
    """Give what becomes of the query's result.

    Raises:
        InvalidTypeError: when an output is of a type that no result can be.
    """
    from flyte_core.types import lookup

    return _plans.get(task, (task.name, task.interface, lookup.version()))


def _checked_outputs(task: SQLTask) -> OutputPlan:
    from flyte_core_sql.outputs import check_outputs

    return check_outputs(f"task {task.name!r}", task.interface.outputs)


_queries = _OfTasks(_parsed_query)
_plans = _OfTasks(_checked_outputs)
