"""Tasks of many shapes, each called by one task that tells what came of it; run here and in containers."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import functools
import os
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flyte_core
from flyte_core import Cache, Resources, RetryStrategy, TaskEnvironment, ctx, group, trace
from flyte_core.errors import CustomError, RuntimeSystemError
from flyte_core.io import Dir, File

env = TaskEnvironment("shapes", image=os.environ.get("FLYTE_CORE_TEST_IMAGE", "none:1"))
other_env = TaskEnvironment(
    "other", image=os.environ.get("FLYTE_CORE_TEST_IMAGE", "none:1"), env_vars={"COLOUR": "red"}
)

small_env = TaskEnvironment(
    "small",
    image=os.environ.get("FLYTE_CORE_TEST_IMAGE", "none:1"),
    resources=Resources(cpu=1, memory="200Mi"),
)

Shape = Callable[[], Awaitable[Any]]
SHAPES: dict[str, Shape] = {}


def shape(func: Shape) -> Shape:
    SHAPES[func.__name__] = func
    return func


# ---- values ---------------------------------------------------------------------------------------------


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


@dataclass
class Point:
    x: float
    tags: list[str] = field(default_factory=list)
    level: Level = Level.LOW


@env.task
async def same_int(x: int) -> int:
    return x


@env.task
def same_float(x: float) -> float:
    return x


@env.task
async def same_text(x: str) -> str:
    return x


@env.task
async def same_bool(x: bool) -> bool:
    return x


@env.task
async def same_list(x: list[int]) -> list[int]:
    return x


@env.task
async def same_dict(x: dict[str, list[int]]) -> dict[str, list[int]]:
    return x


@env.task
async def same_point(x: Point) -> Point:
    return x


@env.task
async def same_points(x: list[Point]) -> dict[str, Point]:
    return {str(at): point for at, point in enumerate(x)}


@env.task
async def same_optional(x: int | None) -> int | None:
    return x


@env.task
async def same_union(x: int | str) -> int | str:
    return x


@env.task
async def same_level(x: Level) -> Level:
    return x


@env.task
async def same_time(x: dt.datetime, y: dt.timedelta) -> tuple[dt.datetime, dt.timedelta]:
    return x, y


@env.task
async def nothing() -> None:
    return None


@env.task
async def three() -> tuple[int, str, bool]:
    return 1, "two", True


POINT = Point(2.5, ["t"])


@env.task
async def defaults(a: int = 1, b: str = "b", c: list[int] | None = None, p: Point = POINT) -> str:
    return repr((a, b, c, p))


class Odd:
    def __init__(self, value: int) -> None:
        self.value = value


@env.task
async def pickled(x: Odd) -> Odd:
    return Odd(x.value + 1)


shape_values: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "int": (same_int, (2**62,)),
    "float": (same_float, (0.1,)),
    "text": (same_text, ("ä\n\x00ok" * 3,)),
    "bool": (same_bool, (False,)),
    "list": (same_list, ([1, 2, 3],)),
    "empty_list": (same_list, ([],)),
    "dict": (same_dict, ({"a": [1], "b": []},)),
    "dataclass": (same_point, (Point(1.5, ["a"], Level.HIGH),)),
    "dataclasses": (same_points, ([Point(1), Point(2, ["x"])],)),
    "optional_none": (same_optional, (None,)),
    "optional_some": (same_optional, (3,)),
    "union": (same_union, ("three",)),
    "enum": (same_level, (Level.HIGH,)),
    "times": (same_time, (dt.datetime(2020, 1, 2, tzinfo=dt.timezone.utc), dt.timedelta(seconds=1.5))),
    "none": (nothing, ()),
    "tuple": (three, ()),
    "defaults": (defaults, ()),
}


def _value(task: Any, args: tuple[Any, ...]) -> Shape:
    async def call() -> Any:
        return await task.aio(*args)

    return call


for _name, (_task, _args) in shape_values.items():
    SHAPES[f"value_{_name}"] = _value(_task, _args)


@shape
async def defaults_given() -> Any:
    return await defaults(5, c=[1], p=Point(0))


@shape
async def object_by_pickle() -> Any:
    return (await pickled(Odd(1))).value


# ---- files ----------------------------------------------------------------------------------------------


@env.task
async def write_file(text: str) -> File:
    path = Path(f"{os.getpid()}-{time.monotonic_ns()}.txt")
    path = Path("/tmp") / path
    path.write_text(text)
    return await File.from_local(str(path))


@env.task
async def read_file(file: File) -> str:
    async with file.open("rb") as handle:
        data = await handle.read() if asyncio.iscoroutinefunction(handle.read) else handle.read()
    return bytes(data).decode()


@env.task
async def write_folder() -> Dir:
    folder = Path(f"/tmp/{os.getpid()}-{time.monotonic_ns()}")
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    (folder / "b.txt").write_text("b")
    return await Dir.from_local(str(folder))


@env.task
async def list_folder(folder: Dir) -> list[str]:
    return sorted([file.name async for file in folder.walk()])


@shape
async def file_written_and_read() -> Any:
    return await read_file(await write_file("content"))


@shape
async def folder_written_and_listed() -> Any:
    return await list_folder(await write_folder())


# ---- errors ---------------------------------------------------------------------------------------------


@env.task
async def raises_value() -> int:
    raise ValueError("no rows")


@env.task
def raises_key() -> int:
    return {}["missing"]  # type: ignore[no-any-return] # never returns


@env.task
async def raises_custom() -> int:
    raise CustomError("MyCode", "mine")


@env.task
async def raises_system() -> int:
    raise RuntimeSystemError("DiskFull", "no room")


class OwnError(Exception):
    pass


@env.task
def raises_own() -> int:
    try:
        raise KeyError("inner")
    except KeyError as e:
        raise OwnError("outer") from e


@env.task
def exits() -> int:
    raise SystemExit(3)


@env.task
async def wrong_type() -> int:
    return "text"  # type: ignore[return-value] # on purpose


@env.task(max_inline_io_bytes=100)
async def too_large() -> str:
    return "x" * 1000


@env.task
async def fails_below() -> int:
    return await raises_value()  # type: ignore[no-any-return] # a task


for _one in (
    raises_value,
    raises_key,
    raises_custom,
    raises_own,
    raises_system,
    exits,
    wrong_type,
    too_large,
    fails_below,
):
    SHAPES[f"error_{_one.short_name}"] = _value(_one, ())


@shape
async def error_wrong_input() -> Any:
    return await same_int("text")


@shape
async def error_missing_input() -> Any:
    return await same_int()


# ---- retries, timeouts, cache ---------------------------------------------------------------------------


@env.task(retries=2)
async def flaky(folder: str) -> int:
    Path(folder).mkdir(parents=True, exist_ok=True)
    path = Path(folder) / f"attempts-{ctx().action.name}"
    before = int(path.read_text()) if path.exists() else 0
    path.write_text(str(before + 1))
    if before < 2:
        raise RuntimeError(f"attempt {before + 1}")
    return before + 1


@env.task(retries=RetryStrategy(count=1, backoff=0.1, backoff_factor=1))
async def always_fails() -> int:
    raise ValueError("again")


@env.task(timeout=1)
async def slow() -> int:
    await asyncio.sleep(60)
    return 1


@env.task(cache=Cache("override", version_override=f"{time.time_ns()}"))
async def recomputed(x: int) -> int:
    return x


@env.task(cache="auto")
async def remembered(x: int, salt: str) -> str:
    return f"{x} {time.time_ns()}"


@shape
async def retried() -> Any:
    return await flaky(ctx().raw_data_path.path)


@shape
async def retried_in_vain() -> Any:
    return await always_fails()


@shape
async def timed_out() -> Any:
    return await slow()


@shape
async def timed_out_by_override() -> Any:
    return await patient.override(timeout=1)()


@env.task
async def patient() -> int:
    await asyncio.sleep(60)
    return 1


@shape
async def cached() -> Any:
    salt = ctx().action.run_name
    first = await remembered(1, salt)
    return [await remembered(1, salt) == first, await remembered(2, salt) == first]


@shape
async def cache_overwritten() -> Any:
    return await recomputed(3)


# ---- calls ----------------------------------------------------------------------------------------------


@env.task
async def add(a: int, b: int = 10) -> int:
    return a + b


@env.task
def add_sync(a: int, b: int) -> int:
    return a + b


@env.task
def sums_in_threads(n: int) -> list[int]:
    return [add_sync(n, 1), *flyte_core.map(add_sync, range(3), [n] * 3)]


@env.task
async def maps(n: int) -> list[int]:
    return [value async for value in flyte_core.map.aio(functools.partial(add, b=1), range(n))]


@env.task
async def three_levels(n: int) -> int:
    return n if n == 0 else 1 + await three_levels(n - 1)


@env.task
async def told(x: int) -> list[str | None]:
    found = ctx()
    assert found is not None
    return [found.mode, str(found.is_in_cluster()), flyte_core.get_custom_context().get("owner"), found.version]


@other_env.task
async def elsewhere() -> str | None:
    return "red" if os.environ.get("COLOUR", "red") == "red" else None


@env.task(report=True)
async def reports() -> str:
    await flyte_core.report.log.aio("<p>reported</p>")
    return "done"


@trace
async def traced(x: int) -> int:
    return x + 1


@env.task
async def traces() -> int:
    return await traced(1) + await traced(2)


@small_env.task
async def small() -> str:
    return "small"


@shape
async def gathered() -> Any:
    return await asyncio.gather(*[add(n) for n in range(3)])


@shape
async def threads_and_map() -> Any:
    return await sums_in_threads.aio(5)


@shape
async def mapped() -> Any:
    return await maps(3)


@shape
async def recursive() -> Any:
    return await three_levels(2)


@shape
async def with_context() -> Any:
    with flyte_core.custom_context(owner="ann"):
        return await told(1)


@shape
async def in_groups() -> Any:
    with group("first"):
        return [await add(1), ctx().group_data.name]


@shape
async def in_another_environment() -> Any:
    return await elsewhere()


@shape
async def with_a_report() -> Any:
    return await reports()


@shape
async def with_traces() -> Any:
    return await traces()


@shape
async def with_resources() -> Any:
    return await small()


@shape
async def overridden() -> Any:
    return await add.override(short_name="plus", retries=1)(1)


@shape
async def made_in_a_function() -> Any:
    @env.task
    async def local(x: int) -> int:
        return x * 3

    return await local(2)


@shape
async def first_failure_of_a_gather() -> Any:
    return await asyncio.gather(raises_value(), patient())


# ---- all of them ----------------------------------------------------------------------------------------


async def outcome(name: str) -> str:
    try:
        value = await SHAPES[name]()
    except Exception as error:
        code, kind = getattr(error, "code", ""), getattr(error, "kind", "")
        text = re.sub(r"/\S*/", "", str(error))
        return f"{type(error).__module__}.{type(error).__name__} {code} {kind} {text}"
    return repr(value)


@env.task
async def everything(names: list[str]) -> dict[str, str]:
    return dict(zip(names, await asyncio.gather(*[outcome(name) for name in names]), strict=True))
