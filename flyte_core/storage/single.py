"""The transfer of one file: hashed, verified, and complete before it has its name."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from flyte_core.errors import StorageError, StorageIntegrityError
from flyte_core.storage.copying import Source, copy_file, hash_file, open_source
from flyte_core.storage.engine import DIGEST
from flyte_core.storage.engines import engine_for, keeps_digest, require_name
from flyte_core.storage.hashing import HashlibAccumulator, HashMethod, PrecomputedValue
from flyte_core.storage.local import Draft, make_parents
from flyte_core.storage.progress import progress
from flyte_core.storage.undo import OnFailure
from flyte_core.storage.workers import Stop, in_thread, in_thread_to_end

if TYPE_CHECKING:
    from flyte_core.storage.engine import Engine, ObjectInfo, Transfer

__all__ = ["copy_single", "download", "get_single", "put_single", "upload"]


def copy_single(stop: Stop, source: Path, target: Path, hash_method: HashMethod | None = None) -> None:
    """Copy a local file to a local path, with progress; see `flyte_core.storage.copying.copy_file`."""
    with open_source(source) as opened:
        size = opened.size
    with progress(f"copy {source}", size=size) as meter:
        copy_file(stop, source, target, hash_method=hash_method, on_progress=meter.add)


async def get_single(url: str, target: Path, transfer: Transfer, hash_method: HashMethod | None = None) -> None:
    """Download one object to a local path, with progress.

    Args:
        url: the object's URL.
        target: the local path; its folder is made.
        transfer: the settings.
        hash_method: gets the content.

    Raises:
        StorageError: there is no object, it cannot be read, is not what was stored, or the file cannot be written.
    """
    engine = engine_for(url)
    info = await engine.info(url)
    if info.is_folder:
        raise StorageError(url, "download", "it is a folder; give recursive=True to transfer what is in it")
    with progress(f"download {url}", size=info.size) as meter:
        await download(engine, info, target, attrs.evolve(transfer, on_progress=meter.add), hash_method)


async def download(
    engine: Engine, info: ObjectInfo, target: Path, transfer: Transfer, hash_method: HashMethod | None = None
) -> None:
    """Download what an engine has described, into a draft that is verified and then renamed.

    Args:
        engine: what serves the object.
        info: the object.
        target: the local path; its folder is made.
        transfer: the settings.
        hash_method: gets the content.

    Raises:
        StorageIntegrityError: length or digest are not what they should be.
        StorageError: the object cannot be read or the file not written.
    """
    make_parents(target)
    draft = Draft(target)
    with OnFailure(draft.discard):
        file = io.BufferedWriter(draft.raw)
        await engine.download(info, file, transfer)
        file.flush()
        await in_thread(_complete, draft, info, hash_method)


def _complete(stop: Stop, draft: Draft, info: ObjectInfo, hash_method: HashMethod | None) -> None:
    """Verify a draft and give it its name; content is hashed while it goes to the disk."""
    size = draft.path.stat().st_size
    if info.size is not None and size != info.size:
        raise StorageIntegrityError(info.url, "download", f"{size} bytes came, {info.size} were announced")
    expected = info.attributes.get(DIGEST) if keeps_digest(info.url) else None
    digest = HashlibAccumulator(hashlib.sha256()) if expected else None
    methods = _without_known(digest, hash_method)
    if methods:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1, thread_name_prefix="flyte_core-sync") as thread:
            on_disk = thread.submit(draft.sync)
            hash_file(stop, draft.path, methods)
            on_disk.result()
    if digest is not None and expected is not None and digest.result() != expected.lower():
        raise StorageIntegrityError(
            info.url, "download", f"the SHA-256 of what came is {digest.result()}, of what was stored it was {expected}"
        )
    draft.commit()


def _without_known(*methods: HashMethod | None) -> list[HashMethod]:
    return [method for method in methods if method is not None and not isinstance(method, PrecomputedValue)]


async def put_single(source: Path, url: str, transfer: Transfer, hash_method: HashMethod | None = None) -> None:
    """Upload one local file, with progress.

    Args:
        source: the file.
        url: where it goes.
        transfer: the settings.
        hash_method: gets the content.

    Raises:
        StorageError: the file cannot be read, changed meanwhile, or cannot be stored.
    """
    with open_source(source) as opened:
        size = opened.size
    require_name(url, source, "upload to")
    with progress(f"upload {source}", size=size) as meter:
        await upload(engine_for(url), source, url, attrs.evolve(transfer, on_progress=meter.add), hash_method)


async def upload(
    engine: Engine, source: Path, url: str, transfer: Transfer, hash_method: HashMethod | None = None
) -> None:
    """Upload one local file with its digest as an attribute.

    Args:
        engine: what serves the URL.
        source: the file.
        url: where it goes.
        transfer: the settings.
        hash_method: gets the content.

    Raises:
        StorageIntegrityError: the file changed between the first look at it and the last; what was stored of it is
            removed.
        StorageError: the file cannot be read or not be stored.
    """
    digest = HashlibAccumulator(hashlib.sha256()) if keeps_digest(url) else None
    methods = _without_known(digest, hash_method)
    with open_source(source) as opened:
        if methods:
            await in_thread(hash_file, source, methods)
        attributes = {DIGEST: digest.result()} if digest is not None else {}
        await engine.upload(source, url, transfer, attributes)
        await _verify_stored(engine, opened, url)


async def _verify_stored(engine: Engine, source: Source, url: str) -> None:
    try:
        await in_thread_to_end(source.verify)
    except StorageError:
        await engine.delete(url)
        raise
