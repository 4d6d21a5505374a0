"""flyte_core.storage: folders and prefixes: everything in them, nothing outside of them, failures all together."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from flyte_core import storage
from flyte_core.errors import (
    StorageError,
    StorageIntegrityError,
    StorageNotFoundError,
    StorageTimeoutError,
    UnsafePathError,
)
from flyte_core.storage.engine import ObjectInfo, Transfer
from tests.support.filesystems import small_disk

both_ways = pytest.mark.parametrize(
    "transfer",
    [
        storage.put_sync,
        lambda *args, **kwargs: asyncio.run(storage.put(*args, **kwargs)),
        storage.get_sync,
        lambda *args, **kwargs: asyncio.run(storage.get(*args, **kwargs)),
    ],
    ids=["put_sync", "put", "get_sync", "get"],
)
Copy = Callable[..., str]


def _tree(root: Path) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for folder, folders, files in os.walk(root):
        for name in folders:
            found[os.path.relpath(os.path.join(folder, name), root) + "/"] = None
        for name in files:
            path = Path(folder, name)
            found[str(path.relative_to(root))] = path.read_bytes()
    return found


def _fill(root: Path, content: Mapping[str, bytes]) -> Path:
    for name, data in content.items():
        storage.write_bytes_sync(root / name, data)
    return root


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = _fill(
        tmp_path / "source",
        {"a.txt": b"a", "b/c.bin": bytes(3 * 2**20), "b/d/e #?%20.txt": b"", "f/" * 60 + "deep": b"deep", "ä/𐍈": b"x"},
    )
    (root / "empty" / "too").mkdir(parents=True)
    return root


@both_ways
def test_a_copied_folder_has_all_files_and_empty_folders(transfer: Copy, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "made" / "target"
    assert transfer(source, target, recursive=True) == str(target)
    assert _tree(target) == _tree(source)


@both_ways
def test_what_is_in_a_folder_goes_into_one_that_is_there(transfer: Copy, source: Path, tmp_path: Path) -> None:
    target = _fill(tmp_path / "target", {"a.txt": b"old", "mine": b"kept"})
    transfer(f"{source}/", f"{target}/", recursive=True)
    assert (target / "a.txt").read_bytes() == b"a"
    assert (target / "mine").read_bytes() == b"kept"
    assert _tree(target) == {**_tree(source), "mine": b"kept"}


@both_ways
def test_a_copied_folder_without_a_target_keeps_its_name(transfer: Copy, source: Path) -> None:
    path = Path(transfer(source, recursive=True))
    assert path.name == "source"
    assert _tree(path) == _tree(source)


@both_ways
def test_a_deeply_nested_folder_is_copied_listed_and_removed(transfer: Copy, tmp_path: Path) -> None:
    here = os.getcwd()
    (tmp_path / "s").mkdir()
    os.chdir(tmp_path / "s")
    try:
        for _ in range(300):
            os.mkdir("d")
            os.chdir("d")
        Path("leaf").write_bytes(b"1")
        os.chdir(tmp_path)
        assert transfer("s", "t", recursive=True) == "t"
        found = storage.list_files_sync("t")
        assert [storage.read_bytes_sync(info.url) for info in found] == [b"1"]
        storage.delete_sync("t", recursive=True)
        assert not storage.exists_sync("t")
    finally:
        os.chdir(here)


@both_ways
def test_links_to_files_and_folders_are_followed(transfer: Copy, tmp_path: Path) -> None:
    source = _fill(tmp_path / "s", {"a": b"a", "d/b": b"b"})
    outside = _fill(tmp_path / "outside", {"c": b"c"})
    (source / "to-a").symlink_to("a")
    (source / "to-d").symlink_to("d")
    (source / "to-outside").symlink_to(outside)
    transfer(source, tmp_path / "t", recursive=True)
    assert _tree(tmp_path / "t") == {
        "a": b"a",
        "d/": None,
        "d/b": b"b",
        "to-a": b"a",
        "to-d/": None,
        "to-d/b": b"b",
        "to-outside/": None,
        "to-outside/c": b"c",
    }
    assert not any(path.is_symlink() for path in (tmp_path / "t").rglob("*"))


@both_ways
def test_circles_of_links_end_and_are_told(transfer: Copy, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = _fill(tmp_path / "s", {"a/b/c": b"c"})
    (source / "a" / "b" / "up").symlink_to("..")
    (source / "a" / "self").symlink_to(".")
    (source / "x").symlink_to("a")
    with caplog.at_level(logging.WARNING, logger="flyte_core"):
        transfer(source, tmp_path / "t", recursive=True)
    assert {name for name, data in _tree(tmp_path / "t").items() if data} == {"a/b/c", "x/b/c"}
    assert f"{source}/a/b/up leads back" in caplog.text


@both_ways
def test_all_failures_are_reported_together_and_the_rest_is_complete(
    transfer: Copy, source: Path, tmp_path: Path
) -> None:
    before = _tree(source)
    os.mkfifo(source / "pipe")
    (source / "dangling").symlink_to("nowhere")
    (source / "loop").symlink_to("loop")
    target = tmp_path / "t"
    (target / "a.txt").mkdir(parents=True)
    with pytest.raises(StorageError) as caught:
        transfer(source, target, recursive=True)
    message = str(caught.value)
    assert f"cannot copy {source}" in message
    for part in (
        "4 of",
        "pipe: it is a named pipe",
        "dangling: No such file",
        "loop: Too many",
        "a.txt: it is a folder",
    ):
        assert part in message
    expected = {name: data for name, data in before.items() if name != "a.txt"}
    assert _tree(target) == {**expected, "a.txt/": None}


@both_ways
def test_a_single_failure_keeps_its_class(transfer: Copy, source: Path, tmp_path: Path) -> None:
    (source / "dangling").symlink_to("nowhere")
    with pytest.raises(StorageNotFoundError, match="dangling"):
        transfer(source, tmp_path / "t", recursive=True)


@both_ways
def test_a_folder_is_not_copied_into_itself(transfer: Copy, source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(source)
    before = _tree(source)
    for target in (source / "new", source / "b", tmp_path / "link" / "new"):
        with pytest.raises(UnsafePathError, match="it lies inside"):
            transfer(source, target, recursive=True)
    assert _tree(source) == before


@both_ways
def test_a_folder_that_is_copied_to_itself_is_left_as_it_is(transfer: Copy, source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(source)
    before = _tree(source)
    transfer(source, source, recursive=True)
    transfer(source, tmp_path / "link", recursive=True)
    assert _tree(source) == before


@both_ways
def test_a_folder_can_be_copied_to_the_one_it_lies_in(transfer: Copy, source: Path) -> None:
    transfer(source / "b", source, recursive=True)
    assert (source / "c.bin").stat().st_size == 3 * 2**20
    assert (source / "d" / "e #?%20.txt").exists()


@both_ways
def test_links_in_the_target_that_lead_out_of_it_are_not_written_through(transfer: Copy, tmp_path: Path) -> None:
    source = _fill(tmp_path / "s", {"a": b"new", "d/b": b"new", "inside/c": b"new", "fine": b"new"})
    outside = _fill(tmp_path / "outside", {"a": b"old", "b": b"old"})
    target = tmp_path / "t"
    (target / "real").mkdir(parents=True)
    (target / "a").symlink_to(outside / "a")
    (target / "d").symlink_to(outside)
    (target / "inside").symlink_to("real")
    with pytest.raises(UnsafePathError) as caught:
        transfer(source, target, recursive=True)
    assert str(caught.value).count("leads out of it") >= 2
    assert _tree(outside) == {"a": b"old", "b": b"old"}
    assert (target / "real" / "c").read_bytes() == b"new"
    assert (target / "fine").read_bytes() == b"new"


@both_ways
@pytest.mark.parametrize(
    ("make", "kind", "reason"),
    [
        (lambda path: path, StorageNotFoundError, "No such file"),
        (lambda path: (path.write_bytes(b"") and None) or path, StorageError, "it is a file, not a folder"),
    ],
)
def test_a_recursive_transfer_needs_a_folder(
    transfer: Copy, tmp_path: Path, make: Callable[[Path], Path], kind: type[StorageError], reason: str
) -> None:
    with pytest.raises(kind, match=reason):
        transfer(make(tmp_path / "s"), tmp_path / "t", recursive=True)
    assert not (tmp_path / "t").exists()


@both_ways
def test_a_file_where_the_folder_is_to_be_is_named(transfer: Copy, source: Path, tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"mine")
    with pytest.raises(StorageError, match=f"cannot write {tmp_path}/t: it is not a folder"):
        transfer(source, tmp_path / "t", recursive=True)
    assert (tmp_path / "t").read_bytes() == b"mine"


@both_ways
def test_a_disk_that_fills_up_keeps_the_files_that_are_complete(transfer: Copy, source: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        with pytest.raises(StorageError, match="No space left on device") as caught:
            transfer(source, disk / "t", recursive=True)
        assert "c.bin" in str(caught.value)
        left, wanted = _tree(disk / "t"), _tree(source)
        # Small files that are copied at the moment when the disk is full fail too, and are reported.
        assert all(data == wanted[name] or name in str(caught.value) for name, data in left.items())
        assert "b/c.bin" not in left
        assert [name for name in wanted if name not in left and Path(name).name not in str(caught.value)] == []


class Shelf:
    """Storage in memory whose listing says what a test wants it to say."""

    def __init__(self, content: Mapping[str, bytes]) -> None:
        self.content = dict(content)
        self.failing: dict[str, StorageError] = {}
        self.shorter: set[str] = set()
        self.running = self.most = 0

    def _info(self, url: str) -> ObjectInfo:
        return ObjectInfo(url=url, size=len(self.content[url]), e_tag="1", modified=dt.datetime.now(dt.timezone.utc))

    async def info(self, url: str) -> ObjectInfo:
        if url in self.content:
            return self._info(url)
        if any(name.startswith(url.rstrip("/") + "/") for name in self.content):
            return ObjectInfo(url=url, is_folder=True)
        raise StorageNotFoundError(url, "find", "there is none")

    async def list(self, url: str) -> AsyncIterator[ObjectInfo]:
        for name in sorted(self.content):
            if name.startswith(url.rstrip("/") + "/"):
                yield self._info(name)

    async def upload(self, source: Path, url: str, transfer: Transfer, attributes: Mapping[str, str]) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        if url in self.failing:
            raise self.failing[url]
        self.content[url] = source.read_bytes()

    async def download(self, info: ObjectInfo, draft: BinaryIO, transfer: Transfer) -> None:
        if info.url in self.failing:
            raise self.failing[info.url]
        draft.write(self.content[info.url][: -1 if info.url in self.shorter else None])

    async def delete(self, url: str) -> None:
        self.content.pop(url, None)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, bytes]], Shelf]:
    def make(content: Mapping[str, bytes]) -> Shelf:
        made = Shelf(content)
        for module in ("folders", "single", "listing"):
            monkeypatch.setattr(f"flyte_core.storage.{module}.engine_for", lambda _url: made)
        return made

    return make


Make = Callable[[Mapping[str, bytes]], Shelf]
URL = "test://host/data"


def test_what_is_below_a_prefix_comes_into_the_folder(shelf: Make, tmp_path: Path) -> None:
    shelf({f"{URL}/a": b"a", f"{URL}/b/c#?%.txt": b"c", f"{URL}/b//d": b"d", f"{URL}/e/": b"", f"{URL}/": b""})
    storage.get_sync(URL, tmp_path / "t", recursive=True)
    assert _tree(tmp_path / "t") == {"a": b"a", "b/": None, "b/c#?%.txt": b"c", "b/d": b"d"}


@pytest.mark.parametrize(
    "name",
    ["../out", "a/../../out", "..", "a/..", "..\\out", "\\out", "C:\\out", "C:/out", "c:", "a\0b", "/../out", "./../x"],
)
def test_a_name_that_leads_out_of_the_folder_is_refused_before_anything_is_written(
    shelf: Make, tmp_path: Path, name: str
) -> None:
    shelf({f"{URL}/fine": b"1", f"{URL}/{name}": b"evil"})
    with pytest.raises(UnsafePathError) as caught:
        storage.get_sync(URL, tmp_path / "t", recursive=True)
    assert name.replace("\0", "\\0").strip("/") in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_listed_object_that_is_elsewhere_is_refused(
    shelf: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def elsewhere(_self: Shelf, _url: str) -> AsyncIterator[ObjectInfo]:
        yield ObjectInfo(url="test://host/database/x", size=1)

    monkeypatch.setattr(Shelf, "list", elsewhere)
    shelf({})
    with pytest.raises(UnsafePathError, match="is not below"):
        storage.get_sync(URL, tmp_path / "t", recursive=True)


def test_two_names_that_would_become_one_file_are_refused(shelf: Make, tmp_path: Path) -> None:
    shelf({f"{URL}/a/b": b"1", f"{URL}/a//b": b"2"})
    with pytest.raises(UnsafePathError, match="would both become"):
        storage.get_sync(URL, tmp_path / "t", recursive=True)


def test_a_download_does_not_write_through_links_that_lead_out(shelf: Make, tmp_path: Path) -> None:
    shelf({f"{URL}/d/a": b"evil"})
    outside = _fill(tmp_path / "outside", {"a": b"old"})
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "d").symlink_to(outside)
    with pytest.raises(UnsafePathError, match="leads out of it"):
        storage.get_sync(URL, tmp_path / "t", recursive=True)
    assert _tree(outside) == {"a": b"old"}


def test_a_prefix_with_nothing_below_is_not_found_and_an_object_is_no_folder(shelf: Make, tmp_path: Path) -> None:
    shelf({URL: b"1"})
    with pytest.raises(StorageError, match="it is a file, not a folder"):
        storage.get_sync(URL, tmp_path / "t", recursive=True)
    with pytest.raises(StorageNotFoundError):
        storage.get_sync(f"{URL}x", tmp_path / "t", recursive=True)
    assert not (tmp_path / "t").exists()


def test_a_prefix_is_not_downloaded_as_a_file(shelf: Make, tmp_path: Path) -> None:
    shelf({f"{URL}/a": b"1"})
    with pytest.raises(StorageError, match="it is a folder; give recursive=True"):
        storage.get_sync(URL, tmp_path / "t")


def test_failures_of_downloads_are_reported_together(shelf: Make, tmp_path: Path) -> None:
    made = shelf({f"{URL}/{name}": b"content" for name in "abcd"})
    made.failing[f"{URL}/a"] = StorageTimeoutError(f"{URL}/a", "download", "too slow", attempts=4)
    made.shorter.add(f"{URL}/c")
    with pytest.raises(StorageError) as caught:
        storage.get_sync(URL, tmp_path / "t", recursive=True)
    for part in (
        f"cannot download {URL}",
        "2 of 4 files",
        "a after 4 attempts: too slow",
        "6 bytes came, 7 were announced",
    ):
        assert part in str(caught.value)
    assert isinstance(caught.value.__cause__, StorageTimeoutError)
    assert _tree(tmp_path / "t") == {"b": b"content", "d": b"content"}


def test_a_folder_is_uploaded_below_the_prefix(shelf: Make, source: Path) -> None:
    made = shelf({})
    assert storage.put_sync(source, f"{URL}/", recursive=True) == f"{URL}/"
    expected = {f"{URL}/{name}": data for name, data in _tree(source).items() if data is not None}
    assert made.content == expected


def test_no_more_bytes_are_in_flight_than_the_settings_allow(shelf: Make, tmp_path: Path) -> None:
    made = shelf({})
    source = _fill(tmp_path / "s", {str(number): bytes(1000) for number in range(20)})
    storage.put_sync(source, URL, recursive=True, chunk_size=1000, max_concurrency=2)
    assert made.most == 2
    assert len(made.content) == 20
    made.most = 0
    storage.put_sync(source, URL, recursive=True, chunk_size=10_000, max_concurrency=2)
    assert made.most == 8


def test_a_folder_without_files_is_told_when_it_is_uploaded(
    shelf: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = shelf({})
    (tmp_path / "s" / "empty").mkdir(parents=True)
    with caplog.at_level(logging.WARNING, logger="flyte_core"):
        storage.put_sync(tmp_path / "s", URL, recursive=True)
    assert made.content == {}
    assert "nothing was stored" in caplog.text


def test_a_file_that_changes_while_it_is_uploaded_is_removed_again(
    shelf: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = shelf({})
    file = tmp_path / "a"
    file.write_bytes(b"1")

    async def meddle(_self: Shelf, source: Path, url: str, *_rest: Any) -> None:
        made.content[url] = source.read_bytes()
        source.write_bytes(b"other")

    monkeypatch.setattr(Shelf, "upload", meddle)
    with pytest.raises(StorageIntegrityError, match=f"cannot read {file}: it changed"):
        storage.put_sync(file, f"{URL}/a")
    assert made.content == {}


def test_a_download_that_is_cancelled_leaves_nothing(
    shelf: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf({f"{URL}/{name}": b"content" for name in "abcd"})
    begun: list[str] = []

    async def wait(_self: Shelf, info: ObjectInfo, draft: BinaryIO, _transfer: Transfer) -> None:
        draft.write(b"half")
        begun.append(info.url)
        await asyncio.Event().wait()

    monkeypatch.setattr(Shelf, "download", wait)

    async def cancel() -> None:
        task = asyncio.ensure_future(storage.get(URL, tmp_path / "t", recursive=True))
        while not begun:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert _tree(tmp_path / "t") == {}


def test_a_prefix_is_deleted_with_all_below_it_and_nothing_beside_it(shelf: Make) -> None:
    made = shelf({f"{URL}/a": b"", f"{URL}/b/c": b"", f"{URL}base": b""})
    storage.delete_sync(URL, recursive=True)
    assert set(made.content) == {f"{URL}base"}
