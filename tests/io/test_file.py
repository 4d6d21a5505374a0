from __future__ import annotations

import asyncio
import copy
import gzip
import hashlib
import inspect
import os
import pickle
import threading
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from flyte_core import storage
from flyte_core.errors import (
    InvalidTypeError,
    InvalidValueError,
    SourceNotFoundError,
    StorageError,
    StorageIntegrityError,
    StorageNotFoundError,
    UnsafePathError,
)
from flyte_core.io import File, HashlibAccumulator, PrecomputedValue

BIG = os.urandom(3 * 2**20 + 17)


def sha256() -> HashlibAccumulator:
    return HashlibAccumulator.from_hash_name("sha256")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Crc:
    """A user's own method, without the optional reset."""

    def __init__(self) -> None:
        self.value = 0

    def update(self, data: memoryview) -> None:
        self.value = zlib.crc32(data, self.value)

    def result(self) -> str:
        return f"{self.value:08x}"


class Failing(Crc):
    def update(self, data: memoryview) -> None:
        raise RuntimeError("no hash")


# ---- open --------------------------------------------------------------------------------------------


def test_what_is_written_is_read_again(base, way):
    file = File(path=f"{base}/a.bin")
    assert not way(file, "exists")
    way.write(file, b"one ", BIG)
    assert way(file, "exists")
    assert way.read(file) == b"one " + BIG


def test_text_goes_in_utf_8_unless_told_otherwise(base, way):
    file = File(path=f"{base}/a.txt")
    way.write(file, "größe\n", mode="wt")
    assert way.read(file) == "größe\n".encode()
    assert way.read(file, "rt") == "größe\n"
    way.write(file, "größe", mode="w", encoding="latin-1")
    assert way.read(file, "r", encoding="latin-1") == "größe"


def test_content_is_compressed_on_the_way(base, way):
    file = File(path=f"{base}/a.txt.gz", hash_method=sha256())
    way.write(file, b"text" * 1000, compression="gzip")
    assert gzip.decompress(way.read(file)) == b"text" * 1000
    assert way.read(file, compression="infer") == b"text" * 1000
    assert file.hash == digest(b"text" * 1000)


def test_a_block_that_raises_leaves_nothing(base, way):
    file = File(path=f"{base}/a.bin", hash_method=sha256())
    with pytest.raises(TypeError):
        way.write(file, b"half", object())
    assert not way(file, "exists")
    assert file.hash is None


def test_a_block_that_raises_leaves_what_was_there(base, way):
    file = File(path=f"{base}/a.bin", hash_method=sha256())
    way.write(file, b"first")
    with pytest.raises(TypeError):
        way.write(file, b"second", object())
    assert way.read(file) == b"first"
    assert file.hash == digest(b"first")


def test_a_file_that_is_not_there_is_named(base, way):
    file = File(path=f"{base}/none.bin")
    with pytest.raises(StorageNotFoundError, match=r"none\.bin"):
        way.read(file)
    with pytest.raises(FileNotFoundError):
        way(file, "download")
    assert not way(file, "exists")


def test_a_file_is_read_line_by_line_and_from_any_place(base):
    file = File(path=f"{base}/a.txt")
    with file.open_sync("wt") as stream:
        stream.writelines(["one\n", "two\n"])
    with file.open_sync("rt") as stream:
        assert list(stream) == ["one\n", "two\n"]
    with file.open_sync() as stream:
        stream.seek(4)
        assert stream.read(3) == b"two"

    async def main():
        async with file.open("rt") as stream:
            return [line async for line in stream]

    assert asyncio.run(main()) == ["one\n", "two\n"]


def test_an_archive_is_written_through_an_open_file(base):
    file = File(path=f"{base}/a.zip", hash_method=sha256())
    with file.open_sync("wb") as stream, zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "text")
    with file.open_sync() as stream, zipfile.ZipFile(stream) as archive:
        assert archive.read("a.txt") == b"text"
    assert file.hash == digest(storage.read_bytes_sync(file.path))


def test_a_folder_is_no_file(base, way):
    way.write(File(path=f"{base}/tree/a.bin"), b"x")
    assert not way(File(path=f"{base}/tree"), "exists")


# ---- new_remote --------------------------------------------------------------------------------------


