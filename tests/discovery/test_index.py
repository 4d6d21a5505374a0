from __future__ import annotations

import marshal
import os
import stat
import subprocess
import sys
import threading
from importlib.metadata import Distribution, DistributionFinder

import pytest

from flyte_core.discovery import GROUPS, EntryPoint, PluginIndex, kind_of
from tests.support.dists import Site

TASKS = "flyte_core.task_types"


@pytest.fixture
def other(site_maker):
    return site_maker("other", on_path=False)


def only(index, name, group=TASKS):
    (found,) = index.find(group, name)
    return found


def cache_files(folder):
    return sorted((folder / "plugins").glob(f"*.{sys.implementation.cache_tag}"))


def test_every_kind_has_one_group():
    assert all(kind_of(group) == kind for kind, group in GROUPS.items())
    assert kind_of("console_scripts") is None


def test_a_claim_is_found_with_its_distribution_and_path(site):
    folder = site.install("My.Plugin", {TASKS: {"sql": "my_plugin.hooks [fast]"}}, version="1.2")
    found = only(PluginIndex(path=[str(site)]), "sql")
    assert found == EntryPoint(
        group=TASKS, name="sql", value="my_plugin.hooks", distribution="my-plugin", version="1.2", path=str(folder)
    )
    assert (found.kind, found.label, found.paths) == ("task", "my-plugin 1.2", (str(folder),))


def test_a_name_that_nobody_claims_is_not_found(site):
    site.install("one", {TASKS: {"sql": "x"}, "console_scripts": {"y": "z"}})
    index = PluginIndex(path=[str(site)])
    assert index.find(TASKS, "SQL") == ()
    assert index.find("console_scripts", "y") == ()


def test_two_distributions_that_claim_one_name_are_both_found(site):
    site.install("one", {TASKS: {"sql": "one"}})
    site.install("two", {TASKS: {"sql": "two"}})
    assert [ep.distribution for ep in PluginIndex(path=[str(site)]).find(TASKS, "sql")] == ["one", "two"]


def test_everything_is_listed_in_order_with_groups_that_we_do_not_know(site):
    site.install("one", {TASKS: {"b": "x", "a": "x"}, "flyte_core.task_type": {"typo": "x"}})
    index = PluginIndex(path=[str(site)])
    assert [(ep.kind, ep.name) for ep in index.all()] == [
        ("flyte_core.task_type", "typo"),
        ("task", "a"),
        ("task", "b"),
    ]
    assert index.names(TASKS) == ["a", "b"]


def test_nothing_is_read_before_the_first_look_up(site, tmp_path):
    index = PluginIndex(tmp_path / "cache")
    site.install("one", {TASKS: {"graph": "x"}})
    assert not (tmp_path / "cache").exists()
    assert only(index, "graph").value == "x"


# ---- one distribution in several places ------------------------------------------------------------------------


def test_an_editable_install_that_left_two_folders_is_one_plugin_with_both_paths(site, other):
    first = site.install("my-plugin", {TASKS: {"sql": "x"}})
    second = other.install("My_Plugin", {TASKS: {"sql": "x"}}, version="", suffix=".egg-info")
    assert only(PluginIndex(path=[str(site), str(other)]), "sql").paths == (str(first), str(second))


def test_an_earlier_entry_of_the_path_hides_the_same_distribution_in_a_later_one(site, other):
    site.install("my-plugin", {TASKS: {"new": "x"}}, version="2.0")
    other.install("my_plugin", {TASKS: {"old": "x", "new": "y"}}, version="1.0")
    index = PluginIndex(path=[str(site), str(other)])
    assert index.find(TASKS, "old") == ()
    assert only(index, "new").version == "2.0"
    assert index.names(TASKS) == ["new"]


def test_a_distribution_without_entry_points_hides_as_well(site, other):
    site.install("my-plugin", None)
    other.install("my-plugin", {TASKS: {"sql": "x"}})
    assert PluginIndex(path=[str(site), str(other)]).find(TASKS, "sql") == ()


