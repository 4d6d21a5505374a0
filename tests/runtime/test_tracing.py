"""flyte_core.runtime.tracing: helper functions that show up in a run."""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from flyte_core import TaskEnvironment, group, run, trace
from flyte_core.context import current_controller, use_controller, use_task_context
from flyte_core.models import ActionID, RawDataPath, TaskContext
from flyte_core.runtime import TraceRecord


@trace
def plain(x: int, *rest: int, y: int = 2) -> int:
    """Add."""
    if x < 0:
        raise ValueError("negative")
    return x + y + sum(rest)


@trace
async def waiting(x: int, y: int = 2) -> int:
    await asyncio.sleep(0)
    if x < 0:
        raise ValueError("negative")
    return x + y


@trace
async def stream(n: int) -> AsyncIterator[int]:
    for i in range(n):
        yield i
    if n > 2:
        raise ValueError("too many")


@trace
def count(n: int) -> Iterator[int]:
    yield from range(n)
    if n > 2:
        raise ValueError("too many")


class Recorder:
    """A controller that runs nothing and keeps traces."""

    def __init__(self) -> None:
        self.traces: list[TraceRecord] = []

    def record_trace(self, record: TraceRecord) -> None:
        self.traces.append(record)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    context = TaskContext(
        action=ActionID(name="a0"),
        version="1",
        raw_data_path=RawDataPath(path="/raw"),
        output_path="/out",
        run_base_dir="/run",
        report=None,
    )
    made = Recorder()
    with use_task_context(context), use_controller(made):  # type: ignore[arg-type]
        yield made


async def _collect(items: AsyncIterator[int]) -> list[int]:
    return [item async for item in items]


def test_outside_of_a_run_functions_are_what_they_were() -> None:
    assert plain(1, 5, y=3) == 9
    assert asyncio.run(waiting(1)) == 3
    assert asyncio.run(_collect(stream(2))) == [0, 1]
    assert list(count(2)) == [0, 1]
    with pytest.raises(ValueError, match="negative"):
        plain(-1)


def test_in_a_task_whose_controller_keeps_no_traces_functions_are_what_they_were(recorder: Recorder) -> None:
    with use_controller(None):
        assert plain(1) == 3
        assert asyncio.run(_collect(stream(2))) == [0, 1]
    with use_controller(object()):  # type: ignore[arg-type]
        assert plain(1) == 3
    assert recorder.traces == []


def test_name_docstring_signature_and_kind_stay() -> None:
    assert (plain.__name__, plain.__doc__) == ("plain", "Add.")
    assert str(inspect.signature(plain)) == "(x: 'int', *rest: 'int', y: 'int' = 2) -> 'int'"
    assert inspect.iscoroutinefunction(waiting)
    assert inspect.isasyncgenfunction(stream)
    assert inspect.isgeneratorfunction(count)
    assert not inspect.iscoroutinefunction(plain)


def test_a_call_is_recorded_with_names_times_and_action(recorder: Recorder) -> None:
    before = time.time()
    with group("g"):
        plain(1, 5, 6, y=3)
    (record,) = recorder.traces
    assert (record.name, record.action.name, record.group) == ("plain", "a0", "g")
    assert record.inputs == {"x": 1, "rest": (5, 6), "y": 3}
    assert (record.output, record.error) == (15, None)
    assert before <= record.started <= record.ended <= time.time()


def test_a_coroutine_function_is_recorded_when_it_ends(recorder: Recorder) -> None:
    async def main() -> int:
        call = waiting(1, y=4)
        assert recorder.traces == []
        return await call

    assert asyncio.run(main()) == 5
    assert [(t.name, t.inputs, t.output) for t in recorder.traces] == [("waiting", {"x": 1, "y": 4}, 5)]


@pytest.mark.parametrize("call", [lambda: plain(-1), lambda: asyncio.run(waiting(-1))])
def test_an_error_is_recorded_and_raised(call: Callable[[], Any], recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="negative") as caught:
        call()
    (record,) = recorder.traces
    assert record.error is caught.value
    assert record.output is None


def test_a_cancelled_call_is_recorded_as_cancelled(recorder: Recorder) -> None:
    @trace
    async def forever() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.ensure_future(forever())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert isinstance(recorder.traces[0].error, asyncio.CancelledError)


