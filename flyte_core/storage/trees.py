"""Local folders with all that is in them: walked in a fixed order, without running in circles, and copied."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from flyte_core._logging import logger
from flyte_core.errors import StorageError, UnsafePathError
from flyte_core.storage.copying import copy_file
from flyte_core.storage.local import is_draft, kind_of_file, safe_join, sync_folder
from flyte_core.storage.local_errors import as_storage_error, local_errors
from flyte_core.storage.undo import OnFailure
from flyte_core.storage.workers import Stop, Stopped

__all__ = ["Entry", "copy_files", "files_below", "make_folder", "refuse_inside", "walk"]


@attrs.frozen(kw_only=True)
class Entry:
    """Something below a folder.

    Args:
        name: its relative name, with ``/`` between the parts on every system.
        path: where it is.
        found: what the system knows of it, of what it leads to where it is a link; ``None`` where that is nothing.
    """

    name: str
    path: str
    found: os.stat_result | None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.found is not None and stat.S_ISDIR(self.found.st_mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.found is not None and stat.S_ISREG(self.found.st_mode)


def walk(root: Path) -> Iterator[Entry]:
    """Give everything below a folder, folders too, in the order that object stores list names in.

    Links are followed. A link to a folder that it lies in itself is left out, so that circles end: what it leads to
    is given anyway. Files that are still being written are left out.

    Args:
        root: the folder.

    Yields:
        The entries; a folder before what is in it.

    Raises:
        StorageError: the root is no folder, or some folder cannot be read.
    """
    with local_errors(root, "list"):
        found = root.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise StorageError(str(root), "list", f"it is {kind_of_file(found.st_mode)}, not a folder")
    # An explicit stack: folders may be nested deeper than calls.
    stack: list[tuple[Iterator[Entry], frozenset[tuple[int, int]]]] = []
    stack.append((iter(_entries(str(root), "")), frozenset({(found.st_dev, found.st_ino)})))
    while stack:
        entries, above = stack[-1]
        entry = next(entries, None)
        if entry is None:
            stack.pop()
            continue
        if entry.found is not None and entry.is_folder:
            identity = entry.found.st_dev, entry.found.st_ino
            if identity in above:
                logger.warning("%s leads back to a folder that it lies in; it is left out", entry.path)
                continue
            stack.append((iter(_entries(entry.path, entry.name + "/")), above | {identity}))
        yield entry


def _entries(folder: str, prefix: str) -> list[Entry]:
    found = []
    with local_errors(folder, "list"), os.scandir(folder) as entries:
        for entry in entries:
            if is_draft(entry.name):
                continue
            try:
                state = entry.stat()
            except OSError:  # a link that leads nowhere or to itself, or a file that was removed meanwhile
                state = None
            found.append(Entry(name=prefix + entry.name, path=entry.path, found=state))
    # As whole names sort: "a-b" before what is in the folder "a".
    found.sort(key=lambda entry: os.fsencode(entry.name + "/" if entry.is_folder else entry.name))
    return found


def files_below(root: Path) -> tuple[list[Entry], list[Entry], list[StorageError]]:
    """Give what a recursive transfer of a folder consists of.

    Args:
        root: the folder.

    Returns:
        The files, the folders, and one error for each thing below that is neither.

    Raises:
        StorageError: the root is no folder, or some folder cannot be read.
    """
    files, folders, errors = [], [], []
    for entry in walk(root):
        if entry.is_folder:
            folders.append(entry)
        elif entry.is_file:
            files.append(entry)
        else:
            errors.append(_refusal(entry))
    return files, folders, errors


def _refusal(entry: Entry) -> StorageError:
    if entry.found is not None:
        kind = kind_of_file(entry.found.st_mode)
        return StorageError(entry.path, "read", f"it is {kind}; only regular files are transferred")
    try:
        Path(entry.path).stat()
    except OSError as error:
        return as_storage_error(error, entry.path, "read")
    return StorageError(entry.path, "read", "it appeared while its folder was read")


def refuse_inside(source: Path, target: Path) -> None:
    """Make sure that a folder is not copied into itself.

    Args:
        source: the folder that is read.
        target: the folder that is written.

    Raises:
        UnsafePathError: the target lies in the source.
    """
    real, inner = os.path.realpath(source), os.path.realpath(target)
    if inner != real and os.path.commonpath([real, inner]) == real:
        raise UnsafePathError(str(target), "write", f"it lies inside {source}, which is to be copied")


def make_folder(folder: Path) -> None:
    """Make a folder, with all above it, unless it is there.

    Raises:
        StorageError: it cannot be made, or a file has its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StorageError(str(folder), "write", "it is not a folder") from error
    except OSError as error:
        raise as_storage_error(error, folder, "make the folder") from error


def copy_files(
    stop: Stop,
    files: list[Entry],
    target: Path,
    concurrency: int,
    on_progress: Callable[[int], None],
    on_file: Callable[[], None],
) -> list[StorageError]:
    """Copy files into a folder under their relative names, a few at a time.

    Args:
        stop: ends it early.
        files: what is copied.
        target: the folder.
        concurrency: how many at a time; waiting for the disk, they do so together.
        on_progress: gets the number of bytes of each step.
        on_file: called after each file.

    Returns:
        What failed; all other files are complete.
    """
    from concurrent.futures import ThreadPoolExecutor

    waiting = iter(files)
    errors: list[StorageError] = []
    written: set[Path] = set()

    def work() -> None:
        for entry in waiting:
            try:
                path = safe_join(target, entry.name)
                copy_file(stop, Path(entry.path), path, on_progress=on_progress, sync_folder=False)
                written.add(path.parent)
            except StorageError as error:
                errors.append(error)
            except Stopped:
                return
            on_file()

    count = max(1, min(concurrency, len(files)))
    with ThreadPoolExecutor(count, thread_name_prefix="flyte_core-copy") as threads:
        try:
            with OnFailure(stop.ask):
                for future in [threads.submit(work) for _ in range(count)]:
                    future.result()
        finally:
            threads.shutdown()
            for folder in written:
                sync_folder(folder)
    stop.check()
    return errors
