"""Which engine serves a URL, and with which settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.errors import InvalidValueError, UnsupportedStorageError
from flyte_core.storage.engine import Transfer
from flyte_core.storage.paths import is_remote, scheme_of

if TYPE_CHECKING:
    from flyte_core.storage.engine import Engine

__all__ = ["engine_for", "keeps_digest", "transfer_for"]

_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})


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
    if scheme in _OBJECT_STORES:
        from flyte_core.storage.object_store import ObjectStoreEngine

        return ObjectStoreEngine()
    _require_known(os.fspath(url), scheme)
    from flyte_core.storage.fsspec_engine import FsspecEngine

    return FsspecEngine()


def _require_known(url: str, scheme: str) -> None:
    import fsspec

    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise UnsupportedStorageError(url, "open", f"the scheme {scheme!r} needs a package: {error}") from error
    except ValueError as error:
        raise UnsupportedStorageError(
            url, "open", f"no file system is known for the scheme {scheme!r}; packages may register one with fsspec"
        ) from error


def keeps_digest(url: str | os.PathLike[str]) -> bool:
    """Say whether what is stored at a URL carries its SHA-256 with it, and the settings want it to.

    Args:
        url: any path or URL.
    """
    scheme = scheme_of(url)
    if scheme not in _OBJECT_STORES:
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
