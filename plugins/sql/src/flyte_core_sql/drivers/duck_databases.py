"""The databases of DuckDB that this process has open, and who uses them."""

from __future__ import annotations

import atexit
import functools
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import duckdb

from flyte_core_sql.drivers.duck_errors import opening_failure
from flyte_core_sql.errors import ConnectionFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flyte_core_sql.connection import OpenConnection

__all__ = ["Lease", "lease_file", "lease_memory", "lease_shared"]

#: Settings of the ICU extension, which DuckDB takes only once a database is open.
_AFTER_OPENING = ("timezone", "calendar")
#: DuckDB would take the machine's own, and a query give other results on another machine.
_TIME_ZONE = "UTC"
#: Seconds to wait for another task of this process that has a file open in a way that excludes this one.
_PATIENCE = 30.0
#: The threads that interrupt a query, as `flyte_core_sql.drivers.duck_guard` names them.
_INTERRUPTING = "flyte_core-sql-cancel"
#: Seconds that the process's exit waits for them; each ends with its query.
_EXIT_SECONDS = 1.0
#: Connections to the shared database that are kept for the next ones.
_KEPT = 8


@attrs.frozen(kw_only=True)
class Lease:
    """A connection of one's own to a database, and how to give it back.

    Args:
        cursor: the connection.
        give_back: ends it.
        keep: gives it to whoever wants one next; None where each has its own. Only for one that nothing was left on.
    """

    cursor: duckdb.DuckDBPyConnection
    give_back: Callable[[], None]
    keep: Callable[[], None] | None = None


@attrs.define(kw_only=True, eq=False)
class _Instance:
    """A database that is open, with the number of its users."""

    base: duckdb.DuckDBPyConnection
    read_only: bool = False
    options: Mapping[str, Any] = attrs.field(factory=dict)
    users: int = 0


class _Registry:
    """What is open in one process: a forked child must leave the parent's databases alone, their threads are gone."""

    def __init__(self) -> None:
        self.shared: _Instance | None = None
        #: Connections to it that nobody uses.
        self.idle: list[duckdb.DuckDBPyConnection] = []
        self.files: dict[str, _Instance] = {}
        self.changed = threading.Condition()


_registries: dict[int, _Registry] = {}


def _registry() -> _Registry:
    process = os.getpid()
    found = _registries.get(process)
    return found if found is not None else _registries.setdefault(process, _Registry())


@functools.cache
def _settle_at_exit() -> None:
    atexit.register(_settle)


def _settle() -> None:
    """Wait for the threads that interrupt a query: one that the exit froze would keep a connection, which is told."""
    end = time.monotonic() + _EXIT_SECONDS
    for thread in threading.enumerate():
        if thread.name == _INTERRUPTING:
            thread.join(max(end - time.monotonic(), 0.0))


def lease_shared(connection: OpenConnection) -> Lease:
    """Give a connection to the one database in memory that all queries which only read have in common.

    A new database takes 20 to 40 ms; a further connection 0.1 ms with what its first query does, so that one that is as
    it was is used again. Registered tables, temporary tables and prepared statements are each connection's own; queries
    that could leave something else there get a database of their own.

    Raises:
        ConnectionFailedError: DuckDB cannot be started.
    """
    registry = _registry()
    if registry.shared is None:
        with registry.changed:
            if registry.shared is None:
                registry.shared = _Instance(base=_connect(connection, ":memory:", False, {}))
    idle = registry.idle
    try:
        cursor = idle.pop()
    except IndexError:
        cursor = registry.shared.base.cursor()

    def keep() -> None:
        if len(idle) < _KEPT:
            idle.append(cursor)
        else:
            cursor.close()

    return Lease(cursor=cursor, give_back=cursor.close, keep=keep)


def lease_memory(connection: OpenConnection) -> Lease:
    """Give a connection to a new database in memory, which ends with it.

    Raises:
        ConnectionFailedError: it cannot be made.
        ConnectionConfigError: an option is none of DuckDB's.
    """
    cursor = _connect(connection, ":memory:", False, connection.options)
    return Lease(cursor=cursor, give_back=cursor.close)


def lease_file(connection: OpenConnection, path: str, read_only: bool) -> Lease:
    """Give a connection to a database in a file; tasks of one process share what DuckDB has open for it.

    DuckDB has a file open once for each process, either for reading or for writing too, and with one set of options.
    Who only reads joins a writer; who cannot join waits until the others are done.

    Raises:
        ConnectionFailedError: it cannot be opened, or the others are not done in half a minute.
        ConnectionConfigError: an option is none of DuckDB's.
    """
    registry = _registry()
    key = os.path.realpath(path) if "://" not in path and not path.startswith("md:") else path
    options = connection.options
    with registry.changed:
        instance = _joined(registry, connection, key, read_only, options)
        if instance is None:
            base = _connect(connection, path, read_only, options)
            instance = registry.files[key] = _Instance(base=base, read_only=read_only, options=options)
        instance.users += 1
    joined = instance
    cursor = joined.base.cursor()
    # A setting of this connection alone: as one of the file it would conflict with other code that has the file open.
    cursor.execute("SET python_enable_replacements = false")

    def give_back() -> None:
        cursor.close()
        with registry.changed:
            joined.users -= 1
            if not joined.users:
                del registry.files[key]
                joined.base.close()
            registry.changed.notify_all()

    return Lease(cursor=cursor, give_back=give_back)


def _joined(
    registry: _Registry, connection: OpenConnection, key: str, read_only: bool, options: Mapping[str, Any]
) -> _Instance | None:
    """Give what is open already, once it fits; None where nothing is open."""
    end = time.monotonic() + _PATIENCE
    while (found := registry.files.get(key)) is not None:
        if found.options == options and (read_only or not found.read_only):
            return found
        left = end - time.monotonic()
        if left <= 0:
            how = "for reading only" if found.read_only else "with other options"
            reason = f"another task of this process has it open {how}, and is not done after {_PATIENCE:g} s"
            raise ConnectionFailedError(f"{connection.label}: {reason}")
        registry.changed.wait(left)
    return None


def _connect(
    connection: OpenConnection, path: str, read_only: bool, options: Mapping[str, Any]
) -> duckdb.DuckDBPyConnection:
    config = {name: value for name, value in options.items() if name.lower() not in _AFTER_OPENING}
    later = {name.lower(): value for name, value in options.items() if name not in config}
    if path == ":memory:":
        # Otherwise a query would see the variables of whatever Python code runs it.
        config["python_enable_replacements"] = False
    _settle_at_exit()
    base = None
    try:
        base = duckdb.connect(path, read_only=read_only, config=config)
        for name, value in {"timezone": _TIME_ZONE, **later}.items():
            quoted = str(value).replace("'", "''")
            base.execute(f"SET GLOBAL {name} = '{quoted}'")
    except (duckdb.Error, TypeError) as error:
        if base is not None:
            with suppress(duckdb.Error):
                base.close()
        raise opening_failure(connection, error) from error
    return base
