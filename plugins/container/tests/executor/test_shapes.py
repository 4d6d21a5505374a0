"""Tasks of many shapes end the same way in containers as in this process."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from flyte_core import with_runcontext
from flyte_core.runtime import TaskEvent


class _Outcomes:
    """What came of each shape, here and in containers; each side is one run of all of them."""

    def __init__(self, shapes: ModuleType) -> None:
        names = list(shapes.SHAPES)
        self.events: list[TaskEvent] = []
        self.here = with_runcontext().run(shapes.everything, names).outputs()
        runner = with_runcontext(mode="docker", on_event=self.events.append)
        self.there = runner.run(shapes.everything, names).outputs()


@pytest.fixture(scope="module")
def outcomes(project: Callable[[str], ModuleType]) -> _Outcomes:
    return _Outcomes(project("shapes"))


def test_tasks_of_all_shapes_end_in_containers_as_they_do_locally(outcomes: _Outcomes) -> None:
    assert len(outcomes.here) > 40
    assert outcomes.there == outcomes.here


def test_a_cached_task_is_not_started(outcomes: _Outcomes) -> None:
    kinds = [event.kind for event in outcomes.events if event.short_name == "remembered"]
    assert sorted(kinds) == ["cached", "started", "started", "started", "succeeded", "succeeded"]


def test_a_retried_task_is_told_of_as_locally(outcomes: _Outcomes) -> None:
    told: list[Any] = [(event.kind, event.attempt) for event in outcomes.events if event.short_name == "flaky"]
    assert told == [("started", 1), ("retrying", 1), ("retrying", 2), ("succeeded", 1)]


def test_each_call_names_the_action_that_made_it(outcomes: _Outcomes) -> None:
    names = {event.action: event.short_name for event in outcomes.events}
    levels = [event for event in outcomes.events if event.short_name == "three_levels" and event.kind == "started"]
    assert [names[event.parent or ""] for event in levels] == ["everything", "three_levels", "three_levels"]
