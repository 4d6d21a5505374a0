"""The SQLite file of the result cache: how it is made, checked, and replaced when it is damaged."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flyte_core._logging import logger
from flyte_core.errors import CacheError

__all__ = ["BUSY_SECONDS", "SCHEMA_VERSION", "connect", "connect_memory", "is_busy", "is_damage", "transaction"]

#: Number of the table layout, kept in the file's ``user_version``.
SCHEMA_VERSION = 1

#: How long a process waits for another one that writes.
BUSY_SECONDS = 5.0

# https://www.sqlite.org/fileformat.html, section 1.3.
_MAGIC = b"SQLite format 3\0"

# The contents have a table of their own: SQLite writes a whole row anew when one column of it changes, and `used`
# changes with use. The sum of sizes is kept by triggers, so that a bound costs no scan.
_SCHEMA = """
CREATE TABLE results (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, task TEXT NOT NULL, version TEXT NOT NULL,
    size INTEGER NOT NULL, created REAL NOT NULL, used REAL NOT NULL
);
CREATE INDEX results_used ON results (used);
CREATE INDEX results_task ON results (task);
CREATE TABLE outputs (id INTEGER PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE total (bytes INTEGER NOT NULL);
INSERT INTO total VALUES (0);
CREATE TRIGGER added AFTER INSERT ON results BEGIN
    UPDATE total SET bytes = bytes + new.size;
END;
CREATE TRIGGER removed AFTER DELETE ON results BEGIN
    DELETE FROM outputs WHERE id = old.id;
    UPDATE total SET bytes = bytes - old.size;
END;
"""

_PROBES = (
    "SELECT id, key, task, version, size, created, used FROM results LIMIT 0",
    "SELECT id, content FROM outputs LIMIT 0",
    "SELECT bytes FROM total",
)


def is_busy(error: sqlite3.Error) -> bool:
    """Say whether an error only means that another process is writing."""
    # The numbers of errors are there from Python 3.11 on.
    return isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error))


def is_damage(error: sqlite3.Error) -> bool:
    """Say whether an error means that the file's content is wrong, rather than its surroundings."""
    # Python has no class of its own for SQLITE_CORRUPT and SQLITE_NOTADB; all other failures get a subclass.
    return type(error) is sqlite3.DatabaseError or "no such" in str(error)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do what the block does as a whole or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:  # an interrupt too must not leave the file locked
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def connect_memory() -> sqlite3.Connection:
    """Give a cache that lives as long as the connection."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _prepare(connection)
    return connection


def connect(path: Path, *, suspect: bool = False) -> sqlite3.Connection:
    """Open the cache's file; make it, and its folder for this user alone, when they are not there.

    A file that is not a sound cache of this layout is moved aside, with a warning, and a new one is made.

    Args:
        path: the file.
        suspect: whether something read from it was damaged, so that all of it is to be checked.

    Returns:
        The connection, usable from any thread, one at a time.

    Raises:
        OSError: the folder or file cannot be written.
        sqlite3.Error: the file cannot be used, though its content may be sound.
        CacheError: a new file is not sound either.
    """
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    # Making and moving the file is for one process at a time, or one would move away what another just made.
    with _locked(path.with_name(f"{path.name}.lock")):
        for check in (suspect, False):
            try:
                return _open(path, check)
            except sqlite3.Error as error:  # noqa: PERF203 - two rounds at most
                if not is_damage(error):
                    raise
                _move_aside(path, error)
    raise CacheError(f"result cache {path}: a new file is damaged at once")


def _open(path: Path, check: bool) -> sqlite3.Connection:
    # SQLite would make it readable for everybody whom the umask allows; its side files take its mode.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "rb") as file:
        start = file.read(len(_MAGIC))
    if start not in (b"", _MAGIC):  # SQLite itself writes over a file that is short enough
        raise sqlite3.DatabaseError("it is no SQLite file")
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        if check:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
        _prepare(connection)
    except BaseException:  # nobody else has the connection yet, also when interrupted
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables in a new file; refuse one that holds something else, and leave it as it is."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        # Both stay in the file, the first only when it is set before anything is written.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        with transaction(connection):
            for statement in _statements(_SCHEMA):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    elif version != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"its layout has the number {version}, not {SCHEMA_VERSION}")
    rows: list[Any] = [connection.execute(probe).fetchone() for probe in _PROBES]
    if rows[-1] is None:
        raise sqlite3.DatabaseError("its sum of sizes is missing")


def _statements(script: str) -> Iterator[str]:
    # Not executescript: it commits first, and then another process could see half of the tables.
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _move_aside(path: Path, reason: Exception) -> None:
    number = 1
    while path.with_name(f"{path.name}.corrupt-{number}").exists():
        number += 1
    aside = path.with_name(f"{path.name}.corrupt-{number}")
    # The journal may hold most of what was written. It goes first, so that none stays behind if this is cut short.
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    logger.warning("the result cache %s is damaged (%s); it is now %s, and a new one was begun", path, reason, aside)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file's lock; the system lets it go when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows, where an open file cannot be moved away anyhow
        yield
        return
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "rb") as file:
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # Whoever holds it that long is stopped; a cache is not worth waiting for it.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
        yield
