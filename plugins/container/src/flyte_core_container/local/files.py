"""The folders of one container on this machine, and their way through the engine where it cannot see them."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from attrs import frozen

from flyte_core import logger
from flyte_core_container.errors import OutputError

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Staging", "extract", "open_to_all", "pack", "staging_root"]

#: A packed folder up to this size stays in memory.
_IN_MEMORY = 16 * 2**20

_EVERYBODY = 0o777
_PASSABLE, _READABLE = 0o755, 0o644


def staging_root() -> Path:
    """Give the user's own folder for the folders of containers."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    return Path(tempfile.gettempdir()) / f"flyte_core-{user}" / "containers"


@frozen(kw_only=True)
class Staging:
    """The folders of one container.

    Args:
        root: the folder that holds them.
        inputs: what the container finds in its input folder.
        outputs: what it left in its output folder.
    """

    root: Path
    inputs: Path
    outputs: Path

    @classmethod
    def make(cls) -> Staging:
        """Make the folders, open to every user: which one the image runs as is not known."""
        base = staging_root()
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = Path(tempfile.mkdtemp(dir=base))
        made = cls(root=root, inputs=root / "inputs", outputs=root / "outputs")
        for folder in (made.inputs, made.outputs):
            folder.mkdir()
            # mkdir's own mode passes the umask.
            folder.chmod(_EVERYBODY)
        return made

    def remove(self) -> None:
        """Remove the folders; what cannot be removed is left to the system's own cleaning."""
        shutil.rmtree(self.root, onerror=lambda _, path, error: logger.debug("%s stays: %s", path, error[1]))


def open_to_all(folder: Path) -> None:
    """Let every user read what is in a folder, where this process's umask has not."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (_PASSABLE if path.is_dir() else _READABLE))


def pack(folders: Iterable[tuple[Path, PurePosixPath]]) -> IO[bytes]:
    """Give a tar file of folders, each under its path in the container, readable and writable by every user.

    Args:
        folders: pairs of a folder here and its path there.

    Returns:
        The file, at its beginning; the caller closes it.
    """
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the caller closes it

    def for_everybody(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mode = _EVERYBODY if member.isdir() else 0o666
        return member

    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for here, there in folders:
            archive.add(here, arcname=str(there).lstrip("/"), filter=for_everybody)
    file.seek(0)
    return file


class _Chunks(io.RawIOBase):
    """A stream of chunks as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def extract(chunks: Iterator[bytes], target: Path, *, is_file: bool = False) -> None:
    """Write what an engine sent of a folder into another; the sent folder's own name is left out.

    Files, folders and symbolic links are taken, other kinds are left out. Nothing is written outside ``target``,
    whatever the archive says: a name that leads upwards, or through a link, is refused.

    Args:
        chunks: the archive.
        target: an existing folder.
        is_file: whether a single file was sent, which keeps its name.

    Raises:
        OutputError: when a name would leave the folder.
    """
    with tarfile.open(fileobj=io.BufferedReader(_Chunks(chunks)), mode="r|") as archive:
        for member in archive:
            parts = PurePosixPath(member.name).parts[0 if is_file else 1 :]
            if not parts:
                continue
            place = _place(target, parts)
            if member.isdir():
                place.mkdir(exist_ok=True)
            elif member.issym():
                place.symlink_to(member.linkname)
            elif member.isfile():
                source = archive.extractfile(member)
                assert source is not None, "regular files have content"
                # New, so that it is not written through a link of the same name.
                with source, place.open("xb") as copy:
                    shutil.copyfileobj(source, copy, 2**20)


def _place(target: Path, parts: tuple[str, ...]) -> Path:
    place = target
    for part in parts:
        if part in ("..", "/") or place.is_symlink():
            raise OutputError(f"the container's output folder holds {'/'.join(parts)!r}, which leads out of it")
        place = place / part
    return place
