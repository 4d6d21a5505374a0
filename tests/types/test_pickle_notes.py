"""The log line that says which parameter goes pickled, and why."""

from __future__ import annotations

import logging
from typing import Any, Literal, NewType, TypeVar

import pytest

import flyte_core
from flyte_core.types import TypeEngine, pickle_notes
from flyte_core.types.codec import codec_for
from flyte_core.types.pickle_notes import goes_pickled, say_pickled

T = TypeVar("T")
Identifier = NewType("Identifier", int)


class Own:
    pass


@pytest.fixture
def lines(caplog, monkeypatch):
    """What was logged, by a process that has said nothing yet."""
    monkeypatch.setattr(pickle_notes._Said, "lines", set())
    with caplog.at_level(logging.WARNING, logger="flyte_core"):
        yield lambda: [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("t", "reason"),
    [
        (Own, "tests.types.test_pickle_notes.Own has no literal type"),
        (complex, "complex has no literal type"),
        (list[dict[str, complex | None]], "complex has no literal type"),
        (complex | bytes | int, "complex has no literal type; bytes has no literal type"),
        (Any, "Any says nothing about the value"),
        (object, "object says nothing about the value"),
        (T, "~T says nothing about the value"),
        (Literal[1, "a"], "Literal[1, 'a'] has values that are no strings"),
        (
            Identifier,
            "tests.types.test_pickle_notes.Identifier is a NewType; annotate it as int to have that one's literal type",
        ),
    ],
)
def test_the_line_says_why(t, reason, lines):
    assert goes_pickled(codec_for(t).literal_type)
    say_pickled("input 'x'", t)
    say_pickled("input 'x'", t)
    assert lines() == [f"input 'x' goes pickled, so both sides need the same Python and modules: {reason}"]


@pytest.mark.parametrize("t", [int, list[int], Literal["a"] | None, dict, dict[int, str], str | None])
def test_nothing_is_said_of_what_has_a_literal_type(t, lines):
    assert not goes_pickled(codec_for(t).literal_type)
    say_pickled("input 'x'", t)
    assert lines() == []


def test_a_run_says_it_once_for_each_parameter_with_the_tasks_name(lines):
    env = flyte_core.TaskEnvironment("notes", image="python:3.12-slim")

    @env.task
    def work(first: complex, second: complex, third: int = 1) -> Any:
        return first * second + third

    for _ in range(2):
        flyte_core.run(work, 1j, 2j)
    head = "task 'notes.work',"
    tail = "goes pickled, so both sides need the same Python and modules:"
    assert lines() == [
        f"{head} input 'first' {tail} complex has no literal type",
        f"{head} input 'second' {tail} complex has no literal type",
        f"{head} output 'o0' {tail} Any says nothing about the value",
    ]


def test_a_parameter_without_an_annotation_is_named_where_the_task_is_made_and_not_again(lines):
    env = flyte_core.TaskEnvironment("notes", image="python:3.12-slim")

    @env.task
    def work(first, second: int = 1) -> int:
        return first + second

    assert flyte_core.run(work, 1).outputs() == 2
    (line,) = lines()
    assert "work" in line
    assert "first" in line
    assert "pickled" in line
    assert "inspect" not in line


def test_the_engine_says_it_for_a_type_alone(lines):
    TypeEngine.to_literal_type(complex)
    (line,) = lines()
    assert line.startswith("a value goes pickled")
    assert line.endswith("complex has no literal type")
