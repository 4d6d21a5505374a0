"""flyte_core.storage.open: files that appear complete, for plain and asynchronous code, as bytes, text and compressed."""

from __future__ import annotations

import asyncio
import csv
import errno
import gc
import gzip
import io
import json
import lzma
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from flyte_core import storage
from flyte_core.errors import (
    FlyteCoreError,
    InvalidValueError,
    StorageError,
    StorageNotFoundError,
    UnsafePathError,
    UnsupportedStorageError,
)
from tests.support.filesystems import small_disk

places = pytest.mark.parametrize("place", ["local", "memory"])


@pytest.fixture
def base(place: str, tmp_path: Path) -> str:
    return str(tmp_path / "data") if place == "local" else f"memory://{tmp_path.name}-{os.urandom(4).hex()}"


def _left(base: str) -> list[str]:
    if not storage.exists_sync(base):
        return []
    return [info.url for info in storage.list_files_sync(base)]


def _write(path: str, data: bytes | str, mode: str, **kwargs: Any) -> None:
    with storage.open_sync(path, mode, **kwargs) as file:
        file.write(data)


def _read(path: str, mode: str = "rb", **kwargs: Any) -> Any:
    with storage.open_sync(path, mode, **kwargs) as file:
        return file.read()


def _write_async(path: str, data: bytes | str, mode: str, **kwargs: Any) -> None:
    async def run() -> None:
        async with await storage.open(path, mode, **kwargs) as file:
            await file.write(data)

    asyncio.run(run())


def _read_async(path: str, mode: str = "rb", **kwargs: Any) -> Any:
    async def run() -> Any:
        async with await storage.open(path, mode, **kwargs) as file:
            return await file.read()

    return asyncio.run(run())


both_ways = pytest.mark.parametrize(
    ("write", "read"), [(_write, _read), (_write_async, _read_async)], ids=["sync", "async"]
)
Write = Callable[..., None]
Read = Callable[..., Any]


@places
@both_ways
@pytest.mark.parametrize("size", [0, 1, 2**20, 3 * 2**20 + 7])
def test_bytes_come_back_as_they_were_written(base: str, write: Write, read: Read, size: int) -> None:
    content = os.urandom(size)
    write(f"{base}/a", content, "wb")
    assert read(f"{base}/a") == content
    assert len(_left(base)) == 1


@places
@both_ways
@pytest.mark.parametrize("compression", [None, "gzip", "bz2", "xz", "zip"])
def test_text_comes_back_as_it_was_written(base: str, write: Write, read: Read, compression: str | None) -> None:
    write(f"{base}/a", "ä\n€" * 100_000, "wt", compression=compression)
    assert read(f"{base}/a", "rt", compression=compression) == "ä\n€" * 100_000
    assert read(f"{base}/a", "rb", compression=compression) == ("ä\n€" * 100_000).encode()


@places
@both_ways
def test_compression_is_inferred_from_the_name(base: str, write: Write, read: Read) -> None:
    write(f"{base}/a.gz", b"content", "wb", compression="infer")
    assert gzip.decompress(read(f"{base}/a.gz")) == b"content"
    assert read(f"{base}/a.gz", compression="infer") == b"content"
    write(f"{base}/a.txt", b"content", "wb", compression="infer")
    assert read(f"{base}/a.txt") == b"content"


@places
def test_encoding_errors_and_newlines_are_those_of_text_files(base: str) -> None:
    _write(f"{base}/a", "ä\n", "w", encoding="latin-1", newline="\r\n")
    assert _read(f"{base}/a") == b"\xe4\r\n"
    assert _read(f"{base}/a", "r", encoding="latin-1") == "ä\n"
    assert _read(f"{base}/a", "r", encoding="latin-1", newline="") == "ä\r\n"
    assert _read(f"{base}/a", "rt", errors="replace") == "\ufffd\n"
    with pytest.raises(UnicodeDecodeError):
        _read(f"{base}/a", "rt")


def _write_and_fail(path: str, mode: str, kwargs: dict[str, Any]) -> None:
    with storage.open_sync(path, mode, **kwargs) as file:
        file.write(b"1" * 2**21 if mode == "wb" else "1" * 2**21)
        file.flush()
        raise RuntimeError("stop")


def _write_and_forget(path: str, mode: str, compression: str | None) -> None:
    file = storage.open_sync(path, mode, compression=compression)
    file.write(b"half" if mode == "wb" else "half")
    del file
    gc.collect()


@places
@both_ways
@pytest.mark.parametrize("kwargs", [{}, {"compression": "gzip"}, {"compression": "xz"}], ids=["plain", "gzip", "xz"])
@pytest.mark.parametrize("mode", ["wb", "wt"])
def test_a_block_that_fails_leaves_what_was_there(
    base: str, write: Write, read: Read, mode: str, kwargs: dict[str, Any]
) -> None:
    del read

    class Evil:
        """Fails in the middle of a write, and of everything that a block does."""

    _write(f"{base}/a", b"old", "wb")
    for name in ("a", "b"):
        with pytest.raises(TypeError):
            write(f"{base}/{name}", Evil(), mode, **kwargs)
    with pytest.raises(RuntimeError, match="stop"):
        _write_and_fail(f"{base}/a", mode, kwargs)
    assert _read(f"{base}/a") == b"old"
    assert len(_left(base)) == 1


