"""flyte_core.runtime.cache: keys as the Flyte SDK computes them, and a file that nothing can make a run fail with."""

from __future__ import annotations

import base64
import json
import logging
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flyteidl2.core import interface_pb2, literals_pb2
from flyteidl2.task import common_pb2
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.models import NativeInterface
from flyte_core.runtime.cache import ResultCache, cache_key, inputs_hash
from flyte_core.types.convert import interface_codec, typed_interface

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "cache_keys.json").read_text(encoding="utf-8"))["calls"]


def _inputs(call: dict[str, Any]) -> common_pb2.Inputs:
    return common_pb2.Inputs.FromString(base64.b64decode(call["inputs"]))


def _literal(value: Any, hash: str = "") -> literals_pb2.Literal:
    """Lists, dictionaries and texts as a literal; (value, hash) has a hash."""
    if isinstance(value, tuple):
        return _literal(*value)
    if isinstance(value, list):
        items = [_literal(item) for item in value]
        return literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=items), hash=hash)
    if isinstance(value, dict):
        entries = {key: _literal(item) for key, item in value.items()}
        return literals_pb2.Literal(map=literals_pb2.LiteralMap(literals=entries), hash=hash)
    primitive = literals_pb2.Primitive(string_value=value)
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=primitive), hash=hash)


def _hash_of(**values: Any) -> str:
    named = [common_pb2.NamedLiteral(name=name, value=_literal(value)) for name, value in values.items()]
    return inputs_hash(common_pb2.Inputs(literals=named))


# ---- keys ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", RECORDED, ids=lambda call: f"{call['task']}-{call['version']}")
def test_the_key_is_the_one_that_the_sdk_computes(call: dict[str, Any]) -> None:
    inputs = _inputs(call)
    interface = interface_pb2.TypedInterface.FromString(base64.b64decode(call["interface"]))
    assert inputs_hash(inputs) == call["inputs_hash"]
    key = cache_key(
        task_name=call["task"], inputs=inputs, interface=interface, version=call["version"], ignored=call["ignored"]
    )
    assert key == call["key"]


def plain(x: int, a: str, f: float, b: bool) -> int:
    return x


def lists(names: list[str], n: list[int], nam: int) -> tuple[int, str]:
    return nam, ""


@pytest.mark.parametrize(
    ("function", "kwargs", "version"),
    [
        (plain, {"x": 1, "a": "hi;b:", "f": 2.5, "b": True}, "v1"),
        (lists, {"names": ["a", "b", ""], "n": [1, 2, 3], "nam": 4}, "v5"),
    ],
)
def test_a_python_call_gets_the_sdks_key(function: Any, kwargs: dict[str, Any], version: str) -> None:
    interface = NativeInterface.from_callable(function)
    inputs = interface_codec(interface).encode_inputs((), kwargs)
    task = f"env.{function.__name__}"
    key = cache_key(task_name=task, inputs=inputs, interface=typed_interface(interface), version=version)
    assert key == next(call["key"] for call in RECORDED if call["version"] == version)


@pytest.mark.parametrize("part", ["task_name", "version", "inputs", "interface"])
def test_each_part_of_a_call_changes_the_key(part: str) -> None:
    call, other = RECORDED[1], RECORDED[5]

    def parts(call: dict[str, Any]) -> dict[str, Any]:
        interface = interface_pb2.TypedInterface.FromString(base64.b64decode(call["interface"]))
        return {"task_name": call["task"], "inputs": _inputs(call), "interface": interface, "version": call["version"]}

    assert cache_key(**parts(call)) != cache_key(**{**parts(call), part: parts(other)[part]})


def test_an_ignored_input_does_not_count() -> None:
    def key(seed: str) -> str:
        named = [
            common_pb2.NamedLiteral(name="x", value=_literal("1")),
            common_pb2.NamedLiteral(name="seed", value=_literal(seed)),
        ]
        inputs = common_pb2.Inputs(literals=named)
        interface = interface_pb2.TypedInterface()
        return cache_key(task_name="t", inputs=inputs, interface=interface, version="1", ignored=("seed",))

    assert key("1") == key("2")


