from __future__ import annotations

import asyncio
import hashlib
import inspect
import os
import pickle
import shutil
import uuid
from pathlib import Path

import pytest

from flyte_core import storage
from flyte_core.errors import (
    InvalidTypeError,
    InvalidValueError,
    SourceNotFoundError,
    StorageIntegrityError,
    StorageNotFoundError,
    UnsafePathError,
)
from flyte_core.io import Dir, File, HashlibAccumulator, PrecomputedValue

TREE = {"a.csv": b"1", "b.txt": b"22", "sub/c.csv": b"333", "sub/deep/d.csv": b"4444", "sub-x/e.csv": b""}


def sha256() -> HashlibAccumulator:
    return HashlibAccumulator.from_hash_name("sha256")


def make(folder: Path, tree: dict[str, bytes] = TREE) -> Path:
    for name, data in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def content(folder: str | Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


@pytest.fixture
def tree(base: str) -> Dir:
    for name, data in TREE.items():
        storage.write_bytes_sync(f"{base}/tree/{name}", data)
    return Dir(path=f"{base}/tree", format="csv")


def names(tree: Dir, files: list[File]) -> list[str]:
    return [file.path.removeprefix(f"{tree.path.rstrip('/')}/") for file in files]


# ---- what is in it -----------------------------------------------------------------------------------


def test_all_files_are_found_in_the_order_of_their_names(tree, way):
    files = way(tree, "walk")
    assert names(tree, files) == sorted(TREE)
    assert {(file.name, file.format) for file in files} == {(name.rpartition("/")[2], "csv") for name in TREE}
    assert [way.read(file) for file in files] == [TREE[name] for name in sorted(TREE)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"recursive": False}, ["a.csv", "b.txt"]),
        ({"recursive": False, "max_depth": 3}, ["a.csv", "b.txt"]),
        ({"max_depth": 1}, ["a.csv", "b.txt"]),
        ({"max_depth": 2}, ["a.csv", "b.txt", "sub-x/e.csv", "sub/c.csv"]),
        ({"max_depth": 9}, sorted(TREE)),
        ({"file_pattern": "*.txt"}, ["b.txt"]),
        ({"file_pattern": "?.csv", "max_depth": 1}, ["a.csv"]),
        ({"file_pattern": "sub/*.csv"}, ["sub/c.csv", "sub/deep/d.csv"]),
        ({"file_pattern": "*.CSV"}, []),
    ],
)
def test_a_walk_is_bounded_as_asked(tree, way, options, expected):
    assert names(tree, way(tree, "walk", **options)) == expected


def test_only_the_files_of_the_folder_itself_are_listed(tree, way):
    assert names(tree, way(tree, "list_files")) == ["a.csv", "b.txt"]


@pytest.mark.parametrize("depth", [0, -1])
def test_a_depth_of_nothing_is_refused(way, tmp_path, depth):
    with pytest.raises(InvalidValueError, match="max_depth"):
        way(Dir(path=str(tmp_path)), "walk", max_depth=depth)


def test_a_slash_at_the_end_changes_nothing(tree, way):
    other = Dir(path=f"{tree.path}/")
    assert names(other, way(other, "walk")) == sorted(TREE)
    assert way(other, "exists")
    assert way.read(way(other, "get_file", "a.csv")) == b"1"


def test_one_file_is_got_by_its_name(tree, way):
    file = way(tree, "get_file", "sub/c.csv")
    assert (file.path, file.name, file.format) == (f"{tree.path}/sub/c.csv", "c.csv", "csv")
    assert way(tree, "get_file", "none.csv") is None
    assert way(tree, "get_file", "sub") is None


@pytest.mark.parametrize("name", ["../a.csv", "/etc/passwd", "sub/../../a.csv", "..", "", "a\\..\\b"])
def test_a_name_that_leads_out_of_the_folder_is_refused(way, tmp_path, name):
    with pytest.raises(UnsafePathError):
        way(Dir(path=str(tmp_path)), "get_file", name)


def test_a_folder_that_is_not_there_is_named(base, way):
    none = Dir(path=f"{base}/none")
    assert not way(none, "exists")
    for method in ("walk", "list_files", "download"):
        with pytest.raises(StorageNotFoundError, match="none"):
            way(none, method) if method != "download" else way(none, method, "/tmp/never-written")
    assert not os.path.exists("/tmp/never-written")


def test_a_folder_is_there_and_a_file_is_none(tree, way):
    assert way(tree, "exists")
    assert way(Dir(path=f"{tree.path}/sub"), "exists")
    assert not way(Dir(path=f"{tree.path}/a.csv"), "exists")
    assert not way(Dir(path=f"{tree.path}/su"), "exists")


# ---- from_local --------------------------------------------------------------------------------------


def test_a_folder_is_uploaded(base, way, tmp_path):
    local = make(tmp_path / "local")
    tree = way(Dir, "from_local", local, f"{base}/there", "v1")
    assert tree == Dir(path=f"{base}/there", name="local", hash="v1")
    assert names(tree, way(tree, "walk")) == sorted(TREE)
    assert content(way(tree, "download", tmp_path / "back")) == TREE


