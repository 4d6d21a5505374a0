"""flyte_core.storage: one file, put and got, locally: complete and unchanged, or not there at all."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flyte_core import storage
from flyte_core.context import use_task_context
from flyte_core.errors import (
    InvalidTypeError,
    InvalidValueError,
    StorageError,
    StorageIntegrityError,
    StorageNotFoundError,
    UnsafePathError,
    UnsupportedStorageError,
)
from flyte_core.models import ActionID, RawDataPath, TaskContext
from tests.support.filesystems import small_disk

SIZE = 5 * 2**20 + 3


def _awaited(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: asyncio.run(function(*args, **kwargs))


both_puts = pytest.mark.parametrize("put", [storage.put_sync, _awaited(storage.put)], ids=["sync", "async"])
both_gets = pytest.mark.parametrize("get", [storage.get_sync, _awaited(storage.get)], ids=["sync", "async"])
both_ways = pytest.mark.parametrize(
    "transfer",
    [storage.put_sync, _awaited(storage.put), storage.get_sync, _awaited(storage.get)],
    ids=["put_sync", "put", "get_sync", "get"],
)
Transfer = Callable[..., str]


def _names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    file = folder / "a.bin"
    file.write_bytes(os.urandom(SIZE))
    return file


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


class Meddling(storage.HashlibAccumulator):
    """A hash that does something when it gets the first piece."""

    def __init__(self, meddle: Callable[[], object]) -> None:
        super().__init__(hashlib.sha256())
        self.meddle = meddle
        self.pieces = 0

    def update(self, data: memoryview, /) -> None:
        self.pieces += 1
        if self.pieces == 1:
            self.meddle()
        super().update(data)


@both_ways
@pytest.mark.parametrize("size", [0, 1, 2**20, SIZE])
def test_a_copy_has_the_whole_content_and_nothing_else_is_left(
    transfer: Transfer, source: Path, target: Path, size: int
) -> None:
    source.write_bytes(os.urandom(size))
    assert transfer(source, target / "b.bin") == str(target / "b.bin")
    assert (target / "b.bin").read_bytes() == source.read_bytes()
    assert _names(target) == ["b.bin"]


@both_ways
@pytest.mark.parametrize(
    "name", ["a b", "a#b?c=d%20e", "%41", "ä€𐍈", "𐍈" * 63, "x" * 255, "-", "a\nb", ".hidden", "back\\slash"]
)
def test_any_name_that_the_file_system_allows_is_kept_as_it_is(transfer: Transfer, tmp_path: Path, name: str) -> None:
    source, target = tmp_path / "one", tmp_path / "two"
    source.mkdir()
    target.mkdir()
    (source / name).write_bytes(b"content")
    assert transfer(str(source / name), str(target) + "/") == str(target / name)
    assert _names(target) == [name]
    assert Path(transfer(source / name)).name == name


@both_ways
def test_a_name_that_is_no_text_is_kept(transfer: Transfer, target: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff")
    (tmp_path / name).write_bytes(b"1")
    transfer(str(tmp_path / name), str(target))
    assert os.listdir(os.fsencode(target)) == [b"a\xff"]


@both_ways
def test_the_escapes_of_a_file_url_are_decoded(transfer: Transfer, tmp_path: Path) -> None:
    file = tmp_path / "a b%.txt"
    file.write_bytes(b"1")
    assert Path(transfer(file.as_uri(), f"file://localhost{tmp_path}/c%20d")).name == "c d"
    assert (tmp_path / "c d").read_bytes() == b"1"


@both_ways
def test_a_file_goes_into_a_folder_under_its_own_name(transfer: Transfer, source: Path, target: Path) -> None:
    assert transfer(source, target) == str(target / "a.bin")
    assert transfer(source, f"{target}/new/") == str(target / "new" / "a.bin")
    assert transfer(source, target / "made" / "too" / "b.bin") == str(target / "made" / "too" / "b.bin")


@both_ways
def test_without_a_target_a_new_path_keeps_the_name(transfer: Transfer, source: Path) -> None:
    one, other = transfer(source), transfer(str(source))
    assert one != other
    assert Path(one).name == Path(other).name == "a.bin"
    assert Path(one).read_bytes() == source.read_bytes()


@both_ways
def test_a_file_that_is_there_is_replaced_and_keeps_its_mode(transfer: Transfer, source: Path, target: Path) -> None:
    old = target / "b"
    old.write_bytes(b"old")
    old.chmod(0o640)
    transfer(source, old)
    assert old.read_bytes() == source.read_bytes()
    assert stat.S_IMODE(old.stat().st_mode) == 0o640


@both_ways
@pytest.mark.parametrize("name", ["sha256", "md5", "blake2b"])
def test_a_hash_gets_exactly_the_content(transfer: Transfer, source: Path, target: Path, name: str) -> None:
    accumulator = storage.HashlibAccumulator.from_hash_name(name)
    transfer(source, target / "b", hash_method=accumulator)
    assert accumulator.result() == hashlib.new(name, source.read_bytes()).hexdigest()


@both_ways
def test_a_hash_that_fails_fails_the_copy(transfer: Transfer, source: Path, target: Path) -> None:
    def fail() -> None:
        raise RuntimeError("no hash today")

    with pytest.raises(RuntimeError, match="no hash today"):
        transfer(source, target / "b", hash_method=Meddling(fail))
    assert _names(target) == []


@both_ways
def test_a_target_that_is_the_source_is_left_as_it_is(transfer: Transfer, source: Path) -> None:
    content = source.read_bytes()
    link = source.with_name("link")
    link.symlink_to(source)
    accumulator = storage.HashlibAccumulator.from_hash_name("sha256")
    for other in (source, source.parent, link, source.parent / ".." / "source" / "a.bin"):
        transfer(source, other)
    transfer(link, source, hash_method=accumulator)
    assert source.read_bytes() == content
    assert accumulator.result() == hashlib.sha256(content).hexdigest()
    assert link.is_symlink()


def _grow(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(b"more")


def _grow_much(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(bytes(SIZE))


def _rewrite(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(b"other")
    os.utime(file, ns=(1, 1))


def _replace(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(bytes(SIZE))
    other.replace(file)


@both_ways
@pytest.mark.parametrize(
    ("meddle", "reason"),
    [
        (_grow, f"{SIZE} bytes then, {SIZE + 4} now|more now"),
        (_grow_much, "more now|now"),
        (lambda file: os.truncate(file, 10), f"{SIZE} bytes then, 10 now"),
        (_rewrite, "it changed while it was read"),
        (_replace, "it changed while it was read"),
        (os.unlink, "it was removed while it was read"),
    ],
    ids=["grows", "grows much", "shrinks", "is rewritten", "is replaced", "vanishes"],
)
def test_a_source_that_changes_meanwhile_is_an_error_and_leaves_what_was_there(
    transfer: Transfer, source: Path, target: Path, meddle: Callable[[Path], object], reason: str
) -> None:
    old = target / "b"
    old.write_bytes(b"old")
    with pytest.raises(StorageIntegrityError, match=reason) as caught:
        transfer(source, old, hash_method=Meddling(lambda: meddle(source)))
    assert str(source) in str(caught.value)
    assert old.read_bytes() == b"old"
    assert _names(target) == ["b"]


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


@both_ways
@pytest.mark.parametrize(
    ("make", "kind", "reason"),
    [
        (lambda path: path, StorageNotFoundError, "No such file"),
        (lambda path: path / "below" / "nothing", StorageNotFoundError, "No such file"),
        (lambda path: path.mkdir() or path, StorageError, "it is a folder; give recursive=True"),
        (_pipe, StorageError, "it is a named pipe; only regular files"),
        (lambda path: Path("/dev/zero"), StorageError, "it is a device; only regular files"),
        (lambda path: path.symlink_to(path.name) or path, StorageError, "symbolic links"),
        (lambda path: path.symlink_to("nowhere") or path, StorageNotFoundError, "No such file"),
        (lambda path: path.with_name("x" * 256), StorageError, "name too long"),
    ],
    ids=["missing", "missing folder", "folder", "pipe", "device", "loop", "dangling", "too long"],
)
def test_what_cannot_be_read_as_a_file_is_refused_by_its_name(
    transfer: Transfer,
    target: Path,
    tmp_path: Path,
    make: Callable[[Path], Path],
    kind: type[StorageError],
    reason: str,
) -> None:
    source = make(tmp_path / "odd")
    with pytest.raises(kind, match=reason) as caught:
        transfer(source, target / "b")
    assert str(source) in str(caught.value)
    assert _names(target) == []


@both_ways
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: (path / "a.bin").mkdir() or path, "it is a folder"),
        (lambda path: _pipe(path / "b"), "it is a named pipe"),
        (lambda path: Path("/dev/null"), "it is a device"),
        (lambda path: (path / "f").touch() or path / "f" / "b", "(File exists|Not a directory|is not a folder)"),
        (lambda path: path / ("y" * 256), "name too long"),
    ],
    ids=["folder", "pipe", "device", "below a file", "too long"],
)
def test_what_cannot_be_written_as_a_file_is_refused_by_its_name(
    transfer: Transfer, source: Path, target: Path, make: Callable[[Path], Path], reason: str
) -> None:
    wanted = make(target)
    before = _names(target)
    with pytest.raises(StorageError, match=reason) as caught:
        transfer(source, wanted)
    assert str(wanted) in str(caught.value)
    assert _names(target) == before
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@both_ways
def test_a_path_with_a_nul_is_refused(transfer: Transfer, source: Path, target: Path) -> None:
    with pytest.raises(UnsafePathError, match="NUL"):
        transfer(source, f"{target}/a\0b")
    with pytest.raises(UnsafePathError, match="NUL"):
        transfer("a\0b", target)


def test_a_folder_that_is_not_writable_is_named() -> None:
    code = """if True:
        import os, tempfile
        from flyte_core import storage
        from flyte_core.errors import StoragePermissionError
        folder = tempfile.mkdtemp()
        source = storage.write_bytes_sync(folder + "/a", b"1")
        os.mkdir(folder + "/shut")
        os.chmod(folder + "/shut", 0o555)
        os.chmod(folder, 0o755)
        owner = os.geteuid()
        if owner == 0:
            os.seteuid(65534)
        try:
            storage.put_sync(source, folder + "/shut/b")
        except StoragePermissionError as error:
            assert str(error) == f"cannot write {folder}/shut/b: Permission denied", error
        else:
            raise AssertionError("written")
        os.seteuid(owner)
        assert os.listdir(folder + "/shut") == []
        storage.delete_sync(folder, recursive=True)
    """
    subprocess.run([sys.executable, "-c", code], check=True)


@both_ways
@pytest.mark.parametrize("hashed", [False, True])
def test_a_full_disk_is_named_and_leaves_nothing(
    transfer: Transfer, source: Path, tmp_path: Path, hashed: bool
) -> None:
    accumulator = storage.HashlibAccumulator.from_hash_name("sha256") if hashed else None
    with small_disk(tmp_path / "disk") as disk:
        (disk / "b").write_bytes(b"old")
        with pytest.raises(StorageError, match="No space left on device") as caught:
            transfer(source, disk / "b", hash_method=accumulator)
        assert str(disk / "b") in str(caught.value)
        assert caught.value.errno == errno.ENOSPC
        assert isinstance(caught.value.__cause__, OSError)
        assert (disk / "b").read_bytes() == b"old"
        assert _names(disk) == ["b"]


@pytest.mark.parametrize(
    "write",
    [
        lambda path, data: storage.write_bytes_sync(path, data),
        lambda path, data: asyncio.run(storage.write_bytes(path, data)),
        lambda path, data: storage.put_stream_sync(iter([data]), to_path=path),
        lambda path, data: asyncio.run(storage.put_stream([data], to_path=path)),
        lambda path, data: storage.atomic_write(path, data),
    ],
    ids=["write_bytes_sync", "write_bytes", "put_stream_sync", "put_stream", "atomic_write"],
)
def test_a_disk_that_fills_up_while_bytes_are_written_is_named(
    write: Callable[[Path, bytes], object], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        with pytest.raises(StorageError, match="No space left on device") as caught:
            write(disk / "b", bytes(SIZE))
        assert str(disk / "b") in str(caught.value)
        assert _names(disk) == []


def test_a_process_that_is_killed_while_it_writes_leaves_nothing_under_the_name(target: Path) -> None:
    code = """if True:
        import sys
        from flyte_core import storage
        def parts():
            yield bytes(3 * 2**20)
            print("half", flush=True)
            sys.stdin.read()
        storage.put_stream_sync(parts(), to_path=sys.argv[1])
    """
    old = target / "b"
    old.write_bytes(b"old")
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(old)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "half\n"
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert old.read_bytes() == b"old"
    assert [info.url for info in storage.list_files_sync(target)] == [str(old)]
    storage.get_sync(target, target.with_name("copy"), recursive=True)
    assert _names(target.with_name("copy")) == ["b"]


@pytest.mark.parametrize("transfer", [storage.put, storage.get])
def test_a_cancelled_transfer_stops_its_thread_and_leaves_nothing(
    transfer: Callable[..., Any], source: Path, target: Path
) -> None:
    os.truncate(source, 64 * 2**20)
    started, goes_on = threading.Event(), threading.Event()

    def pause() -> None:
        started.set()
        goes_on.wait()

    accumulator = Meddling(pause)

    async def cancel() -> None:
        task = asyncio.ensure_future(transfer(source, target / "b", hash_method=accumulator))
        await asyncio.to_thread(started.wait)
        task.cancel()
        for _ in range(3):
            await asyncio.sleep(0)
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert _names(target) == []

    asyncio.run(cancel())
    assert accumulator.pieces < 10


def test_a_cancelled_stream_leaves_nothing(target: Path) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield bytes(3 * 2**20)
        waiting.set()
        await asyncio.Event().wait()

    waiting: asyncio.Event

    async def cancel() -> None:
        nonlocal waiting
        waiting = asyncio.Event()
        task = asyncio.ensure_future(storage.put_stream(parts(), to_path=target / "b"))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert _names(target) == []


def test_several_transfers_run_beside_each_other(source: Path, target: Path) -> None:
    async def many() -> list[str]:
        return await asyncio.gather(*(storage.put(source, target / str(number)) for number in range(8)))

    for path in asyncio.run(many()):
        assert Path(path).read_bytes() == source.read_bytes()


def test_puts_to_one_name_at_once_leave_one_of_the_contents(target: Path, tmp_path: Path) -> None:
    sources = []
    for number in range(4):
        sources.append(tmp_path / f"s{number}")
        sources[-1].write_bytes(bytes([number]) * 2**20)

    async def race() -> None:
        await asyncio.gather(*(storage.put(source, target / "b") for source in sources))

    asyncio.run(race())
    assert (target / "b").read_bytes() in [source.read_bytes() for source in sources]
    assert _names(target) == ["b"]


@both_puts
def test_a_remote_source_of_a_put_is_refused(put: Transfer) -> None:
    with pytest.raises(UnsupportedStorageError, match="download it first"):
        put("s3://bucket/a", "/tmp/a")


@both_gets
def test_a_remote_target_of_a_get_is_refused(get: Transfer, source: Path) -> None:
    with pytest.raises(UnsupportedStorageError):
        get(source, "s3://bucket/a")


@both_ways
def test_a_folder_has_no_hash(transfer: Transfer, source: Path, target: Path) -> None:
    with pytest.raises(InvalidTypeError, match="recursive"):
        transfer(source.parent, target, recursive=True, hash_method=storage.PrecomputedValue("v1"))


async def _as_they_come(parts: list[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


@pytest.mark.parametrize("parts", [[], [b""], [b"one"], [b"one", b"", b"two"], [bytes(2**20 + 1)] * 3])
@pytest.mark.parametrize(
    "put_stream",
    [
        lambda parts, **kwargs: storage.put_stream_sync(iter(parts), **kwargs),
        lambda parts, **kwargs: asyncio.run(storage.put_stream(iter(parts), **kwargs)),
        lambda parts, **kwargs: asyncio.run(storage.put_stream(_as_they_come(parts), **kwargs)),
        lambda parts, **kwargs: storage.put_stream_sync(b"".join(parts), **kwargs),
        lambda parts, **kwargs: asyncio.run(storage.put_stream(b"".join(parts), **kwargs)),
    ],
    ids=["sync", "plain iterable", "asynchronous iterable", "bytes, sync", "bytes"],
)
def test_a_stream_is_stored_whole_and_read_in_pieces(
    put_stream: Callable[..., str], parts: list[bytes], target: Path
) -> None:
    accumulator = storage.HashlibAccumulator.from_hash_name("sha256")
    path = put_stream(parts, to_path=target / "b", hash_method=accumulator)
    content = b"".join(parts)
    assert path == str(target / "b")
    assert accumulator.result() == hashlib.sha256(content).hexdigest()
    assert storage.read_bytes_sync(path) == content == asyncio.run(storage.read_bytes(path))
    pieces = list(storage.get_stream_sync(path, chunk_size=1000))
    assert b"".join(pieces) == content
    assert all(len(piece) == 1000 for piece in pieces[:-1])

    async def asynchronous() -> list[bytes]:
        return [piece async for piece in storage.get_stream(path, chunk_size=1000)]

    assert asyncio.run(asynchronous()) == pieces


def _failing() -> Iterator[bytes]:
    yield bytes(2**21)
    raise RuntimeError("no more")


@pytest.mark.parametrize(
    "put_stream",
    [storage.put_stream_sync, lambda data, **kwargs: asyncio.run(storage.put_stream(data, **kwargs))],
)
def test_a_stream_that_fails_leaves_what_was_there(put_stream: Callable[..., str], target: Path) -> None:
    (target / "b").write_bytes(b"old")
    with pytest.raises(RuntimeError, match="no more"):
        put_stream(_failing(), to_path=target / "b")
    assert (target / "b").read_bytes() == b"old"
    assert _names(target) == ["b"]


def test_a_stream_of_text_is_refused() -> None:
    with pytest.raises(InvalidTypeError, match="bytes"):
        storage.put_stream_sync("text")  # type: ignore[arg-type]
    with pytest.raises(InvalidTypeError, match="bytes"):
        asyncio.run(storage.put_stream("text"))  # type: ignore[arg-type]


def test_a_stream_gets_a_new_path_where_none_is_given(target: Path) -> None:
    assert Path(storage.put_stream_sync(b"1", name="a.txt")).name == "a.txt"
    assert storage.put_stream_sync(b"1", name="a.txt", to_path=f"{target}/") == f"{target}/a.txt"


def test_a_chunk_of_no_bytes_is_refused(source: Path) -> None:
    with pytest.raises(InvalidValueError, match="chunk_size"):
        list(storage.get_stream_sync(source, chunk_size=0))


def test_a_task_writes_below_its_raw_data(tmp_path: Path, source: Path) -> None:
    context = TaskContext(
        action=ActionID(name="a0"),
        version="1",
        raw_data_path=RawDataPath(path=str(tmp_path / "raw")),
        output_path="",
        run_base_dir="",
        report=None,
    )
    with use_task_context(context):
        assert Path(storage.new_path("a.txt")).parent.parent == tmp_path / "raw"
        assert Path(storage.put_sync(source)).parent.parent == tmp_path / "raw"
        assert Path(storage.put_stream_sync(b"1")).parent == tmp_path / "raw"
    assert Path(storage.new_path("a.txt")).parent.is_dir()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_a_big_file_is_copied_in_little_memory(target: Path, tmp_path: Path) -> None:
    code = """if True:
        import re, sys
        from pathlib import Path
        from flyte_core import storage

        def peak():  # in MB; not getrusage, whose maximum a process takes over from its parent
            return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

        source, target = sys.argv[1:]
        storage.put_sync(source + ".small", target + "/w")
        before = peak()
        storage.put_sync(source, target + "/b", hash_method=storage.HashlibAccumulator.from_hash_name("sha256"))
        storage.get_sync(target + "/b", target + "/c")
        for _ in storage.get_stream_sync(target + "/b"):
            pass
        with storage.open_sync(target + "/d", "wb") as file:
            for piece in storage.get_stream_sync(target + "/b"):
                file.write(piece)
        print(peak() - before)
    """
    source = tmp_path / "big"
    source.touch()
    os.truncate(source, 300 * 2**20)
    (tmp_path / "big.small").write_bytes(b"1")
    ran = subprocess.run(
        [sys.executable, "-c", code, str(source), str(target)], check=True, capture_output=True, text=True
    )
    assert int(ran.stdout) < 60
