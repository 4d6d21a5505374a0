"""One execution of a SQL task: its inputs to a database, the result to its outputs."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from flyte_core import ctx, logger
from flyte_core.errors import BaseRuntimeError, TaskTimeoutError, near_misses
from flyte_core.runtime.actions import time_limit
from flyte_core.runtime.blocking import begun_in_thread
from flyte_core.types.convert import interface_codec
from flyte_core_sql.connection import resolve_connection
from flyte_core_sql.declaration import checked_query, output_plan
from flyte_core_sql.drivers.turns import turn
from flyte_core_sql.errors import FragmentError, QueryError
from flyte_core_sql.explaining import explain_command, no_plan
from flyte_core_sql.inputs import to_parameter

if TYPE_CHECKING:
    from flyte_core_sql.drivers.session import Result, Session
    from flyte_core_sql.statement import Statement
    from flyte_core_sql.template import SQLTask

__all__ = ["execute", "explain"]

R = TypeVar("R")

#: Seconds after which a statement that should have ended is cancelled once more: the first time may have come before
#: the database had begun with it.
_CANCEL_AGAIN = 0.2


async def execute(task: SQLTask, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Run a SQL task's query and give its outputs.

    Args:
        task: the task.
        args: its inputs by position.
        kwargs: its inputs by name.

    Returns:
        None, the only output, or a tuple of several.
    """
    work = _Work(task, args, kwargs)
    return await _stoppable(work, work.outputs)


