from __future__ import annotations

import io

import pytest
from rich.console import Console

from flyte_core.cli.tree import TaskTree, draw_tree, line_of
from flyte_core.runtime import TaskEvent


def event(kind, name, action, parent=None, **more):
    return TaskEvent(kind=kind, task=f"env.{name}", short_name=name, action=action, parent=parent, **more)


def drawn(tree):
    console = Console(file=io.StringIO(), width=100)
    console.print(draw_tree(tree))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def tree(now):
    return TaskTree(clock=lambda: now[0])


def test_a_task_stands_below_the_one_that_called_it(tree, now):
    tree(event("started", "main", "a0"))
    tree(event("started", "work", "x1", "a0"))
    now[0] = 1.5
    assert drawn(tree) == ["running for 2 s", "└── main  1 running  1.5 s", "    └── work  1 running  1.5 s"]


def test_calls_of_one_task_by_another_are_one_row(tree):
    tree(event("started", "main", "a0"))
    for number in range(1000):
        tree(event("started", "work", f"x{number}", "a0"))
    tree(event("succeeded", "work", "x0", "a0"))
    tree(event("cached", "work", "x1", "a0"))
    tree(event("failed", "work", "x2", "a0"))
    tree(event("retrying", "work", "x3", "a0"))
    rows = drawn(tree)
    assert rows[2].strip() == "└── work  997 running  1 done  1 cached  1 failed  1 retries  0.0 s"
    assert len(rows) == 3


def test_the_time_of_a_task_stops_with_its_last_call(tree, now):
    tree(event("started", "main", "a0"))
    now[0] = 2.0
    tree(event("succeeded", "main", "a0"))
    now[0] = 5.0
    assert drawn(tree)[1].endswith("main  1 done  2.0 s")


def test_a_tree_with_many_kinds_of_tasks_is_cut(tree):
    for number in range(60):
        tree(event("started", f"task{number}", f"a{number}"))
    rows = drawn(tree)
    assert len(rows) == 42
    assert rows[-1].endswith("... and 20 more")


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (event("started", "work", "46ckd6gkxyz"), "work [46ckd6gk] started"),
        (event("cached", "work", "a0", seconds=0.01), "work [a0] cached in 0.0 s"),
        (event("retrying", "work", "a0", attempt=2), "work [a0] retrying after attempt 2"),
        (event("failed", "work", "a0", seconds=1, error=ValueError("a\nb")), "work [a0] failed in 1.0 s: a"),
    ],
)
def test_an_event_is_a_line_where_nothing_moves(told, line):
    assert line_of(told) == line
