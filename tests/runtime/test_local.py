"""flyte_core.runtime: runs in this process, as a user starts them."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from dataclasses import dataclass
from datetime import timedelta

import pytest

import flyte_core
import flyte_core.report
from flyte_core import Cache, RetryStrategy, TaskEnvironment, Timeout, ctx, run, with_runcontext
from flyte_core.errors import (
    ClusterRequiredError,
    InlineIOMaxBytesBreached,
    PluginNotFoundError,
    RunAbortedError,
    RuntimeUserError,
    TaskTimeoutError,
)
from flyte_core.extend import TaskTemplate
from flyte_core.models import NativeInterface
from flyte_core.runtime import Executor, LocalExecutor, RunOptions

env = TaskEnvironment("local")


@env.task
async def double(x: int) -> int:
    return 2 * x


@env.task
def triple(x: int) -> int:
    return 3 * x


@env.task
def nested_sync(depth: int) -> int:
    return 0 if depth == 0 else nested_sync(depth - 1) + 1


@env.task
async def gathered(n: int) -> int:
    return sum(await asyncio.gather(*[double(i) for i in range(n)]))


@env.task
async def gathered_sync(n: int) -> int:
    return sum(await asyncio.gather(*[triple.aio(i) for i in range(n)]))


@env.task
async def blocking_call(x: int) -> int:
    return triple(x) + await double(x)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FLYTE_CORE_CACHE_DIR", str(tmp_path / "cache"))


def test_a_run_gives_outputs_name_and_place():
    done = run(double, 4)
    assert done.outputs() == 8
    assert done.name in done.url


def test_runs_can_be_awaited_inside_a_loop_and_started_from_one():
    async def main():
        return (await run.aio(double, x=1)).outputs(), run(triple, x=1).outputs()

    assert asyncio.run(main()) == (2, 3)


def test_synchronous_tasks_nest_deeper_than_there_are_worker_threads():
    assert run(nested_sync, 100).outputs() == 100


def test_thousands_of_tasks_run_at_once():
    assert run(gathered, 3000).outputs() == 2999 * 3000


def test_many_synchronous_tasks_run_at_once():
    assert run(gathered_sync, 300).outputs() == 3 * sum(range(300))


def test_a_coroutine_may_call_a_synchronous_task_without_await():
    assert run(blocking_call, 5).outputs() == 25


def test_each_attempt_gets_inputs_of_its_own():
    seen = []

    @env.task(retries=2)
    async def grows(xs: list[int]) -> int:
        xs.append(1)
        seen.append(list(xs))
        if len(seen) < 3:
            raise OSError("not yet")
        return len(xs)

    assert run(grows, [0]).outputs() == 1 + 1
    assert seen == [[0, 1]] * 3


def test_values_pass_through_literals_so_a_child_cannot_change_its_caller_s():
    @env.task
    async def spoils(xs: list[int]) -> list[int]:
        xs.clear()
        return xs

    @env.task
    async def main() -> list[int]:
        mine = [1, 2]
        await spoils(mine)
        return mine

    assert run(main).outputs() == [1, 2]


def test_retries_wait_for_their_back_off():
    pauses = []

    @env.task(retries=RetryStrategy(count=2, backoff=timedelta(milliseconds=20)))
    async def fails() -> None:
        pauses.append(time.monotonic())
        raise ValueError("no")

    with pytest.raises(RuntimeUserError):
        run(fails)
    assert len(pauses) == 3
    assert pauses[1] - pauses[0] >= 0.02
    assert pauses[2] - pauses[1] >= 0.02


def test_a_value_of_a_wrong_type_is_not_tried_again():
    calls = []

    @env.task(retries=3)
    async def lies() -> int:
        calls.append(1)
        return "text"

    with pytest.raises(RuntimeUserError, match="o0") as raised:
        run(lies)
    assert (raised.value.code, calls) == ("DataValidationError", [1])


def test_a_coroutine_that_is_too_slow_is_cancelled_and_cleans_up():
    cleaned = []

    @env.task(timeout=Timeout(max_runtime=timedelta(milliseconds=500)))
    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(True)

    with pytest.raises(TaskTimeoutError, match=r"'local.slow' ran longer than its timeout of 0.5 s"):
        run(slow)
    assert cleaned == [True]


def test_a_function_that_is_too_slow_is_interrupted_in_its_thread():
    cleaned = threading.Event()

    @env.task(timeout=Timeout(max_runtime=timedelta(milliseconds=500)))
    def spins() -> None:
        try:
            while True:
                time.monotonic()
        finally:
            cleaned.set()

    with pytest.raises(TaskTimeoutError):
        run(spins)
    assert cleaned.wait(60)


def test_an_error_shows_the_user_s_frames_and_chains_the_original():
    @env.task
    async def divides(x: int) -> float:
        return x / 0

    @env.task
    async def main(x: int) -> float:
        return await divides(x)

    with pytest.raises(RuntimeUserError, match="division by zero") as raised:
        run(main, 1)
    error = raised.value
    assert (error.code, error.kind) == ("ZeroDivisionError", "user")
    assert "'local.divides' failed" in str(error)
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert error.__cause__.__traceback__.tb_frame.f_code.co_name == "divides"
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names[-1] == "main"
    assert not {"run_until_complete", "_run_task", "submit"} & set(names)
    with pytest.raises(RuntimeUserError) as raised:
        run(divides, 1)
    names = [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]
    assert len(names) == 2


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_exiting_from_a_task_is_an_error_of_the_task(kind):
    if kind == "sync":

        @env.task
        def leaves() -> None:
            raise SystemExit(3)
    else:

        @env.task
        async def leaves() -> None:
            raise SystemExit(3)

    with pytest.raises(RuntimeUserError) as raised:
        run(leaves)
    assert raised.value.code == "SystemExit"


def test_pre_execute_and_post_run_round_a_template_of_one_s_own():
    seen = []

    class Own(TaskTemplate):
        async def pre(self, *args, **kwargs):
            seen.append(("pre", kwargs))
            return {"n": 7}

        def execute(self, *args, **kwargs):
            seen.append(("execute", ctx()["n"]))
            return kwargs["x"] + 1

        async def post(self, return_vals):
            seen.append(("post", return_vals))
            return

    def shape(x: int) -> int: ...

    task = Own(name="own", interface=NativeInterface.from_callable(shape))
    assert run(task, x=1).outputs() == 2
    assert seen == [("pre", {"x": 1}), ("execute", 7), ("post", 2)]


def test_the_context_tells_who_runs_and_is_gone_afterwards():
    @env.task
    async def child() -> list[str]:
        context = ctx()
        return [context.action.name, context.action.run_name, context.mode, str(context.data)]

    @env.task
    async def main() -> list[list[str]]:
        return [[ctx().action.name], await child(), await child()]

    root, one, two = with_runcontext(name="my-run").run(main).outputs()
    assert root == ["a0"]
    assert one[1:] == two[1:] == ["my-run", "local", "{}"]
    assert len({root[0], one[0], two[0]}) == 3
    assert ctx() is None


def test_action_names_are_the_same_in_every_run():
    @env.task
    async def named(x: int) -> str:
        return ctx().action.name

    @env.task
    async def main() -> list[str]:
        return [await named(1), await named(1), await named(2)]

    first, second = (with_runcontext(name="fixed").run(main).outputs() for _ in range(2))
    assert first == second
    assert len(set(first)) == 3


def test_custom_context_reaches_every_task():
    @env.task
    async def child() -> dict[str, str]:
        return flyte_core.get_custom_context()

    @env.task
    async def main() -> list[dict[str, str]]:
        with flyte_core.custom_context(inner="2"):
            inside = await child()
        return [inside, await child()]

    assert with_runcontext(custom_context={"outer": "1"}).run(main).outputs() == [
        {"outer": "1", "inner": "2"},
        {"outer": "1"},
    ]


def test_an_inline_value_over_the_limit_is_refused_with_size_and_limit():
    @env.task(max_inline_io_bytes=100)
    async def small(text: str) -> str:
        return text * 100

    with pytest.raises(InlineIOMaxBytesBreached, match="100"):
        run(small, "x" * 200)
    with pytest.raises(InlineIOMaxBytesBreached, match="o0"):
        run(small, "x" * 20)


# ---- cache ------------------------------------------------------------------------------------------------


def test_a_cached_result_is_kept_between_runs_and_can_be_overwritten():
    calls = []

    @env.task(cache=Cache("auto", version_override="1"))
    async def kept(x: int) -> int:
        calls.append(x)
        return x

    for _ in range(2):
        run(kept, 1)
    assert calls == [1]
    with_runcontext(overwrite_cache=True).run(kept, 1)
    with_runcontext(disable_run_cache=True).run(kept, 1)
    assert calls == [1, 1, 1]


def test_tasks_without_a_function_share_results_only_when_they_do_the_same():
    calls = []

    class Own(TaskTemplate):
        def __init__(self, *command):
            def shape(x: int) -> int: ...

            super().__init__(name="own", interface=NativeInterface.from_callable(shape), cache="auto")
            self.command = command

        def container_args(self, sctx):
            return list(self.command)

        async def execute(self, *args, **kwargs):
            calls.append(self.command)
            return kwargs["x"]

    for command in ("a", "b", "a"):
        run(Own(command), x=1)
    assert calls == [("a",), ("b",)]


def test_a_report_is_written_whether_the_task_succeeds_or_fails(tmp_path):
    @env.task(report=True)
    async def reports(fail: bool) -> int:
        flyte_core.report.log("<b>seen</b>")
        return 1 // (0 if fail else 1)

    for fail in (False, True):
        base = tmp_path / str(fail)
        runner = with_runcontext(run_base_dir=str(base))
        if fail:
            with pytest.raises(RuntimeUserError):
                runner.run(reports, fail)
        else:
            runner.run(reports, fail)
        assert "<b>seen</b>" in (base / "a0" / "report.html").read_text()


def test_ignored_inputs_are_no_part_of_the_key_and_unknown_ones_are_refused():
    calls = []

    @env.task(cache=Cache("auto", version_override="1", ignored_inputs=("verbose",)))
    async def kept(x: int, verbose: bool) -> int:
        calls.append(x)
        return x

    run(kept, 1, verbose=True)
    run(kept, 1, verbose=False)
    assert calls == [1]

    with pytest.raises(ValueError, match="nope"):

        @env.task(cache=Cache("auto", version_override="1", ignored_inputs=("nope",)))
        async def wrong(x: int) -> int:
            return x


def test_equal_calls_of_a_serialized_cache_run_once():
    calls = []

    @env.task(cache=Cache("auto", version_override="1", serialize=True))
    async def slow(x: int) -> int:
        calls.append(x)
        await asyncio.sleep(0.05)
        return x

    @env.task
    async def main() -> list[int]:
        return list(await asyncio.gather(*[slow(1) for _ in range(5)]))

    assert run(main).outputs() == [1] * 5
    assert calls == [1]


def test_a_corrupt_cache_file_does_not_fail_a_run(tmp_path, caplog):
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "results.db").write_bytes(b"garbage" * 1000)

    @env.task(cache=Cache("auto", version_override="1"))
    async def kept(x: int) -> int:
        return x

    assert run(kept, 3).outputs() == 3
    assert "results.db" in caplog.text


# ---- wrong calls ------------------------------------------------------------------------------------------


def test_missing_and_extra_inputs_are_named():
    with pytest.raises(ValueError, match="x"):
        run(double)
    with pytest.raises(ValueError, match="z"):
        run(double, 1, z=2)
    with pytest.raises(ValueError, match="position"):
        run(double, 1, x=2)


def test_all_faults_of_a_call_are_told_with_the_task_s_name():
    with pytest.raises(ValueError, match=r"^task 'local.double': there is no input 'y'.*; missing input 'x'$"):
        run(double, y=1)


def test_an_input_of_a_wrong_type_is_named_with_its_task():
    with pytest.raises(TypeError, match="task 'local.double', input 'x'"):
        run(double, "one")


def test_what_a_function_raises_through_around_is_the_task_s_error_whoever_calls_it():
    from flyte_core.runtime import around

    class Owned(TaskTemplate):
        async def execute(self, *args, **kwargs):
            return await around(self, broken, args, kwargs)

    def broken() -> None:
        raise LookupError("the user's")

    with pytest.raises(RuntimeUserError, match="the user's") as raised:
        run(Owned(name="owned", interface=NativeInterface({}, {})))
    assert raised.value.code == "LookupError"


def test_something_that_is_no_task_is_refused():
    with pytest.raises(TypeError, match="a task, as @env.task makes it"):
        run(len, [1])


def test_a_mode_that_needs_a_cluster_says_so():
    with pytest.raises(ClusterRequiredError, match="needs a Flyte cluster"):
        with_runcontext(mode="remote").run(double, 1)
    with pytest.raises(PluginNotFoundError, match="lokal"):
        with_runcontext(mode="lokal").run(double, 1)


# ---- the executor protocol ----------------------------------------------------------------------------------


def test_the_local_runner_is_an_executor_with_logs_and_abort():
    started = threading.Event()

    @env.task
    async def forever() -> None:
        await double(1)
        started.set()
        await asyncio.Event().wait()

    async def main():
        executor = LocalExecutor()
        assert isinstance(executor, Executor)
        handle = await executor.submit(forever, {}, RunOptions(name="endless"))
        lines = []

        async def collect():
            async for line in executor.logs(handle):
                lines.append(line)

        logs = asyncio.ensure_future(collect())
        waiting = asyncio.ensure_future(executor.wait(handle))
        while not started.is_set():
            await asyncio.sleep(0.01)
        await executor.abort(handle, "enough")
        with pytest.raises(RunAbortedError, match="enough"):
            await waiting
        await logs
        return lines

    lines = asyncio.run(main())
    assert lines[0].endswith("started")
    assert any("local.double" in line and "succeeded" in line for line in lines)


def test_cancelling_the_caller_cancels_the_run():
    started, stopped = threading.Event(), []

    @env.task
    async def forever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.append(True)
            raise

    async def main():
        task = asyncio.ensure_future(run.aio(forever))
        while not started.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises((asyncio.CancelledError, RunAbortedError)):
            await task

    asyncio.run(main())
    assert stopped == [True]


def test_events_tell_what_happens():
    events = []

    @env.task(retries=1)
    async def flaky(x: int) -> int:
        if len([e for e in events if e.kind == "retrying"]) == 0:
            raise OSError("once")
        return x

    @env.task(cache=Cache("auto", version_override="events"))
    async def kept() -> int:
        return 1

    @env.task
    async def main() -> int:
        return await flaky(1) + await kept() + await kept()

    with_runcontext(on_event=events.append).run(main)
    assert [(e.kind, e.short_name) for e in events] == [
        ("started", "main"),
        ("started", "flaky"),
        ("retrying", "flaky"),
        ("succeeded", "flaky"),
        ("started", "kept"),
        ("succeeded", "kept"),
        ("started", "kept"),
        ("cached", "kept"),
        ("succeeded", "main"),
    ]


@dataclass
class Point:
    x: int
    y: float = 0.5


def test_dataclasses_pass_between_tasks():
    @env.task
    async def move(p: Point) -> Point:
        return Point(p.x + 1, p.y)

    @env.task
    async def main() -> list[Point]:
        return [await move(Point(1)), await move(p=Point(2, 1.5))]

    assert run(main).outputs() == [Point(2), Point(3, 1.5)]
