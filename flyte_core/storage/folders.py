"""The transfer of folders and prefixes: many files at a time in bounded memory, all failures reported together."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from flyte_core._logging import logger
from flyte_core.errors import StorageError, StorageIntegrityError, StorageNotFoundError, UnsafePathError
from flyte_core.storage.engines import engine_for, keeps_digest, require_name, transfer_for
from flyte_core.storage.local import safe_join
from flyte_core.storage.local_errors import raise_together
from flyte_core.storage.paths import join, local_name
from flyte_core.storage.progress import Meter, progress
from flyte_core.storage.single import download, upload
from flyte_core.storage.trees import Entry, copy_files, files_below, make_folder, refuse_inside
from flyte_core.storage.workers import Stop, in_thread, run_bounded

if TYPE_CHECKING:
    import asyncio

    from flyte_core.storage.engine import Engine, ObjectInfo, Transfer

__all__ = ["copy_folder", "get_folder", "put_folder", "relative_name"]

# Small files wait for the server, not for the line: so many times the parts that may be in flight.
_FILES_PER_PART = 4


def copy_folder(stop: Stop, source: Path, target: Path) -> None:
    """Copy what is in a local folder into another one, empty folders too.

    Args:
        stop: ends it early; files that are complete stay.
        source: the folder.
        target: the other one; it is made. Where it is the same folder, nothing is done.

    Raises:
        UnsafePathError: the target lies in the source, or a link in the target leads out of it.
        StorageError: something could not be copied; all failures are reported, and all other files are complete.
    """
    files, folders, errors = files_below(source)
    if target.exists() and target.samefile(source):
        return
    refuse_inside(source, target)
    make_folder(target)
    for folder in folders:
        try:
            make_folder(safe_join(target, folder.name))
        except StorageError as error:  # noqa: PERF203 - the others are to be made
            errors.append(error)
    concurrency = transfer_for(target).concurrency * _FILES_PER_PART
    with progress(f"copy {source}", size=_total(files), files=len(files)) as meter:
        errors += copy_files(stop, files, target, concurrency, meter.add, meter.file_done)
    if errors:
        raise_together(errors, source, "copy", len(files))


def _total(files: list[Entry]) -> int:
    return sum(entry.found.st_size for entry in files if entry.found is not None)


class _Budget:
    """Bytes that may be in memory at once; a transfer of more than all of them waits for all."""

    def __init__(self, transfer: Transfer) -> None:
        import asyncio

        self._part = transfer.part_size
        self._free = self._all = transfer.part_size * transfer.concurrency
        self._changed: asyncio.Condition = asyncio.Condition()

    @asynccontextmanager
    async def share(self, size: int | None) -> AsyncIterator[None]:
        wanted = min(self._part if size is None else size, self._all)
        async with self._changed:
            await self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            self._free += wanted
            async with self._changed:
                self._changed.notify_all()


async def put_folder(source: Path, url: str, transfer: Transfer) -> None:
    """Upload what is in a local folder.

    Args:
        source: the folder; links are followed.
        url: the prefix below which the files go under their relative names.
        transfer: the settings; ``concurrency`` bounds the parts in flight of all files together.

    Raises:
        UnsafePathError: a file has a name that no object can have; nothing was sent.
        StorageError: something could not be stored; all failures are reported, and all other files are complete.
    """
    files, _folders, errors = await in_thread(lambda _stop: files_below(source))
    _require_names(files, source, url)
    engine = engine_for(url)
    budget = _Budget(transfer)
    with progress(f"upload {source}", size=_total(files), files=len(files)) as meter:
        counted = attrs.evolve(transfer, on_progress=meter.add)

        async def store(entry: Entry) -> None:
            async with budget.share(entry.found.st_size if entry.found is not None else None):
                await upload(engine, Path(entry.path), join(url, entry.name), counted)
            meter.file_done()

        errors += await run_bounded(_jobs(store, files), transfer.concurrency * _FILES_PER_PART)
    if errors:
        raise_together(errors, source, "upload", len(files) + len(errors))
    if not files:
        logger.warning("%s has no files in it, and object stores keep no folders: nothing was stored", source)


def _require_names(files: list[Entry], source: Path, url: str) -> None:
    faults: list[StorageError] = []
    for entry in files:
        try:
            require_name(join(url, entry.name), entry.path, "upload to")
        except UnsafePathError as error:  # noqa: PERF203 - all of them are told
            faults.append(error)
    if faults:
        raise_together(faults, source, "upload", len(files))


def _jobs(function: Callable[..., Awaitable[None]], items: list[Entry]) -> list[Callable[[], Awaitable[None]]]:
    return [functools.partial(function, item) for item in items]


def relative_name(base: str, url: str) -> str:
    """Give the name of a listed object below the prefix that was listed.

    Args:
        base: the prefix's URL.
        url: the object's URL.

    Returns:
        The name; empty for the prefix itself.

    Raises:
        UnsafePathError: the object is not below the prefix.

    Example:
        >>> relative_name("s3://bucket/a/", "s3://bucket/a/b/c.csv")
        'b/c.csv'
    """
    prefix = base.rstrip("/") + "/"
    if url == prefix.rstrip("/"):
        return ""
    if not url.startswith(prefix):
        raise UnsafePathError(url, "download", f"it was listed, but is not below {base}")
    return url[len(prefix) :]


async def get_folder(url: str, target: Path, transfer: Transfer) -> None:
    """Download what is below a prefix.

    All names are looked at before anything is written.

    Args:
        url: the prefix.
        target: the folder; it is made.
        transfer: the settings; ``concurrency`` bounds the parts in flight of all files together.

    Raises:
        UnsafePathError: a name would lead out of the target; nothing was written.
        StorageNotFoundError: there is nothing below the prefix.
        StorageError: something did not come; all failures are reported, and all other files are complete.
    """
    engine = engine_for(url)
    found = [info async for info in engine.list(url)]
    if not found:
        await _require_folder(engine, url)
    plan = _plan(url, target, found)
    make_folder(target)
    budget = _Budget(transfer)
    size = sum(info.size or 0 for info in plan.values())
    with progress(f"download {url}", size=size, files=len(plan)) as meter:
        jobs = _downloads(engine, plan, attrs.evolve(transfer, on_progress=meter.add), budget, meter)
        errors = await run_bounded(jobs, transfer.concurrency * _FILES_PER_PART)
    if errors:
        raise_together(errors, url, "download", len(plan))


async def _require_folder(engine: Engine, url: str) -> None:
    info = await engine.info(url)
    if not info.is_folder:
        raise StorageError(url, "download", "it is a file, not a folder; leave recursive=True out")


def _plan(url: str, target: Path, found: list[ObjectInfo]) -> dict[Path, ObjectInfo]:
    plan: dict[Path, ObjectInfo] = {}
    for info in found:
        name = relative_name(url, info.url)
        if not name.strip("/"):
            continue  # the marker that some programs store for a folder
        # Decoded before it is found safe: an escape may stand for a slash.
        path = safe_join(target, local_name(url, name))
        if name.endswith("/"):
            continue
        if path in plan:
            raise UnsafePathError(info.url, "download", f"it and {plan[path].url} would both become {path}")
        plan[path] = info
    return plan


def _downloads(
    engine: Engine, plan: dict[Path, ObjectInfo], transfer: Transfer, budget: _Budget, meter: Meter
) -> list[Callable[[], Awaitable[None]]]:
    async def fetch(path: Path, info: ObjectInfo) -> None:
        async with budget.share(info.size):
            await download(engine, await _with_attributes(engine, info), path, transfer)
        meter.file_done()

    return [functools.partial(fetch, path, info) for path, info in plan.items()]


async def _with_attributes(engine: Engine, info: ObjectInfo) -> ObjectInfo:
    """Ask for what a listing leaves out: the attributes, and with them the digest."""
    if info.attributes or not keeps_digest(info.url):
        return info
    try:
        return await engine.info(info.url)
    except StorageNotFoundError as error:
        raise StorageIntegrityError(info.url, "download", "it was listed, and is gone now") from error
