"""Where a run's files are, here and in its containers."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from flyte_core import storage
from flyte_core.runtime.container import stored_things
from flyte_core.runtime.local import runs_folder
from flyte_core_container.local.container import Mount

if TYPE_CHECKING:
    from flyteidl2.task import common_pb2

__all__ = ["Places"]

_EVERYBODY = 0o777


class Places:
    """The folders of one run.

    Local ones have the same path in every container, so that files and folders mean the same everywhere.

    Args:
        base: the run's own folder or URL.
        raw_data: where its files and large values go.
    """

    def __init__(self, base: str, raw_data: str) -> None:
        self.base, self.raw_data = base, raw_data
        self._folders = [storage.local_path(url) for url in (base, raw_data) if not storage.is_remote(url)]
        for folder in self._folders:
            _open_folder(folder)

    def prepare(self, folder: str) -> None:
        """Make a folder that containers write into, whatever user they have."""
        if not storage.is_remote(folder):
            _open_folder(storage.local_path(folder))

    def mounts(self, inputs: common_pb2.Inputs) -> tuple[Mount, ...]:
        """Give what of this machine a container sees: the run's folders, and what its inputs refer to.

        Args:
            inputs: the task's.
        """
        writable = _outermost(self._folders)
        # What other runs left and the result cache gives out lies beside this run's.
        kept = [runs_folder()] if self._folders and runs_folder().is_dir() else []
        read = _outermost([*kept, *_referred(inputs)])
        found = [_mount(path, read_only=True) for path in read if not _below(path, writable)]
        # The outer one first, or it would hide the inner one.
        return tuple(found + [_mount(path, read_only=False) for path in writable])


def _open_folder(folder: Path) -> None:
    if folder.is_dir():
        # Somebody else's, who knows why it is open or not.
        return
    folder.mkdir(parents=True, exist_ok=True)
    # mkdir's own mode passes the umask. Which user the image has is not known.
    folder.chmod(_EVERYBODY)


def _mount(path: Path, *, read_only: bool) -> Mount:
    return Mount(here=path, there=PurePosixPath(path), read_only=read_only, may_copy=False)


def _below(path: Path, folders: list[Path]) -> bool:
    return any(folder == path or folder in path.parents for folder in folders)


def _outermost(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in sorted(set(paths), key=lambda path: len(path.parts)):
        if not _below(path, found):
            found.append(path)
    return found


def _referred(inputs: common_pb2.Inputs) -> list[Path]:
    """Give the files and folders of this machine among the inputs."""
    uris = {held.uri for named in inputs.literals for held in stored_things(named.value)}
    paths = [storage.local_path(uri) for uri in uris if uri and not storage.is_remote(uri)]
    return [path for path in paths if path.is_absolute() and path.exists()]
