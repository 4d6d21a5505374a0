"""flyte_core.storage: progress of transfers: none for short ones, a bar on a terminal, lines in the log elsewhere."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flyte_core import storage


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Slow:
    """A hash that takes its time for each piece."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds

    def update(self, _data: memoryview, /) -> None:
        self.clock.now += self.seconds

    def result(self) -> str:
        return ""

    def reset(self) -> None:
        return


class Screen(io.StringIO):
    """A terminal that remembers what was shown."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("flyte_core.storage.progress.monotonic", made)
    return made


@pytest.fixture
def copy(clock: Clock, tmp_path: Path) -> Callable[[float], Path]:
    def run(seconds: float) -> Path:
        (tmp_path / "a").write_bytes(bytes(20 * 2**20))
        storage.put_sync(tmp_path / "a", tmp_path / "b", hash_method=Slow(clock, seconds))
        assert (tmp_path / "b").stat().st_size == 20 * 2**20
        return tmp_path / "a"

    return run


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Screen]:
    def begin() -> Screen:
        # Not before the test itself: pytest changes sys.stderr after the fixtures are made.
        made = Screen()
        monkeypatch.setattr(sys, "stderr", made)
        return made

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return begin


Copy = Callable[[float], Path]
Terminal = Callable[[], Screen]


def test_a_short_transfer_says_nothing(copy: Copy, terminal: Terminal, caplog: pytest.LogCaptureFixture) -> None:
    screen = terminal()
    with caplog.at_level(logging.DEBUG, logger="flyte_core"):
        copy(0.01)
    assert caplog.text == screen.getvalue() == ""


def test_without_a_terminal_a_line_is_logged_every_five_seconds(copy: Copy, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="flyte_core"):
        path = copy(0.5)
    lines = [record.getMessage() for record in caplog.records]
    assert 1 <= len(lines) <= 3
    assert lines[0].startswith(f"copy {path}: ")
    assert lines[0].endswith(" of 20.0 MiB")


def test_on_a_terminal_a_bar_is_shown_and_goes_away(
    copy: Copy, terminal: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    screen = terminal()
    with caplog.at_level(logging.INFO, logger="flyte_core"):
        copy(0.5)
    shown = screen.getvalue()
    assert "copy " in shown
    assert "\x1b[2K" in shown
    assert "\x1b[?25h" in shown
    assert caplog.text == ""


def test_a_terminal_without_controls_gets_no_bar(
    copy: Copy, terminal: Terminal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = terminal()
    monkeypatch.setenv("TERM", "dumb")
    with caplog.at_level(logging.INFO, logger="flyte_core"):
        copy(0.5)
    assert screen.getvalue() == ""
    assert "MiB" in caplog.text


def test_a_terminal_that_fails_does_not_fail_the_transfer(
    copy: Copy, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = terminal()

    def gone(_text: str) -> int:
        raise OSError("the terminal is gone")

    monkeypatch.setattr(screen, "write", gone)
    copy(0.5)


def test_a_second_transfer_beside_one_with_a_bar_writes_to_the_log(
    clock: Clock, terminal: Terminal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from flyte_core.storage.progress import progress

    screen = terminal()
    with caplog.at_level(logging.INFO, logger="flyte_core"):
        with progress("one", size=10) as one, progress("other", size=10) as other:
            clock.now = 2
            one.add(1)
            other.add(1)
        assert [record.getMessage() for record in caplog.records] == ["other: 0.0 of 0.0 MiB"]
        with progress("third", size=None) as third:
            clock.now = 4
            third.add(1)
    assert len(caplog.records) == 1
    assert "third" in screen.getvalue()


def test_a_folder_has_one_line_with_its_files(
    clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        storage.write_bytes_sync(tmp_path / "s" / str(number), bytes(2**20))
    monkeypatch.setattr(
        "flyte_core.storage.progress.monotonic", lambda: clock.__setattr__("now", clock.now + 0.4) or clock.now
    )
    with caplog.at_level(logging.INFO, logger="flyte_core"):
        storage.get_sync(tmp_path / "s", tmp_path / "t", recursive=True)
    assert len(caplog.records) == 1
    assert " of 3 files, " in caplog.text
    assert " of 3.0 MiB" in caplog.text


def test_credentials_are_not_shown(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    from flyte_core.storage.progress import progress

    with (
        caplog.at_level(logging.INFO, logger="flyte_core"),
        progress("download https://ann:pw@host/a?X-Amz-Signature=0f3a", size=None) as meter,
    ):
        clock.now = 2
        meter.add(1)
    assert "pw" not in caplog.text
    assert "0f3a" not in caplog.text