def test_a_new_file_lies_below_the_tasks_raw_data(base, way, task_at):
    with task_at(base):
        file = File.new_remote("a.csv", format="csv")
        assert file.path.startswith(f"{base}/")
        assert (file.name, file.format, file.hash) == ("a.csv", "csv", None)
        assert File.new_remote().path != File.new_remote().path
        way.write(file, b"1")
    assert way.read(file) == b"1"


def test_a_new_file_outside_of_a_task_is_a_temporary_one(way):
    file = File.new_remote("a.csv")
    assert Path(file.path).parent.is_dir()
    way.write(file, b"1")
    assert Path(file.path).read_bytes() == b"1"


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "..", ".", "\\x", "a\\..\\x", "a\0b", "/"])
def test_a_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(UnsafePathError):
        File.new_remote(name)


def test_the_hash_is_there_when_the_write_ends(base, way):
    file = File(path=f"{base}/a.bin", hash_method=sha256())
    way.write(file, b"one ", BIG, bytearray(BIG), memoryview(b"end"))
    assert file.hash == digest(b"one " + BIG + BIG + b"end")


def test_the_hash_of_text_is_that_of_its_bytes(base, way):
    file = File(path=f"{base}/a.txt", hash_method=sha256())
    way.write(file, "größe", mode="wt")
    assert file.hash == digest("größe".encode())
    way.write(file, "größe", mode="wt", encoding="latin-1")
    assert file.hash == digest("größe".encode("latin-1"))


def test_a_method_begins_anew_with_every_file(tmp_path, way):
    method = sha256()
    first, second = (File(path=str(tmp_path / name), hash_method=method) for name in "ab")
    way.write(first, b"same")
    way.write(second, b"same")
    assert first.hash == second.hash == digest(b"same")


def test_a_method_of_the_users_own_needs_no_reset(tmp_path, way):
    file = File(path=str(tmp_path / "a"), hash_method=Crc())
    way.write(file, BIG)
    assert file.hash == f"{zlib.crc32(BIG):08x}"


def test_two_files_do_not_share_a_method_at_once(tmp_path):
    method = sha256()
    one, two = (File(path=str(tmp_path / name), hash_method=method) for name in "ab")
    with one.open_sync("wb") as stream:
        stream.write(b"1")
        with pytest.raises(InvalidValueError, match="hash_method"), two.open_sync("wb"):
            pass
    assert one.hash == digest(b"1")
    with two.open_sync("wb") as stream:
        stream.write(b"2")
    assert two.hash == digest(b"2")


def test_a_known_hash_is_taken_as_it_is(tmp_path, way, task_at):
    with task_at(str(tmp_path)):
        assert File.new_remote(hash_method="v1").hash == "v1"
        file = File.new_remote(hash_method=PrecomputedValue("v2"))
        way.write(file, b"x")
        assert file.hash == "v2"


@pytest.mark.parametrize("mode", ["ab", "a", "r+b", "rb+"])
def test_a_hash_of_what_is_only_changed_is_refused(tmp_path, way, mode):
    (tmp_path / "a").write_bytes(b"1")
    with pytest.raises(InvalidValueError, match="beginning"):
        way.write(File(path=str(tmp_path / "a"), hash_method=sha256()), b"2", mode=mode)


@pytest.mark.parametrize("method", [5, object(), b"x"])
def test_what_is_no_method_is_refused(tmp_path, method):
    (tmp_path / "a").touch()
    with pytest.raises(InvalidTypeError, match="hash_method"):
        File.new_remote(hash_method=method)
    with pytest.raises(InvalidTypeError, match="hash_method"):
        File.from_local_sync(tmp_path / "a", hash_method=method)


def test_a_method_that_fails_is_not_hidden(tmp_path, way):
    file = File(path=str(tmp_path / "a"), hash_method=Failing())
    for part in (b"small", BIG):
        with pytest.raises(RuntimeError, match="no hash"):
            way.write(file, part)
    assert not (tmp_path / "a").exists()
    assert os.listdir(tmp_path) == []


def test_an_unknown_encoding_leaves_nothing(tmp_path, way):
    file = File(path=str(tmp_path / "a"), hash_method=sha256())
    with pytest.raises(InvalidValueError, match="encoding"):
        way.write(file, "x", mode="wt", encoding="no-such")
    assert os.listdir(tmp_path) == []


# ---- from_local --------------------------------------------------------------------------------------


