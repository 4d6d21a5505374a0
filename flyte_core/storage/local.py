"""Local files: written so that nobody ever sees half of one."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from flyte_core.errors import StorageError, UnsafePathError
from flyte_core.storage.local_errors import local_errors
from flyte_core.storage.paths import local_path
from flyte_core.storage.undo import OnFailure

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = [
    "Draft",
    "NamedFile",
    "atomic_file",
    "atomic_write",
    "draft_name",
    "exists_already",
    "is_draft",
    "is_folder",
    "kind_of_file",
    "make_parents",
    "safe_join",
    "sync_folder",
]

_DRAFT_SUFFIX = ".flyte-core-draft"
_DRAFT_NAME = re.compile(r"\..*\.[0-9a-f]{16}" + re.escape(_DRAFT_SUFFIX), re.DOTALL)
# Together with the rest of a draft's name below the 255 bytes that file systems allow.
_KEPT_OF_NAME = 64
_DRIVE = re.compile(r"[A-Za-z]:(?:[\\/]|$)")
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


def make_parents(path: str | os.PathLike[str]) -> Path:
    """Make the folder that a file is to be written into, with all folders above it.

    Args:
        path: the file's path or ``file://`` URL.

    Returns:
        The file's local path.

    Raises:
        UnsupportedStorageError: the URL is not local.
        StorageError: the folder cannot be made.

    Example:
        >>> import tempfile
        >>> make_parents(tempfile.mkdtemp() + "/a/b.txt").parent.is_dir()
        True
    """
    target = local_path(path)
    with local_errors(target, "make the folder of"):
        target.parent.mkdir(parents=True, exist_ok=True)
    return target


def is_folder(path: Path) -> bool:
    """Say whether a path leads to a folder; what cannot be looked at is none.

    Example:
        >>> is_folder(Path("/")), is_folder(Path("x" * 300))
        (True, False)
    """
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:  # pathlib's own question raises for a name that is too long
        return False


def kind_of_file(mode: int) -> str:
    """Say in words what a ``st_mode`` stands for.

    Example:
        >>> kind_of_file(stat.S_IFIFO)
        'a named pipe'
    """
    kinds = {
        stat.S_IFREG: "a file",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "no regular file")


def draft_name(name: str) -> str:
    """Give a new name for a file of another name while it is being written.

    Args:
        name: the final name.

    Example:
        >>> is_draft(draft_name("a.csv"))
        True
    """
    kept = os.fsencode(name)[:_KEPT_OF_NAME].decode(errors="ignore")
    return f".{kept}.{os.urandom(8).hex()}{_DRAFT_SUFFIX}"


def is_draft(name: str) -> bool:
    """Say whether a file's name is that of a `Draft`: being written, or left behind by a process that was killed.

    Example:
        >>> is_draft(".a.csv.0123456789abcdef.flyte-core-draft"), is_draft("a.csv")
        (True, False)
    """
    return name.endswith(_DRAFT_SUFFIX) and _DRAFT_NAME.fullmatch(name) is not None


class NamedFile(io.FileIO):
    """An open local file whose errors name it.

    Args:
        path: what is opened.
        mode: as `io.FileIO` has it.
        shown: the path that errors name; default ``path``.
    """

    def __init__(self, path: str | os.PathLike[str], mode: str, shown: str | os.PathLike[str] | None = None) -> None:
        self._shown = path if shown is None else shown
        with local_errors(self._shown, "read" if mode == "rb" else "write"):
            super().__init__(os.fspath(path), mode, opener=_open_without_waiting)
        self.name = os.fspath(self._shown)

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        """See `io.FileIO.readinto`."""
        with local_errors(self._shown, "read"):
            return super().readinto(buffer)

    def readall(self) -> bytes:
        """See `io.FileIO.readall`."""
        with local_errors(self._shown, "read"):
            return super().readall() or b""

    def write(self, data: ReadableBuffer, /) -> int:
        """See `io.FileIO.write`."""
        with local_errors(self._shown, "write"):
            return super().write(data) or 0


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file; a named pipe that nobody writes to, which would be waited for, is opened as well."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


class Draft:
    """A file that is being written under another name in the folder of its final one.

    A file that is replaced keeps its mode; one behind a symbolic link is replaced where it is.

    Args:
        path: the final path or ``file://`` URL; its folder exists.
        sync: whether `commit` waits until the content is on the disk, so that it survives a loss of power.
        exclusive: whether the file must be new.
        sync_folder: whether `commit` waits for the name too; who writes many files does that once, with `sync_folder`.

    Raises:
        UnsupportedStorageError: the URL is not local.
        StorageError: the file cannot be written; what was there is untouched.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, sync: bool = True, exclusive: bool = False, sync_folder: bool = True
    ) -> None:
        self._named = local_path(path)
        self._sync, self._sync_folder, self._exclusive = sync, sync and sync_folder, exclusive
        with local_errors(self._named, "write"):
            self.target = Path(os.path.realpath(self._named))
            mode = self._mode_of_target()
            # Not tempfile: it makes files of mode 0600, and a new file is to have the mode of the process's umask.
            self.path = self.target.with_name(draft_name(self.target.name))
            self.raw = NamedFile(self.path, "xb", self._named)
        if mode is not None and hasattr(os, "fchmod"):
            with OnFailure(self.discard), local_errors(self._named, "write"):
                os.fchmod(self.raw.fileno(), mode)

    def _mode_of_target(self) -> int | None:
        if not self.target.name:
            raise StorageError(str(self._named), "write", "it is a folder")
        try:
            mode = self.target.stat().st_mode
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(mode):
            raise StorageError(str(self._named), "write", f"it is {kind_of_file(mode)}")
        if self._exclusive:
            raise exists_already(self._named)
        return stat.S_IMODE(mode)

    def commit(self) -> None:
        """Put the file under its final name, complete.

        Raises:
            StorageError: it cannot be; the draft is gone.
        """
        with OnFailure(self.discard), local_errors(self._named, "write"):
            self.sync()
            self.raw.close()
            if self._exclusive:
                _publish_new(self.path, self.target)
            else:
                self.path.replace(self.target)
        if self._sync_folder:
            sync_folder(self.target.parent)

    def sync(self) -> None:
        """Wait until what was written is on the disk, where that was asked for."""
        if self._sync:
            os.fsync(self.raw.fileno())

    def discard(self) -> None:
        """Throw away what was written; after `commit` it does nothing."""
        with suppress(OSError):
            self.raw.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


