"""The local result cache: keys as on a cluster, and results in one SQLite file.

A key is the hash that Flyte's SDK 2.0.0b33 sends with a cached task, so that here and there the same two calls are
equal. That hash joins the parts of nested values without marking where one ends: ``[[1], [2]]`` and ``[[1, 2]]`` have
the same one. Values with which this can happen get an unambiguous form here, and so another hash than there. So do
local files and folders without a hash of their own: what is there at their path counts, see `cache_places`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from flyte_core._logging import logger
from flyte_core.errors import CacheError

if TYPE_CHECKING:
    import sqlite3

    from flyteidl2.core import interface_pb2, literals_pb2
    from flyteidl2.task import common_pb2
    from typing_extensions import Self

__all__ = ["DEFAULT_MAX_BYTES", "ResultCache", "cache_key", "inputs_hash"]

T = TypeVar("T")

#: Bound for the sum of all results, 1 GiB.
DEFAULT_MAX_BYTES = 1 << 30

#: The same where the results are kept in memory.
_MEMORY_MAX_BYTES = 1 << 28

#: SQLite holds values of up to 1,000,000,000 bytes.
_LARGEST_RESULT = 1 << 29

#: When a result was last used is noted anew after this many seconds; more often would be a write for each read.
_USE_GRAIN_SECONDS = 60.0


# ---- keys ------------------------------------------------------------------------------------------------


def _hash(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def cache_key(
    *,
    task_name: str,
    inputs: common_pb2.Inputs,
    interface: interface_pb2.TypedInterface,
    version: str,
    ignored: Sequence[str] = (),
) -> str:
    """Give the key under which the result of one call is kept.

    Args:
        task_name: the task's name.
        inputs: the call's inputs; their ``context`` does not count.
        interface: the task's typed interface; the order of its variables does not count.
        version: the cache version.
        ignored: names of inputs that do not count.

    Returns:
        A short text.

    Example:
        >>> from flyteidl2.core import interface_pb2
        >>> from flyteidl2.task import common_pb2
        >>> interface = interface_pb2.TypedInterface()
        >>> cache_key(task_name="a.b", inputs=common_pb2.Inputs(), interface=interface, version="1")
        'LHmEkxCmOIbIKp22vO+Xx0hGDvfiroiBAW/UiAkSk60='
    """
    from flyte_core.runtime.cache_places import local_places

    places = local_places(inputs, ignored)
    key = f"{_named_hash(inputs, ignored)}{task_name}{_interface_hash(interface)}{version}"
    return _hash(f"{key}\0{places}".encode("utf-8", "surrogateescape") if places else key.encode())


def inputs_hash(inputs: common_pb2.Inputs) -> str:
    """Give the hash of a call's inputs; a literal that has a hash counts by that.

    Args:
        inputs: the inputs; their ``context`` does not count.

    Returns:
        The hash; empty without inputs.

    Example:
        >>> from flyteidl2.task import common_pb2
        >>> inputs_hash(common_pb2.Inputs())
        ''
    """
    return _named_hash(inputs, ())


def _named_hash(inputs: common_pb2.Inputs, ignored: Sequence[str]) -> str:
    parts = [
        b"%b:%b;" % (named.name.encode(), _representation(named.value))
        for named in inputs.literals
        if named.name not in ignored
    ]
    return _hash(b"".join(parts)) if parts else ""


def _representation(literal: literals_pb2.Literal) -> bytes:
    """Give bytes that are the same for equal values of an input only.

    As long as it is clear where each part ends this is the SDK's form: a serialized scalar says so itself. Otherwise
    it is our own, which starts with a zero byte.
    """
    if not literal.hash:
        if literal.HasField("collection"):
            items = literal.collection.literals
            if all(map(_is_plain, items)):
                return b"".join(item.SerializeToString(deterministic=True) for item in items)
        elif literal.HasField("map"):
            entries = sorted(literal.map.literals.items())
            if all(_is_plain(value) and "\n" not in key and "\0" not in key for key, value in entries):
                return b"".join(key.encode() + value.SerializeToString(deterministic=True) for key, value in entries)
    elif not any(mark in literal.hash for mark in "\0\n:;"):
        text: bytes = literal.hash.encode()
        return text
    return _unambiguous(literal)


def _unambiguous(literal: literals_pb2.Literal) -> bytes:
    """Give bytes that are the same for equal literals only: each part with its length, each kind with its letter."""
    if literal.hash:
        return b"\0h" + _framed(literal.hash.encode())
    if literal.HasField("collection"):
        return b"\0l" + b"".join(_framed(_unambiguous(item)) for item in literal.collection.literals)
    if literal.HasField("map"):
        entries = sorted(literal.map.literals.items())
        return b"\0m" + b"".join(_framed(key.encode()) + _framed(_unambiguous(value)) for key, value in entries)
    serialized: bytes = literal.SerializeToString(deterministic=True)
    return serialized


def _is_plain(literal: literals_pb2.Literal) -> bool:
    return not literal.hash and literal.HasField("scalar")


def _framed(data: bytes) -> bytes:
    return b"%d:%b" % (len(data), data)


def _interface_hash(interface: interface_pb2.TypedInterface) -> str:
    from flyteidl2.core import interface_pb2

    # The SDK's messages hold variables in a map, ours in a list. Protobuf serializes a map by its keys' bytes, where
    # one key starts with another the longer one first.
    ordered = interface_pb2.TypedInterface()
    for name in ("inputs", "outputs"):
        if interface.HasField(name):
            target = getattr(ordered, name)
            target.SetInParent()
            variables = getattr(interface, name).variables
            target.variables.extend(sorted(variables, key=lambda entry: (*entry.key.encode(), 256)))
    return _hash(ordered.SerializeToString(deterministic=True))


# ---- results -----------------------------------------------------------------------------------------------


class ResultCache:
    """Results of tasks in a file that several processes share.

    It never fails a run: a damaged file is moved aside and begun anew, and where no file can be written the results
    are kept in memory; either is said once in the log. The file is opened on first use.

    Args:
        path: the file; default ``results.db`` in the folder of the setting ``cache_dir``.
        max_bytes: bound for the sum of all results. Beyond it those go first that were used longest ago.
        clock: gives the time in seconds since the epoch.

    Example:
        >>> import tempfile
        >>> with ResultCache(Path(tempfile.mkdtemp(), "results.db")) as cache:
        ...     cache.put("key", b"outputs", task="t", version="1")
        ...     cache.get("key"), cache.get("other")
        (b'outputs', None)
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._connection: sqlite3.Connection | None = None
        self._in_memory = False
        # A connection taken through a fork must neither be used nor closed.
        self._of_parent: list[sqlite3.Connection] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The file."""
        if self._path is None:
            from flyte_core.config import load_settings

            self._path = Path(load_settings().cache_dir.value) / "results.db"
        return self._path

    def get(self, key: str) -> bytes | None:
        """Give a result, or None when there is none.

        Args:
            key: from `cache_key`.
        """
        return self._do(lambda connection: self._read(connection, key), None)

    def put(self, key: str, outputs: bytes, *, task: str, version: str) -> None:
        """Keep a result, in place of one that has the same key.

        Args:
            key: from `cache_key`.
            outputs: the serialized outputs. What alone is larger than the bound, or than 512 MiB, is not kept.
            task: the task's name, for `clear`.
            version: the cache version, for people who look into the file.
        """
        row = (key, task, version, len(outputs) + len(key) + len(task) + len(version))
        self._do(lambda connection: self._write(connection, row, outputs), None)

    def clear(self, task: str | None = None) -> int:
        """Remove results.

        Args:
            task: only those of the task of this name; None removes all.

        Returns:
            How many were removed.
        """
        return self._do(lambda connection: _delete(connection, task), 0)

    def close(self) -> None:
        """Close the file; the next use opens it again. Results kept in memory are gone."""
        with self._own_lock():
            self._drop()

    # ---- the file ---------------------------------------------------------------------------------------

    def _own_lock(self) -> threading.Lock:
        if self._process != os.getpid():
            # A fork: another thread of the parent may hold the lock, and will never release it here.
            self._lock = threading.Lock()
            self._process = os.getpid()
            if self._connection is not None:
                self._of_parent.append(self._connection)
                self._connection = None
        return self._lock

    def _do(self, work: Callable[[sqlite3.Connection], T], default: T) -> T:
        """Do some work on the file; give ``default`` where the cache can't be used."""
        try:
            import sqlite3
        except ImportError:  # a Python that was built without it
            logger.debug("there is no module sqlite3; results are not cached")
            return default
        from flyte_core.runtime import cache_file

        with self._own_lock():
            suspect = False
            # Opened as it is, then after a check, then in memory.
            for _ in range(3):
                try:
                    return work(self._open(suspect))
                except sqlite3.Error as error:  # noqa: PERF203 - three rounds at most
                    if cache_file.is_busy(error):
                        logger.debug("result cache %s: %s", self.path, error)
                        return default
                    self._drop()
                    if cache_file.is_damage(error) and not suspect:
                        suspect = True
                    else:
                        self._use_memory(error)
                except (OSError, CacheError) as error:
                    self._drop()
                    self._use_memory(error)
        return default

    def _open(self, suspect: bool) -> sqlite3.Connection:
        if self._connection is None:
            from flyte_core.runtime import cache_file

            if self._in_memory:
                self._connection = cache_file.connect_memory()
            else:
                self._connection = cache_file.connect(self.path, suspect=suspect)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def _use_memory(self, error: Exception) -> None:
        if not self._in_memory:
            logger.warning(
                "the result cache %s cannot be used (%s); this process keeps its results in memory", self.path, error
            )
        self._in_memory = True

    # ---- statements ---------------------------------------------------------------------------------------

    def _read(self, connection: sqlite3.Connection, key: str) -> bytes | None:
        import sqlite3

        row = connection.execute(
            "SELECT results.id, used, content FROM results JOIN outputs ON outputs.id = results.id WHERE key = ?",
            (key,),
        ).fetchone()
        if row is None:
            return None
        number, used, content = row
        now = self._clock()
        if not used <= now < used + _USE_GRAIN_SECONDS:
            # The result is in hand; whatever keeps the note from being written shows at the next put.
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("UPDATE results SET used = ? WHERE id = ?", (now, number))
        return bytes(content)

    def _write(self, connection: sqlite3.Connection, row: tuple[str, str, str, int], outputs: bytes) -> None:
        from flyte_core.runtime.cache_file import transaction

        bound = min(self._max_bytes, _MEMORY_MAX_BYTES) if self._in_memory else self._max_bytes
        size = row[3]
        if size > min(bound, _LARGEST_RESULT):
            logger.debug("a result of %d bytes of task %s is too large for the cache", size, row[1])
            return
        now = self._clock()
        with transaction(connection):
            connection.execute("DELETE FROM results WHERE key = ?", row[:1])
            number = connection.execute(
                "INSERT INTO results (key, task, version, size, created, used) VALUES (?, ?, ?, ?, ?, ?)",
                (*row, now, now),
            ).lastrowid
            connection.execute("INSERT INTO outputs (id, content) VALUES (?, ?)", (number, outputs))
            (total,) = connection.execute("SELECT bytes FROM total").fetchone()
            if total > bound:
                # A tenth more than needed, so that a full cache does not do this at every put.
                _evict(connection, total - bound + bound // 10, number)


def _evict(connection: sqlite3.Connection, excess: int, kept: int | None) -> None:
    """Remove what was used longest ago, until ``excess`` bytes are free; all but one row may go."""
    numbers: list[tuple[int]] = []
    for number, size in connection.execute("SELECT id, size FROM results WHERE id != ? ORDER BY used, id", (kept,)):
        numbers.append((number,))
        excess -= size
        if excess <= 0:
            break
    connection.executemany("DELETE FROM results WHERE id = ?", numbers)


def _delete(connection: sqlite3.Connection, task: str | None) -> int:
    import sqlite3

    from flyte_core.runtime.cache_file import transaction

    with transaction(connection):
        if task is None:
            removed = connection.execute("DELETE FROM results").rowcount
        else:
            removed = connection.execute("DELETE FROM results WHERE task = ?", (task,)).rowcount
    # Gives the room back to the file system, unless another process is busy with the file.
    with contextlib.suppress(sqlite3.OperationalError):
        # As a script, because SQLite frees one page for each step, and execute() makes one step.
        connection.executescript("PRAGMA incremental_vacuum")
    return removed
