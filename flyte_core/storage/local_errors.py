"""Errors of the operating system about local paths, as the errors of this package."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from flyte_core.errors import StorageError, StorageNotFoundError, StoragePermissionError

__all__ = ["as_storage_error", "local_errors", "raise_together"]

_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_SHOWN = 10


def as_storage_error(error: OSError, path: str | os.PathLike[str], operation: str) -> StorageError:
    """Say about which path an error of the operating system is.

    Args:
        error: what the system reported; its ``errno`` is kept.
        path: the local path.
        operation: what was tried.

    Returns:
        The error to be raised, or the same one where it is of this package already.

    Example:
        >>> print(as_storage_error(OSError(28, "No space left on device"), "/data/a.csv", "write"))
        cannot write /data/a.csv: No space left on device
    """
    if isinstance(error, StorageError):
        return error
    kind: type[StorageError] = StorageError
    if error.errno == errno.ENOENT:
        kind = StorageNotFoundError
    elif error.errno in _REFUSED:
        kind = StoragePermissionError
    converted = kind(os.fspath(path), operation, error.strerror or str(error) or type(error).__name__)
    converted.errno = error.errno
    return converted


@contextmanager
def local_errors(path: str | os.PathLike[str], operation: str) -> Iterator[None]:
    """Turn what the operating system reports inside the block into errors that name path and operation.

    Args:
        path: the local path that the block works on.
        operation: what the block does with it.

    Raises:
        StorageError: for every `OSError` of the block; chained.

    Example:
        >>> with local_errors("/nowhere/a", "read"):
        ...     open("/nowhere/a")
        Traceback (most recent call last):
        ...
        flyte_core.errors.StorageNotFoundError: cannot read /nowhere/a: No such file or directory
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise as_storage_error(error, path, operation) from error


def raise_together(errors: Sequence[StorageError], url: str | os.PathLike[str], operation: str, total: int) -> NoReturn:
    """Raise all failures of a transfer of many files as one.

    Args:
        errors: at least one failure; a single one is raised as it is.
        url: the folder or prefix that was transferred.
        operation: what was tried with it.
        total: how many files there were.

    Raises:
        StorageError: of the failures' own class where they have one in common; the first of them is its cause.
    """
    if len(errors) == 1:
        raise errors[0]
    kinds = {type(error) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else StorageError
    shown = "".join(f"\n  {error}" for error in errors[:_SHOWN])
    more = f"\n  and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
    raise kind(os.fspath(url), operation, f"{len(errors)} of {total} files failed:{shown}{more}") from errors[0]
