"""What ``from_local`` does for `File` and `Dir`: say where local data goes, bring it there, and hash it on the way."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from flyte_core import storage
from flyte_core.context import ctx
from flyte_core.errors import InvalidTypeError, InvalidValueError, SourceNotFoundError, without_secrets
from flyte_core.io.hashed import computing, hash_folder, split_hash
from flyte_core.storage.copying import hash_file
from flyte_core.storage.hashing import PrecomputedValue
from flyte_core.storage.undo import OnFailure
from flyte_core.storage.workers import Stop, in_thread, in_thread_to_end

if TYPE_CHECKING:
    from flyte_core.storage.hashing import HashMethod

__all__ = ["Upload", "plan"]


@attrs.frozen(kw_only=True)
class Upload:
    """One file or folder, and where it is to be.

    Args:
        source: its absolute path.
        target: the path or URL of its copy; None where it stays and is only referred to.
        known: its hash, where that is known.
        method: computes its hash.
        is_folder: what it is.
    """

    source: Path
    target: str | None
    known: str | None
    method: HashMethod | None
    is_folder: bool

    def run(self) -> tuple[str, str | None]:
        """Copy and hash; give the path or URL and the hash."""
        if self.method is None:
            return self._put(None), self.known
        with computing(self.method):
            return self._run_hashing(self.method), self.method.result()

    def _run_hashing(self, method: HashMethod) -> str:
        if isinstance(method, PrecomputedValue):
            return self._put(None)
        if not self.is_folder and self.target is not None:
            return self._put(method)
        if not self.is_folder:
            hash_file(Stop(), self.source, [method])
            return self._put(None)
        stop = Stop()
        with ThreadPoolExecutor(1, "flyte_core-hash") as pool:
            hashed = pool.submit(hash_folder, stop, self.source, method)
            with OnFailure(stop.ask):
                path = self._put(None)
                state = hashed.result()
        state.verify()
        return path

    def _put(self, method: HashMethod | None) -> str:
        if self.target is None:
            return str(self.source)
        return _absolute(storage.put_sync(self.source, self.target, self.is_folder, hash_method=method))

    async def arun(self) -> tuple[str, str | None]:
        """`run` without blocking the event loop."""
        if self.method is None:
            return await self._aput(None), self.known
        with computing(self.method):
            return await self._arun_hashing(self.method), self.method.result()

    async def _arun_hashing(self, method: HashMethod) -> str:
        if isinstance(method, PrecomputedValue):
            return await self._aput(None)
        if not self.is_folder and self.target is not None:
            return await self._aput(method)
        if not self.is_folder:
            await in_thread(hash_file, self.source, [method])
            return await self._aput(None)
        hashed = asyncio.ensure_future(in_thread(hash_folder, self.source, method))
        try:
            path = await self._aput(None)
            state = await hashed
        except BaseException:  # a cancellation too, as for OnFailure, which does not await
            hashed.cancel()
            await asyncio.wait({hashed})  # the thread must not use the method any more once it is given back
            raise
        await in_thread_to_end(state.verify)
        return path

    async def _aput(self, method: HashMethod | None) -> str:
        if self.target is None:
            return str(self.source)
        return _absolute(await storage.put(self.source, self.target, self.is_folder, hash_method=method))


def _absolute(url: str) -> str:
    return url if storage.is_remote(url) else str(storage.local_path(url).absolute())


def plan(
    owner: str,
    local_path: str | os.PathLike[str],
    destination: str | None,
    hash_method: HashMethod | str | None,
    *,
    is_folder: bool,
) -> Upload:
    """Say what is to be done for one call of ``from_local``.

    Args:
        owner: ``File`` or ``Dir``, for messages.
        local_path: the file or folder.
        destination: where it goes; by default below the running task's raw data if that is remote, and otherwise
            nowhere: what is on this machine already is only referred to.
        hash_method: computes its hash, or is it.
        is_folder: which of both it must be.

    Raises:
        InvalidTypeError: the path is no path, or the hash method none.
        InvalidValueError: the path is a URL, or leads to the other kind.
        SourceNotFoundError: there is nothing at the path.
    """
    if not isinstance(local_path, (str, os.PathLike)):
        raise InvalidTypeError(f"{owner}.from_local", "local_path", local_path, "a path")
    if storage.is_remote(local_path):
        shown = without_secrets(os.fspath(local_path))
        allowed = f"a local path; for a URL, {owner}.from_existing_remote"
        raise InvalidValueError(f"{owner}.from_local", "local_path", shown, allowed)
    source = Path(os.path.abspath(storage.local_path(local_path)))  # noqa: PTH100 - a/.. has to go, a link has to stay
    if not source.exists():
        raise SourceNotFoundError(str(source), "upload", "it does not exist")
    if source.is_dir() != is_folder:
        other = "a folder; for a file use File.from_local" if is_folder else "a file; for a folder use Dir.from_local"
        raise InvalidValueError(f"{owner}.from_local", "local_path", str(source), other)
    known, method = split_hash(f"{owner}.from_local", hash_method)
    return Upload(
        source=source, target=destination or _default(source), known=known, method=method, is_folder=is_folder
    )


def _default(source: Path) -> str | None:
    context = ctx()
    if context is None or not storage.is_remote(context.raw_data_path.path):
        return None
    return storage.new_path(source.name)