def test_a_hash_on_a_literal_counts_instead_of_its_value() -> None:
    assert _hash_of(x=("a", "h")) == _hash_of(x=("b", "h")) != _hash_of(x=("a", "i"))


def test_a_hash_inside_a_list_counts_instead_of_the_value() -> None:
    assert _hash_of(x=[("a", "h")]) == _hash_of(x=[("b", "h")]) != _hash_of(x=[("a", "i")])


def test_the_custom_context_is_no_part_of_the_hash() -> None:
    inputs = _inputs(RECORDED[1])
    inputs.context.add(key="owner", value="ann")
    assert inputs_hash(inputs) == RECORDED[1]["inputs_hash"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([["1"], ["2"]], [["1", "2"]]),
        ([[], ["1"]], [["1"], []]),
        ([("", "ab"), ("", "c")], [("", "a"), ("", "bc")]),
        ({"a": ["1"], "b": ["2"]}, {"a": ["1", "2"], "b": []}),
        ([{"a": "1"}, {"b": "2"}], [{"a": "1", "b": "2"}]),
        # The key of the second is the first entry's bytes and the second entry's key.
        ({"a": "x", "b": "y"}, {f"a{_literal('x').SerializeToString().decode()}b": "y"}),
    ],
)
def test_values_that_the_sdk_takes_for_equal_are_told_apart(one: Any, other: Any) -> None:
    assert _hash_of(x=one) != _hash_of(x=other)


def test_a_hash_cannot_pretend_to_be_the_next_input() -> None:
    assert _hash_of(a=("", "1;b:2"), b=("", "3")) != _hash_of(a=("", "1"), b=("", "2;b:3"))


TEXTS = st.text(alphabet="a1:;\n\0", max_size=3)
NESTED = st.recursive(TEXTS, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
LISTS = st.lists(NESTED, max_size=4)
MAPS = st.dictionaries(TEXTS, TEXTS | st.tuples(TEXTS, TEXTS.filter(bool)), max_size=3)


def _by_hash(value: Any) -> Any:
    """The value as far as it counts."""
    return {k: ("hash", v[1]) if isinstance(v, tuple) else v for k, v in value.items()}


@given(LISTS, LISTS)
def test_lists_have_one_hash_exactly_when_they_are_equal(one: Any, other: Any) -> None:
    assert (_hash_of(x=one) == _hash_of(x=other)) == (one == other)


@given(MAPS, MAPS)
def test_maps_have_one_hash_exactly_when_they_count_as_equal(one: Any, other: Any) -> None:
    assert (_hash_of(x=one) == _hash_of(x=other)) == (_by_hash(one) == _by_hash(other))


# ---- results -----------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "results.db"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _put(cache: ResultCache, key: str, outputs: bytes = b"x", task: str = "t") -> None:
    cache.put(key, outputs, task=task, version="1")


def test_a_result_is_there_for_the_next_process_that_opens_the_file(path: Path) -> None:
    with ResultCache(path) as cache:
        assert cache.get("k") is None
        _put(cache, "k", b"one")
        _put(cache, "k", b"two")
        _put(cache, "empty", b"")
    with ResultCache(path) as cache:
        assert cache.get("k") == b"two"
        assert cache.get("empty") == b""


def test_the_default_file_is_in_the_folder_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_CORE_CACHE_DIR", str(tmp_path / "set"))
    with ResultCache() as cache:
        _put(cache, "k")
    assert (tmp_path / "set" / "results.db").is_file()


def test_folder_and_file_are_for_the_user_alone(path: Path) -> None:
    with ResultCache(path) as cache:
        _put(cache, "k")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}, modes


