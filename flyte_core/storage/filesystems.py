"""File systems for libraries that take fsspec's: pandas, polars, pyarrow and others read and write with them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flyte_core.errors import UnsupportedStorageError
from flyte_core.storage.config import current_storage
from flyte_core.storage.credentials import options_of
from flyte_core.storage.native import obstore
from flyte_core.storage.paths import OBJECT_STORES, WEB, scheme_of
from flyte_core.storage.web import client_options

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["get_configured_fsspec_kwargs", "get_underlying_filesystem"]

# One class for each protocol and process: a forked child has obstore anew.
_classes: dict[tuple[int, str], type[AbstractFileSystem]] = {}


def get_configured_fsspec_kwargs(protocol: str | None = None, anonymous: bool = False) -> dict[str, Any]:
    """Give the options with which fsspec reaches a protocol as the configuration says.

    For object stores they are options of obstore's file system, which this makes fsspec's choice for the protocol
    unless another one is in use already; so they can be passed as ``storage_options`` of pandas.

    Args:
        protocol: the scheme of a URL; default ``file``.
        anonymous: whether requests carry no credentials.

    Returns:
        The options; empty for a protocol without any.

    Raises:
        ConfigError: the environment's configuration is wrong.

    Example:
        >>> get_configured_fsspec_kwargs("memory")
        {}
    """
    if protocol in WEB:
        return {"client_kwargs": client_options(current_storage(protocol).read_timeout)}
    if protocol not in OBJECT_STORES:
        return {}
    _register(protocol)
    config = current_storage(protocol)
    options = config.get_fsspec_kwargs(anonymous=anonymous)
    found = {key: value for key, value in options_of(config).items() if key != "endpoint"}
    if anonymous:
        found = {key: value for key, value in found.items() if key in ("region", "account_name")}
    told = options.get("config", {})
    return {**{key: value for key, value in found.items() if key not in told}, **options}


def get_underlying_filesystem(
    protocol: str | None = None, anonymous: bool = False, path: str | os.PathLike[str] | None = None, **kwargs: Any
) -> AbstractFileSystem:
    """Give an fsspec file system that is configured like everything else here.

    For one of an object store ``asynchronous=True`` gives the asynchronous interface.

    Args:
        protocol: the scheme of its URLs; default that of ``path``.
        anonymous: whether requests carry no credentials.
        path: a URL or path.
        **kwargs: more options of the file system, which go before the configuration's.

    Returns:
        The file system.

    Raises:
        UnsupportedStorageError: no file system is known for the protocol, or a package is missing.
        ConfigError: the environment's configuration is wrong.

    Example:
        >>> get_underlying_filesystem("memory").protocol
        'memory'
    """
    import fsspec

    if protocol is None:
        protocol = scheme_of(path) if path is not None else "file"
    options = {**get_configured_fsspec_kwargs(protocol, anonymous), **kwargs}
    try:
        if protocol in OBJECT_STORES:
            return _class_of(protocol)(**options)
        return fsspec.filesystem(protocol, **options)
    except ImportError as error:
        raise UnsupportedStorageError(f"{protocol}://", "open", str(error)) from error
    except ValueError as error:
        if "rotocol" not in str(error):
            raise
        raise UnsupportedStorageError(f"{protocol}://", "open", "fsspec knows no such file system") from error


def _class_of(protocol: str) -> type[AbstractFileSystem]:
    obstore()
    key = (os.getpid(), protocol)
    found = _classes.get(key)
    if found is None:
        found = _classes[key] = _make_class(protocol)
    return found


def _make_class(protocol: str) -> type[AbstractFileSystem]:
    from obstore.fsspec import FsspecStore

    class ObjectStoreFileSystem(FsspecStore):
        """obstore's file system, whose descriptions name a file as its listings do: with the bucket."""

        async def _info(self, path: str, **kwargs: Any) -> dict[str, Any]:
            found: dict[str, Any] = await super()._info(path, **kwargs)
            bucket, _ = self._split_path(path)
            if not found["name"].startswith(f"{bucket}/"):
                found = {**found, "name": f"{bucket}/{found['name']}"}
            return found

    ObjectStoreFileSystem.protocol = protocol
    return ObjectStoreFileSystem


def _register(protocol: str) -> None:
    """Make obstore's file system fsspec's choice, if nothing else has been used for the protocol yet."""
    import fsspec

    cls = _class_of(protocol)
    used = fsspec.registry.get(protocol)
    if used is None or used in _classes.values():
        fsspec.register_implementation(protocol, cls, clobber=True)
