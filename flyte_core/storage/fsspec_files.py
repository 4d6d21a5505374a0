"""Files of fsspec's file systems: looked at, open for reading, and written so that half of one is not seen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from flyte_core.errors import StorageError, StorageIntegrityError, StorageNotFoundError, UnsupportedStorageError
from flyte_core.storage.config import current_storage
from flyte_core.storage.credentials import places_of
from flyte_core.storage.engine import ObjectInfo
from flyte_core.storage.failures import Failure, failure_of
from flyte_core.storage.local import draft_name
from flyte_core.storage.paths import WEB, scheme_of
from flyte_core.storage.retry import Tries
from flyte_core.storage.undo import OnFailure
from flyte_core.storage.web import client_options, web_info

if TYPE_CHECKING:
    from flyte_core.storage.engine import Transfer

__all__ = [
    "FsspecReader",
    "FsspecWriter",
    "file_system",
    "info_of",
    "look",
    "refuse_web",
    "require_same",
    "tries_of",
]

T = TypeVar("T")


def tries_of(url: str, operation: str, transfer: Transfer) -> Tries:
    """Give the tries of an operation.

    Args:
        url: what it is about.
        operation: what it does, for errors.
        transfer: how often to try.
    """

    def advice(failure: Failure) -> str:
        if scheme_of(url) == "memory" and failure.error is StorageNotFoundError:
            return "memory:// is each process's own: what another one wrote there is not here"
        return places_of(scheme_of(url)) if issubclass(failure.error, PermissionError) else ""

    return Tries(url, operation, transfer, advice=advice)


def file_system(url: str) -> tuple[Any, str]:
    """Give fsspec's file system for a URL, and what it calls the place.

    Args:
        url: the URL.

    Raises:
        UnsupportedStorageError: no file system is known for its scheme, or a package is missing.
    """
    from fsspec.core import url_to_fs

    scheme = scheme_of(url)
    options: dict[str, Any] = {}
    if scheme in WEB:
        options["client_kwargs"] = client_options(current_storage(scheme).read_timeout)
    try:
        fs, path = url_to_fs(url, **options)
    except ImportError as error:
        raise UnsupportedStorageError(url, "open", str(error)) from error
    except ValueError as error:
        if "rotocol" not in str(error):
            raise
        raise UnsupportedStorageError(url, "open", f"no file system is known for the scheme {scheme!r}") from error
    return fs, path


def refuse_web(url: str, operation: str) -> None:
    """Refuse to change what is behind a web URL.

    Args:
        url: any URL.
        operation: what is to be done, for errors.

    Raises:
        UnsupportedStorageError: it is ``http(s)://``.
    """
    if scheme_of(url) in WEB:
        raise UnsupportedStorageError(url, operation, "http(s) URLs can only be read; write to an object store instead")


def look(url: str) -> ObjectInfo:
    """Describe what is behind a URL now, whatever fsspec has cached.

    Args:
        url: the URL.
    """
    fs, path = file_system(url)
    if scheme_of(url) in WEB:
        return web_info(url, fs.info(url))
    fs.invalidate_cache(fs._parent(path))
    return info_of(url, fs.info(path))


def info_of(url: str, found: Mapping[str, Any]) -> ObjectInfo:
    """Make an `ObjectInfo` of fsspec's description of a file.

    Args:
        url: the file's URL.
        found: the description; each file system names things its own way.
    """
    e_tag = next((found[name] for name in ("ETag", "etag", "e_tag", "md5Hash", "sha") if found.get(name)), None)
    modified = next((found[name] for name in ("LastModified", "mtime", "modified", "created") if found.get(name)), None)
    if isinstance(modified, (int, float)):
        modified = dt.datetime.fromtimestamp(modified, dt.timezone.utc)
    folder = found.get("type") == "directory"
    return ObjectInfo(
        url=url,
        size=None if folder else found.get("size"),
        is_folder=folder,
        e_tag=None if e_tag is None else str(e_tag),
        modified=modified if isinstance(modified, dt.datetime) else None,
    )


def require_same(before: ObjectInfo, now: ObjectInfo) -> None:
    """Make sure that a file is still what it was.

    Args:
        before: what it was.
        now: what it is.

    Raises:
        StorageIntegrityError: it was changed.
    """
    if (before.size, before.e_tag, before.modified) != (now.size, now.e_tag, now.modified):
        raise StorageIntegrityError(before.url, "read", "it was replaced by other content meanwhile; try again")


class FsspecReader:
    """A file that is open for reading; after a failure it is opened again at the same place.

    Args:
        info: what the file is.
        transfer: how to read it.
    """

    def __init__(self, info: ObjectInfo, transfer: Transfer) -> None:
        self._info = info
        self._transfer = transfer
        self._file: Any = None
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        """See `flyte_core.storage.engine.ReadHandle.read`."""
        data: bytes = self._call(lambda file: file.read(size))
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """See `flyte_core.storage.engine.ReadHandle.seek`."""
        self._position = self._call(lambda file: file.seek(offset, whence))
        return self._position

    def tell(self) -> int:
        """See `flyte_core.storage.engine.ReadHandle.tell`."""
        return self._position

    def close(self) -> None:
        """See `flyte_core.storage.engine.ReadHandle.close`."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _call(self, action: Callable[[Any], T]) -> T:
        def once() -> T:
            if self._file is None:
                fs, path = file_system(self._info.url)
                if self._position:
                    require_same(self._info, look(self._info.url))
                self._file = fs.open(path, "rb")
                self._file.seek(self._position)
            with OnFailure(self.close):  # half read, it does not stand at the position any more
                return action(self._file)

        if self._file is not None:
            try:
                return once()  # the common case does without the cost of counting tries
            except Exception as error:  # a file system's own; failure_of knows them
                problem = error
            if not failure_of(problem).transient:
                raise tries_of(self._info.url, "read", self._transfer).error_of(problem)
        return tries_of(self._info.url, "read", self._transfer).call_sync(once)