def test_clear_removes_one_tasks_results_or_all_and_counts_them(path: Path) -> None:
    with ResultCache(path) as cache:
        for number in range(3):
            _put(cache, f"a{number}", task="a")
        _put(cache, "b", task="b")
        assert cache.clear("a") == 3
        assert cache.get("a0") is None
        assert cache.get("b") == b"x"
        assert cache.clear() == 1
        assert cache.clear() == 0


def test_clear_gives_the_room_back(path: Path) -> None:
    with ResultCache(path) as cache:
        for number in range(20):
            _put(cache, str(number), bytes(100_000))
    before = path.stat().st_size
    with ResultCache(path) as cache:
        cache.clear()
    assert path.stat().st_size < before / 10


def test_a_closed_cache_opens_again(path: Path) -> None:
    cache = ResultCache(path)
    _put(cache, "k")
    cache.close()
    cache.close()
    assert cache.get("k") == b"x"
    cache.close()


def test_many_threads_share_one_cache(path: Path) -> None:
    wrong: list[str] = []

    def work(name: int) -> None:
        for number in range(30):
            key = f"{name}-{number}"
            _put(cache, key, key.encode())
            if cache.get(key) != key.encode():
                wrong.append(key)

    with ResultCache(path) as cache:
        threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert cache.clear() == 240


