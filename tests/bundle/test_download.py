"""Bringing a bundle to its folder: whole, once, checked, and whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import errno
import gzip
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from flyte_core.bundle import (
    build_bundle,
    build_pickle_bundle,
    download_code_bundle,
    ship_bundle,
    ship_pickle_bundle,
    upload_bundle,
)
from flyte_core.errors import BundleError, StorageError, StorageNotFoundError
from flyte_core.models import CodeBundle
from flyte_core.storage.config import use_storage
from tests.bundle.conftest import everything_below
from tests.support.filesystems import small_disk

MARKER = ".flyte-core-bundle"


def download(bundle: CodeBundle) -> Path:
    path = asyncio.run(download_code_bundle(bundle)).downloaded_path
    assert path is not None
    return path


def test_the_code_is_where_the_bundle_says(tmp_path, built, project):
    bundle = built.code_bundle(destination=str(tmp_path / "a" / "code"))
    done = asyncio.run(download_code_bundle(bundle))
    assert done == bundle.with_downloaded_path(tmp_path / "a" / "code")
    assert everything_below(done.downloaded_path) == {*everything_below(project), MARKER}
    assert os.access(done.downloaded_path / "run.sh", os.X_OK)
    assert os.listdir(tmp_path / "a") == ["code"]


def test_the_working_directory_keeps_its_other_files(tmp_path, built, monkeypatch):
    work = tmp_path / "work"
    (work / "package").mkdir(parents=True)
    (work / "own.txt").write_text("own")
    (work / "package" / "own.py").write_text("own")
    (work / "package" / "tasks.py").write_text("old")
    monkeypatch.chdir(work)
    assert download(built.code_bundle()) == work
    assert everything_below(work) == {
        MARKER,
        "own.txt",
        "package",
        "package/__init__.py",
        "package/own.py",
        "package/tasks.py",
        "run.sh",
    }
    assert (work / "package" / "tasks.py").read_text() == "x = 1\n"


@pytest.mark.parametrize("there", [False, True], ids=["new", "there"])
def test_a_second_call_does_nothing(tmp_path, built, there):
    code = tmp_path / "code"
    if there:
        code.mkdir()
    bundle = built.code_bundle(destination=str(code))
    download(bundle)
    built.path.unlink()
    (code / "package" / "tasks.py").write_text("changed since")
    assert download(bundle) == code
    assert (code / "package" / "tasks.py").read_text() == "changed since"


def test_another_bundle_replaces_the_one_before_and_the_other_way_round(tmp_path, project, built):
    (project / "package" / "tasks.py").write_text("x = 2\n")
    other = build_bundle(project, copy_style="all")
    for one, text in ((built, "x = 1\n"), (other, "x = 2\n"), (built, "x = 1\n"), (other, "x = 2\n")):
        code = download(one.code_bundle(destination=str(tmp_path / "code")))
        assert (code / "package" / "tasks.py").read_text() == text


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda code: (code / "package").write_text("a file"), "package is a file, and in the way"),
        (lambda code: (code / "package").symlink_to(code.parent), "package is a link, and in the way"),
        (lambda code: (code / "run.sh").mkdir(), "run.sh is a folder, and in the way"),
    ],
    ids=["file", "link", "folder"],
)
def test_what_is_in_the_way_is_named_and_nothing_gets_out(tmp_path, built, prepare, message):
    code = tmp_path / "home" / "code"
    code.mkdir(parents=True)
    prepare(code)
    with pytest.raises(BundleError, match=message):
        download(built.code_bundle(destination=str(code)))
    assert everything_below(code.parent) <= {
        "code",
        "code/package",
        "code/run.sh",
        "code/package/__init__.py",
        "code/package/tasks.py",
    }
    assert not (code.parent / "tasks.py").exists()


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path, built):
    code = tmp_path / "code"
    code.mkdir()
    (tmp_path / "precious").write_text("precious")
    (code / "run.sh").symlink_to(tmp_path / "precious")
    download(built.code_bundle(destination=str(code)))
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (code / "run.sh").is_symlink()


# ---- not what it should be -------------------------------------------------------------------------------


def test_another_content_than_the_name_says_is_refused(tmp_path, project, built):
    (project / "package" / "tasks.py").write_text("harm = True\n")
    other = build_bundle(project, copy_style="all")
    tampered = tmp_path / built.name
    shutil.copyfile(other.path, tampered)
    bundle = CodeBundle(tgz=str(tampered), computed_version="v1", destination=str(tmp_path / "code"))
    with pytest.raises(BundleError, match=f"{built.digest}.*its content has the hash {other.digest}"):
        download(bundle)
    assert not (tmp_path / "code").exists()


def test_another_content_than_the_version_says_is_refused(tmp_path, built):
    shutil.copyfile(built.path, tmp_path / "code.tgz")
    right = CodeBundle(
        tgz=str(tmp_path / "code.tgz"), computed_version=built.digest, destination=str(tmp_path / "right")
    )
    assert download(right) == tmp_path / "right"
    wrong = attrs.evolve(right, computed_version="0" * 64, destination=str(tmp_path / "wrong"))
    with pytest.raises(BundleError, match="its content has the hash"):
        download(wrong)
    assert not (tmp_path / "wrong").exists()


def test_a_name_and_a_version_of_two_contents_are_refused(built):
    with pytest.raises(BundleError, match="its name has another hash than its version"):
        download(attrs.evolve(built.code_bundle(), computed_version="0" * 64))


@pytest.mark.parametrize("version", ["v1", "0123456789abcdef0123456789abcdef", ""])
def test_a_version_that_is_no_hash_of_content_says_nothing(tmp_path, built, version):
    bundle = attrs.evolve(built.code_bundle(destination=str(tmp_path / "code")), computed_version=version)
    assert download(bundle) == tmp_path / "code"


@pytest.mark.parametrize("cut", [0, 5, 100, -1])
def test_an_archive_that_was_cut_is_refused_by_name(tmp_path, built, cut):
    built.path.write_bytes(built.path.read_bytes()[:cut])
    with pytest.raises(BundleError, match=f"{built.name}: it is damaged or incomplete"):
        download(built.code_bundle(destination=str(tmp_path / "code")))
    assert not (tmp_path / "code").exists()


def test_an_archive_that_is_not_there_is_not_found(tmp_path, built):
    built.path.unlink()
    with pytest.raises(StorageNotFoundError, match=built.name):
        download(built.code_bundle(destination=str(tmp_path / "code")))


# ---- processes -------------------------------------------------------------------------------------------

#: Downloads a bundle, and stops for good before the n-th call of a function.
STOPPING = """
import asyncio, importlib, sys, threading
from flyte_core.bundle import download_code_bundle
from flyte_core.models import CodeBundle
tgz, destination, module, function, calls = sys.argv[1:]
if module:
    holder = importlib.import_module(module)
    *path, name = function.split(".")
    for part in path:
        holder = getattr(holder, part)
    real, left = getattr(holder, name), int(calls)
    def stop(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            print("ready", flush=True)
            threading.Event().wait()
        return real(*args, **kwargs)
    setattr(holder, name, stop)
print(asyncio.run(download_code_bundle(CodeBundle(tgz=tgz, computed_version="v1", destination=destination))).downloaded_path)
"""


@contextlib.contextmanager
def start(bundle: CodeBundle, module: str = "", function: str = "", calls: int = 0) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", STOPPING, str(bundle.tgz), bundle.destination, module, function, str(calls)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("there", "module", "function", "calls"),
    [
        (False, "flyte_core.bundle.extraction", "_write_all", 0),
        (False, "flyte_core.bundle.extraction", "_write_all", 1),
        (False, "flyte_core.bundle.placing", "atomic_write", 0),
        (True, "flyte_core.bundle.extraction", "_write_all", 1),
        (True, "flyte_core.bundle.placing", "os.replace", 0),
        (True, "flyte_core.bundle.placing", "os.replace", 2),
        (True, "flyte_core.bundle.placing", "atomic_write", 0),
    ],
)
def test_after_a_process_was_killed_the_next_one_does_all_of_it(
    tmp_path, project, built, there, module, function, calls
):
    code = tmp_path / "home" / "code"
    code.parent.mkdir()
    if there:
        code.mkdir()
        (code / "own.py").touch()
    bundle = built.code_bundle(destination=str(code))
    with start(bundle, module, function, calls) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (code / MARKER).exists()
        assert code.exists() == there
    assert download(bundle) == code
    own = {"own.py"} if there else set()
    assert everything_below(code) == {*everything_below(project), MARKER, *own}
    assert os.listdir(code.parent) == ["code"]


def test_code_that_another_bundle_replaced_in_part_is_not_taken_for_complete(tmp_path, project, built):
    (project / "package" / "tasks.py").write_text("x = 2\n")
    other = build_bundle(project, copy_style="all").code_bundle(destination=str(tmp_path / "code"))
    bundle = built.code_bundle(destination=str(tmp_path / "code"))
    download(bundle)
    with start(other, "flyte_core.bundle.placing", "os.replace", 2) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    assert (tmp_path / "code" / "package" / "tasks.py").read_text() == "x = 2\n"
    assert (download(bundle) / "package" / "tasks.py").read_text() == "x = 1\n"


def test_one_of_many_processes_unpacks_and_all_of_them_find_the_code(tmp_path, project, built):
    bundle = built.code_bundle(destination=str(tmp_path / "home" / "code"))
    with start(bundle, "flyte_core.bundle.extraction", "_write_all", 0) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "ready\n"
        with start(bundle) as second, start(bundle) as third, start(bundle) as fourth:
            first.kill()
            first.wait()
            for process in (second, third, fourth):
                out, err = process.communicate(timeout=120)
                assert (process.returncode, out.strip()) == (0, bundle.destination), err
    assert everything_below(tmp_path / "home") == {
        "code",
        f"code/{MARKER}",
        *(f"code/{path}" for path in everything_below(project)),
    }


def test_processes_without_a_common_lock_do_each_other_no_harm(tmp_path, project, built, monkeypatch):
    """As containers that share a folder, and no cache folder."""
    bundle = built.code_bundle(destination=str(tmp_path / "code"))
    (tmp_path / "code").mkdir()
    with start(bundle, "flyte_core.bundle.placing", "os.replace", 1) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "ready\n"
        monkeypatch.setenv("FLYTE_CORE_CACHE_DIR", str(tmp_path / "another"))
        assert download(bundle) == tmp_path / "code"
        assert {path for path in everything_below(tmp_path / "code") if "draft" not in path} == {
            *everything_below(project),
            MARKER,
        }
        drafts = [name for name in os.listdir(tmp_path / "code") if name.endswith("draft")]
        assert len(drafts) == 1, "what a living process writes is not taken away"
        first.kill()


def test_a_download_that_is_cancelled_ends_and_leaves_nothing(tmp_path, built, monkeypatch):
    from flyte_core.bundle import extraction

    async def cancelled() -> None:
        running = asyncio.ensure_future(
            download_code_bundle(built.code_bundle(destination=str(tmp_path / "home" / "code")))
        )
        real, loop = extraction._write_all, asyncio.get_running_loop()

        def write(descriptor: int, data: bytes) -> None:
            real(descriptor, data)
            asyncio.run_coroutine_threadsafe(cancel(), loop).result()

        async def cancel() -> None:
            running.cancel()

        monkeypatch.setattr(extraction, "_write_all", write)
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancelled())
    assert os.listdir(tmp_path / "home") == []


# ---- disks and permissions -------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [False, True], ids=["new", "there"])
def test_a_full_disk_is_reported_and_nothing_stays(tmp_path, project, cache, inside):
    (project / "data.bin").write_bytes(secrets.token_bytes(3 * 2**20))
    built = build_bundle(project, copy_style="all")
    with small_disk(tmp_path / "small") as disk:
        code = disk if inside else disk / "code"
        with pytest.raises(StorageError, match=f"{built.name}: No space left on device") as raised:
            download(built.code_bundle(destination=str(code)))
        assert raised.value.errno == errno.ENOSPC
        assert os.listdir(disk) == []


def test_a_destination_that_is_a_file_is_refused(tmp_path, built):
    (tmp_path / "code").write_text("a file")
    with pytest.raises(StorageError, match="code"):
        download(built.code_bundle(destination=str(tmp_path / "code")))
    assert (tmp_path / "code").read_text() == "a file"


# ---- object stores ---------------------------------------------------------------------------------------


@pytest.fixture
def bucket(s3_server) -> str:
    use_storage(s3_server.config())
    return f"{s3_server.prefix}/{secrets.token_hex(6)}"


@pytest.fixture
def reach(s3_server, faulty) -> str:
    use_storage(
        s3_server.config(endpoint=f"http://127.0.0.1:{faulty.port}", retries=1, backoff=dt.timedelta(milliseconds=10))
    )
    return f"{s3_server.prefix}/{secrets.token_hex(6)}"


def test_a_bundle_goes_through_an_object_store(tmp_path, project, cache, bucket):
    bundle = asyncio.run(ship_bundle(project, bucket, copy_style="all", destination=str(tmp_path / "code")))
    assert bundle.tgz == f"{bucket}/fast{bundle.computed_version}.tar.gz"
    assert everything_below(download(bundle)) == {*everything_below(project), MARKER}
    assert os.listdir(tmp_path / "code" / "..") != []


def test_what_is_there_is_neither_packed_nor_stored_again(project, cache, reach, faulty, monkeypatch):
    first = asyncio.run(ship_bundle(project, reach, copy_style="all"))
    stored = len(faulty.asked("PUT"))
    shutil.rmtree(cache)
    monkeypatch.setattr("flyte_core.bundle.packing.write_archive", None)
    assert asyncio.run(ship_bundle(project, reach, copy_style="all")) == first
    assert len(faulty.asked("PUT")) == stored == 1


def test_what_was_built_is_stored_once_and_again_where_its_size_is_another(built, reach, faulty):
    asyncio.run(upload_bundle(built, reach))
    bundle = asyncio.run(upload_bundle(built, reach))
    assert len(faulty.asked("PUT")) == 1
    from flyte_core import storage

    storage.write_bytes_sync(bundle.tgz, b"other")
    assert asyncio.run(upload_bundle(built, reach)) == bundle
    assert storage.info_sync(bundle.tgz).size == built.path.stat().st_size


@pytest.mark.parametrize(
    "fault",
    [
        {"status": "503 Slow Down", "times": 99},
        {"status": "403 Forbidden", "times": 99},
        {"refuse": True, "times": 99},
        {"cut_after": 50, "times": 99},
        {"truncate_to": 50, "times": 99},
        {"alter_at": 60, "times": 99},
    ],
    ids=["overloaded", "forbidden", "refused", "cut", "truncated", "altered"],
)
def test_a_storage_that_fails_is_an_error_and_leaves_nothing(tmp_path, project, cache, reach, faulty, fault):
    bundle = asyncio.run(ship_bundle(project, reach, copy_style="all", destination=str(tmp_path / "home" / "code")))
    (tmp_path / "home").mkdir()
    faulty.add(when=lambda request: request.method == "GET", **fault)
    with pytest.raises(StorageError, match=bundle.computed_version):
        download(bundle)
    assert os.listdir(tmp_path / "home") == []


def test_a_fault_that_passes_is_not_noticed(tmp_path, project, cache, reach, faulty):
    bundle = asyncio.run(ship_bundle(project, reach, copy_style="all", destination=str(tmp_path / "code")))
    faulty.add(when=lambda request: request.method == "GET", status="503 Slow Down")
    assert download(bundle) == tmp_path / "code"


def test_a_bundle_that_cannot_be_stored_is_an_error(project, cache, reach, faulty):
    faulty.add(when=lambda request: request.method == "PUT", status="403 Forbidden", times=99)
    with pytest.raises(StorageError, match="fast"):
        asyncio.run(ship_bundle(project, reach, copy_style="all"))


# ---- pickles ---------------------------------------------------------------------------------------------


@pytest.fixture
def task():
    from flyte_core import TaskEnvironment

    env = TaskEnvironment("pickled_bundle")
    factor = 3

    @env.task
    async def triple(x: int) -> int:
        return factor * x

    return triple


def test_a_pickled_task_comes_to_its_folder_once(tmp_path, task, cache):
    bundle = asyncio.run(ship_pickle_bundle(task, str(tmp_path / "base"), root=tmp_path))
    assert bundle.pkl == str(tmp_path / "base" / f"task{bundle.computed_version}.pkl.gz")
    bundle = attrs.evolve(bundle, destination=str(tmp_path / "code"))
    path = download(bundle)
    assert path == tmp_path / "code" / Path(bundle.pkl).name
    os.unlink(bundle.pkl)
    assert download(bundle) == path
    path.write_bytes(b"damaged since")
    with pytest.raises(StorageNotFoundError):
        download(bundle)


def test_a_pickled_task_of_another_hash_is_refused(tmp_path, task, cache):
    built = build_pickle_bundle(task, root=tmp_path, out=tmp_path / "out")
    for content, message in ((gzip.compress(b"harm"), "its content has the hash"), (b"harm", "damaged or incomplete")):
        built.path.write_bytes(content)
        with pytest.raises(BundleError, match=message):
            download(built.code_bundle(destination=str(tmp_path / "code")))
    assert not (tmp_path / "code").exists()


def test_a_task_that_cannot_be_pickled_is_named(tmp_path, cache):
    import threading

    from flyte_core import TaskEnvironment
    from flyte_core.errors import SerializationError

    env = TaskEnvironment("unpickled_bundle")
    lock = threading.Lock()

    @env.task
    async def locked() -> None:
        lock.acquire()

    with pytest.raises(SerializationError, match=r"task 'unpickled_bundle.locked' cannot be pickled: TypeError.*lock"):
        build_pickle_bundle(locked, root=tmp_path)
