"""Copies of local files: as fast as the system can, hashed on the way where that is asked for, verified at the end."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from flyte_core.errors import StorageError, StorageIntegrityError
from flyte_core.storage.hashing import HashMethod, PrecomputedValue
from flyte_core.storage.local import Draft, NamedFile, kind_of_file, make_parents
from flyte_core.storage.local_errors import as_storage_error, local_errors
from flyte_core.storage.undo import OnFailure

if TYPE_CHECKING:
    from concurrent.futures import Future

    from flyte_core.storage.workers import Stop

__all__ = ["Source", "copy_file", "hash_file", "open_source"]

# Bytes between two looks at whether to stop. Larger ones were not faster, for the hash neither.
_CHUNK = 1 << 20
_KERNEL_CHUNK = 16 << 20
_BUFFERS = 4
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@attrs.frozen(kw_only=True)
class Source:
    """A local file as it was when a transfer began.

    Args:
        path: where it is.
        raw: it, open; closed outside of `open_source`.
        size: its length.
    """

    path: Path
    raw: io.FileIO
    size: int
    _identity: tuple[int, ...] = attrs.field(alias="_identity")

    def is_at(self, path: Path) -> bool:
        """Say whether a path leads to this very file."""
        try:
            return _identity_of(path.stat())[:2] == self._identity[:2]
        except OSError:
            return False

    def verify(self) -> None:
        """Make sure that the file is still the one that was opened, with the same content.

        Raises:
            StorageIntegrityError: it was changed, replaced or removed.
        """
        try:
            now = self.path.stat()
        except FileNotFoundError as error:
            raise self.changed("it was removed while it was read") from error
        except OSError as error:
            raise as_storage_error(error, self.path, "read") from error
        if now.st_size != self.size:
            raise self.changed(f"it changed while it was read: {self.size} bytes then, {now.st_size} now")
        if _identity_of(now) != self._identity:
            raise self.changed("it changed while it was read")

    def verify_length(self, count: int) -> None:
        """Make sure that no more came out of it than it had: a log that grows would be read for ever.

        Raises:
            StorageIntegrityError: it has grown.
        """
        if self.size and count > self.size:  # files of a size of 0 may have content: those of /proc
            raise self.changed(f"it grew while it was read: {self.size} bytes then, more now")

    def changed(self, reason: str) -> StorageIntegrityError:
        """Make the error for a file that is not what it was."""
        return StorageIntegrityError(str(self.path), "read", reason)


def _identity_of(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a regular file whose content is going to be transferred.

    Args:
        path: the file; links are followed.

    Yields:
        The open file.

    Raises:
        StorageError: it is no regular file, or cannot be read.
    """
    with local_errors(path, "read"):
        _refuse_other_kinds(path, path.stat().st_mode)
    with NamedFile(path, "rb") as raw:
        with local_errors(path, "read"):
            found = os.fstat(raw.fileno())
        _refuse_other_kinds(path, found.st_mode)
        yield Source(path=path, raw=raw, size=found.st_size, _identity=_identity_of(found))


