"""Content behind http(s):// URLs: a stream that is taken up where it broke off, and reading with seek by ranges."""

from __future__ import annotations

import datetime as dt
import email.utils
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.errors import StorageIntegrityError
from flyte_core.storage.engine import ObjectInfo
from flyte_core.storage.failures import WrongContentError, failure_of
from flyte_core.storage.reading import LONGEST_RANGE, PieceReader
from flyte_core.storage.undo import OnFailure

if TYPE_CHECKING:
    from flyte_core.storage.retry import Tries

__all__ = ["WebReader", "WebStream", "client_options", "web_info"]

_PIECE = 2**20


def client_options(read_timeout: dt.timedelta) -> dict[str, Any]:
    """Give aiohttp's options: proxies and netrc of the environment, and no end but silence.

    Args:
        read_timeout: how long a server may be silent.
    """
    import aiohttp

    silence = read_timeout.total_seconds()
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(10.0, silence), sock_read=silence)
    return {"trust_env": True, "timeout": timeout}


def web_info(url: str, found: Mapping[str, Any]) -> ObjectInfo:
    """Make an `ObjectInfo` of what fsspec says of a web page.

    Args:
        url: its URL.
        found: fsspec's description.
    """
    modified: dt.datetime | None = None
    if "Last-Modified" in found:
        try:
            modified = email.utils.parsedate_to_datetime(found["Last-Modified"])
        except (ValueError, TypeError):
            modified = None
    return ObjectInfo(url=url, size=found.get("size"), e_tag=found.get("ETag"), modified=modified)


@attrs.define
class WebStream:
    """An open answer.

    Args:
        file: fsspec's file over it.
        at: the place of the next byte.
        total: bytes of the whole content, where the server says it.
        resumable: whether another answer can go on where this one breaks off.
    """

    file: Any
    at: int
    total: int | None
    resumable: bool

    @classmethod
    def open(cls, fs: Any, info: ObjectInfo, start: int, stop: int | None = None) -> WebStream:
        """Ask for content, from one place to another.

        Args:
            fs: fsspec's file system.
            info: what the content was when it was first looked at.
            start: the first place.
            stop: the place behind the last; ``None`` for all there is.

        Returns:
            The answer, at the first place.

        Raises:
            StorageIntegrityError: the content is another one by now.
            WrongContentError: its length is not the one that was announced.
        """
        # Unbuffered, with some size, so that fsspec does not ask for it first.
        file = fs.open(info.url, "rb", block_size=0, size=-1, headers=_request_headers(info, start, stop))
        with OnFailure(file.close):
            headers = file.r.headers
            begins, total = _span(file.r.status, headers)
            encoded = headers.get("Content-Encoding", "identity") not in ("identity", "")
            _require_same(info, headers.get("ETag"), None if encoded else total)
            resumable = not encoded and (info.e_tag is not None or info.modified is not None)
            stream = cls(file=file, at=begins, total=None if encoded else total, resumable=resumable)
            stream.skip_to(start)
        return stream

    def read(self, size: int) -> bytes:
        """Read at most so many bytes; none at the end.

        Args:
            size: how many.
        """
        data: bytes = self.file.read(size)
        self.at += len(data)
        return data

    def skip_to(self, place: int) -> None:
        """Read what lies before a place: servers that know no ranges send everything.

        Args:
            place: the place.

        Raises:
            WrongContentError: the answer begins behind it, or ends before it.
        """
        while self.at < place:
            if not self.read(min(_PIECE, place - self.at)):
                raise WrongContentError(f"the content ends after {self.at} bytes, before {place}")
        if self.at > place:
            raise WrongContentError(f"the server sends the bytes from {self.at} on instead of {place}")

    def close(self) -> None:
        """End the answer."""
        self.file.close()


