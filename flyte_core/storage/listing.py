"""What is at a path or URL: looked up, listed, removed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from flyte_core._syncify import run_coroutine
from flyte_core.errors import StorageError, StorageNotFoundError
from flyte_core.storage.engines import engine_for
from flyte_core.storage.folders import relative_name
from flyte_core.storage.local_engine import local_delete, local_info, local_list
from flyte_core.storage.paths import is_remote, local_path

if TYPE_CHECKING:
    from flyte_core.storage.engine import Engine, ObjectInfo

__all__ = [
    "delete",
    "delete_sync",
    "exists",
    "exists_sync",
    "info",
    "info_sync",
    "iter_files",
    "list_files",
    "list_files_sync",
]


async def info(url: str | os.PathLike[str]) -> ObjectInfo:
    """Describe what is at a path or URL.

    Args:
        url: a path or URL.

    Returns:
        Size, kind and what else the storage says.

    Raises:
        StorageNotFoundError: there is nothing.
        StorageError: it cannot be looked at.

    Example:
        >>> import asyncio, tempfile
        >>> asyncio.run(info(tempfile.mkdtemp())).is_folder
        True
    """
    return await engine_for(url).info(os.fspath(url))


def info_sync(url: str | os.PathLike[str]) -> ObjectInfo:
    """Do what `info` does, and wait for it.

    Example:
        >>> import tempfile
        >>> info_sync(tempfile.mkdtemp()).is_folder
        True
    """
    return run_coroutine(info(url)) if is_remote(url) else local_info(url)


async def exists(path: str | os.PathLike[str]) -> bool:
    """Say whether there is anything at a path or URL.

    Args:
        path: a path or URL.

    Returns:
        True for a file, an object, a folder, or a prefix with objects below it.

    Raises:
        StorageError: it cannot be found out, such as for lack of permission.

    Example:
        >>> import asyncio
        >>> asyncio.run(exists("/nowhere"))
        False
    """
    try:
        await info(path)
    except StorageNotFoundError:
        return False
    return True


def exists_sync(path: str | os.PathLike[str]) -> bool:
    """Do what `exists` does, and wait for it.

    Example:
        >>> exists_sync("/nowhere")
        False
    """
    try:
        info_sync(path)
    except StorageNotFoundError:
        return False
    return True


async def iter_files(url: str | os.PathLike[str], *, recursive: bool = True) -> AsyncIterator[ObjectInfo]:
    """Give the files below a folder or prefix one after the other.

    Args:
        url: a path or URL.
        recursive: whether those in folders below it are given too.

    Yields:
        The files, in the order of their names.

    Raises:
        StorageNotFoundError: there is no such folder.
        StorageError: it is a file, or cannot be listed.
    """
    text = os.fspath(url)
    engine = engine_for(text)
    base = text if is_remote(text) else str(local_path(text))
    empty = True
    async for found in engine.list(text):
        empty = False
        if _is_wanted(base, found, recursive):
            yield found
    if empty:
        await _require_folder(engine, text)


def _is_wanted(base: str, found: ObjectInfo, recursive: bool) -> bool:
    name = relative_name(base, found.url.replace(os.sep, "/"))
    return name != "" and not name.endswith("/") and (recursive or "/" not in name)


async def _require_folder(engine: Engine, url: str) -> None:
    if not (await engine.info(url)).is_folder:
        raise StorageError(url, "list", "it is a file, not a folder")


async def list_files(url: str | os.PathLike[str], *, recursive: bool = True) -> list[ObjectInfo]:
    """Give the files below a folder or prefix; see `iter_files` for the arguments.

    Example:
        >>> import asyncio, tempfile
        >>> asyncio.run(list_files(tempfile.mkdtemp()))
        []
    """
    return [found async for found in iter_files(url, recursive=recursive)]


def list_files_sync(url: str | os.PathLike[str], *, recursive: bool = True) -> list[ObjectInfo]:
    """Do what `list_files` does, and wait for it.

    Example:
        >>> import tempfile
        >>> list_files_sync(tempfile.mkdtemp())
        []
    """
    if is_remote(url):
        return run_coroutine(list_files(url, recursive=recursive))
    base = str(local_path(url))
    return [found for found in local_list(url) if _is_wanted(base, found, recursive)]


async def delete(url: str | os.PathLike[str], *, recursive: bool = False) -> None:
    """Remove a file or object; that it is not there is no error.

    Args:
        url: a path or URL.
        recursive: whether everything below it, as a folder or prefix, is removed; links are removed, not followed.

    Raises:
        StorageError: it cannot be removed, or is a folder and ``recursive`` is not set.

    Example:
        >>> import asyncio
        >>> asyncio.run(delete("/nowhere/a"))
    """
    from flyte_core.storage.removal import delete_below, delete_local_folder
    from flyte_core.storage.workers import in_thread_to_end

    text = os.fspath(url)
    if not recursive:
        await engine_for(text).delete(text)
    elif is_remote(text):
        await delete_below(engine_for(text), text)
    else:
        await in_thread_to_end(delete_local_folder, local_path(text))


def delete_sync(url: str | os.PathLike[str], *, recursive: bool = False) -> None:
    """Do what `delete` does, and wait for it.

    Example:
        >>> delete_sync("/nowhere/a")
    """
    from flyte_core.storage.removal import delete_local_folder

    if is_remote(url):
        run_coroutine(delete(url, recursive=recursive))
    elif recursive:
        delete_local_folder(local_path(url))
    else:
        local_delete(url)
