"""The folder that a build works in, which goes with it, or with the next build after a killed one."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["work_folder"]

_PREFIX = "flyte-core-build-"
#: Younger ones may belong to a process that this one cannot see, in a container that shares the folder.
_OLD = 24 * 3600.0


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """Give an empty folder that only this user can read, and remove it afterwards, and what killed builds left."""
    _remove_left(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _remove_left(parent: Path) -> None:
    if not hasattr(os, "geteuid"):
        return
    for folder in parent.glob(f"{_PREFIX}*"):
        number = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            found = folder.lstat()
            is_old = time.time() - found.st_mtime > _OLD
            if is_old and found.st_uid == os.geteuid() and number.isdecimal() and not _lives(int(number)):
                shutil.rmtree(folder, ignore_errors=True)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
