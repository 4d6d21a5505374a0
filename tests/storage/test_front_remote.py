"""flyte_core.storage: its functions against a real S3 server: whole, verified, and under the right names."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from flyte_core import storage
from flyte_core.errors import StorageError, StorageIntegrityError, StorageNotFoundError
from tests.support.s3 import S3Server

SIZE = 12 * 2**20 + 5


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source" / "a b.bin"
    file.parent.mkdir()
    file.write_bytes(os.urandom(SIZE))
    return file


def test_a_file_goes_there_and_comes_back(bucket: str, source: Path, tmp_path: Path) -> None:
    there, back = (storage.HashlibAccumulator.from_hash_name("sha256") for _ in range(2))
    url = storage.put_sync(source, f"{bucket}/x/", hash_method=there)
    assert url == f"{bucket}/x/a b.bin"
    path = storage.get_sync(url, f"{tmp_path}/new/", hash_method=back)
    assert path == f"{tmp_path}/new/a b.bin"
    assert Path(path).read_bytes() == source.read_bytes()
    assert there.result() == back.result() == hashlib.sha256(source.read_bytes()).hexdigest()
    assert os.listdir(tmp_path / "new") == ["a b.bin"]
    info = storage.info_sync(url)
    assert info.size == SIZE
    assert info.attributes["flyte-core-sha256"] == there.result()


def test_content_that_is_not_what_was_stored_is_refused(
    bucket: str, s3_server: S3Server, source: Path, tmp_path: Path
) -> None:
    url = storage.put_sync(source, f"{bucket}/a")
    key = url.removeprefix(f"{s3_server.prefix}/")
    wrong = {"flyte-core-sha256": hashlib.sha256(b"other").hexdigest()}
    s3_server.client().put_object(Bucket=s3_server.bucket, Key=key, Body=b"changed", Metadata=wrong)
    (tmp_path / "t").mkdir()
    with pytest.raises(StorageIntegrityError, match="SHA-256") as caught:
        storage.get_sync(url, tmp_path / "t" / "a")
    assert url in str(caught.value)
    with pytest.raises(StorageIntegrityError, match="SHA-256"):
        storage.get_sync(bucket, tmp_path / "t", recursive=True)
    assert os.listdir(tmp_path / "t") == []


def test_a_folder_goes_there_and_comes_back(bucket: str, tmp_path: Path) -> None:
    names = ["a.txt", "b/c d.txt", "b/e#?%20.txt", "ä/f", "b-/g"]
    for name in names:
        storage.write_bytes_sync(tmp_path / "s" / name, name.encode())
    asyncio.run(storage.put(tmp_path / "s", f"{bucket}/s", recursive=True))
    listed = asyncio.run(storage.list_files(f"{bucket}/s"))
    assert [info.url for info in listed] == [f"{bucket}/s/{name}" for name in sorted(names, key=str.encode)]
    assert [info.url for info in storage.list_files_sync(f"{bucket}/s/", recursive=False)] == [f"{bucket}/s/a.txt"]
    asyncio.run(storage.get(f"{bucket}/s/", tmp_path / "t", recursive=True))
    assert {info.url.removeprefix(f"{tmp_path}/t/") for info in storage.list_files_sync(tmp_path / "t")} == set(names)
    assert (tmp_path / "t" / "b" / "e#?%20.txt").read_bytes() == b"b/e#?%20.txt"
    storage.delete_sync(f"{bucket}/s", recursive=True)
    assert not storage.exists_sync(f"{bucket}/s")


def test_streams_are_stored_and_read(bucket: str) -> None:
    content = os.urandom(SIZE)
    url = asyncio.run(storage.put_stream([content[:100], content[100:]], to_path=f"{bucket}/a"))
    assert storage.read_bytes_sync(url) == content
    assert b"".join(storage.get_stream_sync(url, chunk_size=2**20)) == content
    with storage.open_sync(f"{bucket}/b.gz", "wt", compression="infer") as file:
        file.write("text\n" * 1000)
    with storage.open_sync(f"{bucket}/b.gz", "rt", compression="infer") as file:
        assert file.readlines() == ["text\n"] * 1000

    async def seek() -> bytes:
        async with await storage.open(url) as file:
            await file.seek(-5, os.SEEK_END)
            return await file.read()

    assert asyncio.run(seek()) == content[-5:]


def test_a_write_that_fails_stores_nothing(bucket: str, source: Path) -> None:
    def fail() -> None:
        with storage.open_sync(f"{bucket}/a", "wb") as file:
            file.write(bytes(SIZE))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    storage.write_bytes_sync(f"{bucket}/b", b"1")
    with pytest.raises(StorageError, match="it exists already"):
        storage.open_sync(f"{bucket}/b", "xb")
    assert [info.url for info in storage.list_files_sync(bucket)] == [f"{bucket}/b"]


def test_what_is_not_there_is_not_found(bucket: str, tmp_path: Path) -> None:
    assert not storage.exists_sync(f"{bucket}/a")
    for call in (
        storage.get_sync,
        storage.read_bytes_sync,
        storage.info_sync,
        storage.open_sync,
        storage.list_files_sync,
    ):
        with pytest.raises(StorageNotFoundError, match="a"):
            call(f"{bucket}/a")
    with pytest.raises(StorageNotFoundError):
        storage.get_sync(f"{bucket}/a", tmp_path / "t", recursive=True)
    assert list(tmp_path.iterdir()) == []
    storage.delete_sync(f"{bucket}/a")


def test_a_prefix_is_no_file(bucket: str, tmp_path: Path) -> None:
    storage.write_bytes_sync(f"{bucket}/d/a", b"1")
    assert storage.info_sync(f"{bucket}/d").is_folder
    with pytest.raises(StorageError, match="it is a folder; give recursive=True"):
        storage.get_sync(f"{bucket}/d", tmp_path / "t")
    with pytest.raises(StorageError, match="it is a file, not a folder"):
        storage.get_sync(f"{bucket}/d/a", tmp_path / "t", recursive=True)
