"""Digests of files and folders, and what is remembered of them."""

import hashlib
import os
import shutil
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core._private_files import PrivateFiles
from flyte_core.errors import MissingSourceError, SourceError
from flyte_core.sources import Entry, digest_of_entries, file_digest, hashing, list_tree, tree_digest

MANY = hashing.FEW


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def many(root):
    return write(root, {f"d{number % 7}/f{number}": str(number) for number in range(MANY)})


@pytest.fixture
def memory(tmp_path):
    return PrivateFiles(tmp_path / "memory", 1)


@pytest.fixture
def later(monkeypatch):
    """The clock is ten seconds ahead of the files."""
    real = time.time_ns
    monkeypatch.setattr(hashing.time, "time_ns", lambda: real() + 10 * 10**9)


@pytest.fixture
def reads(monkeypatch):
    """The files that are read, as they are."""
    seen = []
    real = hashing.file_digest
    monkeypatch.setattr(hashing, "file_digest", lambda path: seen.append(os.path.basename(path)) or real(path))
    return seen


@pytest.mark.parametrize("size", [0, 1, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20])
def test_a_files_digest_is_its_sha256(tmp_path, size):
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    assert file_digest(tmp_path / "a") == hashlib.sha256(content).digest()


def test_a_file_that_is_gone_or_closed_is_named(tmp_path, monkeypatch):
    with pytest.raises(MissingSourceError, match="gone"):
        file_digest(tmp_path / "gone")
    with pytest.raises(SourceError, match=tmp_path.name):
        file_digest(tmp_path)


def test_a_file_that_vanishes_after_it_was_listed_is_named(tmp_path):
    write(tmp_path, {"a": "", "b": ""})
    entries = list_tree(tmp_path)
    (tmp_path / "b").unlink()
    with pytest.raises(MissingSourceError, match="b: there is no such file"):
        digest_of_entries(tmp_path, entries)


def test_place_time_and_order_of_writing_do_not_count(tmp_path):
    one = write(tmp_path / "one", {"a": "1", "b/c": "2"})
    two = write(tmp_path / "deep" / "two", {"b/c": "2", "a": "1"})
    os.utime(two / "a", (1, 1))
    (two / "a").chmod(0o600)
    assert tree_digest(one) == tree_digest(two)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "a").write_text("2"),
        lambda root: (root / "a").rename(root / "z"),
        lambda root: (root / "b" / "c").rename(root / "c"),
        lambda root: (root / "new").write_text(""),
        lambda root: (root / "a").unlink(),
        lambda root: (root / "a").chmod(0o755),
        lambda root: (root / "link").unlink() or (root / "link").symlink_to("b"),
        lambda root: (root / "link").unlink() or (root / "link").write_text("a"),
        lambda root: (root / "a").unlink() or (root / "a").mkdir() or (root / "a" / "a").write_text("1"),
    ],
)
def test_names_contents_bits_kinds_and_targets_count(tmp_path, change):
    root = write(tmp_path / "root", {"a": "1", "b/c": "2"})
    (root / "link").symlink_to("a")
    before = tree_digest(root)
    change(root)
    assert tree_digest(root) != before


