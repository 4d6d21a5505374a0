"""`File`: a reference to one file, with what it takes to read and write it wherever it lies."""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import IO, TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs

from flyte_core import storage
from flyte_core.errors import StorageNotFoundError
from flyte_core.io.place import Place, relative_name
from flyte_core.io.reference import INTERNAL

if TYPE_CHECKING:
    from typing_extensions import Self

    from flyte_core.storage.hashing import HashMethod

__all__ = ["File"]

T_co = TypeVar("T_co", covariant=True)


@attrs.frozen(kw_only=True, slots=False)
class File(Place[T_co]):
    """A reference to one file, local or remote.

    Each method that reads or writes is a coroutine, and has a twin ending in ``_sync`` for plain functions. The type
    parameter may name the format: ``File["csv"]``.

    Args:
        path: where the file lies.
        name: its name; the last part of the path unless given.
        format: its format, free text.
        hash: a hash of its content, which the cache uses in place of the path.
        hash_method: computes ``hash`` from what is written through `open`; no part of the value, and not pickled.

    Raises:
        InvalidValueError: if the path is empty.
        InvalidTypeError: if a field is no string.

    Example:
        >>> File(path="s3://bucket/a/data.csv").name
        'data.csv'
        >>> file = File.new_remote("a.txt")
        >>> with file.open_sync("wt") as stream:
        ...     _ = stream.write("text")
        >>> with file.open_sync("rt") as stream:
        ...     stream.read()
        'text'
    """

    _KIND: ClassVar[str] = "file"

    hash_method: HashMethod | None = attrs.field(default=None, eq=False, repr=False, metadata=INTERNAL)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "hash_method": None}

    # ---- making ------------------------------------------------------------------------------------

    @classmethod
    def new_remote(
        cls, file_name: str | None = None, hash_method: HashMethod | str | None = None, *, format: str = ""
    ) -> Self:
        """Give a reference to a file that is about to be written, below the running task's raw data.

        Args:
            file_name: the last part of its path; otherwise that is random.
            hash_method: the hash that its content will have, or what computes it while it is written.
            format: its format; the type's parameter, as in ``File["csv"].new_remote()``, stands for it.

        Returns:
            The reference; write through `open`.

        Raises:
            UnsafePathError: the name is absolute or has ``..`` in it.

        Example:
            >>> File.new_remote("a.csv").name
            'a.csv'
        """
        from flyte_core.io.hashed import split_hash

        known, method = split_hash(f"{cls.__name__}.new_remote", hash_method)
        name = file_name and relative_name("the task's raw data", file_name, "create")
        return cls(path=storage.new_path(name), hash=known, hash_method=method, format=format)

    @classmethod
    def from_existing_remote(cls, remote_path: str, file_cache_key: str | None = None) -> Self:
        """Give a reference to a file that is there already; nothing is copied.

        Args:
            remote_path: where it lies.
            file_cache_key: a hash of its content for the cache.

        Returns:
            The reference.

        Example:
            >>> File.from_existing_remote("s3://bucket/data.csv", "abc").hash
            'abc'
        """
        return cls(path=remote_path, hash=file_cache_key)

    @classmethod
    async def from_local(
        cls,
        local_path: str | os.PathLike[str],
        remote_destination: str | None = None,
        hash_method: HashMethod | str | None = None,
        *,
        format: str = "",
    ) -> Self:
        """Upload a local file, in bounded memory.

        Args:
            local_path: the file.
            remote_destination: where it goes. By default a new path below the running task's raw data; where these
                are on this machine too, and outside of a task, nothing is copied: the reference leads to the file
                itself.
            hash_method: the hash of the content for the cache, or what computes it on the way.
            format: its format; the type's parameter stands for it.

        Returns:
            The reference; it has the local file's name.

        Raises:
            SourceNotFoundError: there is no such file.
            InvalidValueError: the path is a folder's or a URL.
            StorageError: it cannot be read or uploaded, or it changed meanwhile.

        Example:
            >>> import asyncio, tempfile
            >>> from flyte_core.io import HashlibAccumulator
            >>> with tempfile.NamedTemporaryFile() as local:
            ...     method = HashlibAccumulator.from_hash_name("md5")
            ...     asyncio.run(File.from_local(local.name, hash_method=method)).hash
            'd41d8cd98f00b204e9800998ecf8427e'
        """
        from flyte_core.io.upload import plan

        upload = plan(cls.__name__, local_path, remote_destination, hash_method, is_folder=False)
        path, found = await upload.arun()
        return cls(path=path, name=upload.source.name, hash=found, hash_method=upload.method, format=format)

    @classmethod
    def from_local_sync(
        cls,
        local_path: str | os.PathLike[str],
        remote_destination: str | None = None,
        hash_method: HashMethod | str | None = None,
        *,
        format: str = "",
    ) -> Self:
        """Do what `from_local` does in a plain function.

        Example:
            >>> import tempfile
            >>> with tempfile.NamedTemporaryFile(suffix=".csv") as local:
            ...     File.from_local_sync(local.name).path == local.name
            True
        """
        from flyte_core.io.upload import plan

        upload = plan(cls.__name__, local_path, remote_destination, hash_method, is_folder=False)
        path, found = upload.run()
        return cls(path=path, name=upload.source.name, hash=found, hash_method=upload.method, format=format)

    # ---- reading and writing -----------------------------------------------------------------------

    @asynccontextmanager
    async def open(
        self,
        mode: str = "rb",
        block_size: int | None = None,
        cache_type: str = "readahead",
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[storage.AsyncFile[Any]]:
        """Open the file; its methods are coroutines.

        What is written is there when the block ends, complete, and not at all if the block raises. With a hash method
        ``hash`` is set then; it covers what was written, before compression.

        Args:
            mode: as for the built-in ``open``.
            block_size: bytes that are read at once.
            cache_type: taken for compatibility; reading ahead needs no choice.
            cache_options: the same.
            compression: such as ``gzip``, or ``infer`` to go by the name.
            kwargs: what else `flyte_core.storage.open` takes, such as ``encoding``.

        Yields:
            The open file.

        Raises:
            StorageError: it cannot be read or written.

        Example:
            >>> import asyncio
            >>> async def copy(file: File) -> bytes:
            ...     async with file.open("wb") as stream:
            ...         await stream.write(b"text")
            ...     async with file.open() as stream:
            ...         return await stream.read()
            >>> asyncio.run(copy(File.new_remote()))
            b'text'
        """
        from flyte_core.storage.workers import in_thread_to_end

        options = {**kwargs, "block_size": block_size, "compression": compression}
        with self._hashing(mode) as method:
            async with storage.AsyncFile(await in_thread_to_end(self._opened, mode, method, options)) as file:
                yield file

    @contextmanager
    def open_sync(
        self,
        mode: str = "rb",
        block_size: int | None = None,
        cache_type: str = "readahead",
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Iterator[IO[Any]]:
        """Open the file in a plain function; see `open`.

        Example:
            >>> from flyte_core.io import HashlibAccumulator
            >>> file = File.new_remote("a.txt", hash_method=HashlibAccumulator.from_hash_name("md5"))
            >>> with file.open_sync("wb") as stream:
            ...     _ = stream.write(b"text")
            >>> file.hash
            '1cb251ec0d568de6a929b520c4aed8d1'
        """
        options = {**kwargs, "block_size": block_size, "compression": compression}
        with self._hashing(mode) as method, self._opened(mode, method, options) as file:
            yield file

    @contextmanager
    def _hashing(self, mode: str) -> Iterator[HashMethod | None]:
        """Give the method that has to see what is written in this mode, ready for a new content."""
        method = self.hash_method if set(mode) & set("wxa+") else None
        if method is None:
            yield None
            return
        from flyte_core.io.hashed import computing

        with computing(method):
            yield method

    def _opened(self, mode: str, method: HashMethod | None, options: dict[str, Any]) -> IO[Any]:
        if method is None:
            return storage.open_sync(self.path, mode, **options)
        from flyte_core.io.hashed import open_hashing

        return open_hashing(self.path, mode, method, functools.partial(object.__setattr__, self, "hash"), options)

    async def download(self, local_path: str | os.PathLike[str] | None = None) -> str:
        """Copy the file to this machine.

        The copy appears complete or not at all. Where the storage knows a digest of the content, it is verified.

        Args:
            local_path: the copy's path, or the folder for it: one that exists, or a path that ends with ``/``. By
                default a new temporary one.

        Returns:
            The absolute path of the copy.

        Raises:
            StorageError: it cannot be read or written, or what came is not what was stored.

        Example:
            >>> import asyncio, tempfile
            >>> file = File.new_remote("a.txt")
            >>> with file.open_sync("wb") as stream:
            ...     _ = stream.write(b"text")
            >>> asyncio.run(file.download(tempfile.mkdtemp())).endswith("/a.txt")
            True
        """
        return _absolute(await storage.get(self.path, local_path))

    def download_sync(self, local_path: str | os.PathLike[str] | None = None) -> str:
        """Do what `download` does in a plain function.

        Example:
            >>> file = File.new_remote("a.txt")
            >>> with file.open_sync("wb") as stream:
            ...     _ = stream.write(b"text")
            >>> file.download_sync().endswith("/a.txt")
            True
        """
        return _absolute(storage.get_sync(self.path, local_path))

    async def exists(self) -> bool:
        """Say whether there is a file at the path; a folder is none.

        Raises:
            StorageError: the storage cannot be asked.

        Example:
            >>> import asyncio
            >>> asyncio.run(File.new_remote().exists())
            False
        """
        try:
            return not (await storage.info(self.path)).is_folder
        except StorageNotFoundError:
            return False

    def exists_sync(self) -> bool:
        """Do what `exists` does in a plain function.

        Example:
            >>> File.new_remote().exists_sync()
            False
        """
        try:
            return not storage.info_sync(self.path).is_folder
        except StorageNotFoundError:
            return False


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - as the path was written, but for what is missing