@places
def test_a_cancelled_block_leaves_nothing(base: str) -> None:
    async def write() -> None:
        async with await storage.open(f"{base}/a", "wb") as file:
            await file.write(bytes(2**21))
            waiting.set()
            await asyncio.Event().wait()

    waiting: asyncio.Event

    async def cancel() -> None:
        nonlocal waiting
        waiting = asyncio.Event()
        task = asyncio.ensure_future(write())
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert _left(base) == []


@places
@pytest.mark.parametrize("mode", ["wb", "wt"])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_file_that_is_never_closed_does_not_appear(base: str, mode: str, compression: str | None) -> None:
    with pytest.warns(ResourceWarning, match="never closed"):
        _write_and_forget(f"{base}/a", mode, compression)
    assert _left(base) == []


@places
def test_closing_twice_is_closing_once(base: str) -> None:
    file = storage.open_sync(f"{base}/a", "wb")
    file.write(b"1")
    file.close()
    file.close()
    assert file.closed
    with pytest.raises(ValueError, match="closed"):
        file.write(b"2")
    assert _read(f"{base}/a") == b"1"


@places
def test_nothing_is_seen_before_the_end(base: str) -> None:
    with storage.open_sync(f"{base}/a", "wb") as file:
        file.write(bytes(2**21))
        file.flush()
        assert not storage.exists_sync(f"{base}/a")
        assert f"{base}/a" not in _left(base)
    assert storage.info_sync(f"{base}/a").size == 2**21


@places
@both_ways
def test_the_exclusive_mode_writes_new_files_only(base: str, write: Write, read: Read) -> None:
    write(f"{base}/a", b"one", "xb")
    with pytest.raises(StorageError, match="it exists already") as caught:
        write(f"{base}/a", b"two", "xb")
    assert caught.value.errno == errno.EEXIST
    assert read(f"{base}/a") == b"one"


def test_of_two_exclusive_writers_at_once_one_is_refused(tmp_path: Path) -> None:
    one = storage.open_sync(tmp_path / "a", "xb")
    other = storage.open_sync(tmp_path / "a", "xb")
    one.write(b"one")
    other.write(b"other")
    other.close()
    with pytest.raises(StorageError, match="it exists already"):
        one.close()
    assert (tmp_path / "a").read_bytes() == b"other"
    assert os.listdir(tmp_path) == ["a"]


@both_ways
def test_a_local_file_is_appended_to_and_changed_in_place(tmp_path: Path, write: Write, read: Read) -> None:
    path = str(tmp_path / "new" / "a")
    write(path, b"one ", "ab")
    write(path, "twö", "at")
    assert read(path) == "one twö".encode()
    write(path, b"ONE", "r+b")
    write(path, "O", "r+")
    assert read(path, "rt") == "ONE twö"


@both_ways
@pytest.mark.parametrize("mode", ["ab", "at", "r+b", "r+"])
@pytest.mark.parametrize("url", ["memory://a/b", "s3://bucket/a"])
def test_a_url_is_not_changed_in_place(write: Write, read: Read, mode: str, url: str) -> None:
    del read
    with pytest.raises(UnsupportedStorageError, match=r"only local files are changed in place") as caught:
        write(url, b"", mode)
    assert url in str(caught.value)


@pytest.mark.parametrize("mode", ["", "q", "rw", "w+", "wbt", "rr", "bb", "b", "U", "a+b", "wbb"])
def test_an_unknown_mode_is_refused(mode: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="mode"):
        storage.open_sync(tmp_path / "a", mode)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "kwargs",
    [
        {"mode": "wb", "encoding": "utf-8"},
        {"mode": "rb", "newline": ""},
        {"mode": "w", "encoding": "no-such"},
        {"mode": "w", "newline": "x"},
        {"mode": "wb", "compression": "no-such"},
        {"mode": "ab", "compression": "gzip"},
        {"mode": "wb", "block_size": 0},
    ],
)
def test_arguments_that_do_not_fit_are_refused_and_leave_nothing(kwargs: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError):
        storage.open_sync(tmp_path / "a", **kwargs)
    assert os.listdir(tmp_path) == []


@both_ways
def test_what_cannot_be_opened_is_named(tmp_path: Path, write: Write, read: Read) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageNotFoundError, match=f"cannot read {tmp_path}/none"):
        read(f"{tmp_path}/none")
    for name, kind in ((".", "folder|directory"), ("pipe", "a named pipe")):
        with pytest.raises(StorageError, match=kind):
            read(f"{tmp_path}/{name}")
        with pytest.raises(StorageError, match=kind):
            write(f"{tmp_path}/{name}", b"", "wb")
    with pytest.raises(StorageError):
        write(f"{tmp_path}/pipe", b"", "ab")
    with pytest.raises(UnsafePathError):
        read(f"{tmp_path}/a\0b")
    assert os.listdir(tmp_path) == ["pipe"]