@contextmanager
def atomic_file(path: str | os.PathLike[str], *, sync: bool = True, exclusive: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing that gets its name only when the block ends well.

    Readers, and a crash at any time, see the old content or the new and nothing between.

    Args:
        path: the file's path or ``file://`` URL; its folder exists.
        sync: whether to wait until the content is on the disk.
        exclusive: whether the file must be new.

    Yields:
        The open file.

    Raises:
        UnsupportedStorageError: the URL is not local.
        StorageError: the file cannot be written; what was there is untouched.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "a.txt"
        >>> with atomic_file(target) as file:
        ...     _ = file.write(b"text")
        ...     target.exists()
        False
        >>> target.read_text()
        'text'
    """
    draft = Draft(path, sync=sync, exclusive=exclusive)
    with OnFailure(draft.discard):
        file = io.BufferedWriter(draft.raw)
        yield file
        file.flush()
        draft.commit()


def atomic_write(path: str | os.PathLike[str], data: bytes, *, sync: bool = True) -> None:
    """Write a file so that readers, and a crash at any time, see the old content or the new and nothing between.

    A file that is replaced keeps its mode; one behind a symbolic link is replaced where it is.

    Args:
        path: the file's path or ``file://`` URL; its folder exists.
        data: the whole content.
        sync: whether to wait until the content is on the disk, so that it also survives a loss of power.

    Raises:
        UnsupportedStorageError: the URL is not local.
        StorageError: the file cannot be written; what was there is untouched.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.txt"
        >>> atomic_write(file, b"text")
        >>> file.read_text()
        'text'
    """
    with atomic_file(path, sync=sync) as file:
        file.write(data)


def safe_join(base: str | os.PathLike[str], name: str) -> Path:
    """Give the path of a name that others chose, such as one in a listing, below a folder of ours.

    Args:
        base: the folder; symbolic links in it are followed.
        name: a relative name with ``/`` between its parts; repeated slashes count as one.

    Returns:
        The path.

    Raises:
        UnsafePathError: the name is empty, absolute, has ``..``, a drive letter or a NUL in it, or a link in the folder
            leads it outside.

    Example:
        >>> safe_join("/data", "a/b.csv").as_posix()
        '/data/a/b.csv'
        >>> safe_join("/data", "../etc/passwd")
        Traceback (most recent call last):
        ...
        flyte_core.errors.UnsafePathError: cannot write ../etc/passwd: the name leads out of /data
    """
    folder = local_path(base)
    # Backslashes separate on Windows only; a name that would be dangerous there is refused everywhere.
    parts = re.split(r"[\\/]", name)
    if "\0" in name:
        raise UnsafePathError(name.replace("\0", "\\0"), "write", f"the name has a NUL in it (below {folder})")
    if name[:1] in ("/", "\\") or ".." in parts or _DRIVE.match(name) or (os.name == "nt" and ":" in name):
        raise UnsafePathError(name, "write", f"the name leads out of {folder}")
    kept = [part for part in name.split("/") if part not in ("", ".")]
    if not kept:
        raise UnsafePathError(name, "write", f"the name means the folder {folder} itself")
    path = folder.joinpath(*kept)
    real = os.path.realpath(folder)
    if os.path.commonpath([real, os.path.realpath(path)]) != real:
        raise UnsafePathError(name, "write", f"a link below {folder} leads out of it")
    return path


def exists_already(path: str | os.PathLike[str]) -> StorageError:
    """Give the error for what was to be new, and is there.

    Args:
        path: its path or URL.

    Example:
        >>> isinstance(exists_already("/data/a.csv"), OSError), exists_already("/data/a.csv").errno == errno.EEXIST
        (True, True)
    """
    error = StorageError(os.fspath(path), "create", "it exists already")
    error.errno = errno.EEXIST
    return error


def _publish_new(draft: Path, target: Path) -> None:
    """Give a draft its name unless something has it: a hard link, made by the system in one step, is never replaced."""
    try:
        os.link(draft, target)
    except FileExistsError as error:
        raise exists_already(target) from error
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(target):
            raise exists_already(target) from error
        draft.rename(target)
    else:
        draft.unlink()


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk.

    Where folders can't be opened, as on Windows, the system does it in its own time.

    Args:
        folder: the folder.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems refuse it for folders
        return
    finally:
        os.close(descriptor)