async def explain(task: SQLTask, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Give the plan by which the database would answer; arguments as `execute`."""
    work = _Work(task, args, kwargs)
    return await _stoppable(work, work.plans)


async def _stoppable(work: _Work, func: Callable[[], R]) -> R:
    """Do blocking work in a thread; when this is cancelled, so is the statement, and its end is waited for.

    Raises:
        TaskTimeoutError: when it takes longer than the task's timeout and no run minds that.
    """
    limit = time_limit(work.task) if ctx() is None else None
    waiting: asyncio.Future[R] = begun_in_thread(work.to_its_end, func)
    try:
        if limit is None:
            # `asyncio.wait` takes a turn of the event loop more.
            return await waiting
        done, _ = await asyncio.wait({waiting}, timeout=limit)
    except asyncio.CancelledError:
        await _stopped(work, waiting)
        raise
    if not done:
        await _stopped(work, waiting)
        raise TaskTimeoutError(f"task {work.task.name!r} ran longer than its timeout of {limit:g} s and was stopped")
    return waiting.result()


async def _stopped(work: _Work, waiting: asyncio.Future[Any]) -> None:
    logger.info("task %r is stopped, and its statement cancelled", work.task.name)
    # Nobody reads any more what it gives.
    waiting.cancel()
    over = work.over()
    while not over.done():
        work.cancel()
        # A second cancellation must not leave the thread and its connection behind.
        try:
            await asyncio.wait({over}, timeout=_CANCEL_AGAIN)
        except asyncio.CancelledError:
            continue


class _Work:
    """The inputs of one execution, and what a worker thread does with them."""

    def __init__(self, task: SQLTask, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.task = task
        self.query = checked_query(task)
        interface = task.native_interface
        given = interface_codec(interface, task.name).bind(args, kwargs, f"task {task.name!r}")
        types = {name: python_type for name, (python_type, _) in interface.inputs.items()}
        self.fragments = {name: _fragment(task, name, given[name]) for name in task.fragments}
        self.tables = {name: (given[name], types[name]) for name in self.query.tables}
        self.values = {
            name: to_parameter(name, value, types[name])
            for name, value in given.items()
            if name not in self.fragments and name not in self.tables
        }
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._cancelled = False
        self._is_over = False
        self._tell_over: Callable[[], None] | None = None

    def to_its_end(self, func: Callable[[], R]) -> R:
        """Call what is the thread's work, and remember its end."""
        try:
            return func()
        except BaseRuntimeError as error:
            # Who knows the connection alone does not name the task.
            if not str(error).startswith(f"task {self.task.name!r}"):
                error.args = (f"task {self.task.name!r}: {error}",)
            raise
        finally:
            with self._lock:
                self._is_over, tell = True, self._tell_over
            if tell is not None:
                tell()

    def over(self) -> asyncio.Future[None]:
        """Give what is done once the thread is; for one waiting of the event loop."""
        loop = asyncio.get_running_loop()
        over = loop.create_future()

        def tell() -> None:
            # The loop may be gone, when the process ends while a database is silent.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(over.set_result, None)

        with self._lock:
            self._tell_over = tell
            if self._is_over:
                over.set_result(None)
        return over

    def cancel(self) -> None:
        """End the running statement, and begin no other; from any thread."""
        with self._lock:
            self._cancelled = True
            session = self._session
        if session is not None:
            session.cancel()

    def outputs(self) -> Any:
        """Run the query and give its outputs."""
        plan = output_plan(self.task)
        with ExitStack() as stack:
            session = self._begin(stack, "batches" if plan.kind == "frame" else "rows")
            for statement in self.query.statements[:-1]:
                self._run(session, statement)
            last = self.query.statements[-1]
            result = self._run(session, last)
            outputs = plan.collect(result, returns_rows=last.returns_rows, max_in_memory=self.task.max_in_memory)
            if plan.kind == "rows" and not self.query.reads_only:
                self._check_wire(outputs)
            self._go_on()
            session.commit()
        return outputs

    def _check_wire(self, outputs: Any) -> None:
        """Refuse outputs that the wire cannot hold while what was written can still be undone.

        Raises:
            RuntimeDataValidationError: naming the output.
            InlineIOMaxBytesBreached: when they are too large.
        """
        task = self.task
        codec = interface_codec(task.native_interface, task.name)
        codec.encode_outputs(outputs, task.name, limit=task.max_inline_io_bytes)

    def plans(self) -> str:
        """Have the database explain each statement."""
        command = explain_command(self.task.dialect, self.task.name)
        with ExitStack() as stack:
            session = self._begin(stack, "rows")
            plans = [no_plan(one) or self._plan(session, one, command) for one in self.query.statements]
        return "\n\n".join(plans)

    def _plan(self, session: Session, statement: Statement, command: str) -> str:
        try:
            rows = self._run(session, statement, command).rows()
        except QueryError as error:
            if len(self.query.statements) == 1:
                raise
            # It may need what the others, which are not run, would have made.
            session.rollback()
            return f"no plan without the statements before it: {error}"
        return "\n".join(str(row[-1]).rstrip() for row in rows)

    def _begin(self, stack: ExitStack, fetch: Literal["rows", "batches"]) -> Session:
        """Open a session that ends with the stack, undoing what is not committed, and give it the tables."""
        from flyte_core_sql.drivers import open_session

        task = self.task
        connection = resolve_connection(task.connection)
        stack.enter_context(turn(connection, self._go_on))
        self._go_on()
        session = open_session(
            connection,
            read_only=task.read_only,
            timeout=task.statement_timeout,
            private=not self.query.reads_only,
            fetch=fetch,
            statements=len(self.query.statements),
        )
        stack.callback(self._end, session)
        with self._lock:
            self._session = session
        for name, (value, python_type) in self.tables.items():
            from flyte_core_sql.tables import table_source

            self._go_on()
            session.add_table(name, stack.enter_context(table_source(name, value, python_type)))
        return session

    def _end(self, session: Session) -> None:
        with self._lock:
            self._session = None
        session.rollback()
        session.close()

    def _run(self, session: Session, statement: Statement, command: str = "") -> Result:
        self._go_on()
        rendered = statement.render(session.style, self.values, self.fragments, session.quote)
        return session.execute(command + rendered.text, rendered.parameters)

    def _go_on(self) -> None:
        """End here when the task was cancelled between two statements."""
        if self._cancelled:
            raise asyncio.CancelledError


def _fragment(task: SQLTask, name: str, value: object) -> str:
    """Give the text that an input may put into the query.

    Raises:
        FragmentError: when the input's value is not among those that are declared.
    """
    key = value.value if isinstance(value, enum.Enum) else value
    texts = task.fragments[name]
    if not isinstance(key, str) or key not in texts:
        close = near_misses(str(key), texts)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        allowed = f"expected one of {', '.join(texts)}{hint}"
        raise FragmentError(f"task {task.name!r}: input {name!r} = {key!r} has no fragment of SQL; {allowed}")
    return texts[key]