def test_a_folder_goes_below_the_raw_data_where_these_are_remote(base, way, tmp_path, task_at):
    local = make(tmp_path / "local")
    with task_at(base):
        tree = way(Dir, "from_local", f"{local}/", format="csv")
    assert tree.name == "local"
    assert tree.format == "csv"
    assert (tree.path == str(local)) != storage.is_remote(base)
    assert tree.path.startswith(base) == storage.is_remote(base)
    assert names(tree, way(tree, "walk")) == sorted(TREE)


def test_the_source_must_be_a_local_folder(way, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        way(Dir, "from_local", tmp_path / "nowhere")
    with pytest.raises(InvalidValueError, match=r"File\.from_local"):
        way(Dir, "from_local", tmp_path / "file")
    with pytest.raises(InvalidValueError, match="from_existing_remote"):
        way(Dir, "from_local", "s3://bucket/a")
    with pytest.raises(InvalidValueError, match="dir_cache_key"):
        way(Dir, "from_local", tmp_path, None, "key", hash_method=sha256())
    with pytest.raises(InvalidTypeError, match="hash_method"):
        way(Dir, "from_local", tmp_path, hash_method=5)


def test_the_hash_covers_names_and_contents_as_documented(base, way, tmp_path):
    local = make(tmp_path / "local")
    expected = hashlib.sha256()
    for name in sorted(TREE, key=str.encode):
        expected.update(f"{len(name)}:{name}{len(TREE[name])}:".encode() + TREE[name])
    for target in (None, f"{base}/there"):
        assert way(Dir, "from_local", local, target, hash_method=sha256()).hash == expected.hexdigest()


def test_the_hash_says_nothing_of_place_times_and_empty_folders(way, tmp_path):
    def found(folder):
        return way(Dir, "from_local", folder, hash_method=sha256()).hash

    one = make(tmp_path / "one")
    two = make(tmp_path / "else" / "two", dict(reversed(TREE.items())))
    (two / "empty").mkdir()
    os.utime(two / "a.csv", (1, 1))
    assert found(one) == found(two)


@pytest.mark.parametrize(
    "other",
    [
        {**TREE, "a.csv": b"2"},
        {**TREE, "new": b""},
        {name: data for name, data in TREE.items() if name != "b.txt"},
        {**{name: data for name, data in TREE.items() if name != "a.csv"}, "a2.csv": b"1"},
        {},
    ],
)
def test_another_content_has_another_hash(way, tmp_path, other):
    one, two = make(tmp_path / "one"), make(tmp_path / "two", other)
    two.mkdir(exist_ok=True)
    first, second = (way(Dir, "from_local", folder, hash_method=sha256()).hash for folder in (one, two))
    assert first != second


def test_the_hash_tells_where_a_name_ends_and_content_begins(way, tmp_path):
    one, two = make(tmp_path / "one", {"a": b"b1:c"}), make(tmp_path / "two", {"a": b"b", "1": b"c"})
    first, second = (way(Dir, "from_local", folder, hash_method=sha256()).hash for folder in (one, two))
    assert first != second


def test_a_known_hash_is_taken_as_it_is(way, tmp_path):
    assert way(Dir, "from_local", tmp_path, hash_method="v1").hash == "v1"
    assert way(Dir, "from_local", tmp_path, hash_method=PrecomputedValue("v2")).hash == "v2"
    assert way(Dir, "from_local", tmp_path, dir_cache_key="v3").hash == "v3"


@pytest.mark.parametrize("change", ["content", "new", "gone"])
def test_a_folder_that_changes_while_it_is_hashed_is_an_error(way, tmp_path, change):
    local = make(tmp_path / "local")

    class Changing:
        def update(self, data):
            if change == "content":
                (local / "sub" / "c.csv").write_bytes(b"other")
            elif change == "new":
                (local / "new").touch()
            else:
                (local / "b.txt").unlink(missing_ok=True)

        def result(self):
            return ""

    with pytest.raises((StorageIntegrityError, StorageNotFoundError), match=r"c\.csv|new|b\.txt"):
        way(Dir, "from_local", local, hash_method=Changing())


def test_a_hash_that_fails_stops_the_upload(way, tmp_path):
    local = make(tmp_path / "local")

    class Failing:
        def update(self, data):
            raise RuntimeError("no hash")

        def result(self):
            return ""

    with pytest.raises(RuntimeError, match="no hash"):
        way(Dir, "from_local", local, str(tmp_path / "there"), hash_method=Failing())


def test_loops_of_links_end(base, way, tmp_path):
    local = make(tmp_path / "local")
    (local / "sub" / "up").symlink_to(local, target_is_directory=True)
    (local / "sub" / "self").symlink_to(local / "sub", target_is_directory=True)
    (local / "link.csv").symlink_to(local / "a.csv")
    tree = Dir(path=str(local))
    assert names(tree, way(tree, "walk")) == sorted([*TREE, "link.csv"])
    for target in (None, f"{base}/there"):
        uploaded = way(Dir, "from_local", local, target, hash_method=sha256())
        assert names(uploaded, way(uploaded, "walk")) == sorted([*TREE, "link.csv"])
    assert way(tree, "download", tmp_path / "copy") == str(tmp_path / "copy")
    assert content(tmp_path / "copy") == {**TREE, "link.csv": b"1"}


# ---- download ----------------------------------------------------------------------------------------


def test_a_folder_is_downloaded_into_a_path_or_anywhere(tree, way, tmp_path, monkeypatch):
    target = tmp_path / "deep" / "target"
    assert way(tree, "download", target) == str(target)
    assert content(target) == TREE
    (target / "other").write_text("stays")
    way(tree, "download", f"{target}/")
    assert content(target) == {**TREE, "other": b"stays"}
    monkeypatch.chdir(tmp_path)
    assert way(tree, "download", "relative") == str(tmp_path / "relative")
    found = Path(way(tree, "download"))
    assert found.is_absolute()
    assert found.name == "tree"
    assert content(found) == TREE


def test_a_local_folder_is_not_copied_without_a_target(way, tmp_path, monkeypatch):
    make(tmp_path / "local")
    monkeypatch.chdir(tmp_path)
    for path in (str(tmp_path / "local"), "local", (tmp_path / "local").as_uri()):
        for target in (None, "local", tmp_path / "local"):
            assert way(Dir(path=path), "download", target) == str(tmp_path / "local")
    assert content(tmp_path / "local") == TREE


@pytest.mark.parametrize("name", ["../evil", "sub/../../evil", "sub/..\\..\\evil"])
def test_names_that_lead_out_of_the_target_are_refused(way, tmp_path, name):
    import fsspec
    from fsspec.implementations.memory import MemoryFile

    root = uuid.uuid4().hex
    memory = fsspec.filesystem("memory")
    for key in (f"/{root}/good", f"/{root}/{name}"):  # as no well-behaved program would write it
        memory.store[key] = MemoryFile(memory, key, b"evil")
    with pytest.raises(UnsafePathError, match="evil"):
        way(Dir(path=f"memory://{root}"), "download", tmp_path / "target" / "inner")
    assert list(tmp_path.rglob("*evil*")) == []


def test_links_in_the_target_are_not_written_through(tree, way, tmp_path):
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.mkdir()
    (target / "sub").symlink_to(outside, target_is_directory=True)
    with pytest.raises(UnsafePathError):
        way(tree, "download", target)
    assert list(outside.iterdir()) == []


# ---- new_remote --------------------------------------------------------------------------------------


def test_a_new_folder_is_filled_file_by_file(base, way, task_at):
    with task_at(base):
        tree = Dir.new_remote("parts", hash="v1", format="csv")
    assert tree.path.startswith(f"{base}/")
    assert (tree.name, tree.hash, tree.format) == ("parts", "v1", "csv")
    way.write(File(path=storage.join(tree.path, "sub", "a.csv")), b"1")
    assert names(tree, way(tree, "walk")) == ["sub/a.csv"]


@pytest.mark.parametrize("name", ["/etc/x", "../x", ".."])
def test_a_new_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(UnsafePathError):
        Dir.new_remote(name)


# ---- as a value --------------------------------------------------------------------------------------


def test_a_folder_is_a_value():
    tree = Dir(path="s3://b/t", format="csv", hash="h")
    assert pickle.loads(pickle.dumps(tree)) == tree
    assert tree != File(path="s3://b/t", format="csv", hash="h")
    assert repr(tree) == "Dir(path='s3://b/t', name='t', format='csv', hash='h')"


def test_arguments_come_in_the_references_order():
    def arguments(name):
        return list(inspect.signature(getattr(Dir, name)).parameters)

    assert arguments("walk")[:3] == ["self", "recursive", "max_depth"]
    assert arguments("walk_sync") == ["self", "recursive", "file_pattern", "max_depth"]
    assert arguments("get_file") == arguments("get_file_sync") == ["self", "file_name"]
    assert arguments("download") == arguments("download_sync") == ["self", "local_path"]
    assert arguments("from_local") == arguments("from_local_sync")
    assert arguments("from_local")[:3] == ["local_path", "remote_destination", "dir_cache_key"]
    assert arguments("from_existing_remote") == ["remote_path", "dir_cache_key"]


def test_a_cancelled_upload_gives_the_method_back(tmp_path):
    local = make(tmp_path / "local", {"a": b"x" * 2**22})
    method = sha256()

    async def main():
        upload = asyncio.ensure_future(Dir.from_local(local, str(tmp_path / "there"), hash_method=method))
        await asyncio.sleep(0)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        shutil.rmtree(tmp_path / "there", ignore_errors=True)
        return await Dir.from_local(local, hash_method=method)

    assert len(asyncio.run(main()).hash) == 64
