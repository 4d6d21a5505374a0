"""What a failure of remote storage says: the bucket, the credentials, the address, and that it is being repeated."""

from __future__ import annotations

import datetime as dt
import http.server
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flyte_core import storage
from flyte_core.errors import StorageError, StorageNotFoundError, StoragePermissionError, UnsupportedStorageError
from flyte_core.storage.config import S3, use_storage
from flyte_core.storage.failures import failure_of
from tests.support.ports import refusing_port

QUICK = dt.timedelta(milliseconds=5)


def _put(url: str, tmp_path: Path) -> None:
    (tmp_path / "y.csv").write_text("1")
    storage.put_sync(tmp_path / "y.csv", url)


def _put_large(url: str, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(6 * 2**20))
    storage.put_sync(tmp_path / "large", url, chunk_size=5 * 2**20)


def _put_folder(url: str, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_text("1")
    storage.put_sync(tmp_path / "tree", url, recursive=True)


def _stream(url: str, tmp_path: Path) -> None:
    storage.put_stream_sync([bytes(5 * 2**20)] * 5, to_path=url)


USES: dict[str, Callable[[str, Path], object]] = {
    "upload": _put,
    "upload in parts": _put_large,
    "upload a folder": _put_folder,
    "stream": _stream,
    "write": lambda url, _path: storage.write_bytes_sync(url, b"1"),
    "read": lambda url, _path: storage.read_bytes_sync(url),
    "download": lambda url, path: storage.get_sync(url, path / "got"),
    "download a folder": lambda url, path: storage.get_sync(url, path / "got", recursive=True),
    "list": lambda url, _path: storage.list_files_sync(url),
    "delete below": lambda url, _path: storage.delete_sync(url, recursive=True),
}
use = pytest.mark.parametrize("use", USES.values(), ids=USES)


@use
def test_that_the_bucket_is_missing_is_said_with_its_name(s3_server, tmp_path, use):
    use_storage(s3_server.config(retries=0))
    with pytest.raises(StorageNotFoundError, match="the bucket does not exist; is 'no-such-bucket' its right name"):
        use("s3://no-such-bucket/y.csv", tmp_path)


def test_there_is_nothing_in_a_bucket_that_is_missing(s3_server):
    use_storage(s3_server.config(retries=0))
    assert storage.exists_sync("s3://no-such-bucket/y.csv") is False


def test_what_is_missing_in_a_bucket_is_not_said_of_the_bucket(bucket):
    with pytest.raises(StorageNotFoundError) as told:
        storage.read_bytes_sync(f"{bucket}/none")
    assert "bucket" not in told.value.reason


def test_that_an_azure_container_is_missing_is_said():
    body = '<?xml version="1.0"?><Error><Code>ContainerNotFound</Code><Message>no</Message></Error>'
    error = FileNotFoundError(f"Object at location a not found: status code: 404 Not Found: {body}\n\nDebug source:\n")
    assert failure_of(error).reason == "the container does not exist"


class _Refusing(http.server.BaseHTTPRequestHandler):
    """An object store that lets nobody in without a signature; there is no metadata service either."""

    def do_HEAD(self) -> None:
        self._refuse()

    def do_GET(self) -> None:
        self._refuse()

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._refuse()

    def do_POST(self) -> None:
        self.do_PUT()

    def _refuse(self) -> None:
        # What is open to all is what the tests put under this name.
        status = 404 if "public" in self.path else 403
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Not to the test's output."""


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"{endpoint}/latest/api/token")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    use_storage(S3(endpoint=endpoint, region="us-east-1", retries=0))
    yield endpoint
    server.shutdown()
    server.server_close()


@use
def test_without_credentials_reading_and_writing_say_the_same(refusing, tmp_path, use):
    with pytest.raises(StoragePermissionError, match="no credentials were found; credentials are looked for in: "):
        use("s3://bucket/y.csv", tmp_path)


def test_it_is_said_also_after_something_was_open_to_all(refusing):
    for _ in range(2):
        with pytest.raises(StorageNotFoundError):
            storage.read_bytes_sync("s3://bucket/public")
        with pytest.raises(StoragePermissionError, match="no credentials were found; credentials are looked for in: "):
            storage.read_bytes_sync("s3://bucket/y.csv")


@use
@pytest.mark.parametrize(
    ("given", "missing"),
    [("AWS_ACCESS_KEY_ID", "the secret access key"), ("AWS_SECRET_ACCESS_KEY", "the id of the access key")],
)
def test_half_of_the_credentials_is_said_to_be_half(refusing, monkeypatch, tmp_path, use, given, missing):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    monkeypatch.setenv(given, "half")
    wanted = f"only half of the credentials was found: {missing} is missing; credentials are looked for in: "
    with pytest.raises(StoragePermissionError, match=wanted):
        use("s3://bucket/y.csv", tmp_path)


@pytest.fixture
def closed_port() -> Iterator[int]:
    with refusing_port() as port:
        yield port


@pytest.mark.parametrize("name", ["upload", "write", "read", "list"])
def test_the_first_repetition_is_told_in_one_warning(s3_server, closed_port, tmp_path, caplog, name):
    use_storage(s3_server.config(endpoint=f"http://127.0.0.1:{closed_port}", retries=3, backoff=QUICK))
    with caplog.at_level(logging.WARNING, "flyte_core"), pytest.raises(StorageError, match="after 4 attempts"):
        USES[name]("s3://bucket/y.csv", tmp_path)
    (told,) = [record.getMessage() for record in caplog.records if "attempt" in record.getMessage()]
    assert f"s3://bucket/y.csv: no connection to 127.0.0.1:{closed_port}: Connection refused" in told
    assert "attempt 1 of 4, trying again in 0.0 s" in told


def test_an_upload_in_parts_that_cannot_begin_is_told(s3_server, closed_port, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("flyte_core.storage.upload._PATIENCE", 0.01)
    backoff = dt.timedelta(milliseconds=100)
    use_storage(s3_server.config(endpoint=f"http://127.0.0.1:{closed_port}", retries=1, backoff=backoff))
    with caplog.at_level(logging.WARNING, "flyte_core"), pytest.raises(StorageError, match="after 2 attempts"):
        _put_large("s3://bucket/y.csv", tmp_path)
    assert [record.getMessage() for record in caplog.records] == [
        "cannot upload to s3://bucket/y.csv yet: no answer within 0.01 s, still trying"
    ]


def test_nothing_is_told_of_an_upload_in_parts_that_goes_well(bucket, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "flyte_core"):
        _put_large(f"{bucket}/large", tmp_path)
    assert not caplog.records


def test_a_web_server_that_is_down_is_told_once_with_its_address(closed_port):
    use_storage(storage.Storage(retries=0))
    with pytest.raises(StorageError, match=f"no connection to 127.0.0.1:{closed_port}: Connection refused") as told:
        storage.read_bytes_sync(f"http://127.0.0.1:{closed_port}/a")
    assert str(told.value.__cause__) == f"no connection to 127.0.0.1:{closed_port}: Connection refused"


def test_that_memory_is_of_one_process_is_said(tmp_path):
    url = f"memory://told/{tmp_path.name}"
    code = f"from flyte_core import storage; storage.write_bytes_sync({url!r}, b'x')"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env={**os.environ})
    with pytest.raises(StorageNotFoundError, match="there is nothing; memory:// is each process's own"):
        storage.read_bytes_sync(url)


@pytest.mark.parametrize(
    ("url", "meant"), [("s4://bucket/a", "s3://"), ("htps://host/a", "https://"), ("memroy://a", "memory://")]
)
def test_a_scheme_that_is_not_known_is_told_with_what_was_meant(url, meant):
    with pytest.raises(UnsupportedStorageError, match="no file system is known for the scheme") as told:
        storage.read_bytes_sync(url)
    assert f"; is it {meant}" in str(told.value)


def test_a_file_url_of_another_host_is_refused():
    with pytest.raises(UnsupportedStorageError, match="file:///"):
        storage.read_bytes_sync("file://x.csv")


def test_drafts_in_memory_are_not_listed(tmp_path):
    base = f"memory://drafts/{tmp_path.name}"
    storage.write_bytes_sync(f"{base}/there", b"x")
    with storage.open_sync(f"{base}/new", "wb") as file:
        file.write(b"half")
        assert [found.url for found in storage.list_files_sync(base)] == [f"{base}/there"]
    assert len(storage.list_files_sync(base)) == 2
