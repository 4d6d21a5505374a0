"""flyte_core.storage: what is at a path, what is below it, and how it is removed."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flyte_core import storage
from flyte_core.errors import StorageError, StorageNotFoundError, UnsupportedStorageError


def _awaited(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: asyncio.run(function(*args, **kwargs))


infos = pytest.mark.parametrize("info", [storage.info_sync, _awaited(storage.info)], ids=["sync", "async"])
lists = pytest.mark.parametrize("files", [storage.list_files_sync, _awaited(storage.list_files)], ids=["sync", "async"])
deletes = pytest.mark.parametrize("delete", [storage.delete_sync, _awaited(storage.delete)], ids=["sync", "async"])
existing = pytest.mark.parametrize("exists", [storage.exists_sync, _awaited(storage.exists)], ids=["sync", "async"])
Call = Callable[..., Any]


@infos
def test_a_file_and_a_folder_are_described(info: Call, tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(b"123")
    found = info((tmp_path / "a b").as_uri())
    assert (found.url, found.size, found.is_folder) == (str(tmp_path / "a b"), 3, False)
    assert abs(dt.datetime.now(dt.timezone.utc) - found.modified) < dt.timedelta(hours=1)
    assert info(tmp_path).is_folder
    assert info(tmp_path).size is None


@infos
def test_the_tag_of_a_file_changes_with_its_content(info: Call, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"1")
    first = info(file).e_tag
    assert info(file).e_tag == first
    storage.write_bytes_sync(file, b"2")
    assert info(file).e_tag != first


@existing
def test_what_is_there_exists(exists: Call, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("a")
    assert exists(tmp_path)
    assert exists(tmp_path / "a")
    assert exists(tmp_path / "link")
    assert exists(f"file://{tmp_path}/a")
    for name in ("b", "a/b", "dangling", "loop", "x" * 256, "a%20"):
        assert not exists(f"{tmp_path}/{name}")


@infos
def test_what_is_not_there_is_named(info: Call, tmp_path: Path) -> None:
    with pytest.raises(StorageNotFoundError, match=f"cannot find {tmp_path}/a"):
        info(tmp_path / "a")


@lists
def test_files_are_listed_in_the_order_of_their_names(files: Call, tmp_path: Path) -> None:
    names = ["a-b/x", "a.txt", "a/b/c", "a/b.c", "z", "ä/𐍈", "A", "a b#?%20"]
    for name in names:
        storage.write_bytes_sync(tmp_path / name, b"1")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "up").symlink_to(".")
    found = [os.path.relpath(entry.url, tmp_path) for entry in files(tmp_path)]
    assert found == sorted(names, key=os.fsencode)
    assert [entry.url for entry in files(f"{tmp_path}/", recursive=False)] == [
        str(tmp_path / name) for name in sorted(names, key=os.fsencode) if "/" not in name
    ]
    assert all(entry.size == 1 for entry in files(tmp_path))


@lists
def test_a_relative_folder_is_listed(files: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    storage.write_bytes_sync("d/a", b"")
    assert [entry.url for entry in files("d")] == ["d/a"]
    assert [Path(entry.url).as_posix() for entry in files(".")] == ["d/a"]


@lists
def test_only_a_folder_can_be_listed(files: Call, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(StorageError, match="it is a file, not a folder"):
        files(tmp_path / "a")
    with pytest.raises(StorageNotFoundError):
        files(tmp_path / "b")
    assert files(storage.get_random_local_directory()) == []


def test_more_files_than_are_listed_at_once_are_given_one_by_one(tmp_path: Path) -> None:
    for number in range(1500):
        (tmp_path / f"{number:05}").touch()

    async def count() -> int:
        return len([entry async for entry in storage.iter_files(tmp_path)])

    assert asyncio.run(count()) == 1500


@deletes
def test_a_file_is_removed_and_nothing_is_no_error(delete: Call, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    (tmp_path / "link").symlink_to("b")
    for name in ("a", "a", "none/below", "link"):
        delete(tmp_path / name)
    assert os.listdir(tmp_path) == ["b"]


@deletes
def test_a_folder_is_removed_on_demand_only_and_links_are_not_followed(delete: Call, tmp_path: Path) -> None:
    storage.write_bytes_sync(tmp_path / "outside" / "a", b"1")
    storage.write_bytes_sync(tmp_path / "d" / "e" / "a", b"1")
    (tmp_path / "d" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "to-d").symlink_to("d")
    with pytest.raises(StorageError, match="it is a folder; give recursive=True"):
        delete(tmp_path / "d")
    delete(tmp_path / "to-d", recursive=True)
    assert (tmp_path / "d" / "e" / "a").exists()
    delete(tmp_path / "d", recursive=True)
    delete(tmp_path / "d", recursive=True)
    assert sorted(os.listdir(tmp_path)) == ["outside"]
    assert (tmp_path / "outside" / "a").exists()


@existing
def test_a_scheme_that_nothing_serves_is_named(exists: Call) -> None:
    with pytest.raises(UnsupportedStorageError, match=r"no file system is known for the scheme 'nowhere'"):
        exists("nowhere://host/a")


@existing
def test_a_scheme_whose_package_is_missing_names_the_package(exists: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.registry import known_implementations

    told = {"class": "no_such_module_here.FileSystem", "err": "Install no-such-package to reach it"}
    monkeypatch.setitem(known_implementations, "missing", told)
    with pytest.raises(UnsupportedStorageError, match=r"'missing' needs a package: Install no-such-package"):
        exists("missing://host/a")
