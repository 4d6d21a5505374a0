"""What goes into a bundle, under which name, and what comes out again."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyte_core.bundle import build_bundle, download_code_bundle
from flyte_core.errors import InvalidValueError, MissingSourceError, SourceError
from tests.bundle.conftest import everything_below

PARTS = st.text(
    st.characters(exclude_characters="/\\\0:!", exclude_categories=("Cs",)), min_size=1, max_size=20
).filter(lambda part: part not in (".", "..") and len(part.encode()) < 120)
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
TREES = st.dictionaries(NAMES, st.tuples(st.binary(max_size=3000), st.booleans()), max_size=8)


def write(root: Path, tree: dict[str, tuple[bytes, bool]]) -> dict[str, tuple[bytes, bool]]:
    """Write as much of a generated tree as can be: one name may be a folder of another."""
    written: dict[str, tuple[bytes, bool]] = {}
    for name, (content, executable) in tree.items():
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError:
            continue
        path.chmod(0o755 if executable else 0o644)
        written[name] = content, executable
    return written


def read(root: Path) -> dict[str, tuple[bytes, bool]]:
    return {
        os.path.relpath(path, root): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in root.rglob("*")
        if path.is_file() and path.name != ".flyte-core-bundle"
    }


def every_name(tree) -> set[str]:
    return {"/".join(name.split("/")[:count]) for name in tree for count in range(1, name.count("/") + 2)}


def fold(name: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


@settings(max_examples=60)
@given(tree=TREES, seed=st.randoms())
def test_what_is_packed_comes_out_again_and_its_name_depends_on_nothing_else(tree, seed):
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder, "one"), Path(folder, "elsewhere", "other")
        one.mkdir()
        other.mkdir(parents=True)
        shuffled = list(tree.items())
        seed.shuffle(shuffled)
        written = write(one, tree)
        assert write(other, {name: value for name, value in shuffled if name in written}).keys() == written.keys()
        for path in other.rglob("*"):
            os.utime(path, (seed.randrange(10**9), seed.randrange(10**9)))
        try:
            built = build_bundle(one, copy_style="all", out=Path(folder, "out"))
        except SourceError:  # names that are one on some systems
            assert len({fold(name) for name in every_name(written)}) < len(every_name(written))
            return
        assert build_bundle(other, copy_style="all", dry_run=True).digest == built.digest
        bundle = built.code_bundle(destination=str(Path(folder, "code")))
        assert read(asyncio.run(download_code_bundle(bundle)).downloaded_path) == {
            name: value for name, value in written.items() if name in {entry.path for entry in built.entries}
        }


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "package" / "tasks.py").write_text("x = 2\n"),
        lambda root: (root / "run.sh").chmod(0o644),
        lambda root: (root / "run.sh").rename(root / "go.sh"),
        lambda root: (root / "new.py").touch(),
        lambda root: (root / "package" / "link").symlink_to("tasks.py"),
        lambda root: (root / "package" / "tasks.py").unlink(),
    ],
    ids=["content", "mode", "name", "new", "link", "gone"],
)
def test_another_content_has_another_name(project, cache, change):
    before = build_bundle(project, copy_style="all", dry_run=True).digest
    change(project)
    assert build_bundle(project, copy_style="all", dry_run=True).digest != before


def test_the_archive_has_nothing_of_who_packed_it(built):
    with tarfile.open(built.path) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == ["package/__init__.py", "package/tasks.py", "run.sh"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
    assert [member.mode for member in members] == [0o644, 0o644, 0o755]
    assert built.path.name == f"fast{built.digest}.tar.gz"
    assert built.path.read_bytes()[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\x03"


def test_tar_reads_what_is_packed(tmp_path, built, project):
    (tmp_path / "code").mkdir()
    subprocess.run(["tar", "xzf", built.path, "-C", tmp_path / "code"], check=True)
    assert read(tmp_path / "code") == read(project)


def test_the_bytes_are_the_same_in_every_process(tmp_path, project):
    code = (
        "import sys; from flyte_core.bundle import build_bundle; build_bundle(sys.argv[1], copy_style='all', out='.')"
    )
    for number, processors in enumerate(("0", None)):
        (tmp_path / f"p{number}").mkdir()
        words = [sys.executable, "-c", code, str(project)]
        pinned = [] if processors is None or shutil.which("taskset") is None else ["taskset", "-c", processors]
        environ = {**os.environ, "PYTHONHASHSEED": str(number), "FLYTE_CORE_CACHE_DIR": str(tmp_path / f"c{number}")}
        subprocess.run([*pinned, *words], check=True, cwd=tmp_path / f"p{number}", env=environ)
    first, second = (next((tmp_path / f"p{number}").iterdir()) for number in range(2))
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_files_larger_than_a_block_come_out_again(tmp_path, project, cache):
    large = random.Random(7).randbytes(3 * 2**20 + 17) + bytes(2**21)
    (project / "large.bin").write_bytes(large)
    (project / "text.txt").write_text("word " * 600_000)
    built = build_bundle(project, copy_style="all")
    bundle = built.code_bundle(destination=str(tmp_path / "code"))
    assert read(asyncio.run(download_code_bundle(bundle)).downloaded_path) == read(project)


def test_an_empty_project_has_a_bundle_too(tmp_path, cache):
    (tmp_path / "empty").mkdir()
    built = build_bundle(tmp_path / "empty", copy_style="all")
    assert asyncio.run(download_code_bundle(built.code_bundle(destination=str(tmp_path / "code")))).downloaded_path


# ---- not twice -------------------------------------------------------------------------------------------


def test_what_was_packed_before_is_not_packed_again(tmp_path, project, cache, monkeypatch):
    first = build_bundle(project, copy_style="all")
    monkeypatch.setattr("flyte_core.bundle.packing.write_archive", None)
    second = build_bundle(project, copy_style="all", out=tmp_path / "out")
    assert (first.reused, second.reused) == (False, True)
    assert second.path == tmp_path / "out" / first.name
    assert second.path.read_bytes() == first.path.read_bytes()


def test_bundles_that_were_not_used_for_long_are_forgotten(project, cache):
    names = []
    for number in range(25):
        (project / "package" / "tasks.py").write_text(f"x = {number}\n")
        built = build_bundle(project, copy_style="all")
        os.utime(built.path, (number, number))
        names.append(built.name)
    kept = {path.name for path in built.path.parent.iterdir()}
    assert kept == set(names[-20:])


def test_a_dry_run_writes_nothing(project, cache):
    assert build_bundle(project, copy_style="all", dry_run=True).path is None
    assert not (cache / "bundles").exists()


# ---- which files -----------------------------------------------------------------------------------------


def paths(built) -> list[str]:
    return [entry.path for entry in built.entries]


def reasons(built) -> dict[str, str]:
    return {one.path: one.reason for one in built.left_out}


def test_ignore_files_and_the_standard_set_leave_files_out_and_say_so(project, cache):
    (project / ".gitignore").write_text("# logs\n*.log\n/data/\n")
    (project / ".dockerignore").write_text("**/*.tmp\n!keep.log\n")
    (project / "package" / ".gitignore").write_text("local.py\n/anchored.py\n")
    for name in (
        "a.log",
        "keep.log",
        "b.tmp",
        "data/x.csv",
        "package/__pycache__/tasks.pyc",
        "package/local.py",
        "package/sub/local.py",
        "package/anchored.py",
        "package/sub/anchored.py",
        "local.py",
        ".venv/lib/x.py",
        ".flyte-core-bundle",
    ):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(name)
    built = build_bundle(project, copy_style="all", dry_run=True)
    assert paths(built) == [
        ".dockerignore",
        ".gitignore",
        "keep.log",
        "local.py",
        "package/.gitignore",
        "package/__init__.py",
        "package/sub/anchored.py",
        "package/tasks.py",
        "run.sh",
    ]
    assert reasons(built) == {
        ".flyte-core-bundle": "the standard set: **/*.flyte-core-bundle*",
        ".venv/": "the standard set: **/.venv",
        "a.log": ".gitignore, line 2: *.log",
        "b.tmp": ".dockerignore, line 1: **/*.tmp",
        "data/": ".gitignore, line 3: /data/",
        "package/__pycache__/": "the standard set: **/__pycache__",
        "package/anchored.py": "package/.gitignore, line 2: /anchored.py",
        "package/local.py": "package/.gitignore, line 1: local.py",
        "package/sub/local.py": "package/.gitignore, line 1: local.py",
    }


def test_ignore_files_of_the_repository_above_count(tmp_path, project, cache):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*.log\n/project/only.py\n/run.sh\n")
    (project / "a.log").touch()
    (project / "only.py").touch()
    built = build_bundle(project, copy_style="all", dry_run=True)
    assert paths(built) == ["package/__init__.py", "package/tasks.py", "run.sh"]
    assert reasons(built) == {
        "a.log": "../.gitignore, line 1: *.log",
        "only.py": "../.gitignore, line 2: /project/only.py",
    }


def test_git_ignores_the_same_files(project, cache):
    """The same ignore files in Git itself, in a repository with folders that have special signs in their names."""
    if shutil.which("git") is None:
        pytest.fail("no git")
    lines = ["*.log", "!important.log", "build/", "/top.txt", "a/**/z", "doc/*.txt", "sp ace", "[ab].bin", "\\!x", "#c"]
    generator = random.Random(3)
    folders = ["", "a", "a/b", "doc", "build", "w[x]", "sp ace", "doc/sub dir"]
    for folder in folders:
        (project / folder).mkdir(parents=True, exist_ok=True)
        for name in ("m.log", "important.log", "top.txt", "z", "a.bin", "c.bin", "!x", "plain.py"):
            (project / folder / name).write_text(name)
        (project / folder / ".gitignore").write_text("\n".join(generator.sample(lines, 4)))
    subprocess.run(["git", "init", "-q", project], check=True)
    words = ["git", "-C", str(project), "-c", "core.quotePath=off", "ls-files", "-z", "--others", "--exclude-standard"]
    listed = subprocess.run(words, check=True, capture_output=True).stdout.decode().split("\0")
    assert paths(build_bundle(project, copy_style="all", dry_run=True)) == sorted(filter(None, listed))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["package/tasks.py"], ["package/tasks.py"]),
        (["package"], ["package/__init__.py", "package/tasks.py"]),
        (["**/*.py", "./run.sh"], ["package/__init__.py", "package/tasks.py", "run.sh"]),
        (["*.sh"], ["run.sh"]),
        (["."], ["package/__init__.py", "package/tasks.py", "run.sh"]),
        (["{root}/run.sh"], ["run.sh"]),
    ],
)
def test_a_list_has_files_folders_and_patterns(project, cache, wanted, found):
    built = build_bundle(project, copy_style=[one.format(root=project) for one in wanted], dry_run=True)
    assert paths(built) == found
    assert set(reasons(built).values()) <= {"it is not in the list"}


@pytest.mark.parametrize(
    ("wanted", "kind", "message"),
    [
        ("nowhere.py", MissingSourceError, "no such file or folder"),
        ("*.sql", MissingSourceError, "no file of the project matches"),
        ("../other", SourceError, "outside of the project"),
        ("a.log", SourceError, r"left out by \.gitignore, line 1: \*\.log; keep it with '!'"),
    ],
)
def test_what_is_named_and_cannot_be_had_is_an_error(project, cache, wanted, kind, message):
    (project / ".gitignore").write_text("*.log")
    (project / "a.log").touch()
    with pytest.raises(kind, match=message):
        build_bundle(project, copy_style=[wanted], dry_run=True)


LOADED = """
import sys
sys.path[:0] = [{root!r}, {root!r} + '/.venv/lib/python/site-packages']
import importlib, json
for name in ("package.tasks", "ignored", "installed", "json", "numbers"):
    importlib.import_module(name)
