"""`Dir`: a reference to a folder of files, with what it takes to go through it wherever it lies."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, ClassVar, TypeVar

import attrs

from flyte_core import storage
from flyte_core.errors import InvalidValueError, StorageNotFoundError
from flyte_core.io.file import File
from flyte_core.io.place import Place, relative_name

if TYPE_CHECKING:
    from typing_extensions import Self

    from flyte_core.storage.hashing import HashMethod

__all__ = ["Dir"]

T_co = TypeVar("T_co", covariant=True)


@attrs.frozen(kw_only=True, slots=False)
class Dir(Place[T_co]):
    """A reference to a folder of files, local or remote.

    Each method that reads or writes is a coroutine, and has a twin ending in ``_sync`` for plain functions. The type
    parameter may name the files' format: ``Dir["csv"]``.

    Args:
        path: where the folder lies.
        name: its name; the last part of the path unless given.
        format: the files' format, free text.
        hash: a hash of its content, which the cache uses in place of the path.

    Raises:
        InvalidValueError: if the path is empty.
        InvalidTypeError: if a field is no string.

    Example:
        >>> Dir(path="s3://bucket/a/tree/").name
        'tree'
    """

    _KIND: ClassVar[str] = "folder"

    # ---- making ------------------------------------------------------------------------------------

    @classmethod
    def new_remote(cls, dir_name: str | None = None, hash: str | None = None, *, format: str = "") -> Self:
        """Give a reference to a folder that is about to be filled, below the running task's raw data.

        Args:
            dir_name: the last part of its path; otherwise that is random.
            hash: the hash that its content will have.
            format: the files' format; the type's parameter, as in ``Dir["csv"].new_remote()``, stands for it.

        Returns:
            The reference.

        Raises:
            UnsafePathError: the name is absolute or has ``..`` in it.

        Example:
            >>> Dir.new_remote("parts").name
            'parts'
        """
        name = dir_name and relative_name("the task's raw data", dir_name, "create")
        return cls(path=storage.new_path(name), hash=hash, format=format)

    @classmethod
    def from_existing_remote(cls, remote_path: str, dir_cache_key: str | None = None) -> Self:
        """Give a reference to a folder that is there already; nothing is copied.

        Args:
            remote_path: where it lies.
            dir_cache_key: a hash of its content for the cache.

        Returns:
            The reference.

        Example:
            >>> Dir.from_existing_remote("s3://bucket/tree").format
            ''
        """
        return cls(path=remote_path, hash=dir_cache_key)

    @classmethod
    async def from_local(
        cls,
        local_path: str | os.PathLike[str],
        remote_destination: str | None = None,
        dir_cache_key: str | None = None,
        *,
        hash_method: HashMethod | str | None = None,
        format: str = "",
    ) -> Self:
        """Upload a local folder with everything below it, several files at once and in bounded memory.

        Links to files are followed, and links to folders unless they lead back to where they are. Empty folders are
        left out.

        Args:
            local_path: the folder.
            remote_destination: where its content goes. By default a new path below the running task's raw data;
                where these are on this machine too, and outside of a task, nothing is copied: the reference leads
                to the folder itself.
            dir_cache_key: the hash of the content for the cache.
            hash_method: computes that hash on the way: from the files' names below the folder and their contents,
                so that it is the same wherever and whenever the folder was made.
            format: the files' format; the type's parameter stands for it.

        Returns:
            The reference; it has the local folder's name.

        Raises:
            SourceNotFoundError: there is no such folder.
            InvalidValueError: the path is a file's or a URL, or both a key and a hash method are given.
            StorageError: something cannot be read or uploaded, or it changed meanwhile.

        Example:
            >>> import asyncio, tempfile
            >>> asyncio.run(Dir.from_local(tempfile.mkdtemp(), dir_cache_key="v1")).hash
            'v1'
        """
        from flyte_core.io.upload import plan

        method = _one_of(dir_cache_key, hash_method)
        upload = plan(cls.__name__, local_path, remote_destination, method, is_folder=True)
        path, found = await upload.arun()
        return cls(path=path, name=upload.source.name, hash=found, format=format)

    @classmethod
    def from_local_sync(
        cls,
        local_path: str | os.PathLike[str],
        remote_destination: str | None = None,
        dir_cache_key: str | None = None,
        *,
        hash_method: HashMethod | str | None = None,
        format: str = "",
    ) -> Self:
        """Do what `from_local` does in a plain function.

        Example:
            >>> import tempfile
            >>> from flyte_core.io import HashlibAccumulator
            >>> method = HashlibAccumulator.from_hash_name("md5")
            >>> Dir.from_local_sync(tempfile.mkdtemp(), hash_method=method).hash
            'd41d8cd98f00b204e9800998ecf8427e'
        """
        from flyte_core.io.upload import plan

        method = _one_of(dir_cache_key, hash_method)
        upload = plan(cls.__name__, local_path, remote_destination, method, is_folder=True)
        path, found = upload.run()
        return cls(path=path, name=upload.source.name, hash=found, format=format)

    # ---- what is in it -----------------------------------------------------------------------------

    async def walk(
        self, recursive: bool = True, max_depth: int | None = None, file_pattern: str = "*"
    ) -> AsyncIterator[File[T_co]]:
        """Give the files in the folder, in the order of their names below it.

        Args:
            recursive: whether files in folders below count.
            max_depth: how deep to go; 1 is the folder itself. None for no limit.
            file_pattern: only files whose name fits, such as ``*.csv``; one with a ``/`` is held against the whole
                name below the folder.

        Yields:
            References to the files; none is read.

        Raises:
            StorageNotFoundError: there is no such folder.
            InvalidValueError: ``max_depth`` is below 1.

        Example:
            >>> import asyncio, pathlib, tempfile
            >>> folder = pathlib.Path(tempfile.mkdtemp())
            >>> _ = (folder / "a.csv").write_text("1")
            >>> async def names(tree: Dir) -> list[str]:
            ...     return [file.name async for file in tree.walk()]
            >>> asyncio.run(names(Dir(path=str(folder))))
            ['a.csv']
        """
        fits = _filter(self.path, recursive, max_depth, file_pattern)
        async for found in storage.iter_files(self.path, recursive=recursive):
            if fits(found.url):
                yield File(path=found.url, format=self.format)

    def walk_sync(
        self, recursive: bool = True, file_pattern: str = "*", max_depth: int | None = None
    ) -> Iterator[File[T_co]]:
        """Do what `walk` does in a plain function; mind the other order of its arguments.

        Example:
            >>> import pathlib, tempfile
            >>> folder = pathlib.Path(tempfile.mkdtemp())
            >>> _ = (folder / "a.csv").write_text("1"), (folder / "b.txt").write_text("1")
            >>> [file.name for file in Dir(path=str(folder)).walk_sync(file_pattern="*.csv")]
            ['a.csv']
        """
        fits = _filter(self.path, recursive, max_depth, file_pattern)
        for found in storage.list_files_sync(self.path, recursive=recursive):
            if fits(found.url):
                yield File(path=found.url, format=self.format)

    async def list_files(self) -> list[File[T_co]]:
        """Give the files in the folder itself, without folders below.

        Raises:
            StorageNotFoundError: there is no such folder.

        Example:
            >>> import asyncio, tempfile
            >>> asyncio.run(Dir(path=tempfile.mkdtemp()).list_files())
            []
        """
        return [file async for file in self.walk(recursive=False)]

    def list_files_sync(self) -> list[File[T_co]]:
        """Do what `list_files` does in a plain function.

        Example:
            >>> import tempfile
            >>> Dir(path=tempfile.mkdtemp()).list_files_sync()
            []
        """
        return list(self.walk_sync(recursive=False))

    async def get_file(self, file_name: str) -> File[T_co] | None:
        """Give one file by its name below the folder.

        Args:
            file_name: the name; with ``/`` before it the names of folders.

        Returns:
            The reference, or None when there is no such file.

        Raises:
            UnsafePathError: the name would lead out of the folder.

        Example:
            >>> import asyncio, tempfile
            >>> asyncio.run(Dir(path=tempfile.mkdtemp()).get_file("a.csv")) is None
            True
        """
        file = self._file(file_name)
        return file if await file.exists() else None

    def get_file_sync(self, file_name: str) -> File[T_co] | None:
        """Do what `get_file` does in a plain function.

        Example:
            >>> import tempfile
            >>> Dir(path=tempfile.mkdtemp()).get_file_sync("a.csv") is None
            True
        """
        file = self._file(file_name)
        return file if file.exists_sync() else None

    def _file(self, name: str) -> File[T_co]:
        return File(path=storage.join(self.path, relative_name(self.path, name, "open")), format=self.format)

    # ---- as a whole --------------------------------------------------------------------------------

    async def download(self, local_path: str | os.PathLike[str] | None = None) -> str:
        """Copy the folder to this machine.

        Each file appears complete or not at all. A name that would lead out of the target folder is refused.

        Args:
            local_path: the folder that the content goes into. By default a new temporary one with this folder's
                name; a folder that is on this machine already is not copied then.

        Returns:
            The absolute path of the folder.

        Raises:
            UnsafePathError: a name in the folder leads out of the target.
            StorageError: something cannot be read or written.

        Example:
            >>> import asyncio, tempfile
            >>> folder = tempfile.mkdtemp()
            >>> asyncio.run(Dir(path=folder).download()) == folder
            True
        """
        target = self._target(local_path)
        return self._own_path() if target is None else await storage.get(self.path, target, recursive=True)

    def download_sync(self, local_path: str | os.PathLike[str] | None = None) -> str:
        """Do what `download` does in a plain function.

        Example:
            >>> import tempfile
            >>> folder = tempfile.mkdtemp()
            >>> Dir(path=folder).download_sync() == folder
            True
        """
        target = self._target(local_path)
        return self._own_path() if target is None else storage.get_sync(self.path, target, recursive=True)

    def _own_path(self) -> str:
        return str(storage.local_path(self.path).absolute())

    def _target(self, local_path: str | os.PathLike[str] | None) -> str | None:
        """The folder to copy into; None where this one serves."""
        if local_path is not None and os.fspath(local_path):
            target = os.path.abspath(local_path)  # noqa: PTH100 - as it was written, but for what is missing
            return target if storage.is_remote(self.path) or target != self._own_path() else None
        if not storage.is_remote(self.path):
            return None
        return str(storage.get_random_local_path(self.path))

    async def exists(self) -> bool:
        """Say whether there is a folder at the path; a file is none.

        Object stores have only folders with files in them.

        Raises:
            StorageError: the storage cannot be asked.

        Example:
            >>> import asyncio, tempfile
            >>> asyncio.run(Dir(path=tempfile.mkdtemp()).exists())
            True
        """
        try:
            return (await storage.info(_as_folder(self.path))).is_folder
        except StorageNotFoundError:
            return False

    def exists_sync(self) -> bool:
        """Do what `exists` does in a plain function.

        Example:
            >>> Dir(path="/no/such/folder").exists_sync()
            False
        """
        try:
            return storage.info_sync(_as_folder(self.path)).is_folder
        except StorageNotFoundError:
            return False


def _one_of(key: str | None, method: HashMethod | str | None) -> HashMethod | str | None:
    if key is not None and method is not None:
        raise InvalidValueError("Dir.from_local", "hash_method", method, "no hash method where dir_cache_key is given")
    return key if method is None else method


def _filter(base: str, recursive: bool, max_depth: int | None, pattern: str) -> Callable[[str], bool]:
    """Give what says of a file's URL whether it is wanted."""
    if max_depth is not None and max_depth < 1:
        raise InvalidValueError("Dir.walk", "max_depth", max_depth, "1 or more, or None for no limit")
    from flyte_core.storage.folders import relative_name as name_below

    depth = max_depth if recursive else 1
    root = base if storage.is_remote(base) else storage.local_path(base).as_posix()

    def fits(url: str) -> bool:
        name = name_below(root, url if storage.is_remote(url) else storage.local_path(url).as_posix())
        if depth is not None and name.count("/") >= depth:
            return False
        return fnmatch.fnmatchcase(name if "/" in pattern else name.rpartition("/")[2], pattern)

    return fits


def _as_folder(url: str) -> str:
    """With a slash at its end an object store looks for a prefix alone."""
    return url if not storage.is_remote(url) or url.endswith("/") else f"{url}/"
