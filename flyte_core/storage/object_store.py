"""The engine for object stores: S3 and what speaks its protocol, Google Cloud Storage and Azure, through obstore."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from flyte_core.errors import StorageError, StorageNotFoundError
from flyte_core.storage.download import Content, Draft, fetch, next_of
from flyte_core.storage.engine import ObjectInfo, ReadHandle, Transfer, WriteHandle
from flyte_core.storage.native import obstore, wait_for
from flyte_core.storage.object_handles import ObjectReader, ObjectWriter
from flyte_core.storage.retry import Deadline
from flyte_core.storage.stores import Access
from flyte_core.storage.upload import send

__all__ = ["ObjectStoreEngine"]

# Of obstore's attributes those that are not the writer's own.
_HEADERS = ("Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control")


class ObjectStoreEngine:
    """Object stores; see `flyte_core.storage.engine.Engine` for the methods."""

    async def info(self, url: str) -> ObjectInfo:
        """See `flyte_core.storage.engine.Engine.info`."""
        access = Access(url)
        transfer = access.config.transfer()
        deadline = Deadline(transfer.deadline)
        if access.location.key and not url.endswith("/"):
            try:
                return await _head(access, "read", transfer, deadline)
            except StorageNotFoundError:
                pass
        if not await _has_objects(access, transfer, deadline):
            raise StorageNotFoundError(url, "read", "there is no such object, and none below it")
        return ObjectInfo(url=url, is_folder=True)

    async def list(self, url: str) -> AsyncIterator[ObjectInfo]:
        """See `flyte_core.storage.engine.Engine.list`."""
        access = Access(url)
        pages = _pages(access, access.config.transfer())
        page = await anext(pages, None)
        while page is not None:
            following = await anext(pages, None)
            for entry in await _without_markers(access, page, following):
                yield _info_of(access, entry)
            page = following

    async def upload(self, source: Path, url: str, transfer: Transfer, attributes: Mapping[str, str]) -> None:
        """See `flyte_core.storage.engine.Engine.upload`."""
        await send(_named(url, "upload to"), source, transfer, attributes)

    async def download(self, info: ObjectInfo, draft: BinaryIO, transfer: Transfer) -> None:
        """See `flyte_core.storage.engine.Engine.download`."""
        access = _named(info.url, "download")
        deadline = Deadline(transfer.deadline)
        if info.size is None:
            info = await _head(access, "download", transfer, deadline)
        content = Content(access, info, transfer, "download", deadline)
        await fetch(content, Draft(draft, info.url), transfer)

    def open_read(self, url: str, transfer: Transfer) -> ReadHandle:
        """See `flyte_core.storage.engine.Engine.open_read`."""
        access = _named(url, "read")
        return ObjectReader(access, wait_for(_head_or_why(access, transfer)), transfer)

    def open_write(self, url: str, transfer: Transfer) -> WriteHandle:
        """See `flyte_core.storage.engine.Engine.open_write`."""
        return ObjectWriter(_named(url, "write to"), transfer)

    async def delete(self, url: str) -> None:
        """See `flyte_core.storage.engine.Engine.delete`."""
        access = _named(url, "delete")
        module = obstore()
        try:
            transfer = access.config.transfer()
            tries = access.tries("delete", transfer)
            await tries.call(lambda: module.delete_async(access.store(), access.location.key))
        except StorageNotFoundError:
            return


def _named(url: str, operation: str) -> Access:
    access = Access(url)
    if not access.location.key:
        raise StorageError(url, operation, "it is a whole bucket; name an object in it")
    return access


async def _head(access: Access, operation: str, transfer: Transfer, deadline: Deadline) -> ObjectInfo:
    module, location = obstore(), access.location
    # Not head_async: that leaves out the attributes.
    found = await access.tries(operation, transfer, deadline).call(
        lambda: access.read(lambda store: module.get_async(store, location.key, options={"head": True}))
    )
    attributes = {name: value for name, value in found.attributes.items() if name not in _HEADERS}
    meta = found.meta
    return ObjectInfo(
        url=location.url,
        size=meta["size"],
        e_tag=meta["e_tag"],
        modified=meta["last_modified"],
        attributes=attributes,
    )


async def _head_or_why(access: Access, transfer: Transfer) -> ObjectInfo:
    """Describe an object; where there is none, find out if there is a bucket: the answer to HEAD has no text."""
    deadline = Deadline(transfer.deadline)
    try:
        return await _head(access, "read", transfer, deadline)
    except StorageNotFoundError as error:
        missing = error
    try:
        below = await _has_objects(access, transfer, deadline)
    except StorageNotFoundError:
        raise
    except StorageError:  # whoever may read need not be allowed to list
        below = False
    if below:
        raise StorageError(access.location.url, "read", "it is a folder")
    raise missing


async def _has_objects(access: Access, transfer: Transfer, deadline: Deadline) -> bool:
    module = obstore()

    async def first(store: object) -> object:
        return await next_of(module.list(store, prefix=access.location.key or None, chunk_size=1))

    return bool(await access.tries("read", transfer, deadline).call(lambda: access.read(first)))


async def _pages(access: Access, transfer: Transfer) -> AsyncIterator[list[Mapping[str, Any]]]:
    """Give the entries below a prefix page by page; after a failure the listing goes on behind the last one."""
    module = obstore()
    tries = access.tries("list", transfer)
    prefix = access.location.key or None
    last: str | None = None
    stream: Any = None

    async def page(store: object) -> list[Mapping[str, Any]] | None:
        nonlocal stream
        if stream is None:
            stream = module.list(store, prefix=prefix, offset=last)
        try:
            found: list[Mapping[str, Any]] | None = await next_of(stream)
        except BaseException:  # a cancellation at the deadline too: the next try needs a new stream
            stream = None
            raise
        return found

    while entries := await tries.call(lambda: access.read(page)):
        last = entries[-1]["path"]
        yield entries


async def _without_markers(
    access: Access, page: Iterable[Mapping[str, Any]], following: list[Mapping[str, Any]] | None
) -> list[Mapping[str, Any]]:
    """Leave out the empty objects with a slash at the end of their names that consoles make as folders.

    obstore gives their names without the slash. One that stands before what is below it is seen by that; of the others
    the server says that there is none of that name.
    """
    entries = list(page)
    names = [str(entry["path"]) for entry in [*entries, *(following or [])[:1]]]
    kept, unsure = [], []
    for at, entry in enumerate(entries):
        name = names[at]
        if entry["size"] == 0 and (
            name == access.location.key or (at + 1 < len(names) and names[at + 1].startswith(f"{name}/"))
        ):
            continue
        if entry["size"] == 0:
            unsure.append(entry)
        kept.append(entry)
    wrong = await _absent(access, [str(entry["path"]) for entry in unsure])
    return [entry for entry in kept if entry["path"] not in wrong]


async def _absent(access: Access, names: list[str]) -> set[str]:
    """Say which objects are not there."""
    module = obstore()
    transfer = access.config.transfer()
    allowed = asyncio.Semaphore(transfer.concurrency)

    async def missing(name: str) -> bool:
        async with allowed:
            try:
                await access.tries("list", transfer).call(
                    lambda: access.read(lambda store: module.head_async(store, name))
                )
            except StorageNotFoundError:
                return True
            return False

    gone = await asyncio.gather(*(missing(name) for name in names))
    return {name for name, absent in zip(names, gone, strict=True) if absent}


def _info_of(access: Access, entry: Mapping[str, Any]) -> ObjectInfo:
    return ObjectInfo(
        url=access.url_of(entry["path"]), size=entry["size"], e_tag=entry["e_tag"], modified=entry["last_modified"]
    )
