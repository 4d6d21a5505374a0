"""What is measured, how the two sides are got from the cases, and the budget of each measure."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runs import Case, Runs

__all__ = ["MEASURES", "OURS", "REFERENCE", "TOOLS", "Measure", "Outcome"]

OURS = "flyte_core"
REFERENCE = "flyte"
#: What a case compares with that is no SDK: the shell's tools, obstore, pandas, DuckDB, ADBC, aiohttp.
TOOLS = "tools"

_BOTH = (OURS, REFERENCE)
_MILLISECOND = 1e-3
_MICROSECOND = 1e-6
_MEBIBYTE = 2**20

Value = Callable[[Runs], float]


@dataclass(frozen=True)
class Measure:
    """One row of the table.

    Args:
        name: what is measured.
        ours: our value, in seconds or bytes.
        other: what it is compared with; None for a measure that has a limit instead.
        budget: the most that ours may be: a multiple of the other value, or the limit itself.
        unit: ``s`` or ``B``.
        hindrance: says why it cannot be measured here; nothing where it can.
    """

    name: str
    ours: Value
    other: Value | None
    budget: float
    unit: str = "s"
    hindrance: Callable[[], str] = str

    def outcome(self, runs: Runs) -> Outcome:
        """Measure both sides, or take what was measured for another row."""
        return Outcome(self, self.ours(runs), self.other(runs) if self.other is not None else None)


@dataclass(frozen=True)
class Outcome:
    """The values of one measure."""

    measure: Measure
    ours: float
    other: float | None

    @property
    def ratio(self) -> float | None:
        """Ours as a multiple of the other; None where there is no other."""
        return self.ours / self.other if self.other is not None else None

    @property
    def kept(self) -> bool:
        """Whether the budget holds."""
        return (self.ours if self.ratio is None else self.ratio) <= self.measure.budget


def _median(script: str, option: str, value: str, sdk: str, sdks: tuple[str, ...] = _BOTH) -> Value:
    return lambda runs: runs.median(Case(script, option, value, sdks), sdk)


def _process(program: str) -> tuple[Value, Value]:
    return _median("process", "program", program, OURS), _median("process", "program", program, REFERENCE)


def _beyond_the_interpreter(program: str) -> tuple[Value, Value]:
    ours, other = _process(program)
    our_start, other_start = _process("nothing")
    return lambda runs: ours(runs) - our_start(runs), lambda runs: other(runs) - other_start(runs)


def _memory(program: str) -> tuple[Value, Value]:
    case = Case("process", "program", program, _BOTH)
    return lambda runs: runs.memory(case, OURS), lambda runs: runs.memory(case, REFERENCE)


def _many_tasks(part: str) -> tuple[Value, Value]:
    return _median("many_tasks", "part", part, OURS), _median("many_tasks", "part", part, REFERENCE)


def _of_ours(part: str) -> Value:
    return _median("many_tasks", "part", part, OURS, (OURS,))


def _nested_run(shape: str) -> tuple[Value, Value]:
    return _median("nested_run", "shape", shape, OURS), _median("nested_run", "shape", shape, REFERENCE)


def _round_trip(name: str) -> tuple[Value, Value]:
    return _median("round_trip", "type", name, OURS), _median("round_trip", "type", name, REFERENCE)


def _beside_tools(script: str, part: str, *, is_long: bool = True) -> tuple[Value, Value]:
    case = Case(script, "part", part, (OURS, TOOLS), is_long=is_long)
    return lambda runs: runs.median(case, OURS), lambda runs: runs.median(case, TOOLS)


def _memory_beyond(program: str, start: str) -> Value:
    whole, empty = (Case("process", "program", name, (OURS,), is_long=True) for name in (program, start))
    return lambda runs: runs.memory(whole, OURS) - runs.memory(empty, OURS)


def _of_both(case: Case) -> tuple[Value, Value]:
    return lambda runs: runs.median(case, OURS), lambda runs: runs.median(case, REFERENCE)


_ENTRY_POINT = Case("entry_point", "part", "trivial", _BOTH)


def _copilot(part: str) -> Value:
    case = Case("copilot", "part", part, (OURS,), is_long=not part.endswith("small"))
    return lambda runs: runs.median(case, OURS)


def _no_engine() -> str:
    """Say why no container can be run here, if so."""
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as e:
        return f"there is no Docker engine: {e}"
    return "" if done.returncode == 0 else f"there is no Docker engine: {done.stderr.strip()}"


def _beyond_the_driver(part: str) -> Value:
    case = Case("sql", "part", part, (OURS, TOOLS))
    return lambda runs: runs.median(case, OURS) - runs.median(case, TOOLS)


def _no_server() -> str:
    """Say why no PostgreSQL server can be run here, if so."""
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return "" if shutil.which("initdb") or any(folders) else "there is no PostgreSQL server (package postgresql)"


def _beyond_a_request(part: str) -> Value:
    case = Case("registry", "part", part, (OURS, TOOLS))
    return lambda runs: runs.median(case, OURS) - runs.median(case, TOOLS)


def _beyond_docker() -> Value:
    case = Case("images", "part", "cold", (OURS, TOOLS), is_long=True)
    return lambda runs: runs.median(case, OURS) - runs.median(case, TOOLS)


def _no_registry() -> str:
    """Say why no registry can be run here, if so."""
    return "" if shutil.which("docker-registry") else "there is no registry (package docker-registry)"


def _look_up(state: str) -> Value:
    return _median("lookup", "state", state, OURS, (OURS,))


_FILE_MEMORY = _memory_beyond("file_round_trip", "file_start")

MEASURES = (
    Measure("import the package, less the interpreter", *_beyond_the_interpreter("import_package"), 0.35),
    Measure("fresh process to one declared task", *_process("declare"), 0.7),
    Measure("fresh process to one serialized task", *_process("serialize"), 0.5),
    Measure("import extend and each name, less the interpreter", *_beyond_the_interpreter("import_extend"), 0.35),
    Measure("declare and serialize, each of 2,000 tasks", *_many_tasks("declare-and-serialize"), 0.4),
    Measure("serialize alone, against building by hand", _of_ours("serialize"), _of_ours("by-hand"), 1.3),
    Measure("local run, each of 1,000 nested tasks in turn", *_nested_run("sequential"), 0.25),
    Measure("local run, each of 1,000 nested tasks at once", *_nested_run("gather"), 0.25),
    Measure("look-up among 1,000 plugins, 0 imported, warm", _look_up("warm"), None, 5 * _MILLISECOND),
    Measure("look-up among 1,000 plugins, 0 imported, cold", _look_up("cold"), None, 60 * _MILLISECOND),
    Measure("memory of a process with the package", *_memory("import_package"), 0.6, "B"),
    Measure("entry point of a container, trivial task", *_of_both(_ENTRY_POINT), 0.5),
    Measure("entry point, memory", lambda runs: runs.memory(_ENTRY_POINT, OURS), None, 150 * 10**6, "B"),
    Measure("to a literal and back: int", *_round_trip("int"), 0.5),
    Measure("to a literal and back: str", *_round_trip("str"), 0.5),
    Measure("to a literal and back: list of 10,000 ints", *_round_trip("list"), 0.5),
    Measure("to a literal and back: dict of 1,000 str", *_round_trip("dict"), 0.5),
    Measure("to a literal and back: nested dataclass of 30 fields", *_round_trip("dataclass"), 0.5),
    Measure("to a literal and back: pydantic model of 30 fields", *_round_trip("pydantic"), 0.5),
    Measure("File of 1 GB, there and back, beside cp and sync", *_beside_tools("files", "copy"), 1.2),
    Measure("File of 1 GB, hashed, beside cp, sync, sha256sum", *_beside_tools("files", "copy-and-hash"), 1.1),
    Measure("File of 1 GB, hash alone, beside sha256sum", *_beside_tools("files", "hash"), 1.1),
    Measure("File of 1 GB, memory beyond the start", _FILE_MEMORY, None, 200 * _MEBIBYTE, "B"),
    Measure("folder of 10,000 files, hashed, beside sha256sum", *_beside_tools("folders", "first"), 2.0),
    Measure("folder of 10,000 files, unchanged, beside sha256sum", *_beside_tools("folders", "again"), 0.5),
    Measure("500 MB to an S3 server and back, beside obstore", *_beside_tools("s3", "round-trip"), 1.1),
    Measure(
        "pandas frame of 2,000,000 rows, beside Parquet", *_beside_tools("frames", "round-trip", is_long=False), 1.1
    ),
    Measure("container task, beside docker run --rm", *_beside_tools("containers", "call"), 1.2, hindrance=_no_engine),
    Measure("pack 5,000 files of 100 MB, beside tar and gzip", *_beside_tools("bundle", "pack"), 1.3),
    Measure("pack them again, unchanged, beside tar and gzip", *_beside_tools("bundle", "repack"), 0.2),
    Measure(
        "50 tasks in containers, beside docker run of Python",
        *_beside_tools("executor", "fifty"),
        1.3,
        hindrance=_no_engine,
    ),
    Measure("SQL: group-by over 10,000,000 rows, beside DuckDB", *_beside_tools("sql", "group-by", is_long=False), 1.1),
    Measure(
        "SQL: 1,000,000 rows of PostgreSQL, beside pandas.read_sql",
        *_beside_tools("sql", "read-beside-pandas"),
        0.5,
        hindrance=_no_server,
    ),
    Measure(
        "SQL: 1,000,000 rows of PostgreSQL, beside ADBC",
        *_beside_tools("sql", "read-beside-adbc"),
        1.2,
        hindrance=_no_server,
    ),
    Measure("SQL: one row, called, beyond DuckDB", _beyond_the_driver("call"), None, 300 * _MICROSECOND),
    Measure("SQL: one row, nested in a run, beyond DuckDB", _beyond_the_driver("nested"), None, 300 * _MICROSECOND),
    Measure(
        "image built that exists, beyond one bare request",
        _beyond_a_request("warm"),
        None,
        30 * _MILLISECOND,
        hindrance=_no_registry,
    ),
    Measure("image built cold, beyond docker build", _beyond_docker(), None, 1.0, hindrance=_no_engine),
    Measure("CoPilot download of 1,000 variables, whole process", _copilot("download-small"), None, 0.4),
    Measure("CoPilot upload of 1,000 variables, whole process", _copilot("upload-small"), None, 0.4),
    Measure(
        "CoPilot download of 1 GB, beside cp and sync", *_beside_tools("copilot", "download-blob", is_long=False), 1.3
    ),
    Measure("CoPilot upload of 1 GB, beside cp and sync", *_beside_tools("copilot", "upload-blob", is_long=False), 1.3),
    Measure("CoPilot download of 1 GB, memory", _copilot("download-memory"), None, 150 * 10**6, "B"),
    Measure("CoPilot upload of 1 GB, memory", _copilot("upload-memory"), None, 150 * 10**6, "B"),
)
