"""What every kind of storage offers to the functions of this package: the engine protocol and its values."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol

import attrs

__all__ = ["DIGEST", "LONGEST_BACKOFF", "PART_SIZE", "Engine", "ObjectInfo", "ReadHandle", "Transfer", "WriteHandle"]

DIGEST = "flyte-core-sha256"
"""The attribute under which an object carries the SHA-256 of its content, in hexadecimal digits."""
PART_SIZE = 16 * 2**20
"""Bytes of one part of a parallel transfer; with the parts in flight it bounds the memory."""
LONGEST_BACKOFF = dt.timedelta(seconds=16)
"""The longest wait before a repetition, unless the server asks for a longer one."""


@attrs.frozen(kw_only=True)
class ObjectInfo:
    """What is known of a stored object without reading it.

    Args:
        url: its whole URL, or its path where it is local.
        size: bytes; ``None`` where the server does not say.
        is_folder: whether it is a folder, or a prefix with objects below it.
        e_tag: the server's tag of this content, unchanged as long as the content is.
        modified: when it was last written.
        attributes: what its writer attached, such as the digest of the content.
    """

    url: str
    size: int | None = None
    is_folder: bool = False
    e_tag: str | None = None
    modified: dt.datetime | None = None
    attributes: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Transfer:
    """How one transfer is done.

    Args:
        retries: how often a failed request is repeated; the first try is not counted.
        backoff: the wait before the first repetition; each later one is twice as long, with jitter.
        deadline: the longest that the whole transfer, waits included, may take; ``None`` for no limit.
        part_size: bytes of one part.
        concurrency: the most parts in flight.
        on_progress: called with the number of bytes done since the last call, from any thread.
    """

    retries: int = 3
    backoff: dt.timedelta = dt.timedelta(seconds=1)
    deadline: dt.timedelta | None = None
    part_size: int = PART_SIZE
    concurrency: int = 6
    on_progress: Callable[[int], None] | None = None


class ReadHandle(Protocol):
    """An open object that is read, as `io.BufferedIOBase` has it; ``close`` ends it."""

    def read(self, size: int = -1, /) -> bytes:
        """Read at most so many bytes; all that are left for -1."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        ...

    def tell(self) -> int:
        """Say where it stands."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


class WriteHandle(Protocol):
    """An object that is being written; nothing is there under its name before ``commit``."""

    def write(self, data: bytes, /) -> int:
        """Append bytes; memory stays bounded."""
        ...

    def commit(self) -> None:
        """Put it under its name, complete."""
        ...

    def discard(self) -> None:
        """Throw away what was written; after ``commit`` or a second time it does nothing."""
        ...


class Engine(Protocol):
    """One kind of storage: local files, an object store, or any fsspec file system.

    URLs are whole ones. Every method raises only `StorageError` and its subclasses, retries what is worth it within
    the transfer's limits, and leaves nothing partial under a final name.
    """

    async def info(self, url: str) -> ObjectInfo:
        """Describe an object, a folder or a prefix.

        Raises:
            StorageNotFoundError: there is none.
        """
        ...

    def list(self, url: str) -> AsyncIterator[ObjectInfo]:
        """Give every object below a folder or prefix, at any depth, in the order of their names, without folders."""
        ...

    async def upload(self, source: Path, url: str, transfer: Transfer, attributes: Mapping[str, str]) -> None:
        """Store a local file that must not change meanwhile.

        Raises:
            StorageIntegrityError: it changed, or what was stored is not what was sent.
        """
        ...

    async def download(self, info: ObjectInfo, draft: BinaryIO, transfer: Transfer) -> None:
        """Write the content that ``info`` describes into an open empty local file.

        Raises:
            StorageIntegrityError: the object changed meanwhile, or its length is not the announced one.
        """
        ...

    def open_read(self, url: str, transfer: Transfer) -> ReadHandle:
        """Open an object for reading, with seek; reads ahead in a bounded buffer."""
        ...

    def open_write(self, url: str, transfer: Transfer) -> WriteHandle:
        """Open an object for writing from its beginning."""
        ...

    async def delete(self, url: str) -> None:
        """Remove one object; that it is not there is no error."""
        ...