def test_a_folder_without_metadata_that_an_uninstall_left_hides_nothing(site, other):
    (site.folder / "my_plugin-1.0.dist-info").mkdir()
    other.install("my-plugin", {TASKS: {"sql": "x"}})
    assert only(PluginIndex(path=[str(site), str(other)]), "sql").value == "x"


def test_of_two_versions_in_one_folder_the_newer_counts(site):
    site.install("my-plugin", {TASKS: {"sql": "old", "gone": "old"}}, version="1.9")
    site.install("my-plugin", {TASKS: {"sql": "new"}}, version="1.10")
    index = PluginIndex(path=[str(site)])
    assert only(index, "sql").value == "new"
    assert index.find(TASKS, "gone") == ()


def test_two_versions_in_one_folder_with_the_same_claim_are_one_with_both_paths(site):
    old = site.install("my-plugin", {TASKS: {"sql": "x"}}, version="1.9")
    new = site.install("my-plugin", {TASKS: {"sql": "x"}}, version="2.0rc1")
    assert only(PluginIndex(path=[str(site)]), "sql").paths == (str(new), str(old))


def test_one_folder_that_stands_twice_on_the_path_is_read_once(site, tmp_path):
    site.install("my-plugin", {TASKS: {"sql": "x"}})
    (tmp_path / "link").symlink_to(site.folder)
    assert len(only(PluginIndex(path=[str(site), str(tmp_path / "link")]), "sql").paths) == 1


# ---- places ----------------------------------------------------------------------------------------------------


def test_an_egg_info_folder_has_its_version_in_its_metadata(site, tmp_path):
    site.install("my-plugin", {TASKS: {"sql": "x"}}, version="", suffix=".egg-info")
    assert only(PluginIndex(tmp_path / "cache", path=[str(site)]), "sql").version == "0.0"
    assert only(PluginIndex(tmp_path / "cache", path=[str(site)]), "sql").version == "0.0"


def test_an_egg_folder_is_read(tmp_path):
    egg = Site(tmp_path / "my_plugin-1.5-py3.11.egg")
    folder = egg.install("x", {TASKS: {"sql": "x"}}, version="", suffix=".egg-info")
    folder.rename(egg.folder / "EGG-INFO")
    found = only(PluginIndex(path=[str(egg)]), "sql")
    assert (found.distribution, found.version) == ("my-plugin", "1.5")


def test_a_zip_archive_on_the_path_is_read_and_remembered(site, tmp_path):
    site.install("my-plugin", {TASKS: {"sql": "x"}}, requires=("flyte-core>=1", "other"))
    archive = site.zip(tmp_path / "plugins.zip")
    for _ in range(2):
        found = only(PluginIndex(tmp_path / "cache", path=[str(archive)]), "sql")
        assert found.paths == (f"{archive}/my_plugin-1.0.dist-info",)
        assert found.requires("flyte-core") == ("flyte-core>=1",)
    assert len(cache_files(tmp_path / "cache")) == 1


