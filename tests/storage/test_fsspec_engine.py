"""flyte_core.storage.fsspec_engine: memory, the web, and file systems of packages."""

from __future__ import annotations

import asyncio
import gzip
import http.server
import io
import os
import random
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from flyte_core.errors import (
    StorageError,
    StorageIntegrityError,
    StorageNotFoundError,
    StoragePermissionError,
    UnsupportedStorageError,
)
from flyte_core.storage.engine import ObjectInfo, Transfer
from flyte_core.storage.fsspec_engine import FsspecEngine

ENGINE = FsspecEngine()
TRANSFER = Transfer()
CONTENT = os.urandom(5 * 2**20 + 17)


class Plain(MemoryFileSystem):
    """A store that cannot rename, as object stores of other packages."""

    protocol = "plain"
    store: dict[str, object] = {}
    pseudo_dirs = [""]


class Renaming(LocalFileSystem):
    """A file system that renames, as those behind SFTP or SMB."""

    protocol = "renaming"
    local_file = False


@pytest.fixture(autouse=True, scope="module")
def _file_systems() -> None:
    fsspec.register_implementation("plain", Plain, clobber=True)
    fsspec.register_implementation("renaming", Renaming, clobber=True)


@pytest.fixture(params=["memory", "plain", "renaming"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty folder."""
    if request.param == "renaming":
        return f"renaming://{tmp_path}/store"
    return f"{request.param}://{secrets.token_hex(6)}"


def _info(url: str) -> ObjectInfo:
    return asyncio.run(ENGINE.info(url))


def _upload(source: Path, url: str, transfer: Transfer = TRANSFER) -> None:
    asyncio.run(ENGINE.upload(source, url, transfer, {}))


def _download(url: str, transfer: Transfer = TRANSFER) -> bytes:
    file = io.BytesIO()
    asyncio.run(ENGINE.download(_info(url), file, transfer))
    return file.getvalue()


def _names(base: str) -> list[str]:
    async def collect() -> list[str]:
        return [entry.url.removeprefix(base + "/") async for entry in ENGINE.list(base)]

    return asyncio.run(collect())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


def test_what_is_uploaded_is_downloaded(base, source):
    done: list[int] = []
    _upload(source, f"{base}/d/a.bin", attrs.evolve(TRANSFER, on_progress=done.append))
    assert sum(done) == len(CONTENT)
    assert _info(f"{base}/d/a.bin").size == len(CONTENT)
    done.clear()
    assert _download(f"{base}/d/a.bin", attrs.evolve(TRANSFER, on_progress=done.append)) == CONTENT
    assert sum(done) == len(CONTENT)
    assert _names(base) == ["d/a.bin"]


def test_a_listing_is_sorted_and_whole_names_are_compared(base, tmp_path):
    small = tmp_path / "small"
    small.write_bytes(b"x")
    for name in ("p/b", "p/a/c", "p2/x"):
        _upload(small, f"{base}/{name}")
    assert _names(f"{base}/p") == ["a/c", "b"]
    assert _info(f"{base}/p").is_folder
    assert _names(f"{base}/none") == []


def test_what_is_deleted_is_gone_and_deleting_it_again_is_no_error(base, source):
    _upload(source, f"{base}/a")
    asyncio.run(ENGINE.delete(f"{base}/a"))
    asyncio.run(ENGINE.delete(f"{base}/a"))
    with pytest.raises(StorageNotFoundError):
        _info(f"{base}/a")


def test_what_is_written_is_there_when_it_is_committed(base):
    handle = ENGINE.open_write(f"{base}/a", TRANSFER)
    handle.write(b"abc")
    if not base.startswith("plain"):
        with pytest.raises(StorageNotFoundError):
            _info(f"{base}/a")
    handle.write(b"def")
    handle.commit()
    handle.discard()
    with pytest.raises(StorageError, match="closed"):
        handle.write(b"x")
    reader = ENGINE.open_read(f"{base}/a", TRANSFER)
    assert (reader.read(2), reader.tell(), reader.seek(-1, os.SEEK_END), reader.read()) == (b"ab", 2, 5, b"f")
    reader.close()


def test_what_is_discarded_is_gone(base):
    handle = ENGINE.open_write(f"{base}/a", TRANSFER)
    handle.write(b"abc")
    handle.discard()
    handle.discard()
    assert _names(base) == []


def test_what_was_there_stays_when_writing_fails_where_files_are_moved(base):
    if base.startswith("plain"):
        pytest.skip("this file system has no move")
    first = ENGINE.open_write(f"{base}/a", TRANSFER)
    first.write(b"before")
    first.commit()
    second = ENGINE.open_write(f"{base}/a", TRANSFER)
    second.write(b"after")
    second.discard()
    assert _download(f"{base}/a") == b"before"
    assert _names(base) == ["a"]


def test_a_file_that_changes_while_it_is_uploaded_is_not_stored(base, source):
    def change(_done: int) -> None:
        with source.open("ab") as file:
            file.write(b"more")

    with pytest.raises(StorageIntegrityError, match="changed while") as caught:
        _upload(source, f"{base}/a", attrs.evolve(TRANSFER, on_progress=change))
    assert str(source) in str(caught.value)
    assert _names(base) == []


def test_a_source_that_is_not_there_is_named(base, tmp_path):
    with pytest.raises(StorageError, match="missing"):
        _upload(tmp_path / "missing", f"{base}/a")


def test_a_folder_is_not_read(base, source):
    _upload(source, f"{base}/d/a")
    with pytest.raises(StorageError, match="folder"):
        ENGINE.open_read(f"{base}/d", TRANSFER)


def test_memory_is_shared_in_the_process(source):
    url = f"memory://{secrets.token_hex(6)}/a"
    thread = threading.Thread(target=_upload, args=(source, url))
    thread.start()
    thread.join()
    assert _download(url) == CONTENT


@pytest.mark.parametrize("url", ["nix://x/y", "nix+more://x"])
def test_a_scheme_that_nobody_knows_is_unsupported(url):
    with pytest.raises(UnsupportedStorageError, match="nix"):
        _info(url)


class Site(http.server.BaseHTTPRequestHandler):
    """A small web site with a page of each kind."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, dict[str, str]]] = []

    def log_message(self, *_args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.seen.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        page = getattr(self, "page_" + self.path.strip("/").partition("?")[0].replace(".", "_"), None)
        try:
            if page is None:
                self._send(404, b"")
            else:
                page()
        except ConnectionError:
            self.close_connection = True

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def page_ranges(self) -> None:
        asked = self.headers.get("Range")
        if asked is None:
            self._send(200, CONTENT, ETag='"1"')
            return
        first, last = asked.removeprefix("bytes=").split("-")
        body = CONTENT[int(first) : int(last) + 1 if last else None]
        span = f"bytes {first}-{int(first) + len(body) - 1}/{len(CONTENT)}"
        self._send(206, body, ETag='"1"', Content_Range=span)

    def page_whole(self) -> None:
        self._send(200, CONTENT, ETag='"1"')

    def page_moved(self) -> None:
        self._send(302, b"", Location="/ranges")

    def page_chunked(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command == "GET":
            for start in range(0, len(CONTENT), 2**18):
                piece = CONTENT[start : start + 2**18]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

    def page_packed(self) -> None:
        self._send(200, gzip.compress(CONTENT), Content_Encoding="gzip")

    def page_only_get(self) -> None:
        if self.command == "HEAD":
            self._send(405, b"")
        else:
            self._send(200, CONTENT)

    def page_private(self) -> None:
        if self.headers.get("Authorization") == "Basic YW5uOnB3":
            self._send(200, CONTENT)
        else:
            self._send(401, b"")

    def page_index(self) -> None:
        links = b'<a href="one.txt">1</a> <a href="two.txt">2</a> <a href="../../etc/passwd">x</a>'
        self._send(200, links, Content_Type="text/html")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """URL of a web site on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    server.handle_error = lambda *_args: None  # type: ignore[method-assign] # clients go away on purpose
    Site.seen.clear()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    # Sessions are cached with their settings, and netrc is one of them.
    fsspec.get_filesystem_class("http").clear_instance_cache()


@pytest.mark.parametrize("page", ["ranges", "whole", "moved", "chunked", "packed", "only_get", "ranges?a=1&b=c#d"])
def test_a_web_page_is_downloaded(page, site):
    done: list[int] = []
    assert _download(f"{site}/{page}", attrs.evolve(TRANSFER, on_progress=done.append)) == CONTENT
    assert sum(done) == len(CONTENT)


@pytest.mark.parametrize(("page", "size"), [("ranges", len(CONTENT)), ("chunked", None), ("packed", None)])
def test_a_web_page_says_its_length_where_it_is_known(page, size, site):
    assert _info(f"{site}/{page}").size == size


@pytest.mark.parametrize("page", ["ranges", "whole", "chunked"])
def test_an_open_web_page_is_read_anywhere(page, site):
    handle = ENGINE.open_read(f"{site}/{page}", TRANSFER)
    assert handle.read() == CONTENT
    assert handle.read(10) == b""
    choice = random.Random(1)
    for _ in range(8):
        start, size = choice.randrange(len(CONTENT)), choice.randrange(2**21)
        handle.seek(start)
        assert handle.read(size) == CONTENT[start : start + size]
    if page == "chunked":
        with pytest.raises(StorageError, match="how long"):
            handle.seek(0, os.SEEK_END)
    else:
        handle.seek(-3, os.SEEK_END)
        assert handle.read() == CONTENT[-3:]
    handle.close()
    with pytest.raises(StorageError, match="closed"):
        handle.read()


def test_places_of_an_open_web_page_take_small_ranges(site):
    handle = ENGINE.open_read(f"{site}/ranges", TRANSFER)
    handle.seek(1000)
    handle.read(10)
    handle.read(10)
    handle.close()
    ranges = [headers["range"] for method, _, headers in Site.seen if method == "GET" and "range" in headers]
    assert ranges == [f"bytes=1000-{1000 + 2**20 - 1}"]


def test_a_web_page_that_is_not_there_is_not_found(site):
    with pytest.raises(StorageNotFoundError, match="404"):
        _info(f"{site}/none")


def test_credentials_come_from_the_url_or_from_netrc(site, tmp_path, monkeypatch):
    with pytest.raises(StoragePermissionError, match="netrc"):
        _info(f"{site}/private")
    assert _download(f"{site}/private".replace("//", "//ann:pw@")) == CONTENT
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password pw\n")
    assert _download(f"{site}/private") == CONTENT


def test_credentials_of_a_url_are_not_told(site):
    with pytest.raises(StorageNotFoundError) as caught:
        _info(f"{site}/none".replace("//", "//ann:pw@"))
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("operation", ["upload", "delete", "open_write"])
def test_the_web_is_only_read(operation, site, source):
    calls = {
        "upload": lambda: _upload(source, f"{site}/x"),
        "delete": lambda: asyncio.run(ENGINE.delete(f"{site}/x")),
        "open_write": lambda: ENGINE.open_write(f"{site}/x", TRANSFER),
    }
    with pytest.raises(UnsupportedStorageError, match="only be read"):
        calls[operation]()
    assert Site.seen == []


def test_the_links_of_a_page_are_its_listing(site):
    names = _names(f"{site}/index")
    assert {"one.txt", "two.txt"} <= set(names)