def test_generators_are_recorded_once_with_everything_they_yielded(recorder: Recorder) -> None:
    assert asyncio.run(_collect(stream(2))) == [0, 1]
    assert list(count(2)) == [0, 1]
    assert [(t.name, t.output, t.error) for t in recorder.traces] == [
        ("stream", [0, 1], None),
        ("count", [0, 1], None),
    ]


def test_a_generator_that_fails_is_recorded_with_its_error(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="too many"):
        list(count(3))
    with pytest.raises(ValueError, match="too many"):
        asyncio.run(_collect(stream(3)))
    assert [(t.output, str(t.error)) for t in recorder.traces] == [(None, "too many")] * 2


def test_a_generator_that_is_left_early_is_closed_and_no_failure(recorder: Recorder) -> None:
    closed: list[str] = []

    @trace
    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append("async")

    @trace
    def more() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append("sync")

    async def main() -> None:
        items: Any = numbers()
        assert await items.__anext__() == 1
        await items.aclose()

    asyncio.run(main())
    items: Any = more()
    assert next(items) == 1
    items.close()
    assert closed == ["async", "sync"]
    assert [(t.output, t.error) for t in recorder.traces] == [([1], None)] * 2


@pytest.mark.parametrize("inside", [True, False])
def test_what_is_sent_and_thrown_reaches_the_generator(inside: bool, recorder: Recorder) -> None:
    @trace
    async def echo() -> Any:
        got: Any = "start"
        while True:
            try:
                got = yield got
            except KeyError as error:
                got = f"caught {error}"

    @trace
    def sync_echo() -> Any:
        got = yield "start"
        try:
            yield got
        except KeyError as error:
            yield f"caught {error}"
        return "end"

    async def main() -> list[Any]:
        items = echo()
        seen = [await items.asend(None), await items.asend("sent"), await items.athrow(KeyError("k"))]
        await items.aclose()
        return seen

    with use_controller(current_controller() if inside else None):
        assert asyncio.run(main()) == ["start", "sent", "caught 'k'"]
        items = sync_echo()
        assert [next(items), items.send("sent"), items.throw(KeyError("k"))] == ["start", "sent", "caught 'k'"]
        with pytest.raises(StopIteration) as stop:
            next(items)
        assert stop.value.value == "end"
    assert len(recorder.traces) == (2 if inside else 0)


def test_a_coroutine_function_hidden_by_another_decorator_is_recorded_when_awaited(recorder: Recorder) -> None:
    async def work(x: int) -> int:
        return x

    @trace
    @functools.wraps(work)
    def hidden(*args: Any, **kwargs: Any) -> Any:
        return work(*args, **kwargs)

    async def main() -> int:
        call = hidden(3)
        assert recorder.traces == []
        result: int = await call
        return result

    assert asyncio.run(main()) == 3
    assert [(t.inputs, t.output) for t in recorder.traces] == [({"x": 3}, 3)]


def test_arguments_that_do_not_fit_fail_as_without_the_decorator(recorder: Recorder) -> None:
    with pytest.raises(TypeError, match=r"plain\(\) missing 1 required positional argument"):
        plain()  # type: ignore[call-arg]
    assert [type(t.error) for t in recorder.traces] == [TypeError]


def test_functions_without_a_signature_are_recorded_by_position(recorder: Recorder) -> None:
    class Odd:
        __name__ = "odd"
        __signature__ = "none"

        def __call__(self, *args: Any, **kwargs: Any) -> int:
            return len(args) + len(kwargs)

    assert trace(Odd())(1, 2, key=3) == 3
    assert [(t.name, t.inputs) for t in recorder.traces] == [("odd", {"0": 1, "1": 2, "key": 3})]


def test_a_method_can_be_traced(recorder: Recorder) -> None:
    class Client:
        @trace
        def get(self, url: str) -> str:
            return url

    client = Client()
    assert client.get("u") == "u"
    assert recorder.traces[0].inputs == {"self": client, "url": "u"}


env = TaskEnvironment("traced")


@env.task
async def traced_task(x: int) -> int:
    controller: Any = current_controller()
    with group("calls"):
        total = plain(x) + await waiting(x) + sum([i async for i in stream(2)])
    assert [(t.name, t.group, t.action.name) for t in controller.traces] == [
        ("plain", "calls", "a0"),
        ("waiting", "calls", "a0"),
        ("stream", "calls", "a0"),
    ]
    return total


def test_in_a_local_run_the_run_keeps_the_records() -> None:
    assert run(traced_task, x=1).outputs() == 7