@both_ways
@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("mode", ["wb", "wt"])
def test_a_disk_that_fills_up_is_named_and_the_old_file_kept(
    tmp_path: Path, write: Write, read: Read, mode: str, compression: str | None
) -> None:
    del read
    content: Any = os.urandom(2**20).hex()
    with small_disk(tmp_path / "disk") as disk:
        (disk / "a").write_bytes(b"old")
        with pytest.raises(StorageError, match=f"cannot write {disk}/a: No space left on device"):
            write(disk / "a", content.encode() if mode == "wb" else content, mode, compression=compression)
        assert (disk / "a").read_bytes() == b"old"
        assert os.listdir(disk) == ["a"]


@pytest.mark.parametrize(("compression", "kind"), [("gzip", OSError), ("bz2", OSError), ("xz", lzma.LZMAError)])
def test_what_is_not_compressed_cannot_be_read_so(tmp_path: Path, compression: str, kind: type[Exception]) -> None:
    (tmp_path / "a").write_bytes(b"plain text, and more of it")
    with pytest.raises(kind):
        _read(str(tmp_path / "a"), compression=compression)


@places
def test_a_file_is_sought_and_read_in_parts(base: str) -> None:
    content = os.urandom(3 * 2**20)
    _write(f"{base}/a", content, "wb")
    with storage.open_sync(f"{base}/a", block_size=1000) as file:
        assert file.read(10) == content[:10]
        assert file.seek(2_000_000) == 2_000_000
        assert file.read(5) == content[2_000_000:2_000_005]
        assert file.tell() == 2_000_005
        assert file.seek(-3, os.SEEK_END) == len(content) - 3
        assert file.read() == content[-3:]
        assert file.seekable()
        assert file.readable()
        assert not file.writable()


@places
def test_other_programs_formats_are_written_to_an_open_file(base: str) -> None:
    with storage.open_sync(f"{base}/a.json", "w") as file:
        json.dump({"a": 1}, file)
    with storage.open_sync(f"{base}/a.csv", "w", newline="") as file:
        csv.writer(file).writerow(["a", "b"])
    with storage.open_sync(f"{base}/a.pkl", "wb") as file:
        pickle.dump({"a": 1}, file)
    with storage.open_sync(f"{base}/a.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("inner", "text")
    assert json.loads(_read(f"{base}/a.json")) == {"a": 1}
    assert _read(f"{base}/a.csv", "rt") == "a,b\n"
    assert pickle.loads(_read(f"{base}/a.pkl")) == {"a": 1}
    with storage.open_sync(f"{base}/a.zip") as file, zipfile.ZipFile(file) as archive:
        assert archive.read("inner") == b"text"


@places
def test_an_asynchronous_file_has_the_methods_of_a_plain_one(base: str) -> None:
    async def run() -> None:
        file = await storage.open(f"{base}/a", "wt")
        assert not file.closed
        assert await file.write("one\n") == 4
        await file.writelines(["two\n", "three\n"])
        await file.flush()
        await file.close()
        assert file.closed
        async with await storage.open(f"{base}/a", "rt") as text:
            assert await text.readline() == "one\n"
            assert await text.readlines() == ["two\n", "three\n"]
            assert await text.read() == ""
        async with await storage.open(f"{base}/a") as binary:
            assert [line async for line in binary] == [b"one\n", b"two\n", b"three\n"]
            assert await binary.seek(4) == 4
            assert await binary.tell() == 4
            assert await binary.read(3) == b"two"
            assert await binary.readline(1) == b"\n"
            assert await binary.readlines(1) == [b"three\n"]

    asyncio.run(run())


@places
def test_calls_at_once_on_one_asynchronous_file_do_not_mix(base: str) -> None:
    async def run() -> None:
        async with await storage.open(f"{base}/a", "wb") as file:
            await asyncio.gather(*(file.write(bytes([number]) * 100_000) for number in range(20)))
        async with await storage.open(f"{base}/a") as file:
            parts = await asyncio.gather(*(file.read(100_000) for _ in range(20)))
        assert sorted(part[0] for part in parts) == list(range(20))
        assert all(len(set(part)) == 1 for part in parts)

    asyncio.run(run())


def test_an_open_file_is_one_of_the_standard_library(tmp_path: Path) -> None:
    def kinds(mode: str) -> IO[Any]:
        with storage.open_sync(tmp_path / "a", mode) as file:
            return file

    assert isinstance(kinds("wb"), io.BufferedWriter)
    assert isinstance(kinds("rb"), io.BufferedReader)
    assert isinstance(kinds("wt"), io.TextIOWrapper)
    assert isinstance(kinds("rt"), io.TextIOWrapper)


def test_errors_of_streams_are_of_this_package(tmp_path: Path) -> None:
    with pytest.raises(FlyteCoreError):
        storage.open_sync("nowhere://a")
    with pytest.raises(FlyteCoreError):
        storage.open_sync(tmp_path)
