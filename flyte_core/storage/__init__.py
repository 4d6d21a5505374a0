"""Where tasks read and write: local paths, object stores, web servers, memory; the names of ``flyte.storage`` and more.

Importing this package loads neither fsspec nor obstore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core._lazy import lazy_names

if TYPE_CHECKING:
    from flyte_core.storage.local import atomic_write, make_parents
    from flyte_core.storage.paths import is_remote, join, last_part, local_path, random_path, scheme_of

__all__ = [
    "atomic_write",
    "is_remote",
    "join",
    "last_part",
    "local_path",
    "make_parents",
    "random_path",
    "scheme_of",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "atomic_write": ".local",
        "is_remote": ".paths",
        "join": ".paths",
        "last_part": ".paths",
        "local_path": ".paths",
        "make_parents": ".local",
        "random_path": ".paths",
        "scheme_of": ".paths",
    },
)
