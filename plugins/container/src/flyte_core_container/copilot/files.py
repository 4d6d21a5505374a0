"""Small files and folders: written without following links, read without leaving a folder."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from flyte_core_container.copilot.errors import GrammarError
from flyte_core_container.copilot.names import ERROR_FILE

__all__ = ["HOPELESS", "make_folder", "read_file", "read_report", "write_text"]

HOPELESS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""Errors after which the next file would fail as well."""

_REPORT_LIMIT = 1 << 20
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


def make_folder(path: str) -> None:
    """Make a folder; that it is there is no error.

    Raises:
        OSError: it cannot be made, or a link or file is in its place.
    """
    try:
        os.mkdir(path)  # noqa: PTH102 - pathlib takes three times as long, and there may be thousands
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise


def write_text(path: str, data: bytes) -> None:
    """Write a file that programs of any user may read, change and run, as the umask allows; never through a link.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NOFOLLOW, 0o777)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def read_file(path: str, limit: int) -> bytes:
    """Read a whole regular file.

    Args:
        path: the file, no link.
        limit: the most bytes that it may have.

    Raises:
        GrammarError: it is larger, or something else than a regular file.
        OSError: it cannot be read.
    """
    # A pipe without a writer would keep this waiting for ever.
    descriptor = os.open(path, os.O_RDONLY | _NOFOLLOW | _NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise GrammarError("it is no regular file")
        if found.st_size > limit:
            raise GrammarError(f"it has {found.st_size} bytes; at most {limit} can be a value of this type")
        with os.fdopen(os.dup(descriptor), "rb", buffering=0) as file:
            data: bytes = file.read()
        return data
    finally:
        os.close(descriptor)


def read_report(folder: Path) -> str | None:
    """Give the text by which a task reports its own failure in its output folder; ``None`` without a report.

    Raises:
        GrammarError: it is larger than a mebibyte, or no regular file.
        OSError: it cannot be read.
    """
    try:
        data = read_file(str(folder / ERROR_FILE), _REPORT_LIMIT)
    except FileNotFoundError:
        return None
    return data.decode("utf-8", "replace").rstrip("\r\n")
