"""flyte_core.map: order, concurrency, failures, partials, and where it may be called."""

from __future__ import annotations

import asyncio
import functools
import threading
import time

import pytest

import flyte_core
from flyte_core import TaskEnvironment, run
from flyte_core.errors import RuntimeUserError

env = TaskEnvironment("mapping")
lock = threading.Lock()


class Gauge:
    def __init__(self):
        self.now = self.most = 0

    def __enter__(self):
        with lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *exc):
        with lock:
            self.now -= 1


@env.task
def square(x: int) -> int:
    return x * x


@env.task
async def cube(x: int) -> int:
    return x**3


@env.task
async def power(base: int, exponent: int, offset: int = 0) -> int:
    return base**exponent + offset


@env.task
async def odd_only(x: int) -> int:
    if x % 2 == 0:
        raise ValueError(f"{x} is even")
    return x


@pytest.mark.parametrize("task", [square, cube], ids=["sync", "async"])
@pytest.mark.parametrize("concurrency", [0, 2])
def test_results_come_in_order_from_a_synchronous_task(task, concurrency):
    @env.task
    def main(n: int) -> list[int]:
        return list(flyte_core.map(task, range(n), concurrency=concurrency))

    assert run(main, 20).outputs() == [task.func(x) if task is square else x**3 for x in range(20)]


@pytest.mark.parametrize("task", [square, cube], ids=["sync", "async"])
def test_results_come_in_order_from_a_coroutine(task):
    @env.task
    async def main(n: int) -> list[int]:
        return [result async for result in flyte_core.map.aio(task, range(n), concurrency=3)]

    assert run(main, 10).outputs() == [x * x if task is square else x**3 for x in range(10)]


def test_a_coroutine_may_use_the_synchronous_form():
    @env.task
    async def main(n: int) -> list[int]:
        return list(flyte_core.map(square, range(n)))

    assert run(main, 5).outputs() == [0, 1, 4, 9, 16]


def test_outside_of_a_run_it_calls_the_functions():
    assert list(flyte_core.map(square, [1, 2])) == [1, 4]
    assert list(flyte_core.map(cube, [1, 2])) == [1, 8]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_run_at_once_than_asked_for(concurrency):
    gauge, until = Gauge(), time.monotonic() + 60

    @env.task
    async def measured(x: int) -> int:
        with gauge:
            # The first ones wait for each other, however long it takes to start them.
            while gauge.most < concurrency and time.monotonic() < until:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.01)
        return x

    @env.task
    async def main(n: int) -> list[int]:
        return [r async for r in flyte_core.map.aio(measured, range(n), concurrency=concurrency)]

    run(main, 9)
    assert gauge.most == concurrency


def test_failures_are_results_unless_told_otherwise():
    @env.task
    async def main(n: int) -> list[str]:
        found = [r async for r in flyte_core.map.aio(odd_only, range(n))]
        return [f"{type(r).__name__}:{getattr(r, 'code', '')}" if isinstance(r, Exception) else str(r) for r in found]

    assert run(main, 3).outputs() == ["RuntimeUserError:ValueError", "1", "RuntimeUserError:ValueError"]

    @env.task
    def strict(n: int) -> list[int]:
        return list(flyte_core.map(odd_only, range(n), return_exceptions=False))

    with pytest.raises(RuntimeUserError, match="0 is even"):
        run(strict, 3)


def test_the_first_failure_ends_the_rest_quietly(capfd):
    started = []

    @env.task
    def fails_early(x: int) -> int:
        started.append(x)
        if x == 3:
            raise ValueError("three")
        return x

    @env.task
    def strict(n: int) -> int:
        return sum(flyte_core.map(fails_early, range(n), return_exceptions=False, concurrency=10))

    with pytest.raises(RuntimeUserError, match="three"):
        run(strict, 500)
    assert len(started) < 100
    assert capfd.readouterr().err == ""


def test_several_iterables_are_taken_together():
    assert list(flyte_core.map(power, [2, 3], [3, 2], [1, 1])) == [9, 10]


@pytest.mark.parametrize(
    ("partial", "expected"),
    [
        (functools.partial(power, 2, offset=0), [1, 2, 4]),
        (functools.partial(power, exponent=2, offset=1), [1, 2, 5]),
        (functools.partial(power, base=2, offset=1), [2, 3, 5]),
    ],
    ids=["by position", "first open", "in between"],
)
def test_a_partial_leaves_one_input_open(partial, expected):
    assert list(flyte_core.map(partial, range(3))) == expected


@pytest.mark.parametrize(
    "partial", [functools.partial(power), functools.partial(power, 1, 2, 3), functools.partial(power, 1, base=2)]
)
def test_any_other_partial_is_refused(partial):
    with pytest.raises(TypeError, match="mapping.power"):
        flyte_core.map(partial, [1])


def test_something_that_is_no_task_is_refused():
    with pytest.raises(TypeError, match="a task, or functools.partial"):
        flyte_core.map(len, ["a"])


def test_a_negative_concurrency_is_refused():
    with pytest.raises(ValueError, match="concurrency"):
        flyte_core.map(square, [1], concurrency=-1)


def test_nothing_to_map_gives_nothing():
    assert list(flyte_core.map(square)) == []
    assert list(flyte_core.map(square, [])) == []


def test_calls_stand_in_a_group():
    @env.task
    async def main() -> list[str]:
        names = []
        with flyte_core.group("outer"):
            names.append(flyte_core.ctx().group_data.name)
        names.append(str(flyte_core.ctx().group_data))
        return names

    assert run(main).outputs() == ["outer", "None"]
