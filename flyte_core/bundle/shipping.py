"""Store code bundles where containers can read them; what is there already is not stored again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flyte_core.bundle.build import build_pickle_bundle, pack, plan
from flyte_core.errors import StorageNotFoundError
from flyte_core.storage.workers import in_thread_to_end

if TYPE_CHECKING:
    from flyte_core.bundle.build import BuiltBundle
    from flyte_core.bundle.selection import CopyStyle, Selection
    from flyte_core.models import CodeBundle
    from flyte_core.template import TaskTemplate

__all__ = ["ship_bundle", "ship_pickle_bundle", "upload_bundle"]


async def upload_bundle(built: BuiltBundle, base: str, *, destination: str = ".") -> CodeBundle:
    """Store a bundle as ``<base>/<name>``, unless one of the same name and size is there.

    Args:
        built: a bundle that was written.
        base: path or URL of a folder.
        destination: the folder that an archive is unpacked into.

    Raises:
        StorageError: it cannot be stored.
    """
    from flyte_core import storage

    assert built.path is not None, "a planned bundle cannot be stored"
    url = storage.join(base, built.name)
    if await _size(url) != built.path.stat().st_size:
        await storage.put(built.path, url)
    return built.code_bundle(url, destination)


async def ship_bundle(
    root: str | os.PathLike[str],
    base: str,
    *,
    copy_style: CopyStyle = "loaded_modules",
    include: Sequence[str] = (),
    destination: str = ".",
) -> CodeBundle:
    """Pack a project's own code and store it; neither is done where the same content is there.

    Args:
        root: see `build_bundle`.
        base: path or URL of a folder.
        copy_style: see `build_bundle`.
        include: see `build_bundle`.
        destination: the folder that the archive is unpacked into.

    Raises:
        SourceError: see `build_bundle`.
        StorageError: it cannot be stored.

    Example:
        >>> import asyncio, tempfile
        >>> from pathlib import Path
        >>> project, base = Path(tempfile.mkdtemp()), tempfile.mkdtemp()
        >>> _ = (project / "tasks.py").write_text("x = 1")
        >>> bundle = asyncio.run(ship_bundle(project, base, copy_style="all"))
        >>> bundle.tgz == f"{base}/fast{bundle.computed_version}.tar.gz"
        True
    """
    from flyte_core import storage

    planned, selection = await in_thread_to_end(_planned, root, copy_style, include)
    url = storage.join(base, planned.name)
    # A name is a content, and nothing appears under its name before it is whole.
    if await _size(url):
        return planned.code_bundle(url, destination)
    built = await in_thread_to_end(pack, planned, selection)
    assert built.path is not None
    await storage.put(built.path, url)
    return built.code_bundle(url, destination)


def _planned(
    root: str | os.PathLike[str], copy_style: CopyStyle, include: Sequence[str]
) -> tuple[BuiltBundle, Selection]:
    return plan(root, copy_style=copy_style, include=include)


async def ship_pickle_bundle(
    task: TaskTemplate, base: str, *, root: str | os.PathLike[str] | None = None
) -> CodeBundle:
    """Pickle a task and store it as ``<base>/<name>``.

    Args:
        task: see `build_pickle_bundle`.
        base: path or URL of a folder.
        root: see `build_pickle_bundle`.

    Raises:
        SerializationError: the task cannot be pickled.
        StorageError: it cannot be stored.
    """
    return await upload_bundle(build_pickle_bundle(task, root=root), base)


async def _size(url: str) -> int | None:
    from flyte_core import storage

    try:
        return (await storage.info(url)).size
    except StorageNotFoundError:
        return None
