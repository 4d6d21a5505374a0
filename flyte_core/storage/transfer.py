"""Transfers between local files and wherever a URL leads: whole files, folders, and streams of bytes."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flyte_core._syncify import run_coroutine
from flyte_core.errors import InvalidTypeError
from flyte_core.storage.engines import engine_for, transfer_for
from flyte_core.storage.folders import copy_folder, get_folder, put_folder
from flyte_core.storage.local import is_folder, safe_join
from flyte_core.storage.paths import is_remote, last_part, local_name, local_path, random_path
from flyte_core.storage.progress import progress
from flyte_core.storage.scratch import get_random_local_path, new_path
from flyte_core.storage.single import copy_single, get_single, put_single
from flyte_core.storage.undo import OnFailure
from flyte_core.storage.workers import Stop, in_thread, in_thread_to_end

if TYPE_CHECKING:
    from flyte_core.storage.hashing import HashMethod

__all__ = [
    "get",
    "get_stream",
    "get_stream_sync",
    "get_sync",
    "put",
    "put_stream",
    "put_stream_sync",
    "put_sync",
    "read_bytes",
    "read_bytes_sync",
    "write_bytes",
    "write_bytes_sync",
]

_STREAM_CHUNK = 10 * 2**20
# What is written in less than this is gathered first: a step into another thread costs 50 microseconds.
_GATHERED = 1 << 20


def _get_target(from_path: str | os.PathLike[str], to_path: str | os.PathLike[str] | None, recursive: bool) -> Path:
    name = local_name(from_path, last_part(from_path)) if is_remote(from_path) else local_path(from_path).name
    if not to_path:
        return get_random_local_path(name)
    target = local_path(to_path)
    if recursive or not (os.fspath(to_path).endswith(("/", os.sep)) or is_folder(target)):
        return target
    return safe_join(target, name) if name else target


def _put_target(from_path: Path, to_path: str | os.PathLike[str] | None, recursive: bool) -> str:
    name = from_path.absolute().name
    if not to_path:
        return new_path(name)
    target = os.fspath(to_path)
    if recursive:
        return target if is_remote(target) else str(local_path(target))
    if is_remote(target):
        return target + name if target.endswith("/") else target
    path = local_path(target)
    return str(path / name if target.endswith(("/", os.sep)) or is_folder(path) else path)


def _refuse_hash_of_folder(recursive: bool, hash_method: HashMethod | None) -> None:
    if recursive and hash_method is not None:
        raise InvalidTypeError("transfer", "hash_method", hash_method, "None where recursive=True")


def _copy(stop: Stop, source: Path, target: Path, recursive: bool, hash_method: HashMethod | None) -> None:
    if recursive:
        copy_folder(stop, source, target)
    else:
        copy_single(stop, source, target, hash_method)


async def get(
    from_path: str | os.PathLike[str],
    to_path: str | os.PathLike[str] | None = None,
    recursive: bool = False,
    *,
    hash_method: HashMethod | None = None,
    chunk_size: int | None = None,
    max_concurrency: int | None = None,
) -> str:
    """Bring a file, or all that is below a folder or prefix, to this machine.

    The file appears under its name when it is complete, verified and on the disk. Cancelled, nothing of it is left.

    Args:
        from_path: a URL or path.
        to_path: the local path; in an existing folder, or behind a trailing slash, the file keeps its name. Default: a
            new temporary path that keeps the name.
        recursive: whether ``from_path`` is a folder or prefix; what is below it comes into the folder ``to_path``.
        hash_method: gets the content of the file.
        chunk_size: bytes of one part of a parallel transfer, instead of the configured number.
        max_concurrency: the most parts in flight, instead of the configured number.

    Returns:
        The local path.

    Raises:
        StorageNotFoundError: there is nothing at ``from_path``.
        StorageIntegrityError: what came is not what was stored, or it changed meanwhile.
        UnsafePathError: a name below the prefix would lead out of the folder; nothing was written.
        StorageError: something else went wrong. Of a folder all failures are reported; files that came are complete.

    Example:
        >>> import asyncio, tempfile
        >>> source = write_bytes_sync(tempfile.mkdtemp() + "/a.txt", b"text")
        >>> Path(asyncio.run(get(source))).read_text()
        'text'
    """
    _refuse_hash_of_folder(recursive, hash_method)
    target = _get_target(from_path, to_path, recursive)
    if not is_remote(from_path):
        await in_thread(_copy, local_path(from_path), target, recursive, hash_method)
        return str(target)
    url = os.fspath(from_path)
    transfer = transfer_for(url, chunk_size=chunk_size, max_concurrency=max_concurrency)
    if recursive:
        await get_folder(url, target, transfer)
    else:
        await get_single(url, target, transfer, hash_method)
    return str(target)


def get_sync(
    from_path: str | os.PathLike[str],
    to_path: str | os.PathLike[str] | None = None,
    recursive: bool = False,
    *,
    hash_method: HashMethod | None = None,
    chunk_size: int | None = None,
    max_concurrency: int | None = None,
) -> str:
    """Do what `get` does, and wait for it.

    Example:
        >>> import tempfile
        >>> source = write_bytes_sync(tempfile.mkdtemp() + "/a.txt", b"text")
        >>> Path(get_sync(source)).name
        'a.txt'
    """
    if is_remote(from_path):
        return run_coroutine(
            get(
                from_path,
                to_path,
                recursive,
                hash_method=hash_method,
                chunk_size=chunk_size,
                max_concurrency=max_concurrency,
            )
        )
    _refuse_hash_of_folder(recursive, hash_method)
    target = _get_target(from_path, to_path, recursive)
    _copy(Stop(), local_path(from_path), target, recursive, hash_method)
    return str(target)


async def put(
    from_path: str | os.PathLike[str],
    to_path: str | os.PathLike[str] | None = None,
    recursive: bool = False,
    *,
    hash_method: HashMethod | None = None,
    chunk_size: int | None = None,
    max_concurrency: int | None = None,
) -> str:
    """Store a local file, or all that is in a local folder.

    The file appears under its name when it is complete. Cancelled, nothing of it is left.

    Args:
        from_path: the local path; links to files are followed.
        to_path: a URL or path; in an existing local folder, or behind a trailing slash, the file keeps its name.
            Default: what `new_path` gives for the name.
        recursive: whether ``from_path`` is a folder; what is in it goes below ``to_path``.
        hash_method: gets the content of the file.
        chunk_size: bytes of one part of a parallel transfer, instead of the configured number.
        max_concurrency: the most parts in flight, instead of the configured number.

    Returns:
        Where it is stored.

    Raises:
        StorageIntegrityError: the file changed while it was stored, or what was stored is not what was sent.
        StorageError: something else went wrong. Of a folder all failures are reported; files that were stored are
            complete.

    Example:
        >>> import asyncio, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> source = write_bytes_sync(folder + "/a.txt", b"text")
        >>> asyncio.run(put(source, folder + "/copies/")).endswith("/copies/a.txt")
        True
    """
    _refuse_hash_of_folder(recursive, hash_method)
    source = local_path(from_path)
    target = _put_target(source, to_path, recursive)
    if not is_remote(target):
        await in_thread(_copy, source, local_path(target), recursive, hash_method)
        return target
    transfer = transfer_for(target, chunk_size=chunk_size, max_concurrency=max_concurrency)
    if recursive:
        await put_folder(source, target, transfer)
    else:
        await put_single(source, target, transfer, hash_method)
    return target


def put_sync(
    from_path: str | os.PathLike[str],
    to_path: str | os.PathLike[str] | None = None,
    recursive: bool = False,
    *,
    hash_method: HashMethod | None = None,
    chunk_size: int | None = None,
    max_concurrency: int | None = None,
) -> str:
    """Do what `put` does, and wait for it.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> put_sync(write_bytes_sync(folder + "/a.txt", b"text"), folder + "/b.txt").endswith("/b.txt")
        True
    """
    _refuse_hash_of_folder(recursive, hash_method)
    source = local_path(from_path)
    target = _put_target(source, to_path, recursive)
    if is_remote(target):
        return run_coroutine(
            put(
                from_path,
                target,
                recursive,
                hash_method=hash_method,
                chunk_size=chunk_size,
                max_concurrency=max_concurrency,
            )
        )
    _copy(Stop(), source, local_path(target), recursive, hash_method)
    return target


def _stream_target(name: str | None, to_path: str | os.PathLike[str] | None) -> str:
    if not to_path:
        return new_path(name)
    target = os.fspath(to_path)
    if target.endswith("/"):
        return target + name if name else random_path(target)
    return target if is_remote(target) else str(local_path(target))


def _refuse_text(data: object) -> None:
    if isinstance(data, str):
        raise InvalidTypeError("put_stream", "data_iterable", data, "bytes, or an iterable that gives bytes")


async def put_stream(
    data_iterable: AsyncIterable[bytes] | Iterable[bytes] | bytes,
    *,
    name: str | None = None,
    to_path: str | os.PathLike[str] | None = None,
    hash_method: HashMethod | None = None,
) -> str:
    """Store bytes as they come.

    They appear under the name when the last one is stored; when the iterable raises, nothing does.

    Args:
        data_iterable: bytes, or an asynchronous or plain iterable of them.
        name: the last part of the path where no ``to_path`` is given.
        to_path: a URL or path. Default: what `new_path` gives.
        hash_method: gets the content.

    Returns:
        Where they are stored.

    Raises:
        StorageError: they cannot be.
        InvalidTypeError: they are text.

    Example:
        >>> import asyncio
        >>> read_bytes_sync(asyncio.run(put_stream([b"one ", b"two"], name="a.txt")))
        b'one two'
    """
    _refuse_text(data_iterable)
    target = _stream_target(name, to_path)
    with progress(f"write {target}", size=None) as meter:
        handle = await in_thread_to_end(lambda: engine_for(target).open_write(target, transfer_for(target)))

        def write(data: bytes) -> None:
            if hash_method is not None:
                hash_method.update(memoryview(data))
            handle.write(data)
            meter.add(len(data))

        try:
            waiting = bytearray()
            async for data in _asynchronous(data_iterable):
                waiting += data
                if len(waiting) >= _GATHERED:
                    await in_thread_to_end(write, bytes(waiting))
                    waiting.clear()
            await in_thread_to_end(write, bytes(waiting))
            await in_thread_to_end(handle.commit)
        except BaseException:  # a cancellation too, as for OnFailure, which does not await
            await in_thread_to_end(handle.discard)
            raise
    return target


def _parts(data: Iterable[bytes] | bytes) -> Iterator[bytes]:
    if isinstance(data, (bytes, bytearray, memoryview)):
        view = memoryview(data).cast("B")
        return (bytes(view[start : start + _STREAM_CHUNK]) for start in range(0, len(view), _STREAM_CHUNK))
    return iter(data)


async def _asynchronous(data: AsyncIterable[bytes] | Iterable[bytes] | bytes) -> AsyncGenerator[bytes, None]:
    if isinstance(data, AsyncIterable):
        async for part in data:
            yield part
    else:
        for part in _parts(data):
            yield part


def put_stream_sync(
    data_iterable: Iterable[bytes] | bytes,
    *,
    name: str | None = None,
    to_path: str | os.PathLike[str] | None = None,
    hash_method: HashMethod | None = None,
) -> str:
    """Do what `put_stream` does with a plain iterable, in this thread.

    Example:
        >>> read_bytes_sync(put_stream_sync(iter([b"one ", b"two"]), name="a.txt"))
        b'one two'
    """
    _refuse_text(data_iterable)
    target = _stream_target(name, to_path)
    with progress(f"write {target}", size=None) as meter:
        handle = engine_for(target).open_write(target, transfer_for(target))
        with OnFailure(handle.discard):
            for data in _parts(data_iterable):
                if hash_method is not None:
                    hash_method.update(memoryview(data))
                handle.write(data)
                meter.add(len(data))
            handle.commit()
    return target


async def get_stream(path: str | os.PathLike[str], chunk_size: int = _STREAM_CHUNK) -> AsyncGenerator[bytes, None]:
    """Read a file or object piece by piece.

    Args:
        path: a URL or path.
        chunk_size: bytes of a piece; only the last one may be shorter.

    Yields:
        The pieces, in order.

    Raises:
        StorageError: it cannot be read.
        InvalidValueError: the chunk size is below 1.

    Example:
        >>> import asyncio
        >>> source = put_stream_sync(b"text", name="a.txt")
        >>> async def pieces() -> list[bytes]:
        ...     return [piece async for piece in get_stream(source, chunk_size=3)]
        >>> asyncio.run(pieces())
        [b'tex', b't']
    """
    url = os.fspath(path)
    transfer = transfer_for(url, chunk_size=chunk_size)
    handle = await in_thread_to_end(lambda: engine_for(url).open_read(url, transfer))
    try:
        while data := await in_thread_to_end(handle.read, chunk_size):
            yield data
    finally:
        await in_thread_to_end(handle.close)


def get_stream_sync(path: str | os.PathLike[str], chunk_size: int = _STREAM_CHUNK) -> Generator[bytes, None, None]:
    """Do what `get_stream` does in a plain generator.

    Example:
        >>> source = put_stream_sync(b"text", name="a.txt")
        >>> list(get_stream_sync(source, chunk_size=3))
        [b'tex', b't']
    """
    url = os.fspath(path)
    handle = engine_for(url).open_read(url, transfer_for(url, chunk_size=chunk_size))
    try:
        while data := handle.read(chunk_size):
            yield data
    finally:
        handle.close()


def read_bytes_sync(url: str | os.PathLike[str]) -> bytes:
    """Read the whole content of a file or object.

    Args:
        url: a URL or path.

    Returns:
        The content.

    Raises:
        StorageError: it cannot be read.

    Example:
        >>> read_bytes_sync(put_stream_sync(b"text"))
        b'text'
    """
    text = os.fspath(url)
    handle = engine_for(text).open_read(text, transfer_for(text))
    try:
        return handle.read()
    finally:
        handle.close()


async def read_bytes(url: str | os.PathLike[str]) -> bytes:
    """Do what `read_bytes_sync` does without blocking the event loop.

    Example:
        >>> import asyncio
        >>> asyncio.run(read_bytes(put_stream_sync(b"text")))
        b'text'
    """
    return await in_thread_to_end(read_bytes_sync, url)


def write_bytes_sync(url: str | os.PathLike[str], data: bytes) -> str:
    """Write a file or object so that it has this content, or what it had before.

    Args:
        url: a URL or path; folders above a path are made.
        data: the whole content.

    Returns:
        The URL or path.

    Raises:
        StorageError: it cannot be written.

    Example:
        >>> import tempfile
        >>> read_bytes_sync(write_bytes_sync(tempfile.mkdtemp() + "/a/b.txt", b"text"))
        b'text'
    """
    return put_stream_sync(data, to_path=url)


async def write_bytes(url: str | os.PathLike[str], data: bytes) -> str:
    """Do what `write_bytes_sync` does without blocking the event loop.

    Example:
        >>> import asyncio, tempfile
        >>> asyncio.run(write_bytes(tempfile.mkdtemp() + "/a.txt", b"text")).endswith("/a.txt")
        True
    """
    return await put_stream(data, to_path=url)