def _request_headers(info: ObjectInfo, start: int, stop: int | None) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity"}
    if start == 0 and stop is None:
        return headers
    headers["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
    if info.e_tag and not info.e_tag.startswith("W/"):
        headers["If-Match"] = info.e_tag
    elif info.modified is not None:
        headers["If-Unmodified-Since"] = email.utils.format_datetime(info.modified, usegmt=True)
    return headers


def _require_same(info: ObjectInfo, e_tag: str | None, total: int | None) -> None:
    if e_tag and info.e_tag and e_tag != info.e_tag:
        raise StorageIntegrityError(info.url, "read", "it was replaced by other content meanwhile; try again")
    if total is not None and info.size is not None and total != info.size:
        raise WrongContentError(f"the server says it has {total} bytes, and said {info.size} before")


def _span(status: int, headers: Mapping[str, str]) -> tuple[int, int | None]:
    """Say where an answer begins, and how long the whole content is."""
    if status == 206:
        unit, _, rest = headers.get("Content-Range", "").partition(" ")
        span, _, total = rest.partition("/")
        first = span.partition("-")[0]
        if unit != "bytes" or not first.isdigit():
            raise WrongContentError("the server sends a part of the content without saying which")
        return int(first), int(total) if total.isdigit() else None
    length = headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def copy_web(
    fs: Any,
    info: ObjectInfo,
    write: Callable[[int, bytes], None],
    tries: Tries,
    check: Callable[[], None],
    sleep: Callable[[float], None],
) -> None:
    """Read a whole web page, going on where an answer breaks off if that is known to be the same content.

    Args:
        fs: fsspec's file system.
        info: the page.
        write: takes bytes and their place; a place may come again.
        tries: how often to try after a failure without progress.
        check: called between pieces; ends the copying by an exception.
        sleep: waits before another try.

    Raises:
        StorageError: it cannot be read.
    """
    at = furthest = fruitless = 0

    def begin() -> tuple[WebStream, bytes]:
        check()
        stream = WebStream.open(fs, info, at)
        with OnFailure(stream.close):
            return stream, stream.read(_PIECE)

    while True:
        stream, data = tries.call_sync(begin, sleep)
        try:
            while data:
                write(stream.at - len(data), data)
                check()
                data = stream.read(_PIECE)
            if stream.total in (None, stream.at):
                return
            problem: Exception = WrongContentError(f"the content ends after {stream.at} of {stream.total} bytes")
        except Exception as error:  # aiohttp's, and fsspec's own; failure_of knows them
            if not failure_of(error).transient:
                raise
            problem = error
        finally:
            stream.close()
        fruitless = 0 if stream.at > furthest else fruitless + 1
        furthest = max(furthest, stream.at)
        if fruitless > tries.retries:
            raise tries.error_of(problem)
        at = stream.at if stream.resumable else 0


class WebReader(PieceReader):
    """A web page that is open for reading.

    Args:
        fs: fsspec's file system.
        info: what the page is.
        tries: gives the tries of one wait for bytes.
    """

    def __init__(self, fs: Any, info: ObjectInfo, tries: Callable[[], Tries]) -> None:
        super().__init__(info)
        self._fs = fs
        self._tries = tries
        self._stream: WebStream | None = None
        self._stop: int | None = None

    def _load(self, wanted: int) -> bytes:
        return self._tries().call_sync(self._next)

    def _next(self) -> bytes:
        """Give some bytes from the position; a failure drops the answer, so that the next try asks again."""
        with OnFailure(self._drop):
            data = self._stream_here().read(_PIECE)
            if not data and self._stop == self._position:
                self._begin(follows=True)
                data = self._stream_here().read(_PIECE)
            if not data and self._info.size is not None:
                raise WrongContentError(f"the content ends after {self._position} of {self._info.size} bytes")
        return data

    def _stream_here(self) -> WebStream:
        if self._stream is None or self._stream.at != self._position:
            self._begin(follows=False)
        assert self._stream is not None
        return self._stream

    def _begin(self, follows: bool) -> None:
        """Ask for the content from the position on."""
        self._drop()
        self._grow(follows)
        self._stop = None
        if self._range < LONGEST_RANGE:
            self._stop = min(self._position + self._range, self._info.size or sys.maxsize)
        self._stream = WebStream.open(self._fs, self._info, self._position, self._stop)

    def _drop(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
