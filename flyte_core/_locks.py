"""Doing a thing once on this machine."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from flyte_core._logging import logger

__all__ = ["machine_lock"]


@contextlib.asynccontextmanager
async def machine_lock(folder: Path, what: str) -> AsyncIterator[bool]:
    """Hold a lock that one process of this machine has at a time; it ends with the process, however that ends.

    Args:
        folder: where the lock's file lies; without one that can be written there is no lock.
        what: what is locked, for the file's name and the log.

    Yields:
        Whether somebody else had it, and may have done what was to be done.
    """
    import filelock

    path = folder / f"{hashlib.sha256(what.encode()).hexdigest()[:32]}.lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        logger.warning("%s is not locked against other processes: %s", what, error)
        yield False
        return
    # Not bound to a thread: what is awaited between may come back in another one.
    lock = filelock.AsyncFileLock(path, thread_local=False)
    try:
        await lock.acquire(blocking=False)
        waited = False
    except filelock.Timeout:
        logger.info("another process works on %s; waiting for it", what)
        await lock.acquire(poll_interval=0.2)
        waited = True
    try:
        yield waited
    finally:
        await lock.release(force=True)