def test_nothing_but_the_cache_itself_imports_sqlite3() -> None:
    code = (
        "import sys\n"
        "from flyte_core.runtime.cache import ResultCache, cache_key\n"
        "cache = ResultCache(); cache.close()\n"
        "assert 'sqlite3' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- the bound ------------------------------------------------------------------------------------------------


def test_beyond_the_bound_what_was_used_longest_ago_goes_first(path: Path) -> None:
    clock = Clock()
    with ResultCache(path, max_bytes=10_000, clock=clock) as cache:
        for number in range(9):
            clock.now += 100
            _put(cache, str(number), bytes(1000))
        clock.now += 100
        assert cache.get("0") is not None
        clock.now += 100
        _put(cache, "new", bytes(1000))
        left = {key for key in [*map(str, range(9)), "new"] if cache.get(key) is not None}
    assert left == {"0", *map(str, range(3, 9)), "new"}


def test_the_sum_of_sizes_stays_below_the_bound_whatever_is_put(path: Path) -> None:
    numbers = random.Random(0)
    with ResultCache(path, max_bytes=50_000) as cache:
        for _ in range(300):
            _put(cache, str(numbers.randrange(100)), bytes(numbers.randrange(20_000)))
    connection = sqlite3.connect(path)
    (total,), (size, rows) = (
        connection.execute("SELECT bytes FROM total").fetchone(),
        connection.execute("SELECT sum(size), count(*) FROM results").fetchone(),
    )
    (contents,) = connection.execute("SELECT count(*) FROM outputs").fetchone()
    connection.close()
    assert total == size <= 50_000
    assert rows == contents > 1


def test_a_result_larger_than_the_bound_is_not_kept_and_drives_nothing_out(path: Path) -> None:
    with ResultCache(path, max_bytes=10_000) as cache:
        _put(cache, "small")
        _put(cache, "large", bytes(20_000))
        assert cache.get("large") is None
        assert cache.get("small") == b"x"


# ---- damage ---------------------------------------------------------------------------------------------------


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def _fill(path: Path) -> None:
    with ResultCache(path) as cache:
        for number in range(50):
            _put(cache, str(number), bytes([number]) * 3000)


def _garbage(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is no database" * 1000)


def _short_garbage(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")


def _half(path: Path) -> None:
    _fill(path)
    os.truncate(path, path.stat().st_size // 2)


def _one_page(path: Path) -> None:
    _fill(path)
    os.truncate(path, 4096)


def _other_version(path: Path) -> None:
    _fill(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def _somebody_elses(path: Path) -> None:
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()


def _without_a_table(path: Path) -> None:
    _fill(path)
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE outputs")
    connection.close()


def _without_its_sum(path: Path) -> None:
    _fill(path)
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM total")
    connection.commit()
    connection.close()


def _holes(path: Path) -> None:
    """Every page but the first is overwritten."""
    _fill(path)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))


def _holes_among_the_contents(path: Path) -> None:
    """What is read on opening is sound; the damage is found later."""
    _fill(path)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 4096 // 2 * 4096)
        file.write(b"\xa5" * 4096 * 8)


DAMAGES = [
    _garbage,
    _short_garbage,
    _half,
    _one_page,
    _other_version,
    _somebody_elses,
    _without_a_table,
    _without_its_sum,
    _holes,
    _holes_among_the_contents,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_moved_aside_and_begun_anew(
    damage: Any, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(path)
    content = path.read_bytes()
    with ResultCache(path) as cache:
        # Half of a file may still give some results; they are right, or the file is moved.
        for number in range(50):
            assert cache.get(str(number)) in (None, bytes([number]) * 3000)
        _put(cache, "new", b"result")
        assert cache.get("new") == b"result"
    aside = path.with_name("results.db.corrupt-1")
    assert aside.read_bytes() == content
    assert [str(path) in warning and str(aside) in warning for warning in _warnings(caplog)] == [True]
    with ResultCache(path) as cache:
        assert cache.get("new") == b"result"


def test_an_empty_file_is_a_new_cache(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.touch()
    with ResultCache(path) as cache:
        _put(cache, "k")
        assert cache.get("k") == b"x"
    assert _warnings(caplog) == []


def test_damaged_files_are_kept_under_numbers(path: Path) -> None:
    path.parent.mkdir()
    for number in range(3):
        path.write_bytes(b"garbage %d" % number)
        with ResultCache(path) as cache:
            _put(cache, "k")
    assert path.with_name("results.db.corrupt-3").read_bytes() == b"garbage 2"
    assert path.with_name("results.db.corrupt-1").read_bytes() == b"garbage 0"


def test_a_file_damaged_while_it_is_open_is_begun_anew(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _fill(path)
    with ResultCache(path) as cache:
        assert cache.get("49") is not None
        with path.open("r+b") as file:
            file.write(b"\xa5" * path.stat().st_size)
        for number in range(50):
            cache.get(str(number))
        _put(cache, "new", b"result")
        assert cache.get("new") == b"result"
    assert len(_warnings(caplog)) == 1
    assert path.with_name("results.db.corrupt-1").is_file()
    with ResultCache(path) as cache:
        assert cache.get("new") == b"result"


def test_the_journal_of_a_damaged_file_goes_along(path: Path) -> None:
    # A process that was killed leaves its journal behind.
    code = (
        "import os, sys; from pathlib import Path; from flyte_core.runtime.cache import ResultCache\n"
        "cache = ResultCache(Path(sys.argv[1])); cache.put('old', b'x' * 9000, task='t', version='1'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert path.with_name("results.db-wal").stat().st_size > 0
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.execute("BEGIN")  # stays open, so that the journal stays
    connection.execute("SELECT count(*) FROM results").fetchone()
    with ResultCache(path) as cache:
        assert cache.get("old") is None
        _put(cache, "new")
        assert cache.get("new") == b"x"
    connection.close()
    assert path.with_name("results.db.corrupt-1-wal").is_file()
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


# ---- places that cannot be written ----------------------------------------------------------------------------


def _works_in_memory(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with ResultCache(path) as cache:
        for number in range(5):
            _put(cache, str(number), str(number).encode())
        assert [cache.get(str(number)) for number in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
        assert cache.clear() == 5
    assert [str(path) in warning for warning in _warnings(caplog)] == [True]


def test_a_file_where_the_folder_should_be_leaves_the_results_in_memory(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.touch()
    _works_in_memory(path, caplog)


def test_a_folder_where_the_file_should_be_leaves_the_results_in_memory(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir(parents=True)
    _works_in_memory(path, caplog)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into read-only folders; see the mounted one")
def test_a_folder_without_write_permission_leaves_the_results_in_memory(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir(mode=0o500)
    _works_in_memory(path, caplog)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB."""
    folder = tmp_path / "mount"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    able = sys.platform.startswith("linux") and shutil.which("mount")
    if not able or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_leaves_the_results_in_memory(mounted: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = mounted / "results.db"
    with ResultCache(path) as cache:
        for number in range(30):
            _put(cache, str(number), bytes(50_000))
        assert cache.get("29") == bytes(50_000)
    assert [str(path) in warning for warning in _warnings(caplog)] == [True]
    # What was written before is sound.
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_disk_that_is_full_from_the_start_leaves_the_results_in_memory(
    mounted: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (mounted / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            pass
    _works_in_memory(mounted / "cache" / "results.db", caplog)


def test_a_read_only_disk_leaves_the_results_in_memory(mounted: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = mounted / "results.db"
    with ResultCache(path) as cache:
        _put(cache, "k")
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    _works_in_memory(path, caplog)


def test_a_file_that_another_process_keeps_locked_is_passed_by(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("flyte_core.runtime.cache_file.BUSY_SECONDS", 0.05)
    with ResultCache(path) as cache:
        _put(cache, "before")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        _put(cache, "locked")
        assert cache.get("before") == b"x"
        other.execute("ROLLBACK")
        other.close()
        assert cache.get("locked") is None
        _put(cache, "after")
        assert cache.get("after") == b"x"
    assert _warnings(caplog) == []


# ---- several processes -------------------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from flyte_core.runtime.cache import ResultCache

path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
cache = ResultCache(path)
for number in range(count):
    key = f"{name}-{number}"
    cache.put(key, key.encode() * 500, task=name, version="1")
    print(key, flush=True)
"""


def test_several_processes_write_at_once(path: Path) -> None:
    commands = [[sys.executable, "-c", WRITER, str(path), name, "60"] for name in "abcd"]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for command in commands]
    outcomes = [(writer.communicate()[1], writer.returncode) for writer in writers]
    assert outcomes == [(b"", 0)] * 4
    with ResultCache(path) as cache:
        missing = [f"{name}-{n}" for name in "abcd" for n in range(60) if cache.get(f"{name}-{n}") is None]
        assert missing == []
    assert not list(path.parent.glob("*.corrupt-*"))


def test_several_processes_that_find_a_damaged_file_move_it_once(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"garbage" * 1000)
    commands = [[sys.executable, "-c", WRITER, str(path), name, "20"] for name in "abcd"]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for command in commands]
    for writer in writers:
        writer.communicate()
    assert [file.name for file in path.parent.glob("*.corrupt-*")] == ["results.db.corrupt-1"]
    with ResultCache(path) as cache:
        assert cache.clear() == 80


@pytest.mark.parametrize("after", [1, 2, 7, 23, 60])
def test_a_process_killed_while_it_writes_loses_nothing_that_was_stored(path: Path, after: int) -> None:
    command = [sys.executable, "-c", WRITER, str(path), "k", "1000000"]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    stored = [writer.stdout.readline().strip() for _ in range(after)]
    os.kill(writer.pid, signal.SIGKILL)
    stored += writer.stdout.read().split("\n")[:-1]
    writer.wait()
    writer.stdout.close()
    with ResultCache(path) as cache:
        assert [key for key in stored if cache.get(key) != key.encode() * 500] == []
        _put(cache, "after")
        assert cache.get("after") == b"x"
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert not list(path.parent.glob("*.corrupt-*"))


def _child(cache: ResultCache, queue: Any) -> None:
    of_parent = cache._connection
    _put(cache, "child", b"child")
    queue.put((cache.get("parent"), cache.get("child"), cache._connection is not of_parent))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_opens_the_file_for_itself(path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    with ResultCache(path) as cache:
        _put(cache, "parent", b"parent")
        queue = fork.Queue()
        child = fork.Process(target=_child, args=(cache, queue))
        child.start()
        assert queue.get(timeout=30) == (b"parent", b"child", True)
        child.join()
        assert cache.get("child") == b"child"
        _put(cache, "later")
        assert cache.get("later") == b"x"
