"""Storing a local file as an object: part by part, and only if what was sent is the file as it was at the beginning."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import attrs

from flyte_core._logging import logger
from flyte_core.errors import StorageError, StorageIntegrityError, without_secrets
from flyte_core.storage.engine import DIGEST
from flyte_core.storage.native import obstore
from flyte_core.storage.retry import Deadline

if TYPE_CHECKING:
    from flyte_core.storage.engine import Transfer
    from flyte_core.storage.stores import Access

__all__ = ["parts_of", "put_whole", "send"]

_MOST_PARTS = 10_000  # S3's limit; GCS' and Azure's are not lower
_PATIENCE = 2.0  # seconds until it is told that an upload in parts has not begun
_GRACE = 2.0  # seconds that a stopped upload has to take its parts back


def parts_of(size: int | None, transfer: Transfer) -> tuple[int, int]:
    """Say how large a part of an upload is, and how many are in flight.

    Args:
        size: bytes of the whole; ``None`` where it is not known.
        transfer: what the configuration says.

    Returns:
        The size of a part, larger than configured where there would be too many, and the number; together they take no
        more memory than configured, unless a single part does.

    Example:
        >>> from flyte_core.storage.engine import Transfer
        >>> parts_of(2**40, Transfer())
        (110100480, 1)
    """
    if size is None or size <= transfer.part_size * _MOST_PARTS:
        return transfer.part_size, transfer.concurrency
    mebibyte = 2**20
    part = -(-size // (_MOST_PARTS * mebibyte)) * mebibyte
    return part, max(1, transfer.part_size * transfer.concurrency // part)


class _StoppedError(Exception):
    """Thrown into obstore, which then takes back the parts it has sent."""


class _Source:
    """The file that is sent: read in parts, hashed on the way, and checked before the object becomes visible."""

    def __init__(self, path: Path, url: str, transfer: Transfer, digest: str | None) -> None:
        self._url = url
        self._path = path
        self._digest = digest
        self._hash = hashlib.sha256()
        self._progress = transfer.on_progress
        self.stopped = False
        self.begun = False
        try:
            self._file: IO[bytes] = path.open("rb", buffering=0)
        except OSError as error:
            raise StorageError(url, "upload to", f"cannot read {path}: {error.strerror or error}") from error
        self._before = _identity(os.fstat(self._file.fileno()))
        self.size = self._before[0]
        self.part, self.in_flight = parts_of(self.size, transfer)
        self._unreported: deque[int] = deque()

    async def parts(self) -> AsyncIterator[bytes]:
        """Give the parts; an exception in here makes obstore take back what it has sent, so that nothing is seen."""
        self.begun = True
        while True:
            data = await asyncio.to_thread(self._read)
            if self.stopped:
                raise _StoppedError
            if not data:
                self.check()
                return
            yield data
            self._handed_over(len(data))

    def whole(self) -> bytes:
        """Give the whole content."""
        data = self._read()
        self.check()
        self._unreported.append(len(data))
        return data

    def check(self) -> None:
        """Compare the file with what it was.

        Raises:
            StorageIntegrityError: it was changed.
        """
        now = _identity(os.fstat(self._file.fileno()))
        try:
            there = _identity(self._path.stat())
        except OSError:
            there = None
        if not self._before == now == there or (self._digest is not None and self._hash.hexdigest() != self._digest):
            reason = f"{self._path} changed while it was read; nothing was stored"
            raise StorageIntegrityError(self._url, "upload to", reason)

    def report_rest(self) -> None:
        """Report what was sent last."""
        self._report(len(self._unreported))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self) -> bytes:
        pieces: list[bytes] = []
        # Not more than there was at first: a file that somebody appends to all the time would never end.
        missing = min(self.part, self.size - self._file.tell())
        while missing:
            try:
                piece = self._file.read(missing)
            except OSError as error:
                reason = f"cannot read {self._path}: {error.strerror or error}"
                raise StorageError(self._url, "upload to", reason) from error
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._digest is not None:
            self._hash.update(data)
        return data

    def _handed_over(self, size: int) -> None:
        """A part is known to be stored when obstore has asked for as many more as may be in flight."""
        self._unreported.append(size)
        self._report(len(self._unreported) - self.in_flight)

    def _report(self, count: int) -> None:
        for _ in range(count):
            size = self._unreported.popleft()
            if self._progress is not None:
                self._progress(size)


def _identity(stat: os.stat_result) -> tuple[int, int, int]:
    return (stat.st_size, stat.st_mtime_ns, stat.st_ino)


async def send(access: Access, path: Path, transfer: Transfer, attributes: Mapping[str, str]) -> None:
    """Store a file.

    Args:
        access: the way to the object.
        path: the file.
        transfer: how.
        attributes: stored with it.

    Raises:
        StorageIntegrityError: the file changed, or what was stored is not what was sent.
        StorageError: the file cannot be read, or not be stored.
    """
    url = access.location.url
    deadline = Deadline(transfer.deadline)
    source = await asyncio.to_thread(_Source, path, url, transfer, attributes.get(DIGEST))
    try:
        result = await _put(access, source, transfer, attributes, deadline)
    finally:
        source.close()
    await _verify(access, source.size, result, attributes, transfer, deadline)
    source.report_rest()


async def _put(
    access: Access, source: _Source, transfer: Transfer, attributes: Mapping[str, str], deadline: Deadline
) -> Mapping[str, Any]:
    if source.size <= source.part:
        content = await asyncio.to_thread(source.whole)
        return await put_whole(access, "upload to", transfer, deadline, content, attributes)
    task = access.put(
        "upload to",
        transfer,
        source.parts(),
        attributes=dict(attributes) or None,
        use_multipart=True,
        chunk_size=source.part,
        max_concurrency=source.in_flight,
    )
    try:
        done = await _ended(task, source, access, deadline)
    except asyncio.CancelledError:
        await _stop(task, source)
        raise
    if not done:
        await _stop(task, source)
        raise deadline.error(access.location.url, "upload to")
    problem = task.exception()
    if problem is not None:
        raise access.tries("upload to", transfer, deadline).error_of(problem)
    return task.result()


async def _ended(task: asyncio.Future[Mapping[str, Any]], source: _Source, access: Access, deadline: Deadline) -> bool:
    """Wait for an upload until its deadline, and tell of one that has not begun: obstore repeats without a word."""
    left = deadline.left()
    if left is None or left > _PATIENCE:
        done, _ = await asyncio.wait([task], timeout=_PATIENCE)
        if not done and not source.begun:
            url = without_secrets(access.location.url)
            logger.warning("cannot upload to %s yet: no answer within %g s, still trying", url, _PATIENCE)
    done, _ = await asyncio.wait([task], timeout=deadline.left())
    return bool(done)


async def put_whole(
    access: Access,
    operation: str,
    transfer: Transfer,
    deadline: Deadline,
    content: bytes,
    attributes: Mapping[str, str],
) -> Mapping[str, Any]:
    """Store an object with one request, which is repeated here and not by obstore: there a wait is a silent one.

    Args:
        access: the way to the object.
        operation: what is done, for errors.
        transfer: how often to try.
        deadline: when it must be over.
        content: all of it.
        attributes: stored with it.

    Returns:
        What obstore says of the object.

    Raises:
        StorageError: it cannot be stored.
    """
    once = attrs.evolve(transfer, retries=0)

    async def put() -> Mapping[str, Any]:
        return await access.put(operation, once, content, attributes=dict(attributes) or None, use_multipart=False)

    return await access.tries(operation, transfer, deadline).call(put)


async def _stop(task: asyncio.Future[Mapping[str, Any]], source: _Source) -> None:
    """End an upload: at its next part, so that obstore takes the parts back, or at once if there comes none."""
    source.stopped = True
    await asyncio.wait([task], timeout=_GRACE)
    if task.cancel():
        await asyncio.wait([task], timeout=_GRACE)
    elif not task.cancelled():
        task.exception()  # looked at, or asyncio reports it


async def _verify(
    access: Access,
    size: int,
    result: Mapping[str, Any],
    attributes: Mapping[str, str],
    transfer: Transfer,
    deadline: Deadline,
) -> None:
    """Look at what is stored; what is wrong there is deleted again if it is still what this upload has stored."""
    module, key = obstore(), access.location.key
    tries = access.tries("upload to", transfer, deadline)
    stored = await tries.call(lambda: module.get_async(access.store(), key, options={"head": True}))
    ours = stored.meta["e_tag"] == result["e_tag"]
    if not ours and result["e_tag"] and stored.attributes.get(DIGEST) != attributes.get(DIGEST):
        reason = "somebody else has written there at the same time; the object is not the one that was sent"
        raise StorageIntegrityError(access.location.url, "upload to", reason)
    if stored.meta["size"] != size:
        if ours:
            await tries.call(lambda: module.delete_async(access.store(), key))
        reason = f"{stored.meta['size']} bytes were stored of {size} that were sent; the object was deleted"
        raise StorageIntegrityError(access.location.url, "upload to", reason)