def test_an_archive_that_changed_is_read_again(site, tmp_path, site_maker):
    site.install("my-plugin", {TASKS: {"sql": "x"}})
    archive = site.zip(tmp_path / "plugins.zip")
    assert PluginIndex(tmp_path / "cache", path=[str(archive)]).names(TASKS) == ["sql"]
    changed = site_maker("changed", on_path=False)
    changed.install("my-plugin", {TASKS: {"another": "x"}})
    changed.zip(archive)
    assert PluginIndex(tmp_path / "cache", path=[str(archive)]).names(TASKS) == ["another"]


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 broken"])
def test_files_that_are_no_archives_and_missing_folders_are_passed_over(site, tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    site.install("my-plugin", {TASKS: {"sql": "x"}})
    index = PluginIndex(path=[str(tmp_path / "file"), str(tmp_path / "absent"), "__editable__.x.finder", str(site)])
    assert only(index, "sql")


def test_unreadable_metadata_of_one_package_hides_no_other(site):
    bad = site.install("bad", {})
    (bad / "entry_points.txt").write_bytes(b"[flyte_core.task_types]\n\xff\xfe\x00 = \n[[[")
    (site.install("worse", None) / "entry_points.txt").mkdir()
    (site.folder / "file.egg-info").write_text("Name: x")
    site.install("good", {TASKS: {"sql": "x"}})
    assert PluginIndex(path=[str(site)]).names(TASKS) == ["sql"]


def test_the_working_directory_stands_for_an_empty_entry(site, monkeypatch):
    site.install("my-plugin", {TASKS: {"sql": "x"}})
    monkeypatch.chdir(site.folder)
    assert only(PluginIndex(path=[""]), "sql").path == os.path.realpath(site.folder / "my_plugin-1.0.dist-info")


def test_an_entry_added_to_the_path_later_is_found(site, other):
    path = [str(site)]
    index = PluginIndex(path=path)
    other.install("late", {TASKS: {"late": "x"}})
    assert index.find(TASKS, "late") == ()
    path.append(str(other))
    assert only(index, "late")


def test_what_is_installed_into_a_known_folder_is_found_after_a_refresh(site):
    index = PluginIndex(path=[str(site)])
    assert index.names(TASKS) == []
    site.install("late", {TASKS: {"late": "x"}})
    assert index.find(TASKS, "late") == ()
    index.refresh()
    assert only(index, "late")


def test_the_version_of_any_distribution_is_known(site):
    site.install("Some_Thing", None, version="3.1")
    site.install("unversioned", None, version="", suffix=".egg-info")
    index = PluginIndex(path=[str(site)])
    assert index.version_of("some.thing") == "3.1"
    assert index.version_of("unversioned") is None
    assert index.version_of("absent") is None


@pytest.mark.parametrize(
    ("suffix", "text", "expected"),
    [
        (
            ".dist-info",
            "Requires-Dist: Flyte_Core<2,>=1\nRequires-Dist: flyte-core-sql\n\nRequires-Dist: flyte-core",
            ("Flyte_Core<2,>=1",),
        ),
        (".dist-info", "Name: x\n", ()),
        (".egg-info", "Name: x\n", ("flyte-core>=1",)),
    ],
)
def test_requirements_on_one_distribution_are_read_when_asked(site, suffix, text, expected):
    folder = site.install("my-plugin", {TASKS: {"sql": "x"}}, metadata=text, suffix=suffix)
    if suffix == ".egg-info":
        (folder / "requires.txt").write_text("# c\nattrs\nflyte-core>=1\n\n[extra]\nflyte-core>=9\n")
    assert only(PluginIndex(path=[str(site)]), "sql").requires("flyte-core") == expected


def test_requirements_of_metadata_that_is_gone_are_none(site):
    site.install("my-plugin", {TASKS: {"sql": "x"}}, requires=("flyte-core",))
    found = only(PluginIndex(path=[str(site)]), "sql")
    (site.folder / "my_plugin-1.0.dist-info" / "METADATA").unlink()
    assert found.requires("flyte-core") == ()


# ---- finders of others --------------------------------------------------------------------------------------------


class _Foreign(Distribution):
    files = {
        "METADATA": "Metadata-Version: 2.1\nName: Foreign_One\nVersion: 7\nRequires-Dist: flyte-core>=1\n",
        "entry_points.txt": "[flyte_core.task_types]\nforeign = somewhere [extra]\n[console_scripts]\na = b\n",
    }

    def read_text(self, filename):
        return self.files.get(filename)

    def locate_file(self, path):
        return path


class _Finder(DistributionFinder):
    asked = 0

    def find_spec(self, *args):
        return None

    def find_distributions(self, context=None):
        self.asked += 1
        return [_Foreign()]

    def __repr__(self):
        return "<foreign finder>"


def test_other_finders_are_asked_and_never_remembered(site, tmp_path, monkeypatch):
    finder = _Finder()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])
    index = PluginIndex(tmp_path / "cache")
    found = only(index, "foreign")
    assert (found.distribution, found.version, found.value, found.path) == (
        "foreign-one",
        "7",
        "somewhere",
        "<foreign finder>",
    )
    assert found.requires("flyte-core") == ("flyte-core>=1",)
    asked = finder.asked
    assert "foreign" in index.names(TASKS)
    assert finder.asked > asked
    assert all(b"somewhere" not in file.read_bytes() for file in cache_files(tmp_path / "cache"))