from flyte_core.bundle import build_bundle
built = build_bundle({root!r}, include=["*.sql"], dry_run=True)
print(json.dumps([[entry.path for entry in built.entries], {{one.path: one.reason for one in built.left_out}}]))
"""


def test_the_modules_that_are_imported_are_packed_and_no_installed_ones(project, cache):
    (project / "ignored.py").touch()
    (project / "query.sql").touch()
    (project / "other.py").touch()
    (project / ".gitignore").write_text("ignored.py")
    site = project / ".venv" / "lib" / "python" / "site-packages"
    site.mkdir(parents=True)
    (site / "installed.py").touch()
    code = LOADED.format(root=str(project))
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=True)
    import json

    found, left = json.loads(done.stdout)
    assert found == ["package/__init__.py", "package/tasks.py", "query.sql"]
    assert left == {
        ".gitignore": "it is no module that is imported",
        ".venv/": "the standard set: **/.venv",
        "ignored.py": ".gitignore, line 1: ignored.py",
        "other.py": "it is no module that is imported",
        "run.sh": "it is no module that is imported",
    }
    assert "module ignored is imported, but its file ignored.py is left out" in done.stderr


def test_flyte_core_itself_goes_along_only_as_the_project(tmp_path, cache):
    import flyte_core

    folder = Path(flyte_core.__file__).parent
    assert "flyte_core/__init__.py" in paths(build_bundle(folder.parent, dry_run=True))
    assert not [path for path in paths(build_bundle(folder.parent.parent, dry_run=True)) if "/flyte_core/" in path]


@pytest.mark.parametrize("style", ["loaded", "none", ""])
def test_another_style_is_refused(project, style):
    with pytest.raises(InvalidValueError, match="'loaded_modules', 'all', or a list"):
        build_bundle(project, copy_style=style)


# ---- links -----------------------------------------------------------------------------------------------


def test_links_to_what_is_packed_stay_links_and_others_become_files(tmp_path, project, cache):
    (tmp_path / "shared.csv").write_text("shared")
    (project / "inside").symlink_to("package/tasks.py")
    (project / "absolute").symlink_to(project / "package" / "tasks.py")
    (project / "folder").symlink_to("package")
    (project / "package" / "over").symlink_to("../folder/../run.sh")
    (project / "outside.csv").symlink_to("../shared.csv")
    (project / "dangling").symlink_to("nowhere")
    (project / "loop").symlink_to("loop")
    (project / "empty").mkdir()
    (project / "to_empty").symlink_to("empty")
    built = build_bundle(project, copy_style="all", dry_run=True)
    links = {entry.path: entry.target for entry in built.entries if entry.kind == "link"}
    assert links == {
        "inside": "package/tasks.py",
        "absolute": "package/tasks.py",
        "folder": "package",
        "package/over": "../run.sh",
    }
    assert "outside.csv" in paths(built)
    assert {path: reason.partition(" (")[0] for path, reason in reasons(built).items()} == {
        "dangling": "its target 'nowhere' cannot be reached",
        "loop": "its target 'loop' cannot be reached",
        "to_empty": "it is a link to the folder 'empty', of which nothing is in the bundle",
    }
    bundle = build_bundle(project, copy_style="all").code_bundle(destination=str(tmp_path / "code"))
    code = asyncio.run(download_code_bundle(bundle)).downloaded_path
    assert (code / "outside.csv").read_text() == "shared"
    assert not (code / "outside.csv").is_symlink()
    assert (code / "package" / "over").read_text() == "#!/bin/sh\n"


def test_a_link_to_a_folder_outside_is_an_error(tmp_path, project, cache):
    (tmp_path / "elsewhere").mkdir()
    (project / "there").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match=r"there.*folder outside of the project.*copy the folder, or ignore it"):
        build_bundle(project, copy_style="all")


# ---- files that cannot be packed -------------------------------------------------------------------------


def changing(monkeypatch: pytest.MonkeyPatch, change) -> None:
    """Change something between the moment that files are chosen and the one that they are packed."""
    from flyte_core.bundle import packing

    real = packing.write_archive
    monkeypatch.setattr(packing, "write_archive", lambda *args: (change(), real(*args))[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "vanished while it was packed"),
        (lambda path: path.write_text("longer than before\n"), "changed while it was packed"),
        (lambda path: os.utime(path, (1, 1)), "changed while it was packed"),
    ],
    ids=["gone", "longer", "touched"],
)
def test_a_file_that_changes_meanwhile_is_named(project, cache, monkeypatch, change, message):
    changing(monkeypatch, lambda: change(project / "package" / "tasks.py"))
    with pytest.raises(SourceError, match=f"package/tasks.py.*{message}"):
        build_bundle(project, copy_style="all")
    assert everything_below(cache / "bundles") == set()


def test_content_that_changes_under_the_same_stamp_is_noticed(project, cache, monkeypatch):
    path = project / "package" / "tasks.py"

    def change() -> None:
        seen = path.stat()
        path.write_text("y = 9\n")
        os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))

    changing(monkeypatch, change)
    with pytest.raises(SourceError, match="files have changed while they were packed"):
        build_bundle(project, copy_style="all")
    assert everything_below(cache / "bundles") == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
def test_a_file_that_cannot_be_read_is_named(tmp_path, project):
    (project / "package" / "tasks.py").chmod(0)
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.geteuid() and folder.stat().st_mode & 0o005 != 0o005 and "pytest" in str(folder):
            folder.chmod(folder.stat().st_mode | 0o005)
    code = (
        "import os, sys\nfrom flyte_core.bundle import build_bundle\nos.setgid(65534)\nos.setuid(65534)\n"
        "try:\n    build_bundle(sys.argv[1], copy_style='all')\nexcept OSError as error:\n    print(type(error).__name__, error)"
    )
    environ = {**os.environ, "FLYTE_CORE_CACHE_DIR": str(tmp_path / "cache")}
    words = [
        sys.executable,
        "-c",
        "import flyte_core.sources, flyte_core.bundle.build, flyte_core.bundle.packing\n" + code,
    ]
    done = subprocess.run([*words, str(project)], capture_output=True, text=True, env=environ)
    assert "SourceError" in done.stdout, done.stderr
    assert "package/tasks.py" in done.stdout
    assert "Permission denied" in done.stdout


@pytest.mark.parametrize("names", [("a.py", "A.py"), ("\u00e9", "e\u0301"), ("C:x",)])
def test_names_that_not_every_system_can_have_are_refused(project, cache, names):
    for name in names:
        (project / name).touch()
    with pytest.raises(SourceError, match="rename it, or leave it out"):
        build_bundle(project, copy_style="all")


def test_a_name_that_is_no_text_comes_out_again(tmp_path, project, cache):
    (project / os.fsdecode(b"\xff\xfe.bin")).write_bytes(b"x")
    built = build_bundle(project, copy_style="all")
    code = asyncio.run(download_code_bundle(built.code_bundle(destination=str(tmp_path / "code")))).downloaded_path
    assert b"\xff\xfe.bin" in os.listdir(os.fsencode(code))


def test_a_large_bundle_is_warned_of_with_its_largest_files(project, cache, caplog):
    with open(project / "model.bin", "wb") as file:
        file.truncate(101 * 2**20)
    with caplog.at_level(logging.WARNING, logger="flyte_core"):
        build_bundle(project, copy_style="all", dry_run=True)
    assert "largest files: model.bin (105.9 MB), run.sh" in caplog.text


def test_what_would_not_be_unpacked_is_not_packed(project, cache):
    with open(project / "zeros.bin", "wb") as file:
        file.truncate(101 * 2**20)
    with pytest.raises(SourceError, match=r"zeros.bin.*more than 300 times its own size"):
        build_bundle(project, copy_style="all")
    assert everything_below(cache / "bundles") == set()


@pytest.mark.parametrize(("root", "kind"), [("nowhere", MissingSourceError), ("run.sh", SourceError)])
def test_a_root_that_is_no_folder_is_an_error(project, root, kind):
    with pytest.raises(kind, match=root):
        build_bundle(project / root, copy_style="all")
