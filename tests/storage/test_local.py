"""flyte_core.storage: paths and URLs, and files that are never half written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flyte_core import storage
from flyte_core.errors import FlyteCoreError, UnsupportedStorageError


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
    with pytest.raises(UnsupportedStorageError, match=r"cannot open locally s3://bucket/a: it leads out of this machine") as caught:
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
