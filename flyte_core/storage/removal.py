"""Folders and prefixes removed with all that is below them."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from flyte_core.storage.engines import transfer_for
from flyte_core.storage.local import is_folder
from flyte_core.storage.local_engine import local_delete
from flyte_core.storage.local_errors import local_errors, raise_together
from flyte_core.storage.workers import run_bounded

if TYPE_CHECKING:
    from flyte_core.storage.engine import Engine

__all__ = ["delete_below", "delete_local_folder"]


def delete_local_folder(folder: Path) -> None:
    """Remove a local folder with all that is in it; links are removed, not followed.

    Args:
        folder: the folder; a file is removed too, and that nothing is there is no error.

    Raises:
        StorageError: something cannot be removed.
    """
    if folder.is_symlink() or not is_folder(folder):
        local_delete(folder)
        return
    with local_errors(folder, "delete"):
        shutil.rmtree(folder)


async def delete_below(engine: Engine, url: str) -> None:
    """Remove every object below a prefix.

    Args:
        engine: what serves the URL.
        url: the prefix.

    Raises:
        StorageError: something cannot be removed; all failures are reported, the rest is gone.
    """
    found = [info.url async for info in engine.list(url)]
    if not found:
        await engine.delete(url)
        return
    jobs = [functools.partial(engine.delete, name) for name in found]
    errors = await run_bounded(jobs, transfer_for(url).concurrency)
    if errors:
        raise_together(errors, url, "delete", len(found))
