"""SQLTask: a query as a typed task."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flyte_core.extend import TaskTemplate
from flyte_core.models import NativeInterface
from flyte_core_sql import wire
from flyte_core_sql.declaration import (
    check_connection,
    check_dialect,
    check_fields,
    check_fragments,
    check_image,
    check_query_text,
    check_seconds,
    check_task,
    outputs_by_name,
    types_by_name,
)

if TYPE_CHECKING:
    from flyteidl2.core import tasks_pb2

    from flyte_core.models import SerializationContext
    from flyte_core_sql.connection import Connection

__all__ = ["TASK_TYPE", "SQLTask"]

#: The task type, here and on the wire.
TASK_TYPE = "sql"

#: Bytes of a frame that are kept in memory; what is larger is written as it arrives.
_MAX_IN_MEMORY = 256 << 20


class SQLTask(TaskTemplate):
    """A SQL query as a task: its inputs are parameters and tables, its outputs what the query gives.

    ``:name`` and ``{{ .inputs.name }}`` in the query stand for the input of that name, which the database gets as a
    parameter and never as text; a list after ``IN`` becomes one parameter for each of its items. Inputs that are
    frames, files or folders are tables of their name, in the embedded DuckDB. What parameters cannot stand for, such
    as an ``ORDER BY``, comes from ``fragments``.

    Args:
        name: the task's name.
        query: one statement, or several with ``;`` between them, which run in one transaction and of which the last
            gives the outputs. It is sent as it is, white space included.
        inputs: of each input its type.
        outputs: of each output its type, or one type for the only output ``o0``. A frame is the whole result; a list
            of records or scalars, its rows; a record or scalar, its only row; an ``int`` of a statement that gives no
            rows, how many it changed; several outputs, the columns of the only row.
        connection: None for an embedded DuckDB in memory, the name of a connection in the configuration, a URL
            without a password, or a `Connection`.
        dialect: the query's dialect, by sqlglot's name, such as ``"postgres"``; by default that of the connection's
            URL, and ANSI SQL for a connection that is only named.
        fragments: of an input the texts that it may put into the query: a list of them, or a mapping from the
            input's values to them. Such an input stands as ``{{ .inputs.name }}``.
        read_only: whether the database is to refuse every change.
        statement_timeout: seconds or ``timedelta`` that each statement may take; None is no limit.
        max_in_memory: bytes of a frame that are kept in memory; a larger one is written to storage as it arrives.
        as_container: whether a cluster runs the query in the task's container, with this package inside, in place of
            a connector of its own.
        **kwargs: further fields of a task: ``resources``, ``env_vars``, ``timeout``, ``retries``, ``cache``, ...

    Raises:
        PlaceholderError: (a ValueError) for placeholders without an input, inputs without a placeholder, and
            placeholders where no value can stand.
        InvalidValueError: (a ValueError) for an unknown dialect, or a URL with a password.
        InvalidTypeError: (a TypeError) for values of a wrong type, and for inputs and outputs of types that no
            database has.

    Example:
        >>> squares = SQLTask(
        ...     name="squares",
        ...     query="SELECT n * n AS square FROM range(:count) AS numbers(n)",
        ...     inputs={"count": int},
        ...     outputs=list[int],
        ... )
        >>> import asyncio
        >>> asyncio.run(squares(count=4))
        [0, 1, 4, 9]
    """

    def __init__(
        self,
        name: str,
        query: str,
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | Any = None,
        *,
        connection: str | Connection | None = None,
        dialect: str | None = None,
        fragments: Mapping[str, Sequence[str] | Mapping[str, str]] | None = None,
        read_only: bool = False,
        statement_timeout: float | timedelta | None = None,
        max_in_memory: int = _MAX_IN_MEMORY,
        as_container: bool = False,
        **kwargs: Any,
    ) -> None:
        # Before the template's own fields, since its __init__ ends in __post_init__.
        owner = f"task {name!r}"
        self.query = query
        self.connection = connection
        self.dialect: str = dialect  # type: ignore[assignment] # __post_init__ makes it one
        self.fragments: Mapping[str, Mapping[str, str]] = fragments  # type: ignore[assignment] # as above
        self.read_only = read_only
        self.statement_timeout: float | None = statement_timeout  # type: ignore[assignment] # as above
        self.max_in_memory = max_in_memory
        self.as_container = as_container
        no_default = inspect.Parameter.empty
        interface = NativeInterface(
            {key: (python_type, no_default) for key, python_type in types_by_name(owner, "inputs", inputs).items()},
            outputs_by_name(owner, outputs),
        )
        check_fields(owner, kwargs, list(inspect.signature(SQLTask).parameters)[:-1])
        kwargs["image"] = check_image(owner, kwargs.get("image"), as_container)
        super().__init__(name=name, interface=interface, task_type=TASK_TYPE, **kwargs)

    def __post_init__(self) -> None:
        """Bring the fields into their full form and check them; also after ``override``."""
        super().__post_init__()
        owner = f"task {self.name!r}"
        check_query_text(owner, self.query)
        check_connection(owner, self.connection)
        self.dialect = check_dialect(owner, self.dialect, self.connection)
        self.fragments = check_fragments(owner, self.fragments, self.interface.inputs)
        self.statement_timeout = check_seconds(owner, "statement_timeout", self.statement_timeout)
        self.secrets = wire.with_connection_secrets(self.secrets, self.connection)
        check_task(self)

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Run the query and give its outputs.

        Args:
            *args: the inputs by position.
            **kwargs: the inputs by name.

        Returns:
            The only output, or a tuple of several in their order.

        Raises:
            QueryError: when the database refuses a statement.
            QueryTimeoutError: when a statement takes longer than ``statement_timeout``.
            ConnectionFailedError: when the database cannot be reached.
            ConnectionLostError: when the connection ends meanwhile.
            InputError: when an input that is a table cannot be read.
            ResultError: when the result is not what the outputs declare.
        """
        from flyte_core_sql.execute import execute

        return await execute(self, args, kwargs)

    async def explain(self, *args: Any, **kwargs: Any) -> str:
        """Give the plan by which the database would answer the query with these inputs; nothing is run.

        Args:
            *args: the inputs by position.
            **kwargs: the inputs by name.

        Returns:
            The plan as the database writes it; of several statements one after the other.
        """
        from flyte_core_sql.execute import explain

        return await explain(self, args, kwargs)

    def sql(self, sctx: SerializationContext) -> tasks_pb2.Sql | None:
        """Give the statement and its dialect; None for a task that runs as a container."""
        return wire.sql(self)

    def container_args(self, sctx: SerializationContext) -> Sequence[str]:
        """Give the command line of the runtime, which runs the query in the task's container."""
        return wire.container_args(self, sctx)

    def custom_config(self, sctx: SerializationContext) -> Mapping[str, Any]:
        """Give the connection and how to use it; no password is among it."""
        return wire.custom_config(self)
