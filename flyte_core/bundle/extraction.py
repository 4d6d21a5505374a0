"""Unpack an archive of code so that nothing in it reaches anything but a new folder."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from attrs import frozen

from flyte_core.bundle.names import NameClaims, Refused, clean_name, link_target
from flyte_core.errors import BundleError, StorageError
from flyte_core.sources import Entry, combined_digest
from flyte_core.storage.local_errors import local_errors

__all__ = ["UnpackLimits", "Unpacked", "unpack"]

_BLOCK = 2**20
_TAR_BLOCK = 512
_READ_AHEAD = 2**17
#: Bytes of a long name or of extended headers, which tarfile reads into memory at once.
_HEADER_LIMIT = 2**20
#: What an archive may give however small it is; beyond it the ratio counts.
_FREE = 64 * 2**20
_LONG_HEADERS = frozenset(
    (
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    )
)
_KINDS = {
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
}
#: Errors of the operating system that come from what an archive holds, not from where it is unpacked.
_NAMES_FAULTS = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ELOOP})


@frozen(kw_only=True)
class UnpackLimits:
    """How much an archive may hold.

    Args:
        entries: files, links and folders.
        size: bytes of all of them together.
        ratio: bytes for each byte of the archive; what is below 64 MiB is not asked.
    """

    entries: int = 100_000
    size: int = 8 * 2**30
    ratio: int = 300

    def most(self, packed: int) -> int:
        """Give how many bytes an archive of a size may hold by the ratio."""
        return max(_FREE, packed * self.ratio)


@frozen(kw_only=True)
class Unpacked:
    """What came out of an archive.

    Args:
        entries: its files and links, in the order of their paths.
        digest: SHA-256 of them, as `flyte_core.sources.tree_digest` gives it.
    """

    entries: tuple[Entry, ...]
    digest: str


def unpack(
    archive: Path,
    folder: Path,
    *,
    url: str,
    limits: UnpackLimits | None = None,
    check: Callable[[], None] | None = None,
) -> Unpacked:
    """Unpack a gzip'd tar archive into a new folder.

    Files get this process's own owner, umask and time; of a mode the owner's executable bit counts. Symbolic links may
    lead anywhere inside the folder, and are made when everything else is there. A hard link becomes a copy.

    Args:
        archive: the archive.
        folder: an empty folder. When this fails, whoever made it removes it with what it holds.
        url: where the archive is from, for messages.
        limits: how much it may hold.
        check: called now and then; may raise to end the work.

    Raises:
        BundleError: it is damaged, holds too much, or something that is refused: a name that leads out of the folder,
            is there twice or differs from another one in case only; a link that leads out; a device or a pipe.
        StorageError: it cannot be read, or the folder cannot be written to.
    """
    try:
        with _opened(archive, url) as raw:
            return _Unpacking(raw, folder, limits or UnpackLimits(), check or _nothing).run()
    except Refused as error:
        raise BundleError(url, "unpack", str(error)) from None
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, UnicodeError) as error:
        raise BundleError(url, "unpack", f"it is damaged or incomplete ({error}); upload it again") from error
    except StorageError:
        raise
    except OSError as error:
        if error.errno in _NAMES_FAULTS:
            raise BundleError(url, "unpack", f"{error.strerror}: {error.filename!r}") from error
        failed = StorageError(url, "unpack", f"{error.strerror or error} (into {folder.parent})")
        failed.errno = error.errno
        raise failed from error


def _opened(archive: Path, url: str) -> BinaryIO:
    with local_errors(url, "read"):
        return open(archive, "rb")


def _nothing() -> None:
    """Do nothing."""


class _Header(tarfile.TarInfo):
    """A header whose announced length is looked at before that much is read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise Refused(f"the entry {header.name!r} has a negative size")
        if header.type in _LONG_HEADERS and header.size > _HEADER_LIMIT:
            raise Refused(f"a header announces {header.size} bytes; the most are {_HEADER_LIMIT}")
        return header


class _Inflated:
    """The content of a gzip file, counted."""

    def __init__(self, raw: BinaryIO, limits: UnpackLimits) -> None:
        self._file = gzip.GzipFile(fileobj=raw, mode="rb")
        packed = os.fstat(raw.fileno()).st_size
        # Headers and padding of the entries come on top of what is in them.
        self._most = limits.size + 4 * _TAR_BLOCK * limits.entries
        self._ratio, self._by_ratio = limits.ratio, limits.most(packed)
        self._limit = limits.size
        self._read = 0
        self.end_of_content = 0

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        content = len(data.rstrip(b"\0"))
        if content:
            self.end_of_content = self._read + content
        self._read += len(data)
        if self._read > self._most:
            raise Refused(f"it holds more than {self._limit} bytes, the most that are unpacked")
        if self._read > self._by_ratio:
            raise Refused(f"it holds more than {self._ratio} times its own size, as no code does")
        return data

    def close(self) -> None:
        self._file.close()