def test_a_finder_that_fails_is_passed_over_with_a_warning(site, monkeypatch, caplog):
    class Broken(_Finder):
        def find_distributions(self, context=None):
            raise OSError("no network")

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Broken()])
    site.install("good", {TASKS: {"sql-of-good": "x"}})
    assert only(PluginIndex(), "sql-of-good")
    assert "no network" in caplog.text


def test_our_own_finder_of_the_backport_is_not_asked_again(site, monkeypatch):
    finder = type("MetadataPathFinder", (_Finder,), {"__module__": "setuptools._vendor.importlib_metadata"})()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])
    PluginIndex().names(TASKS)
    assert finder.asked == 0


# ---- the disk cache ---------------------------------------------------------------------------------------------------


def test_the_index_is_written_once_and_private(site, tmp_path):
    site.install("my-plugin", {TASKS: {"sql": "x"}})
    PluginIndex(tmp_path / "cache", path=[str(site)]).names(TASKS)
    (file,) = cache_files(tmp_path / "cache")
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.stat().st_mtime_ns
    PluginIndex(tmp_path / "cache", path=[str(site)]).names(TASKS)
    assert file.stat().st_mtime_ns == before
    assert os.listdir(file.parent) == [file.name]


def test_a_warm_index_opens_no_metadata(site, tmp_path, monkeypatch):
    site.install("my-plugin", {TASKS: {"sql": "x"}})
    PluginIndex(tmp_path / "cache", path=[str(site)]).names(TASKS)
    monkeypatch.setattr("flyte_core.discovery.shelf._content", lambda path: pytest.fail(f"read {path}"))
    assert only(PluginIndex(tmp_path / "cache", path=[str(site)]), "sql").value == "x"


def test_only_what_changed_is_read_again(site, tmp_path, monkeypatch):
    from flyte_core.discovery import shelf

    for name in ("a", "b", "c"):
        site.install(name, {TASKS: {name: "x"}})
    PluginIndex(tmp_path / "cache", path=[str(site)]).names(TASKS)
    (site.install("b", {TASKS: {"b": "changed"}}), site.install("d", {TASKS: {"d": "x"}}))
    read = []
    content = shelf._content
    monkeypatch.setattr(
        shelf, "_content", lambda path: read.append(os.path.basename(os.path.dirname(path))) or content(path)
    )
    index = PluginIndex(tmp_path / "cache", path=[str(site)])
    assert [(ep.name, ep.value) for ep in index.all()] == [("a", "x"), ("b", "changed"), ("c", "x"), ("d", "x")]
    assert sorted(read) == ["b-1.0.dist-info", "d-1.0.dist-info"]


def test_a_distribution_that_was_removed_is_gone(site, tmp_path):
    import shutil

    site.install("a", {TASKS: {"a": "x"}})
    site.install("b", {TASKS: {"b": "x"}})
    PluginIndex(tmp_path / "cache", path=[str(site)]).names(TASKS)
    shutil.rmtree(site.folder / "a-1.0.dist-info")
    assert PluginIndex(tmp_path / "cache", path=[str(site)]).names(TASKS) == ["b"]


def _with_checksum(body: bytes, version: int = sys.hexversion) -> bytes:
    import zlib

    return f"4 {version:x} {zlib.crc32(body):08x}\n".encode() + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"1 00000000\n{}",
        b'{"format":0}',
        _with_checksum(b"not marshal"),
        _with_checksum(marshal.dumps([])),
        _with_checksum(marshal.dumps({"path": 1})),
        _with_checksum(marshal.dumps({"path": "x" * 50})[:20]),
    ],
    ids=["empty", "cut", "binary", "list", "checksum", "old", "marshal", "another", "short", "ends"],
)
def test_a_corrupt_cache_is_rebuilt_silently(site, tmp_path, content, caplog):
    site.install("my-plugin", {TASKS: {"sql": "x"}})
    PluginIndex(tmp_path / "cache", path=[str(site)]).names(TASKS)
    (file,) = cache_files(tmp_path / "cache")
    sound = file.read_bytes()
    file.write_bytes(content)
    assert only(PluginIndex(tmp_path / "cache", path=[str(site)]), "sql").value == "x"
    assert file.read_bytes() == sound
    assert caplog.text == ""


