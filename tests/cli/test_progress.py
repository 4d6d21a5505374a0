from __future__ import annotations

import io
import sys
import threading

import pytest
from rich.console import Console

from flyte_core.cli import progress as progress_module
from flyte_core.cli.events import Counts, Tally
from flyte_core.cli.progress import Progress, draw
from flyte_core.runtime import TaskEvent


def event(kind, task="env.work"):
    return TaskEvent(kind=kind, task=task, short_name="work", action="a0")


@pytest.mark.parametrize(
    ("kinds", "counts"),
    [
        (["started"], Counts(running=1)),
        (["started", "succeeded"], Counts(done=1)),
        (["started", "cached"], Counts(cached=1)),
        (["started", "failed"], Counts(failed=1)),
        (["started", "retrying", "retrying", "succeeded"], Counts(done=1, retries=2)),
        (["started", "started", "succeeded"], Counts(running=1, done=1)),
    ],
)
def test_events_are_counted(kinds, counts):
    tally = Tally()
    for kind in kinds:
        tally(event(kind))
    assert tally.snapshot() == {"env.work": counts}


def test_events_of_many_threads_are_all_counted():
    tally = Tally()

    def work():
        for _ in range(500):
            tally(event("started"))
            tally(event("succeeded"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.snapshot()["env.work"] == Counts(done=2000)


def test_a_snapshot_does_not_change_afterwards():
    tally = Tally()
    tally(event("started"))
    before = tally.snapshot()
    tally(event("succeeded"))
    assert before["env.work"].running == 1


def drawn(tally):
    console = Console(file=io.StringIO(), width=100)
    console.print(draw(tally))
    return console.file.getvalue()


def test_the_display_has_a_row_for_each_task():
    ticks = iter([10.0, 13.0])
    tally = Tally(clock=lambda: next(ticks))
    for kind, task in [("started", "env.a"), ("succeeded", "env.a"), ("started", "env.[b]")]:
        tally(event(kind, task))
    text = drawn(tally)
    assert "running for 3 s" in text
    assert "env.[b]" in text


def test_the_display_shows_the_latest_of_many_tasks():
    tally = Tally()
    for number in range(100):
        tally(event("started", f"env.t{number}"))
    text = drawn(tally)
    assert "env.t99" in text
    assert "env.t0 " not in text


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_long_run_is_shown_on_a_terminal_and_cleared_at_its_end(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress_module, "_PATIENCE", 0.0)
    tally = Tally()
    tally(event("started"))
    with Progress(tally) as progress:
        progress._timer.join()
    assert "env.work" in stream.getvalue()
    assert sys.stderr is stream


@pytest.mark.parametrize("quiet", [True, False])
def test_nothing_is_shown_without_a_terminal_or_when_quiet(monkeypatch, quiet):
    stream = Terminal() if quiet else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress_module, "_PATIENCE", 0.0)
    with Progress(Tally(), quiet=quiet) as progress:
        assert not progress._timer.is_alive()
    assert stream.getvalue() == ""


def test_a_short_run_shows_nothing(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(Tally()):
        pass
    assert stream.getvalue() == ""