class _Unpacking:
    """One archive on its way into a folder."""

    def __init__(self, raw: BinaryIO, folder: Path, limits: UnpackLimits, check: Callable[[], None]) -> None:
        self._stream = _Inflated(raw, limits)
        self._folder, self._limits, self._check = os.fspath(folder), limits, check
        self._names = NameClaims()
        self._files: dict[str, tuple[Entry, bytes]] = {}
        self._links: dict[str, str] = {}
        self._size = 0

    def run(self) -> Unpacked:
        end = count = 0
        with tarfile.open(
            fileobj=cast(BinaryIO, self._stream),  # it is asked to read, and nothing else
            mode="r|",
            bufsize=_READ_AHEAD,
            tarinfo=_Header,
            encoding="utf-8",
            errors="surrogateescape",
        ) as tar:
            for member in tar:
                self._check()
                count += 1
                if count > self._limits.entries:
                    raise Refused(f"it has more than {self._limits.entries} entries, the most that are unpacked")
                self._take(tar, member)
                blocks = -(-member.size // _TAR_BLOCK) if member.isreg() else 0
                end = member.offset_data + blocks * _TAR_BLOCK
            while self._stream.read(_BLOCK):
                self._check()
        # tarfile takes a header that it cannot read for the archive's end.
        if self._stream.end_of_content > end:
            raise Refused("it is damaged: there is something behind its last entry")
        for name, target in self._links.items():
            os.symlink(target, os.path.join(self._folder, name))
        return self._result()

    def _result(self) -> Unpacked:
        found = [*self._files.values()]
        for name, target in self._links.items():
            found.append((Entry(name, "link", target=target), target.encode("utf-8", "surrogatepass")))
        found.sort(key=lambda pair: pair[0].path)
        entries = tuple(entry for entry, _ in found)
        return Unpacked(entries=entries, digest=combined_digest(entries, [content for _, content in found]))

    def _take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = clean_name(member.name)
        if member.issparse():
            raise Refused(f"{name!r} is a sparse file")
        if member.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
            self._claim(name, member)
            self._write(tar, member, name)
            return
        if member.size and not member.islnk():
            raise Refused(f"the entry {name!r} has content, and is no file")
        if member.isdir():
            if name and self._names.claim(name, "folder"):
                os.makedirs(os.path.join(self._folder, name), exist_ok=True)
        elif member.issym():
            self._claim_link(name, member)
        elif member.islnk():
            self._copy(name, clean_name(member.linkname))
        else:
            raise Refused(f"{name!r} is {_KINDS.get(member.type, f'an entry of the unknown type {member.type!r}')}")

    def _claim(self, name: str, member: tarfile.TarInfo) -> None:
        if not name:
            raise Refused(f"the name {member.name!r} means the folder itself")
        self._names.claim(name, "file")
        self._size += member.size
        if self._size > self._limits.size:
            raise Refused(f"it holds more than {self._limits.size} bytes, the most that are unpacked")

    def _claim_link(self, name: str, member: tarfile.TarInfo) -> None:
        if not name:
            raise Refused(f"the name {member.name!r} means the folder itself")
        target = link_target(name, member.linkname)
        if hasattr(tarfile, "data_filter"):  # not in the first releases of Python 3.10 and 3.11
            tarfile.data_filter(member, self._folder)
        self._names.claim(name, "link")
        self._make_folder_of(name)
        self._links[name] = target

    def _make_folder_of(self, name: str) -> None:
        above = name.rpartition("/")[0]
        if above:
            os.makedirs(os.path.join(self._folder, above), exist_ok=True)

    def _create(self, name: str, executable: bool) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        for wanted in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"):
            flags |= getattr(os, wanted, 0)
        path, mode = os.path.join(self._folder, name), 0o755 if executable else 0o644
        try:
            return os.open(path, flags, mode)
        except FileNotFoundError:
            self._make_folder_of(name)
            return os.open(path, flags, mode)

    def _write(self, tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
        executable = bool(member.mode & 0o100)
        source = tar.extractfile(member)
        assert source is not None
        hasher, left = hashlib.sha256(), member.size
        # Its time is now: an old one could be that of a file of the same size that was here before, and whose compiled
        # form Python would take for this one's.
        descriptor = self._create(name, executable)
        try:
            while left:
                block = source.read(min(left, _BLOCK))
                if not block:
                    raise Refused(f"it is damaged or incomplete: {name!r} ends early")
                left -= len(block)
                hasher.update(block)
                _write_all(descriptor, block)
                self._check()
        finally:
            os.close(descriptor)
        self._files[name] = (Entry(name, "file", executable), hasher.digest())

    def _copy(self, name: str, source: str) -> None:
        known = self._files.get(source)
        if known is None or not name:
            raise Refused(f"{name!r} is a hard link to {source!r}, which is no file that comes before it")
        path = os.path.join(self._folder, source)
        self._names.claim(name, "file")
        self._size += os.path.getsize(path)
        if self._size > self._limits.size:
            raise Refused(f"it holds more than {self._limits.size} bytes, the most that are unpacked")
        executable = known[0].executable
        descriptor = self._create(name, executable)
        with open(descriptor, "wb") as target, open(path, "rb") as file:
            while block := file.read(_BLOCK):
                target.write(block)
                self._check()
        self._files[name] = (Entry(name, "file", executable), known[1])


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
