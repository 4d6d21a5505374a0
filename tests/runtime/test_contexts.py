"""flyte_core.runtime.contexts: groups, and texts that travel to the tasks that are called."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from flyte_core import TaskEnvironment, ctx, custom_context, get_custom_context, group, run, with_runcontext
from flyte_core.context import use_task_context
from flyte_core.errors import InvalidTypeError
from flyte_core.models import ActionID, GroupData, RawDataPath, TaskContext

env = TaskEnvironment("contexts")


@pytest.fixture
def in_task() -> Iterator[TaskContext]:
    context = TaskContext(
        action=ActionID(name="a0"),
        version="1",
        raw_data_path=RawDataPath(path="/raw"),
        output_path="/out",
        run_base_dir="/run",
        report=None,
        custom_context={"owner": "ann", "cost": "low"},
    )
    with use_task_context(context):
        yield context


def _group() -> str | None:
    context = ctx()
    return None if context is None or context.group_data is None else context.group_data.name


def test_groups_nest_and_end(in_task: TaskContext) -> None:
    with group("outer"):
        assert vars(ctx()) == {**vars(in_task), "group_data": GroupData("outer")}
        with group("inner"):
            assert _group() == "inner"
        assert _group() == "outer"
    assert ctx() is in_task


def test_a_group_ends_when_its_block_raises(in_task: TaskContext) -> None:
    with pytest.raises(KeyError), group("g"):
        raise KeyError
    assert ctx() is in_task


def test_outside_of_a_task_a_group_does_nothing() -> None:
    with group("g"):
        assert ctx() is None


def test_a_custom_context_adds_to_the_tasks_own(in_task: TaskContext) -> None:
    with custom_context(cost="high", year="2024"):
        assert get_custom_context() == {"owner": "ann", "cost": "high", "year": "2024"}
    assert get_custom_context() == {"owner": "ann", "cost": "low"}


def test_outside_of_a_task_there_is_no_custom_context() -> None:
    with custom_context(owner="ann"):
        assert get_custom_context() == {}


def test_changing_what_is_given_changes_no_context(in_task: TaskContext) -> None:
    get_custom_context()["owner"] = "eve"
    assert get_custom_context()["owner"] == "ann"


def test_values_that_are_no_texts_are_refused(in_task: TaskContext) -> None:
    with pytest.raises(InvalidTypeError, match=r"custom_context: year = 2024"), custom_context(year=2024):  # type: ignore[arg-type]
        pass
    with pytest.raises(InvalidTypeError, match="group: name"), group(5):  # type: ignore[arg-type]
        pass


def test_coroutines_side_by_side_have_their_own(in_task: TaskContext) -> None:
    async def one(name: str) -> tuple[str | None, str]:
        with group(name), custom_context(owner=name):
            await asyncio.sleep(0)
            return _group(), get_custom_context()["owner"]

    async def main() -> list[tuple[str | None, str]]:
        return await asyncio.gather(one("a"), one("b"))

    assert asyncio.run(main()) == [("a", "a"), ("b", "b")]


@env.task
async def leaf() -> dict[str, str]:
    return get_custom_context()


@env.task
def sync_leaf() -> dict[str, str]:
    return get_custom_context()


@env.task
async def middle() -> dict[str, str]:
    with custom_context(from_middle="2"):
        return await leaf()


@env.task
async def root() -> list[dict[str, str]]:
    with custom_context(from_root="1"):
        inside = [await middle(), sync_leaf()]
    return [*inside, await leaf()]


def test_in_a_run_the_texts_travel_down_and_not_up() -> None:
    outputs = with_runcontext(custom_context={"from_run": "0"}).run(root).outputs()
    assert outputs == [
        {"from_run": "0", "from_root": "1", "from_middle": "2"},
        {"from_run": "0", "from_root": "1"},
        {"from_run": "0"},
    ]


@env.task
async def action_name() -> str:
    context = ctx()
    assert context is not None
    assert context.group_data is None
    return context.action.name


@env.task
async def grouped() -> list[str]:
    names = [await action_name()]
    for name in ("g", "h"):
        with group(name):
            names.append(await action_name())
    return names


def test_in_a_run_a_group_is_part_of_an_actions_identity_and_not_inherited() -> None:
    assert len(set(run(grouped).outputs())) == 3