class FsspecWriter:
    """A file that is written under another name and moved, where the file system moves at once; else in its place.

    Args:
        url: the file's URL.
        transfer: how to write it.
    """

    def __init__(self, url: str, transfer: Transfer) -> None:
        refuse_web(url, "write to")
        self._url = url
        self._transfer = transfer
        self._fs, self._path = file_system(url)
        parent, _, name = self._path.rpartition("/")
        if not name:
            raise StorageError(url, "write to", "it names no file")
        self._draft = f"{parent}/{draft_name(name)}" if _moves(self._fs) else self._path
        if parent:
            _make_folder(self._fs, parent)
        self._before = self._there() if self._draft == self._path else None
        self._file = self._fs.open(self._draft, "wb")
        self._over = False

    def write(self, data: bytes, /) -> int:
        """See `flyte_core.storage.engine.WriteHandle.write`."""
        if self._over:
            raise StorageError(self._url, "write to", "the file is closed")
        self._told(lambda: self._file.write(data))
        if self._transfer.on_progress is not None:
            self._transfer.on_progress(len(data))
        return len(data)

    def commit(self) -> None:
        """See `flyte_core.storage.engine.WriteHandle.commit`."""
        if self._over:
            return
        with OnFailure(self.discard):
            self._told(self._file.close)
            if self._draft != self._path:
                self._told(self._move)
        self._over = True

    def discard(self) -> None:
        """See `flyte_core.storage.engine.WriteHandle.discard`."""
        if self._over:
            return
        self._over = True
        try:
            if self._draft == self._path and hasattr(self._file, "discard"):
                self._file.discard()  # such as an upload in parts, which is then not completed
            else:
                self._file.close()
            if self._draft != self._path or self._there() != self._before:
                self._fs.rm_file(self._draft)
        except Exception:  # a file system's own; the failure that led here is the one to tell
            return

    def _there(self) -> ObjectInfo | None:
        """Describe what is under the file's own name."""
        try:
            return look(self._url)
        except FileNotFoundError:
            return None

    def _move(self) -> None:
        if _is_memory(self._fs):
            self._fs.cp_file(self._draft, self._path)
            self._fs.rm_file(self._draft)
        else:
            self._fs.mv(self._draft, self._path)

    def _told(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:  # a file system's own
            problem = error
        else:
            return
        raise tries_of(self._url, "write to", self._transfer).error_of(problem)


def _moves(fs: Any) -> bool:
    """Say whether a file system renames; fsspec's own ``mv`` copies and deletes, as object stores do."""
    from fsspec.spec import AbstractFileSystem

    return _is_memory(fs) or type(fs).mv is not AbstractFileSystem.mv


def _is_memory(fs: Any) -> bool:
    return bool(fs.protocol == "memory")


def _make_folder(fs: Any, folder: str) -> None:
    try:
        fs.makedirs(folder, exist_ok=True)
    except (NotImplementedError, FileExistsError):
        return