def test_a_file_is_uploaded_to_a_destination(base, way, tmp_path):
    local = tmp_path / "a.csv"
    local.write_bytes(BIG)
    file = way(File, "from_local", local, f"{base}/there/b.csv")
    assert (file.path, file.name, file.hash) == (f"{base}/there/b.csv", "a.csv", None)
    assert way.read(file) == BIG


@pytest.mark.parametrize("make", [sha256, lambda: PrecomputedValue(digest(BIG)), lambda: digest(BIG)])
def test_a_file_is_hashed_on_its_way(base, way, tmp_path, make):
    (tmp_path / "a.csv").write_bytes(BIG)
    file = way(File, "from_local", str(tmp_path / "a.csv"), f"{base}/b.csv", make())
    assert file.hash == digest(BIG)
    assert way.read(file) == BIG


def test_a_reused_method_does_not_carry_the_first_file(base, way, tmp_path):
    method = sha256()
    for name in "ab":
        (tmp_path / name).write_text("same")
    found = {way(File, "from_local", tmp_path / name, f"{base}/{name}", method).hash for name in "ab"}
    assert found == {digest(b"same")}


def test_a_local_file_stays_where_it_is_if_the_raw_data_are_local(tmp_path, way, task_at, monkeypatch):
    (tmp_path / "a.csv").write_text("1")
    monkeypatch.chdir(tmp_path)
    with task_at(str(tmp_path / "raw")):
        file = way(File, "from_local", "a.csv", hash_method=sha256())
    assert file == File(path=str(tmp_path / "a.csv"), hash=digest(b"1"))
    assert not (tmp_path / "raw").exists()
    assert way(File, "from_local", (tmp_path / "a.csv").as_uri()).path == str(tmp_path / "a.csv")


def test_a_local_file_goes_to_remote_raw_data(base, way, tmp_path, task_at):
    (tmp_path / "a.csv").write_text("1")
    with task_at(base):
        file = way(File, "from_local", tmp_path / "a.csv")
    assert file.path.startswith(f"{base}/" if storage.is_remote(base) else f"{tmp_path}/a.csv")
    assert file.path.endswith("/a.csv")
    assert way.read(file) == b"1"


def test_the_source_must_be_a_local_file(way, tmp_path):
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        way(File, "from_local", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="nowhere"):
        way(File, "from_local", tmp_path / "nowhere")
    with pytest.raises(InvalidValueError, match=r"Dir\.from_local"):
        way(File, "from_local", tmp_path)
    with pytest.raises(InvalidValueError, match="from_existing_remote"):
        way(File, "from_local", "s3://bucket/a")
    with pytest.raises(InvalidTypeError, match="local_path"):
        way(File, "from_local", 5)


def test_a_file_that_changes_while_it_is_hashed_is_an_error(way, tmp_path):
    local = tmp_path / "a.bin"
    local.write_bytes(BIG)

    class Touching(Crc):
        def update(self, data):
            os.utime(local, ns=(1, 1))

    for target in (None, str(tmp_path / "copy")):
        os.utime(local)
        with pytest.raises(StorageIntegrityError, match=r"a\.bin"):
            way(File, "from_local", local, target, Touching())
    assert not (tmp_path / "copy").exists()


def test_a_failed_hash_leaves_no_copy(way, tmp_path):
    (tmp_path / "a").write_bytes(BIG)
    with pytest.raises(RuntimeError, match="no hash"):
        way(File, "from_local", tmp_path / "a", str(tmp_path / "copy"), Failing())
    assert os.listdir(tmp_path) == ["a"]


def test_a_cancelled_upload_gives_the_method_back(tmp_path):
    local = tmp_path / "a.bin"
    local.write_bytes(BIG)
    method = sha256()
    started, go = threading.Event(), threading.Event()

    class Waiting(Crc):
        def update(self, data):
            started.set()
            go.wait(10)

    async def main():
        waiting = Waiting()
        upload = asyncio.ensure_future(File.from_local(local, hash_method=waiting))
        await asyncio.to_thread(started.wait, 10)
        upload.cancel()
        asyncio.get_running_loop().call_later(0.01, go.set)
        with pytest.raises(asyncio.CancelledError):
            await upload
        waiting.update = lambda data: None
        return await File.from_local(local, hash_method=waiting), await File.from_local(local, hash_method=method)

    _, file = asyncio.run(main())
    assert file.hash == digest(BIG)


