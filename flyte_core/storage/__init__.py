"""Where tasks read and write: local paths, object stores, web servers, memory; the names of ``flyte.storage`` and more.

Importing this package loads neither fsspec nor obstore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core._lazy import lazy_names

if TYPE_CHECKING:
    from flyte_core.storage.config import ABFS, GCS, S3, Storage
    from flyte_core.storage.engine import ObjectInfo
    from flyte_core.storage.engines import engine_for
    from flyte_core.storage.filesystems import get_configured_fsspec_kwargs, get_underlying_filesystem
    from flyte_core.storage.hashing import HashlibAccumulator, HashMethod, PrecomputedValue
    from flyte_core.storage.listing import (
        delete,
        delete_sync,
        exists,
        exists_sync,
        info,
        info_sync,
        iter_files,
        list_files,
        list_files_sync,
    )
    from flyte_core.storage.local import atomic_file, atomic_write, make_parents, safe_join
    from flyte_core.storage.paths import is_remote, join, last_part, local_path, random_path, scheme_of
    from flyte_core.storage.scratch import get_random_local_directory, get_random_local_path, new_path, scratch_folder
    from flyte_core.storage.streams import AsyncFile, open, open_sync
    from flyte_core.storage.transfer import (
        get,
        get_stream,
        get_stream_sync,
        get_sync,
        put,
        put_stream,
        put_stream_sync,
        put_sync,
        read_bytes,
        read_bytes_sync,
        write_bytes,
        write_bytes_sync,
    )

__all__ = [
    "ABFS",
    "AsyncFile",
    "GCS",
    "HashMethod",
    "HashlibAccumulator",
    "ObjectInfo",
    "PrecomputedValue",
    "S3",
    "Storage",
    "atomic_file",
    "atomic_write",
    "delete",
    "delete_sync",
    "engine_for",
    "exists",
    "exists_sync",
    "get",
    "get_configured_fsspec_kwargs",
    "get_random_local_directory",
    "get_random_local_path",
    "get_stream",
    "get_stream_sync",
    "get_sync",
    "get_underlying_filesystem",
    "info",
    "info_sync",
    "is_remote",
    "iter_files",
    "join",
    "last_part",
    "list_files",
    "list_files_sync",
    "local_path",
    "make_parents",
    "new_path",
    "open",
    "open_sync",
    "put",
    "put_stream",
    "put_stream_sync",
    "put_sync",
    "random_path",
    "read_bytes",
    "read_bytes_sync",
    "safe_join",
    "scheme_of",
    "scratch_folder",
    "write_bytes",
    "write_bytes_sync",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "ABFS": ".config",
        "AsyncFile": ".streams",
        "GCS": ".config",
        "HashMethod": ".hashing",
        "HashlibAccumulator": ".hashing",
        "ObjectInfo": ".engine",
        "PrecomputedValue": ".hashing",
        "S3": ".config",
        "Storage": ".config",
        "atomic_file": ".local",
        "atomic_write": ".local",
        "delete": ".listing",
        "delete_sync": ".listing",
        "engine_for": ".engines",
        "exists": ".listing",
        "exists_sync": ".listing",
        "get": ".transfer",
        "get_configured_fsspec_kwargs": ".filesystems",
        "get_random_local_directory": ".scratch",
        "get_random_local_path": ".scratch",
        "get_stream": ".transfer",
        "get_stream_sync": ".transfer",
        "get_sync": ".transfer",
        "get_underlying_filesystem": ".filesystems",
        "info": ".listing",
        "info_sync": ".listing",
        "is_remote": ".paths",
        "iter_files": ".listing",
        "join": ".paths",
        "last_part": ".paths",
        "list_files": ".listing",
        "list_files_sync": ".listing",
        "local_path": ".paths",
        "make_parents": ".local",
        "new_path": ".scratch",
        "open": ".streams",
        "open_sync": ".streams",
        "put": ".transfer",
        "put_stream": ".transfer",
        "put_stream_sync": ".transfer",
        "put_sync": ".transfer",
        "random_path": ".paths",
        "read_bytes": ".transfer",
        "read_bytes_sync": ".transfer",
        "safe_join": ".local",
        "scheme_of": ".paths",
        "scratch_folder": ".scratch",
        "write_bytes": ".transfer",
        "write_bytes_sync": ".transfer",
    },
)
