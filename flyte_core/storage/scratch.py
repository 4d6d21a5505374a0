"""Places for local files that nobody named."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

from flyte_core.context import ctx
from flyte_core.storage.paths import last_part, random_path

__all__ = ["get_random_local_directory", "get_random_local_path", "new_path", "scratch_folder"]


def get_random_local_path(file_path_or_file_name: str | os.PathLike[str] | None = None) -> Path:
    """Give a new local path that keeps the last part of another.

    Args:
        file_path_or_file_name: a path, URL or name whose last part the new path ends with.

    Returns:
        A path in a folder of its own below the system's temporary folder. There is nothing at the path yet.

    Example:
        >>> get_random_local_path("s3://bucket/a.csv").name
        'a.csv'
    """
    folder = Path(tempfile.mkdtemp(prefix="flyte-tmp-"))
    name = last_part(file_path_or_file_name) if file_path_or_file_name else ""
    if not name:
        return folder / os.urandom(16).hex()
    inner = folder / os.urandom(16).hex()
    inner.mkdir()
    return inner / name


def get_random_local_directory() -> Path:
    """Make a new empty local folder.

    Returns:
        The folder; whoever asked for it removes it.

    Example:
        >>> get_random_local_directory().is_dir()
        True
    """
    folder = get_random_local_path()
    folder.mkdir()
    return folder


def new_path(file_name: str | None = None) -> str:
    """Give a path or URL for something that the running task is going to write.

    Args:
        file_name: the last part of the path, behind a random one.

    Returns:
        A path below the task's raw data, or below a new temporary folder where no task is running. There is nothing at
        the path yet.

    Example:
        >>> new_path("a.csv").endswith("/a.csv")
        True
    """
    context = ctx()
    if context is None:
        return random_path(tempfile.mkdtemp(prefix="flyte-tmp-"), file_name)
    return random_path(context.raw_data_path.path, file_name)


def scratch_folder() -> Path:
    """Give this process's folder for temporary files of the package itself; it is removed when the process ends.

    Returns:
        The folder, the same one at each call.

    Example:
        >>> scratch_folder() == scratch_folder()
        True
    """
    return _scratch_folder(os.getpid())


@functools.lru_cache(maxsize=1)
def _scratch_folder(process: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="flyte-core-"))

    def remove() -> None:
        # A forked child inherits the registration, not the folder.
        if os.getpid() == process:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder
