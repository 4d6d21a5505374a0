"""flyte_core.storage.object_store: S3 as a real server speaks it."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import attrs
import pytest

from flyte_core import storage
from flyte_core.errors import (
    ConfigError,
    StorageError,
    StorageNotFoundError,
    StoragePermissionError,
    UnsupportedStorageError,
)
from flyte_core.storage.config import use_storage
from flyte_core.storage.engine import DIGEST, ObjectInfo, Transfer
from flyte_core.storage.object_store import ObjectStoreEngine
from flyte_core.storage.stores import locate
from flyte_core.storage.upload import parts_of
from tests.support.s3 import S3Server

ENGINE = ObjectStoreEngine()
PART = 5 * 2**20
CONTENT = os.urandom(2 * PART + 123)
SMALL_PARTS = Transfer(part_size=PART, concurrency=2)


def _put(server: S3Server, url: str, body: bytes = b"x", **options: Any) -> None:
    server.client().put_object(Bucket=server.bucket, Key=url.split("/", 3)[3], Body=body, **options)


def _list(url: str) -> list[str]:
    async def collect() -> list[str]:
        return [entry.url async for entry in ENGINE.list(url)]

    return asyncio.run(collect())


def _info(url: str) -> ObjectInfo:
    return asyncio.run(ENGINE.info(url))


def _download(url: str, transfer: Transfer = SMALL_PARTS) -> bytes:
    file = io.BytesIO()
    asyncio.run(ENGINE.download(_info(url), file, transfer))
    return file.getvalue()


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART, len(CONTENT)])
def test_what_is_uploaded_is_downloaded(size, bucket, tmp_path):
    source = tmp_path / "a"
    source.write_bytes(CONTENT[:size])
    attributes = {DIGEST: hashlib.sha256(CONTENT[:size]).hexdigest(), "owner": "ann"}
    sent: list[int] = []
    asyncio.run(ENGINE.upload(source, f"{bucket}/a", attrs.evolve(SMALL_PARTS, on_progress=sent.append), attributes))
    assert sum(sent) == size
    info = _info(f"{bucket}/a")
    assert (info.size, info.is_folder, dict(info.attributes)) == (size, False, attributes)
    assert info.e_tag
    assert info.modified is not None
    assert info.modified.tzinfo is not None
    came: list[int] = []
    assert _download(f"{bucket}/a", attrs.evolve(SMALL_PARTS, on_progress=came.append)) == CONTENT[:size]
    assert sum(came) == size


def test_a_large_file_is_uploaded_in_parts_with_checksums(bucket, tmp_path, s3_server):
    source = tmp_path / "a"
    source.write_bytes(CONTENT)
    asyncio.run(ENGINE.upload(source, f"{bucket}/a", SMALL_PARTS, {}))
    key = f"{bucket}/a".split("/", 3)[3]
    found = s3_server.client().head_object(Bucket=s3_server.bucket, Key=key, ChecksumMode="ENABLED")
    assert found["ETag"].endswith('-3"')


@pytest.mark.parametrize("name", ["a b", "é", "a?b", "a#b", "a%41", "a+b", "a&b=c", "x" * 200], ids=str)
def test_names_with_odd_characters_are_kept(name, bucket, s3_server, tmp_path):
    source = tmp_path / "a"
    source.write_bytes(b"x")
    url = f"{bucket}/dir/{name}"
    asyncio.run(ENGINE.upload(source, url, SMALL_PARTS, {}))
    assert _list(f"{bucket}/dir") == [url]
    assert _download(url) == b"x"
    found = s3_server.client().list_objects_v2(Bucket=s3_server.bucket, Prefix=bucket.split("/", 3)[3])
    assert found["Contents"][0]["Key"] == url.split("/", 3)[3]


@pytest.mark.parametrize("name", ["a//b", "a/../b", "./a"])
def test_names_that_the_library_cannot_reach_are_told(name, bucket):
    with pytest.raises(StorageError, match="cannot reach"):
        _info(f"{bucket}/{name}")


def test_a_listing_is_sorted_and_whole_names_are_compared(bucket, s3_server):
    for name in ("p/b", "p/a/c", "p/a", "p2/x", "px"):
        _put(s3_server, f"{bucket}/{name}")
    assert _list(f"{bucket}/p") == [f"{bucket}/p/a", f"{bucket}/p/a/c", f"{bucket}/p/b"]
    assert _list(f"{bucket}/p/") == _list(f"{bucket}/p")
    assert _list(f"{bucket}/none") == []


def test_a_listing_has_sizes_and_times_and_more_than_one_page(bucket, s3_server):
    for number in range(12):
        _put(s3_server, f"{bucket}/{number:02}", b"x" * number)

    async def collect() -> list[ObjectInfo]:
        return [entry async for entry in ENGINE.list(bucket)]

    entries = asyncio.run(collect())
    assert [entry.size for entry in entries] == list(range(12))
    assert all(entry.e_tag and entry.modified for entry in entries)


def test_markers_of_folders_are_no_files_and_empty_files_are(bucket, s3_server):
    for name in ("d/", "d/sub/", "d/sub/x", "d/alone/", "d/later/"):
        _put(s3_server, f"{bucket}/{name}", b"" if name.endswith("/") else b"x")
    _put(s3_server, f"{bucket}/d/empty", b"")
    assert _list(f"{bucket}/d") == [f"{bucket}/d/empty", f"{bucket}/d/sub/x"]


def test_a_prefix_with_objects_is_a_folder(bucket, s3_server):
    _put(s3_server, f"{bucket}/d/x")
    assert _info(f"{bucket}/d").is_folder
    assert _info(f"{bucket}/d/").is_folder
    assert _info(s3_server.prefix).is_folder
    with pytest.raises(StorageNotFoundError):
        _info(f"{bucket}/d/x/")
    with pytest.raises(StorageNotFoundError):
        _info(f"{bucket}/d2")


def test_a_bucket_that_is_not_there_is_not_found(bucket):
    with pytest.raises(StorageNotFoundError):
        _info("s3://no-such-bucket/a")


def test_what_is_deleted_is_gone_and_deleting_it_again_is_no_error(bucket, s3_server):
    _put(s3_server, f"{bucket}/a")
    asyncio.run(ENGINE.delete(f"{bucket}/a"))
    asyncio.run(ENGINE.delete(f"{bucket}/a"))
    with pytest.raises(StorageNotFoundError):
        _info(f"{bucket}/a")


@pytest.mark.parametrize("operation", ["download", "upload", "delete", "open_read", "open_write"])
def test_a_whole_bucket_is_no_object(operation, bucket, s3_server, tmp_path):
    url = s3_server.prefix
    (tmp_path / "a").write_bytes(b"x")
    calls = {
        "download": lambda: asyncio.run(ENGINE.download(ObjectInfo(url=url, size=1), io.BytesIO(), SMALL_PARTS)),
        "upload": lambda: asyncio.run(ENGINE.upload(tmp_path / "a", url, SMALL_PARTS, {})),
        "delete": lambda: asyncio.run(ENGINE.delete(url)),
        "open_read": lambda: ENGINE.open_read(url, SMALL_PARTS),
        "open_write": lambda: ENGINE.open_write(url, SMALL_PARTS),
    }
    with pytest.raises(StorageError, match="whole bucket"):
        calls[operation]()


def test_reading_goes_anywhere_in_an_object(bucket, s3_server):
    _put(s3_server, f"{bucket}/a", CONTENT)
    choice = random.Random(1)
    handle = ENGINE.open_read(f"{bucket}/a", SMALL_PARTS)
    for _ in range(40):
        start, size = choice.randrange(len(CONTENT) + 10), choice.randrange(3 * 2**20)
        assert handle.seek(start) == start
        assert handle.read(size) == CONTENT[start : start + size]
        assert handle.tell() == max(start, min(start + size, len(CONTENT)))
    assert handle.seek(-5, os.SEEK_END) == len(CONTENT) - 5
    assert handle.read() == CONTENT[-5:]
    assert handle.read() == b""
    handle.seek(0)
    assert handle.read() == CONTENT
    with pytest.raises(StorageError):
        handle.seek(-1)
    handle.close()
    with pytest.raises(StorageError, match="closed"):
        handle.read()


def test_reading_in_sequence_takes_one_request_and_places_few_bytes(bucket, s3_server, faulty, reach):
    url = f"{reach()}/a"
    _put(s3_server, url, CONTENT)
    handle = ENGINE.open_read(url, SMALL_PARTS)
    while handle.read(300_000):
        pass
    assert len(faulty.asked("GET")) == 1
    handle.seek(100)
    handle.read(10)
    assert faulty.asked("GET")[-1].headers["range"] == f"bytes=100-{100 + 2**20 - 1}"
    handle.close()


@pytest.mark.parametrize("size", [0, 10, PART, len(CONTENT)])
def test_what_is_written_is_there_when_it_is_committed(size, bucket):
    handle = ENGINE.open_write(f"{bucket}/w", SMALL_PARTS)
    for start in range(0, size, 700_001):
        handle.write(CONTENT[start : min(size, start + 700_001)])
    with pytest.raises(StorageNotFoundError):
        _info(f"{bucket}/w")
    handle.commit()
    handle.discard()
    assert _download(f"{bucket}/w") == CONTENT[:size]
    with pytest.raises(StorageError, match="closed"):
        handle.write(b"x")


@pytest.mark.parametrize("size", [10, len(CONTENT)])
def test_what_is_discarded_was_never_there(size, bucket, s3_server):
    handle = ENGINE.open_write(f"{bucket}/w", SMALL_PARTS)
    handle.write(CONTENT[:size])
    handle.discard()
    handle.discard()
    with pytest.raises(StorageNotFoundError):
        _info(f"{bucket}/w")
    unfinished = s3_server.client().list_multipart_uploads(Bucket=s3_server.bucket).get("Uploads") or []
    assert [upload for upload in unfinished if upload["Key"].endswith(bucket.rpartition("/")[2] + "/w")] == []


@pytest.mark.parametrize("size", [None, 1, 16 * 2**20 * 10_000, 16 * 2**20 * 10_000 + 1, 5 * 2**40])
def test_a_file_has_no_more_parts_and_takes_no_more_memory_than_is_allowed(size):
    transfer = Transfer()
    part, in_flight = parts_of(size, transfer)
    assert part * 10_000 >= (size or 0)
    assert part % 2**20 == 0
    assert in_flight == 1 or part * in_flight <= transfer.part_size * transfer.concurrency


@pytest.mark.parametrize(
    ("url", "bucket", "key", "account"),
    [
        ("s3://b/k/l", "b", "k/l", None),
        ("S3A://b/k?x#y", "b", "k?x#y", None),
        ("gs://b", "b", "", None),
        ("abfs://c/k", "c", "k", None),
        ("abfss://c@acc.dfs.core.windows.net/k/", "c", "k", "acc"),
    ],
)
def test_a_url_says_bucket_key_and_account(url, bucket, key, account):
    location = locate(url)
    assert (location.bucket, location.key, location.account) == (bucket, key, account)
    assert location.root.endswith("/")


@pytest.mark.parametrize("url", ["s3:///a", "http://h/a"])
def test_a_url_without_a_bucket_is_refused(url):
    with pytest.raises(UnsupportedStorageError):
        locate(url)


def test_public_data_is_read_without_credentials(s3_server, monkeypatch, tmp_path):
    url = f"{s3_server.prefix}/public-{os.urandom(4).hex()}/a"
    _put(s3_server, url, b"open to all", ACL="public-read")
    # As on a machine where nothing gives credentials: the metadata service answers at once that it does not know.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"{s3_server.endpoint}/no-such-bucket")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    config = s3_server.config(access_key_id=None, secret_access_key=None)
    for found in (config, attrs.evolve(config, anonymous=True)):
        use_storage(found)
        assert _download(url) == b"open to all"


def test_writing_without_credentials_says_where_they_are_looked_for(s3_server, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"{s3_server.endpoint}/latest/api/token")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    use_storage(s3_server.config(access_key_id=None, secret_access_key=None, retries=0))
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(StoragePermissionError, match="no credentials were found; credentials are looked for in"):
        asyncio.run(ENGINE.upload(tmp_path / "a", f"{s3_server.prefix}/denied", Transfer(retries=0), {}))


def test_a_profile_that_is_not_there_is_told_before_any_request(s3_server, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    use_storage(s3_server.config(access_key_id=None, secret_access_key=None, profile="work"))
    with pytest.raises(ConfigError, match="work"):
        _info("s3://bucket/a")


def test_the_environment_alone_reaches_the_server(s3_server, monkeypatch):
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    url = f"{s3_server.prefix}/env-{os.urandom(4).hex()}"
    _put(s3_server, url)
    assert _info(url).size == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_reaches_the_store_its_parent_has_used(bucket, s3_server):
    _put(s3_server, f"{bucket}/a", CONTENT)
    assert _download(f"{bucket}/a") == CONTENT
    handle = ENGINE.open_read(f"{bucket}/a", SMALL_PARTS)
    assert handle.read(10) == CONTENT[:10]
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            right = _download(f"{bucket}/a") == CONTENT
            opened = ENGINE.open_read(f"{bucket}/a", SMALL_PARTS)
            right = right and opened.read() == CONTENT
            written = ENGINE.open_write(f"{bucket}/b", SMALL_PARTS)
            written.write(CONTENT)
            written.commit()
            os._exit(0 if right else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert _download(f"{bucket}/b") == CONTENT
    assert handle.read() == CONTENT[10:]
    handle.close()


PROGRAM = """
    import re, sys
    from pathlib import Path
    import flyte_core
    from flyte_core import storage

    def peak():  # in MB; not getrusage, whose maximum a process takes over from its parent
        return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

    endpoint, url, source, target = sys.argv[1:]
    config = storage.S3(endpoint=endpoint, access_key_id="a", secret_access_key="b", region="us-east-1",
                        part_size=5 * 2**20, concurrency=2)
    flyte_core.init(storage=config)
    small = Path(source).with_name("small")
    small.write_bytes(bytes(6 * 2**20))
    storage.put_sync(small, url + "-small")
    storage.get_sync(url + "-small", target)
    before = peak()
    storage.put_sync(source, url)
    storage.get_sync(url, target)
    with storage.open_sync(url) as file:
        while file.read(2**20):
            pass
    with storage.open_sync(url + "2", "wb") as file:
        for _ in range(120):
            file.write(bytes(2**20))
    print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_memory_is_bounded_by_the_parts_in_flight(s3_server, tmp_path):
    source = tmp_path / "source"
    with source.open("wb") as file:
        for _ in range(120):
            file.write(os.urandom(2**20))
    url = f"{s3_server.prefix}/memory-{os.urandom(4).hex()}"
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), s3_server.endpoint, url, str(source)]
    done = subprocess.run([*command, str(tmp_path / "target")], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target").read_bytes() == source.read_bytes()
    assert int(done.stdout) < 100  # of the 120 that went through; 70 is what it takes


class TestFileSystems:
    """flyte_core.storage.filesystems, with the libraries that read tables."""

    def test_pandas_writes_and_reads(self, bucket):
        pandas = pytest.importorskip("pandas")
        pytest.importorskip("pyarrow")
        frame = pandas.DataFrame({"a": range(100), "b": ["x", "y"] * 50})
        options = storage.get_configured_fsspec_kwargs("s3")
        frame.to_parquet(f"{bucket}/a.parquet", storage_options=options)
        assert pandas.read_parquet(f"{bucket}/a.parquet", storage_options=options).equals(frame)
        files = storage.get_underlying_filesystem(path=f"{bucket}/a.parquet")
        assert pandas.read_parquet(f"{bucket}/a.parquet", filesystem=files).equals(frame)
        frame.to_csv(f"{bucket}/a.csv", storage_options=options)
        assert len(pandas.read_csv(f"{bucket}/a.csv", storage_options=options)) == 100

    def test_arrow_writes_and_reads_partitions(self, bucket):
        parquet = pytest.importorskip("pyarrow.parquet")
        import pyarrow as pa
        import pyarrow.dataset as datasets

        files = storage.get_underlying_filesystem("s3")
        folder = bucket.removeprefix("s3://")
        table = pa.table({"a": [1, 2, 3], "p": ["x", "y", "y"]})
        parquet.write_to_dataset(table, folder, partition_cols=["p"], filesystem=files)
        assert datasets.dataset(folder, filesystem=files, partitioning="hive").to_table().num_rows == 3

    def test_polars_reads_an_open_file(self, bucket):
        polars = pytest.importorskip("polars")
        files = storage.get_underlying_filesystem("s3")
        with files.open(f"{bucket}/a.parquet", "wb") as file:
            polars.DataFrame({"a": [1, 2]}).write_parquet(file)
        with files.open(f"{bucket}/a.parquet", "rb") as file:
            assert polars.read_parquet(file).height == 2

    def test_descriptions_name_a_file_as_listings_do(self, bucket, s3_server):
        _put(s3_server, f"{bucket}/d/a")
        files = storage.get_underlying_filesystem("s3")
        folder = bucket.removeprefix("s3://")
        assert files.info(f"{bucket}/d/a")["name"] == f"{folder}/d/a"
        assert files.find(bucket) == [f"{folder}/d/a"]

    def test_a_protocol_that_nobody_knows_is_unsupported(self):
        with pytest.raises(UnsupportedStorageError, match="nix"):
            storage.get_underlying_filesystem("nix")

    def test_options_of_the_caller_go_before(self, s3_server):
        use_storage(s3_server.config(retries=3))
        files = storage.get_underlying_filesystem("s3", retry_config={"max_retries": 1})
        assert files._retry_config == {"max_retries": 1}
        assert storage.get_configured_fsspec_kwargs("s3", anonymous=True)["config"]["skip_signature"]
        assert dt.timedelta(0) < storage.get_configured_fsspec_kwargs("s3")["retry_config"]["retry_timeout"]


def test_importing_storage_loads_neither_library():
    code = (
        "import sys, flyte_core.storage.config, flyte_core.storage as s; s.is_remote('a'); print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in ("'obstore'", "'fsspec'", "'aiohttp'", "'tenacity'", "'boto3'"):
        assert name not in done.stdout


def test_a_source_that_cannot_be_read_is_named(tmp_path, bucket):
    missing = tmp_path / "missing"
    with pytest.raises(StorageError, match=str(missing)):
        asyncio.run(ENGINE.upload(Path(missing), f"{bucket}/a", SMALL_PARTS, {}))