def test_a_cache_in_which_one_byte_was_changed_is_not_believed(site, tmp_path):
    site.install("my-plugin", {TASKS: {"sql": "innocent"}})
    PluginIndex(tmp_path / "cache", path=[str(site)]).names(TASKS)
    (file,) = cache_files(tmp_path / "cache")
    file.write_bytes(file.read_bytes().replace(b"innocent", b"innocenu"))
    assert only(PluginIndex(tmp_path / "cache", path=[str(site)]), "sql").value == "innocent"


def test_the_cache_of_another_path_is_not_believed(site, other, tmp_path):
    site.install("my-plugin", {TASKS: {"sql": "x"}})
    PluginIndex(tmp_path / "cache", path=[str(site)]).names(TASKS)
    (mine,) = cache_files(tmp_path / "cache")
    other.install("another", {TASKS: {"other": "x"}})
    PluginIndex(tmp_path / "cache", path=[str(other)]).names(TASKS)
    (theirs,) = set(cache_files(tmp_path / "cache")) - {mine}
    mine.write_bytes(theirs.read_bytes())
    assert PluginIndex(tmp_path / "cache", path=[str(site)]).names(TASKS) == ["sql"]


def test_a_cache_folder_that_cannot_be_made_leaves_the_index_in_memory(site, tmp_path):
    (tmp_path / "file").write_text("")
    site.install("my-plugin", {TASKS: {"sql": "x"}})
    assert only(PluginIndex(tmp_path / "file" / "cache", path=[str(site)]), "sql")


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_a_cache_folder_that_others_may_write_to_is_not_used(site, tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins").chmod(0o777)
    site.install("my-plugin", {TASKS: {"sql": "x"}})
    assert only(PluginIndex(tmp_path, path=[str(site)]), "sql")
    assert cache_files(tmp_path) == []


def test_the_cache_of_another_version_of_python_is_not_believed(site, tmp_path):
    site.install("my-plugin", {TASKS: {"sql": "x"}})
    PluginIndex(tmp_path / "cache", path=[str(site)]).names(TASKS)
    (file,) = cache_files(tmp_path / "cache")
    sound = file.read_bytes()
    path, document = marshal.loads(sound.partition(b"\n")[2])
    changed = (path, {**document, "entries": {TASKS: {"other": "0 x"}}})
    file.write_bytes(_with_checksum(marshal.dumps(changed), sys.hexversion - 1))
    assert PluginIndex(tmp_path / "cache", path=[str(site)]).names(TASKS) == ["sql"]
    assert file.read_bytes() == sound


def test_many_threads_see_one_index(site, tmp_path):
    site.many(50)
    index = PluginIndex(tmp_path / "cache", path=[str(site)])
    seen = []
    threads = [threading.Thread(target=lambda: seen.append(only(index, "crowd-7").value)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["crowd_0007"] * 16


def test_a_thousand_plugins_are_looked_up_without_importing_any_nor_slow_modules(site, tmp_path):
    site.many(1000)
    code = (
        "import sys; from pathlib import Path; from flyte_core.discovery import PluginIndex\n"
        "index = PluginIndex(Path(sys.argv[1]))\n"
        "print(index.find('flyte_core.task_types', 'crowd-500')[0].label, len(index.names('flyte_core.task_types')) >= 1000)\n"
        "print([m for m in sys.modules if m.startswith('crowd') or m in\n"
        "       ('importlib_metadata', 'importlib.metadata', 'packaging.version', 'pluggy', 'zipfile')])\n"
    )
    env = {**os.environ, "PYTHONPATH": str(site)}
    for _ in ("cold", "warm"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "cache")], env=env, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines() == ["crowd-0500 1.500 True", "[]"]