def test_memory_stays_bounded(tmp_path):
    local = tmp_path / "a.bin"
    size = 64 * 2**20
    with local.open("wb") as stream:
        stream.truncate(size)
    tracemalloc.start()
    try:
        file = File.from_local_sync(local, str(tmp_path / "b.bin"), sha256())
        file.download_sync(tmp_path / "c.bin")
        with file.open_sync() as source, File(path=str(tmp_path / "d.bin"), hash_method=sha256()).open_sync("wb") as to:
            while data := source.read(2**20):
                to.write(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 24 * 2**20
    assert (tmp_path / "d.bin").stat().st_size == size


# ---- download ----------------------------------------------------------------------------------------


def test_a_file_is_downloaded_to_a_path_a_folder_or_anywhere(base, way, tmp_path, monkeypatch):
    file = File(path=f"{base}/a.csv")
    way.write(file, BIG)
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    for target, path in (
        (tmp_path / "deep" / "b.csv", tmp_path / "deep" / "b.csv"),
        ("c.csv", tmp_path / "c.csv"),
        (folder, folder / "a.csv"),
        (f"{tmp_path}/other/", tmp_path / "other" / "a.csv"),
    ):
        assert way(file, "download", target) == str(path)
        assert path.read_bytes() == BIG
    found = Path(way(file, "download"))
    assert found.is_absolute()
    assert found.name == "a.csv"
    assert found.read_bytes() == BIG


def test_a_download_that_fails_leaves_what_was_there(base, way, tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("old")
    with pytest.raises(StorageNotFoundError):
        way(File(path=f"{base}/none"), "download", target)
    assert target.read_text() == "old"
    assert [name for name in os.listdir(tmp_path) if name != "base"] == ["a.csv"]


def test_damaged_content_is_not_handed_out(s3_server, way, tmp_path, monkeypatch):
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "a").write_bytes(b"content")
    file = way(File, "from_local", tmp_path / "a", f"{s3_server.prefix}/damaged/{os.urandom(8).hex()}", sha256())
    client = s3_server.client()
    key = file.path.removeprefix(f"{s3_server.prefix}/")
    kept = client.head_object(Bucket=s3_server.bucket, Key=key)["Metadata"]
    client.put_object(Bucket=s3_server.bucket, Key=key, Body=b"CONTENT", Metadata=kept)
    with pytest.raises(StorageIntegrityError, match="SHA-256"):
        way(file, "download", tmp_path / "b")
    assert not (tmp_path / "b").exists()


# ---- as a value --------------------------------------------------------------------------------------


def test_copies_and_pickles_are_equal_and_pickles_leave_the_method_out(tmp_path):
    file = File.new_remote("a.txt", hash_method=sha256())
    for other in (copy.copy(file), copy.deepcopy(file)):
        assert other == file
        with other.open_sync("wb") as stream:
            stream.write(b"1")
        assert other.hash == digest(b"1")
    back = pickle.loads(pickle.dumps(file))
    assert back == file
    assert back.hash_method is None
    assert "hash_method" not in repr(file)
    assert "hash_method" not in file._serialize()


def test_the_hash_of_the_object_does_not_change_with_the_contents():
    file = File.new_remote("a.txt", hash_method=sha256())
    kept = {file: 1}
    with file.open_sync("wb") as stream:
        stream.write(b"1")
    assert kept[file] == 1


@pytest.mark.parametrize("name", ["new_remote", "from_existing_remote", "from_local", "open", "download"])
def test_arguments_come_in_the_references_order(name):
    expected = {
        "new_remote": ["file_name", "hash_method", "format"],
        "from_existing_remote": ["remote_path", "file_cache_key"],
        "from_local": ["local_path", "remote_destination", "hash_method", "format"],
        "open": ["self", "mode", "block_size", "cache_type", "cache_options", "compression", "kwargs"],
        "download": ["self", "local_path"],
    }
    assert list(inspect.signature(getattr(File, name)).parameters) == expected[name]
    twin = getattr(File, f"{name}_sync", None)
    if twin is not None:
        assert list(inspect.signature(twin).parameters) == expected[name]


def test_what_cannot_be_written_is_named(tmp_path, way):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file/a"):
        way.write(File(path=str(tmp_path / "file" / "a")), b"x")
