"""Blobs on their way: downloads and uploads, a few at a time, under one deadline."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from flyte_core.errors import FlyteCoreError, StorageError, StorageNotFoundError, without_secrets
from flyte_core_container.copilot.control import Control, run_controlled
from flyte_core_container.copilot.errors import CopilotVariableError

if TYPE_CHECKING:
    import asyncio

__all__ = ["Fetch", "Store", "read_all", "run_transfers", "write_all"]

_AT_ONCE = 4
# Parts in flight of one transfer, bytes of a part, and uploads of more than one part at once: a loader's container has
# 128 MiB. Measured with four objects of 80 MB: 107 MB down, 100 MB up; 198 MB up with 8 MiB and no gate.
_PARTS = 2
_PART_SIZE = 5 * 2**20
_LARGE_UPLOADS = 2


@attrs.frozen(kw_only=True)
class Fetch:
    """A blob that is to come to a local path.

    Args:
        variable: whose it is.
        url: where it lies.
        path: where it comes.
        is_folder: whether it is a folder; ``None`` where that has to be looked up.
    """

    variable: str
    url: str
    path: Path
    is_folder: bool | None

    async def run(self, _gate: asyncio.Semaphore) -> None:
        """Do it.

        Raises:
            StorageError: it did not come.
            CopilotVariableError: nothing is there, or something is in the way.
        """
        from flyte_core import storage

        size, parts = _limits(self.url)
        is_folder = self.is_folder
        if is_folder is None:
            is_folder = (await storage.info(self.url)).is_folder
        if is_folder:
            await self._require_objects()
            await storage.get(self.url.rstrip("/") + "/", str(self.path), True, chunk_size=size, max_concurrency=parts)
            return
        if self.path.is_dir():
            raise CopilotVariableError(self.variable, str(self.path), "a folder is in the way of the file")
        await storage.get(self.url, str(self.path), chunk_size=size, max_concurrency=parts)

    async def _require_objects(self) -> None:
        from flyte_core import storage

        # With the slash, so that "data" is not the beginning of "data2".
        async for _found in storage.iter_files(self.url.rstrip("/") + "/"):
            return
        raise CopilotVariableError(
            self.variable, str(self.path), f"there is no object below {without_secrets(self.url)}"
        )


@attrs.frozen(kw_only=True)
class Store:
    """A local file or folder that is to be stored.

    Args:
        variable: whose it is.
        path: where it lies.
        url: where it goes.
        is_folder: whether it is a folder.
    """

    variable: str
    path: Path
    url: str
    is_folder: bool

    async def run(self, gate: asyncio.Semaphore) -> None:
        """Do it.

        Args:
            gate: lets few large ones through at once.

        Raises:
            StorageError: it cannot be stored.
        """
        from flyte_core import storage

        size, parts = _limits(self.url)
        is_large = self.is_folder or self.path.stat().st_size > _PART_SIZE
        async with gate if is_large else contextlib.nullcontext():
            await storage.put(str(self.path), self.url, self.is_folder, chunk_size=size, max_concurrency=parts)


def _limits(url: str) -> tuple[int | None, int | None]:
    from flyte_core.storage import is_remote

    return (_PART_SIZE, _PARTS) if is_remote(url) else (None, None)


def run_transfers(transfers: Sequence[Fetch | Store], control: Control) -> list[str]:
    """Do transfers, a few at a time, and wait for all of them.

    Args:
        transfers: what to do.
        control: ends them, and they leave nothing partial.

    Returns:
        One text for each that failed, with the variable's name.

    Raises:
        CopilotCancelledError: the work was cancelled.
        CopilotDeadlineError: its time was over.
    """
    control.check()
    return run_controlled(control, lambda: _run_all(transfers)) if transfers else []


async def _run_all(transfers: Sequence[Fetch | Store]) -> list[str]:
    import asyncio

    gate = asyncio.Semaphore(_LARGE_UPLOADS)
    waiting = iter(transfers)
    problems: list[str] = []

    async def work() -> None:
        for transfer in waiting:
            try:
                await transfer.run(gate)
            except (FlyteCoreError, OSError, ImportError) as error:  # noqa: PERF203 - a transfer takes longer
                problems.append(_problem(transfer, error))

    workers = [asyncio.ensure_future(work()) for _ in range(min(_AT_ONCE, len(transfers)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return problems


def _problem(transfer: Fetch | Store, error: Exception) -> str:
    if isinstance(error, CopilotVariableError):
        return str(error)
    text = str(error) if isinstance(error, StorageError) else f"{type(error).__name__}: {error}"
    return str(CopilotVariableError(transfer.variable, str(transfer.path), text))


def read_all(url: str, control: Control) -> bytes:
    """Read a small object.

    Raises:
        StorageError: it cannot be read.
    """
    from flyte_core import storage

    if storage.is_remote(url):
        return run_controlled(control, lambda: storage.read_bytes(url))
    control.check()
    # Not read_bytes_sync: the modules of transfers take a tenth of a small download's time to import.
    try:
        return storage.local_path(url).read_bytes()
    except FileNotFoundError as error:
        raise StorageNotFoundError(url, "read", "there is no such file") from error
    except OSError as error:
        raise StorageError(url, "read", str(error)) from error


def write_all(url: str, data: bytes, control: Control) -> None:
    """Write a small object; it is there as a whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    from flyte_core import storage

    if storage.is_remote(url):
        run_controlled(control, lambda: storage.write_bytes(url, data))
        return
    control.check()
    try:
        storage.atomic_write(storage.make_parents(url), data)
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(url, "write", str(error)) from error
