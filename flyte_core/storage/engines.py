"""Which engine serves a URL, and with which settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.errors import InvalidValueError, UnsafePathError, UnsupportedStorageError, near_misses
from flyte_core.storage.engine import Transfer
from flyte_core.storage.paths import OBJECT_STORES, WEB, is_remote, scheme_of

if TYPE_CHECKING:
    from flyte_core.storage.engine import Engine

__all__ = ["engine_for", "keeps_digest", "require_name", "require_scheme", "transfer_for"]


def engine_for(url: str | os.PathLike[str]) -> Engine:
    """Give the engine that serves a path or URL.

    Args:
        url: any path or URL.

    Returns:
        The engine; it belongs to no event loop.

    Raises:
        UnsupportedStorageError: nothing installed serves the scheme; the message names the package that does, where
            fsspec knows one.

    Example:
        >>> type(engine_for("/tmp/a")).__name__
        'LocalEngine'
    """
    if not is_remote(url):
        from flyte_core.storage.local_engine import LocalEngine

        return LocalEngine()
    scheme = scheme_of(url)
    if scheme in OBJECT_STORES:
        from flyte_core.storage.object_store import ObjectStoreEngine

        return ObjectStoreEngine()
    _require_known(os.fspath(url), scheme)
    _file_system_class(os.fspath(url), scheme)
    from flyte_core.storage.fsspec_engine import FsspecEngine

    return FsspecEngine()


def require_scheme(url: str | os.PathLike[str]) -> None:
    """Make sure that the scheme of a URL is known, whether or not the package that serves it is installed.

    Args:
        url: any path or URL.

    Raises:
        UnsupportedStorageError: it is not; the message names those that look like it.

    Example:
        >>> try:
        ...     require_scheme("s4://bucket/a")
        ... except UnsupportedStorageError as error:
        ...     print(error.reason)
        no file system is known for the scheme 's4'; is it s3://?
    """
    if is_remote(url) and scheme_of(url) not in OBJECT_STORES:
        _require_known(os.fspath(url), scheme_of(url))


def _require_known(url: str, scheme: str) -> None:
    from fsspec import available_protocols

    known = available_protocols()
    if scheme in known:
        return
    close = [f"{name}://" for name in _like(scheme)]
    did_you_mean = f"; is it {' or '.join(close)}?" if close else "; packages may register one with fsspec"
    raise UnsupportedStorageError(url, "open", f"no file system is known for the scheme {scheme!r}{did_you_mean}")


def _like(scheme: str) -> list[str]:
    """Give the schemes that one looks like; of the short ones also those that differ in one letter."""
    known = sorted(OBJECT_STORES | WEB | {"memory", "file"})
    short = [name for name in known if len(name) == len(scheme) < 4]
    differing = [name for name in short if sum(a != b for a, b in zip(name, scheme, strict=True)) == 1]
    return near_misses(scheme, known) or differing


def _file_system_class(url: str, scheme: str) -> None:
    from fsspec import get_filesystem_class

    try:
        get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        raise UnsupportedStorageError(url, "open", f"the scheme {scheme!r} needs a package: {error}") from error


def require_name(url: str | os.PathLike[str], source: str | os.PathLike[str], operation: str) -> None:
    """Make sure that what serves a URL takes an object of that name, before anything is sent.

    Args:
        url: where something is to go.
        source: the local file that it is, for the error.
        operation: what is done, for the error.

    Raises:
        UnsafePathError: it does not.
    """
    if scheme_of(url) not in OBJECT_STORES:
        return
    from flyte_core.storage.paths import object_name_fault, printable

    fault = object_name_fault(os.fspath(url).partition("://")[2].partition("/")[2].strip("/"))
    if fault is not None:
        reason = f"the name has {fault} in it, which no object of this store can have; rename the file {source!s}"
        raise UnsafePathError(printable(os.fspath(url)), operation, printable(reason))


def keeps_digest(url: str | os.PathLike[str]) -> bool:
    """Say whether what is stored at a URL carries its SHA-256 with it, and the settings want it to.

    Args:
        url: any path or URL.
    """
    scheme = scheme_of(url)
    if scheme not in OBJECT_STORES:
        return False
    from flyte_core.storage.config import current_storage

    return current_storage(scheme).checksum


def transfer_for(
    url: str | os.PathLike[str],
    *,
    on_progress: Callable[[int], None] | None = None,
    chunk_size: int | None = None,
    max_concurrency: int | None = None,
) -> Transfer:
    """Give the settings of one transfer.

    Args:
        url: the path or URL at the far side.
        on_progress: gets the number of bytes of each step.
        chunk_size: bytes of one part, instead of the configured number.
        max_concurrency: the most parts in flight, instead of the configured number.

    Returns:
        The settings: those of `flyte_core.init` and the environment, the given ones before them.

    Raises:
        InvalidValueError: a given number is below 1.
    """
    changes: dict[str, Any] = {}
    for field, name, value in (
        ("part_size", "chunk_size", chunk_size),
        ("concurrency", "max_concurrency", max_concurrency),
    ):
        if value is None:
            continue
        if value < 1:
            raise InvalidValueError("transfer", name, value, "at least 1")
        changes[field] = value
    if not is_remote(url):
        return attrs.evolve(Transfer(on_progress=on_progress), **changes)
    from flyte_core.storage.config import current_storage

    return attrs.evolve(current_storage(scheme_of(url)).transfer(on_progress), **changes)