def test_a_folder_without_files_counts_on_demand(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two" / "empty").mkdir(parents=True)
    assert tree_digest(tmp_path / "one") == tree_digest(tmp_path / "two")
    assert tree_digest(tmp_path / "one") != tree_digest(tmp_path / "two", empty_folders=True)


ENTRIES = st.lists(
    st.builds(
        Entry, st.text(min_size=1), st.sampled_from(["link", "folder"]), st.booleans(), st.text(max_size=12), st.none()
    ),
    max_size=4,
)


@given(ENTRIES, ENTRIES)
def test_different_entries_have_different_digests(one, two):
    assert (digest_of_entries(".", one) == digest_of_entries(".", two)) == (one == two)


@pytest.mark.parametrize("inner", ["link01:b0:y", "link01:b1:y", "link01:b", "folder01:b0:"])
def test_the_target_of_a_link_cannot_pass_for_another_entry(inner):
    two = [Entry("a", "link", False, "x"), Entry("b", "link", False, "y")]
    assert digest_of_entries(".", two) != digest_of_entries(".", [Entry("a", "link", False, f"x{inner}")])
    assert digest_of_entries(".", two[:1]) != digest_of_entries(".", [Entry("a1:x", "link")])


def test_what_did_not_change_is_not_read_again(tmp_path, memory, later, reads):
    root = many(tmp_path / "root")
    first = tree_digest(root, memory=memory)
    assert len(reads) == MANY
    del reads[:]
    (root / "d1" / "f1").write_text("other")
    assert tree_digest(root, memory=memory) != first
    assert reads == ["f1"]


def test_a_change_of_the_same_size_with_its_time_set_back_is_noticed(tmp_path, memory, later):
    root = many(tmp_path / "root")
    first = tree_digest(root, memory=memory)
    file = root / "d1" / "f1"
    seen = file.stat()
    file.write_text("2")
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert file.stat()[6:9:2] == seen[6:9:2]
    assert tree_digest(root, memory=memory) != first


def test_what_changed_a_moment_ago_is_read_again(tmp_path, memory, reads):
    root = many(tmp_path / "root")
    tree_digest(root, memory=memory)
    tree_digest(root, memory=memory)
    assert len(reads) == 2 * MANY


def test_few_files_are_not_remembered(tmp_path, memory, later):
    tree_digest(write(tmp_path / "root", {"a": "1"}), memory=memory)
    assert not (tmp_path / "memory").exists()


@pytest.mark.parametrize("damage", [b"", b"damaged", None])
def test_a_damaged_memory_is_made_anew(tmp_path, memory, later, reads, damage):
    root = many(tmp_path / "root")
    first = tree_digest(root, memory=memory)
    (file,) = (tmp_path / "memory").iterdir()
    sound = file.read_bytes()
    file.write_bytes(sound[: len(sound) // 2] if damage is None else damage)
    assert tree_digest(root, memory=memory) == first
    assert len(reads) == 2 * MANY
    assert file.read_bytes() == sound


@pytest.mark.parametrize("value", [[], {"d1/f1": 5}, {"d1/f1": (1,)}, {5: ()}, "text"])
def test_a_memory_of_another_shape_is_made_anew(tmp_path, memory, later, value):
    root = many(tmp_path / "root")
    first = tree_digest(root, memory=memory)
    memory.save(os.path.realpath(root), value)
    assert tree_digest(root, memory=memory) == first


def test_the_memory_is_the_users_alone(tmp_path, memory, later):
    tree_digest(many(tmp_path / "root"), memory=memory)
    (file,) = (tmp_path / "memory").iterdir()
    assert ((tmp_path / "memory").stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_memory_that_others_may_write_to_is_not_believed(tmp_path, memory, later, reads):
    root = many(tmp_path / "root")
    tree_digest(root, memory=memory)
    (tmp_path / "memory").chmod(0o777)
    tree_digest(root, memory=PrivateFiles(tmp_path / "memory", 1))
    assert len(reads) == 2 * MANY


def test_a_memory_that_cannot_be_written_is_no_error(tmp_path, later):
    (tmp_path / "file").touch()
    assert tree_digest(many(tmp_path / "root"), memory=PrivateFiles(tmp_path / "file" / "memory", 1))


def test_files_that_are_gone_are_forgotten_with_time(tmp_path, memory, later):
    root = many(tmp_path / "root")
    for generation in range(6):
        shutil.rmtree(root)
        write(root, {f"g{generation}-{number}": "" for number in range(MANY)})
        tree_digest(root, memory=memory)
    assert len(memory.load(os.path.realpath(root))) <= 3 * MANY


PROGRAM = """
import sys, time
from flyte_core.sources import hashing, tree_digest
real = time.time_ns
hashing.time.time_ns = lambda: real() + 10 * 10**9
for _ in range(20):
    print(tree_digest(sys.argv[1]))
"""


def test_processes_at_once_share_one_memory(tmp_path):
    root = many(tmp_path / "root")
    env = {**os.environ, "FLYTE_CORE_CACHE_DIR": str(tmp_path / "cache")}
    running = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(root)], env=env, stdout=subprocess.PIPE) for _ in range(3)
    ]
    told = [process.communicate(timeout=120)[0].split() for process in running]
    assert {digest.decode() for digests in told for digest in digests} == {tree_digest(root)}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(list((tmp_path / "cache" / "sources").iterdir())) == 1