def _refuse_other_kinds(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise StorageError(str(path), "read", "it is a folder; give recursive=True to transfer what is in it")
    if not stat.S_ISREG(mode):
        raise StorageError(str(path), "read", f"it is {kind_of_file(mode)}; only regular files are transferred")


def hash_file(stop: Stop, path: Path, methods: Sequence[HashMethod]) -> None:
    """Give the content of a file to hashes, and make sure that it did not change meanwhile.

    Args:
        stop: ends it early.
        path: the file.
        methods: what gets the content.

    Raises:
        StorageError: the file cannot be read, is no regular file, or changed.
    """
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    done = 0
    with open_source(path) as source:
        while True:
            stop.check()
            count = source.raw.readinto(buffer) or 0
            if not count:
                break
            done += count
            source.verify_length(done)
            for method in methods:
                method.update(view[:count])
        source.verify()


def copy_file(
    stop: Stop,
    source: Path,
    target: Path,
    *,
    hash_method: HashMethod | None = None,
    on_progress: Callable[[int], None] | None = None,
    sync_folder: bool = True,
) -> None:
    """Copy a regular file so that the target has all of it or stays as it was.

    Args:
        stop: ends it early.
        source: the file; links are followed.
        target: the copy's path; its folder is made. Where it is the source itself, nothing is written.
        hash_method: gets the content while it is copied.
        on_progress: gets the number of bytes of each step.
        sync_folder: whether to wait until the copy's name is on the disk, as for its content is done in any case.

    Raises:
        StorageIntegrityError: the source changed while it was copied.
        StorageError: the source cannot be read or the target cannot be written.
    """
    wanted = None if isinstance(hash_method, PrecomputedValue) else hash_method
    with open_source(source) as opened:
        if opened.is_at(target):
            if wanted is not None:
                hash_file(stop, source, [wanted])
            return
        make_parents(target)
        draft = Draft(target, sync_folder=sync_folder)
        with OnFailure(draft.discard):
            copied = _copy(_Copy(stop, opened, draft, target, on_progress or _ignore), wanted)
            opened.verify()
            if opened.size and copied != opened.size:
                raise opened.changed(f"{copied} of its {opened.size} bytes could be read")
            draft.commit()


def _ignore(_count: int) -> None:
    """Where nobody asked for progress."""


@attrs.frozen
class _Copy:
    """One copy on its way."""

    stop: Stop
    source: Source
    draft: Draft
    target: Path
    on_progress: Callable[[int], None]

    def read_into(self, buffer: bytearray) -> int:
        self.stop.check()
        return self.source.raw.readinto(buffer) or 0

    def write(self, data: memoryview) -> None:
        count = len(data)
        while data:
            data = data[self.draft.raw.write(data) :]
        self.on_progress(count)


def _copy(copy: _Copy, hash_method: HashMethod | None) -> int:
    if hash_method is not None:
        return _copy_hashed(copy, hash_method)
    size = copy.source.size
    done = _copy_in_kernel(copy) if size and hasattr(os, "copy_file_range") else 0
    # A file that has grown meanwhile is found out by its state, not by reading on.
    return done if size and done == size else done + _copy_in_steps(copy)


def _copy_in_kernel(copy: _Copy) -> int:
    """Copy without taking the content into this process; what is left over has to be copied in steps."""
    source, target = copy.source.raw.fileno(), copy.draft.raw.fileno()
    done = 0
    while done < copy.source.size:
        copy.stop.check()
        try:
            count = os.copy_file_range(source, target, min(_KERNEL_CHUNK, copy.source.size - done))
        except OSError as error:
            if error.errno in _FULL:
                raise as_storage_error(error, copy.target, "write") from error
            return done  # not between these file systems, or a fault that the steps will name
        if not count:
            return done
        done += count
        copy.on_progress(count)
    return done


def _copy_in_steps(copy: _Copy) -> int:
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    done = 0
    while count := copy.read_into(buffer):
        copy.write(view[:count])
        done += count
        copy.source.verify_length(done)
    return done


def _copy_hashed(copy: _Copy, hash_method: HashMethod) -> int:
    """Copy while a second thread hashes what was read: `hashlib` lets go of the interpreter's lock meanwhile."""
    from concurrent.futures import ThreadPoolExecutor

    buffers = deque(bytearray(_CHUNK) for _ in range(_BUFFERS))
    hashing: deque[Future[None]] = deque()
    done = 0
    with ThreadPoolExecutor(1, thread_name_prefix="flyte_core-hash") as thread:
        while True:
            if len(hashing) == _BUFFERS:
                hashing.popleft().result()
            buffer = buffers[0]
            buffers.rotate(-1)
            count = copy.read_into(buffer)
            if not count:
                break
            view = memoryview(buffer)[:count]
            hashing.append(thread.submit(hash_method.update, view))
            copy.write(view)
            done += count
            copy.source.verify_length(done)
        for step in hashing:
            step.result()
    return done
