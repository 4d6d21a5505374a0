"""flyte_core.storage: paths and URLs, and files that are never half written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core import storage
from flyte_core.errors import FlyteCoreError, StorageError, UnsafePathError, UnsupportedStorageError


@pytest.mark.parametrize(
    ("url", "remote"),
    [
        ("s3://bucket/a", True),
        ("gs://bucket", True),
        ("abfs+x://c/a", True),
        ("HTTP://host/a", True),
        ("file:///tmp/a", False),
        ("FILE:///tmp/a", False),
        ("/tmp/a", False),
        ("a/b", False),
        ("", False),
        ("C:\\data", False),
        ("c://data", False),
        ("a/s3://b", False),
        (Path("/tmp/a"), False),
    ],
)
def test_a_url_is_remote_unless_it_is_of_the_file_scheme(url: str | Path, remote: bool) -> None:
    assert storage.is_remote(url) is remote


@pytest.mark.parametrize(
    ("base", "parts", "joined"),
    [
        ("s3://bucket/run", ("a0", "report.html"), "s3://bucket/run/a0/report.html"),
        ("s3://bucket/run/", ("/a0/",), "s3://bucket/run/a0"),
        ("/tmp", ("a", "", "b"), "/tmp/a/b"),
        ("/", ("a",), "/a"),
        ("", ("a",), "a"),
        ("file:///tmp", ("a",), "file:///tmp/a"),
        (Path("/tmp"), (), "/tmp"),
    ],
)
def test_joined_parts_are_below_the_base(base: str | Path, parts: tuple[str, ...], joined: str) -> None:
    assert storage.join(base, *parts) == joined


@pytest.mark.parametrize(
    "operation", [storage.local_path, storage.make_parents, lambda url: storage.atomic_write(url, b"")]
)
def test_a_remote_url_is_refused_by_its_name(operation: object) -> None:
    with pytest.raises(
        UnsupportedStorageError, match=r"cannot open locally s3://bucket/a: it leads out of this machine"
    ) as caught:
        operation("s3://bucket/a")  # type: ignore[operator]
    assert isinstance(caught.value, FlyteCoreError)


def test_a_random_path_is_new_each_time_and_ends_with_the_file_name(tmp_path: Path) -> None:
    one, other = storage.random_path(tmp_path, "a.txt"), storage.random_path(str(tmp_path), "a.txt")
    assert one != other
    assert Path(one).name == "a.txt"
    assert Path(one).parent.parent == tmp_path
    assert Path(one).parent.is_dir()
    assert storage.random_path("s3://b/", "x").startswith("s3://b/")


def test_parents_are_made_for_a_file_url_too(tmp_path: Path) -> None:
    assert storage.make_parents(f"file://{tmp_path}/a/b/c.txt") == tmp_path / "a" / "b" / "c.txt"
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("sync", [True, False])
def test_a_written_file_holds_the_content_and_leaves_nothing_else(tmp_path: Path, sync: bool) -> None:
    file = tmp_path / "a.txt"
    storage.atomic_write(file, b"one", sync=sync)
    storage.atomic_write(f"file://{file}", b"two", sync=sync)
    assert file.read_bytes() == b"two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_new_file_has_the_mode_of_the_umask_and_a_replaced_one_keeps_its_own(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.umask(0o027); from flyte_core.storage import atomic_write\n"
        "atomic_write(sys.argv[1], b''); atomic_write(sys.argv[2], b'')"
    )
    new, old = tmp_path / "new", tmp_path / "old"
    old.touch()
    old.chmod(0o604)
    subprocess.run([sys.executable, "-c", code, str(new), str(old)], check=True)
    assert stat.S_IMODE(new.stat().st_mode) == 0o640
    assert stat.S_IMODE(old.stat().st_mode) == 0o604


def test_a_file_behind_a_link_is_replaced_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "a", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    storage.atomic_write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_failed_write_leaves_the_old_content_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"old")

    def no_room(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="No space"):
        storage.atomic_write(file, b"new")
    assert file.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_readers_never_see_a_part_of_the_content(tmp_path: Path) -> None:
    file = tmp_path / "a"
    contents = {bytes([number]) * 200_000 for number in range(3)}
    storage.atomic_write(file, next(iter(contents)))
    done = threading.Event()

    def write() -> None:
        for _ in range(30):
            for content in contents:
                storage.atomic_write(file, content, sync=False)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(file.read_bytes())
    writer.join()
    assert seen <= contents


def test_a_name_as_long_as_the_file_system_allows_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 255)
    storage.atomic_write(file, b"a")
    assert file.read_bytes() == b"a"


@pytest.mark.parametrize("name", ["a", "a/b.c", "a b/c#?%", "a//b", "./a", "ä", "a:b", "a\\b", "...", "..a", "-"])
def test_a_relative_name_stays_below_the_folder(tmp_path: Path, name: str) -> None:
    joined = storage.safe_join(tmp_path, name)
    assert joined.relative_to(tmp_path).parts == tuple(part for part in name.split("/") if part not in ("", "."))


@pytest.mark.parametrize(
    "name",
    ["", ".", "/", "..", "/a", "a/../b", "../a", "a/..", "\\a", "..\\a", "a\\..\\b", "C:\\a", "c:/a", "c:", "a\0"],
)
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafePathError) as caught:
        storage.safe_join(tmp_path, name)
    assert str(tmp_path) in str(caught.value)


def test_links_of_the_folder_are_followed_inside_only(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "real").mkdir(parents=True)
    (folder / "inside").symlink_to("real")
    (folder / "outside").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(folder)
    assert storage.safe_join(folder, "inside/a") == folder / "inside" / "a"
    assert storage.safe_join(tmp_path / "link", "a") == tmp_path / "link" / "a"
    for name in ("outside/a", "outside", "inside/../../a"):
        with pytest.raises(UnsafePathError):
            storage.safe_join(folder, name)


@given(name=st.text(alphabet=st.sampled_from("ab./\\:C\0 ä"), max_size=12))
def test_whatever_the_name_the_path_is_below_the_folder(name: str) -> None:
    try:
        joined = storage.safe_join("/data/folder", name)
    except UnsafePathError:
        return
    assert os.path.normpath(joined).startswith("/data/folder/")


def test_the_name_of_a_file_appears_when_its_block_ends_well(tmp_path: Path) -> None:
    with storage.atomic_file(tmp_path / "a") as file:
        file.write(b"content")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_bytes() == b"content"

    def fail() -> None:
        with storage.atomic_file(tmp_path / "a") as file:
            file.write(b"other")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    with pytest.raises(StorageError, match="it exists already"), storage.atomic_file(tmp_path / "a", exclusive=True):
        pass
    assert (tmp_path / "a").read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a%20b", "/a b"),
        ("FILE:///a", "/a"),
        ("file://localhost/a", "/a"),
        ("file:///a%", "/a%"),
        ("file:///a#b?c", "/a#b?c"),
        ("/a%20b", "/a%20b"),
        ("a/b", "a/b"),
    ],
)
def test_the_escapes_of_a_url_are_decoded_and_those_of_a_path_are_not(url: str, path: str) -> None:
    assert storage.local_path(url) == Path(path)


@given(name=st.text(min_size=1).filter(lambda name: "\0" not in name and "\ud800" not in name))
def test_the_url_of_a_path_leads_to_it(name: str) -> None:
    path = Path("/data") / name.encode("utf-8", "ignore").decode()
    assert storage.local_path(path.as_uri()) == path
