"""Bring a code bundle to where its code runs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from flyte_core import storage
from flyte_core.bundle.naming import content_digest, digest_in_name
from flyte_core.errors import BundleError, StorageError

if TYPE_CHECKING:
    from flyte_core.bundle.extraction import UnpackLimits
    from flyte_core.models import CodeBundle
    from flyte_core.storage.workers import Stop

__all__ = ["check_pickle", "download_code_bundle", "fetch_code_bundle"]

#: Bytes of a pickled task, decompressed.
_PICKLE_LIMIT = 2**30


async def download_code_bundle(code_bundle: CodeBundle) -> CodeBundle:
    """Download a code bundle and, if it is an archive, unpack it; nothing is done when that was done before.

    An archive is unpacked into `CodeBundle.destination`, a relative one below the working directory. What happens is
    all or nothing where the destination is new; in a folder with other files, files of the archive replace those of the
    same names, and what was interrupted is done again by the next call. Other processes wait.

    Args:
        code_bundle: the bundle. A name or ``computed_version`` that is the content's hash is checked.

    Returns:
        The bundle with `CodeBundle.downloaded_path`: the folder with the code or, of a pickled task, its file.

    Raises:
        BundleError: the bundle is damaged, is not what its name says, or holds what is refused.
        StorageError: it cannot be read, or the destination cannot be written to.

    Example:
        >>> import asyncio, tempfile
        >>> from flyte_core.bundle import build_bundle
        >>> project, out = Path(tempfile.mkdtemp()), tempfile.mkdtemp()
        >>> _ = (project / "tasks.py").write_text("x = 1")
        >>> built = build_bundle(project, copy_style="all", out=out)
        >>> bundle = built.code_bundle(destination=f"{out}/code")
        >>> asyncio.run(download_code_bundle(bundle)).downloaded_path.joinpath("tasks.py").read_text()
        'x = 1'
    """
    return await fetch_code_bundle(code_bundle)


async def fetch_code_bundle(code_bundle: CodeBundle, *, limits: UnpackLimits | None = None) -> CodeBundle:
    """As `download_code_bundle`, with other limits.

    Args:
        code_bundle: the bundle.
        limits: how much an archive may hold.

    Raises:
        BundleError: see there.
        StorageError: see there.
    """
    from flyte_core._locks import machine_lock
    from flyte_core.config import load_settings

    url = code_bundle.tgz or code_bundle.pkl
    assert url is not None
    expected = _expected(code_bundle, url)
    destination = Path(os.path.abspath(storage.local_path(code_bundle.destination)))
    locks = Path(load_settings().cache_dir.value) / "locks"
    async with machine_lock(locks, f"code bundle in {os.path.realpath(destination)}"):
        if code_bundle.tgz is not None:
            await _archive(url, destination, expected, limits)
            return code_bundle.with_downloaded_path(destination)
        return code_bundle.with_downloaded_path(await _pickle(url, destination, expected))


def _expected(code_bundle: CodeBundle, url: str) -> str | None:
    """Give the digest that the content must have; None where nothing says it."""
    named, computed = digest_in_name(url), content_digest(code_bundle.computed_version)
    if named and computed and named != computed:
        raise BundleError(url, "download", f"its name has another hash than its version, {computed}; upload it again")
    return named or computed


async def _archive(url: str, destination: Path, expected: str | None, limits: UnpackLimits | None) -> None:
    from flyte_core.bundle.placing import is_complete, remove_leftovers, staging
    from flyte_core.storage.workers import in_thread

    # Not the URL itself, which may have a credential in it.
    key = expected or f"url-{hashlib.sha256(url.encode()).hexdigest()}"
    if is_complete(destination, key):
        return
    remove_leftovers(destination)
    with staging(destination) as tree:
        if storage.is_remote(url):
            archive = tree.with_name("archive")
            await storage.get(url, archive)
        else:
            archive = storage.local_path(url)
        await in_thread(_unpack, archive, tree, destination, url, key, expected, limits)


def _unpack(
    stop: Stop,
    archive: Path,
    tree: Path,
    destination: Path,
    url: str,
    key: str,
    expected: str | None,
    limits: UnpackLimits | None,
) -> None:
    from flyte_core.bundle.extraction import unpack
    from flyte_core.bundle.placing import place

    unpacked = unpack(archive, tree, url=url, limits=limits, check=stop.check)
    if expected is not None and unpacked.digest != expected:
        raise _other_content(url, unpacked.digest)
    place(tree, destination, unpacked.entries, key=key, url=url)


async def _pickle(url: str, destination: Path, expected: str | None) -> Path:
    path = destination / (storage.last_part(url) or "task.pkl.gz")
    if expected is not None and path.is_file():
        try:
            _check_pickle(path.read_bytes(), url, expected)
        except (BundleError, OSError):
            pass
        else:
            return path
    data = await storage.read_bytes(url)
    _check_pickle(data, url, expected)
    try:
        storage.atomic_write(storage.make_parents(path), data)
    except OSError as error:
        raise StorageError(url, "download", f"{error} (to {path})") from error
    return path


def check_pickle(data: bytes, url: str) -> None:
    """Compare a pickled task with the hash in its name; a name without one says nothing.

    Args:
        data: the content of the file.
        url: where it is from.

    Raises:
        BundleError: it is damaged, or another one.
    """
    _check_pickle(data, url, digest_in_name(url))


def _check_pickle(data: bytes, url: str, expected: str | None) -> None:
    if expected is None:
        return
    import gzip
    import io
    import zlib

    hasher, left = hashlib.sha256(), _PICKLE_LIMIT
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            while block := file.read(2**20):
                hasher.update(block)
                left -= len(block)
                if left < 0:
                    raise BundleError(url, "read", f"it holds more than {_PICKLE_LIMIT} bytes")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BundleError(url, "read", f"it is damaged or incomplete ({error}); upload it again") from error
    if hasher.hexdigest() != expected:
        raise _other_content(url, hasher.hexdigest())


def _other_content(url: str, digest: str) -> BundleError:
    return BundleError(url, "read", f"its content has the hash {digest}, and its name another; upload it again")
