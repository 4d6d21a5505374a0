"""Logs: pieces become lines, what comes twice counts once, and no fault of a log ends a task."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from flyte_core_container.local import logs
from flyte_core_container.local.answers import EngineGone, EngineRefusal
from flyte_core_container.local.engine import Engine
from flyte_core_container.local.logs import LogFollower, LogLines, last_lines
from hypothesis import given
from hypothesis import strategies as st


def stamp(second: int, nano: int = 0) -> bytes:
    return b"2024-01-01T00:00:%02d.%09dZ " % (second, nano)


def shown(*entries: bytes) -> list[str]:
    lines: list[str] = []
    log = LogLines(lines.append)
    for entry in entries:
        log.add(entry)
    log.end()
    return lines


def test_pieces_of_a_line_are_put_together() -> None:
    assert shown(stamp(1) + b"one\n", stamp(2) + b"tw", stamp(3) + b"o\r\nthree") == ["one", "two", "three"]


def test_what_is_no_utf_8_is_shown_as_such_and_letters_are_not_cut_apart() -> None:
    assert shown(stamp(1) + b"\xc3", stamp(2) + b"\xa9\n\xff\n") == ["é", "\ufffd"]


def test_an_empty_line_is_a_line() -> None:
    assert shown(stamp(1) + b"\n", stamp(1) + b"\n") == ["", ""]


def test_a_line_without_an_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_LONGEST_LINE", 10)
    assert shown(stamp(1) + b"x" * 8, stamp(2) + b"y" * 8, stamp(3) + b"z") == ["xxxxxxxxyyyyyyyy", "z"]


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=5)), max_size=12), st.integers(0, 12))
def test_a_log_that_breaks_off_anywhere_and_is_told_again_is_the_same_log(
    pieces: list[tuple[int, bytes]], cut: int
) -> None:
    entries = [stamp(second) + piece for second, piece in sorted(pieces, key=lambda piece: piece[0])]
    whole = shown(*entries)
    lines: list[str] = []
    log = LogLines(lines.append)
    for entry in entries[:cut]:
        log.add(entry)
    log.replay()
    for entry in entries:
        if not log.latest or entry[:19] >= log.latest[:19].encode():
            log.add(entry)
    log.end()
    assert lines == whole


class Api:
    """Streams logs that break off as they are told."""

    def __init__(self, *streams: list[bytes | Exception]) -> None:
        self.streams = list(streams)
        self.since: list[Any] = []

    def logs(self, container: str, *, since: int | None = None, **_: Any) -> Iterator[bytes]:
        self.since.append(since)
        stream = self.streams.pop(0) if self.streams else []
        for entry in stream:
            if isinstance(entry, Exception):
                raise entry
            yield entry


class PlainEngine(Engine):
    def call(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)


def follow(api: Api, show: Any, after_the_end: int = 0) -> LogFollower:
    async def main() -> LogFollower:
        follower = LogFollower(PlainEngine(api), "c1", show)
        while len(api.streams) > after_the_end:
            await asyncio.sleep(0.01)
        await follower.drain()
        return follower

    return asyncio.run(main())


def test_a_log_goes_on_where_it_broke_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_AGAIN", 0.01)
    one, two, three = stamp(1) + b"1\n", stamp(2) + b"2\n", stamp(2, 5) + b"3\n"
    api = Api([one, two, EngineGone("away")], [EngineRefusal(500, "starting")], [two, three])
    lines: list[str] = []
    follow(api, lines.append)
    assert lines == ["1", "2", "3"]
    assert api.since[:3] == [None, 1704067202, 1704067202]


def test_what_a_stream_misses_at_the_containers_end_is_read_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_AGAIN", 60)
    one, two = stamp(1) + b"1\n", stamp(2) + b"without an end"
    lines: list[str] = []
    follow(Api([one], [one, two]), lines.append, after_the_end=1)
    assert lines == ["1", "without an end"]


def test_a_log_that_cannot_be_shown_is_given_up_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    def broken(line: str) -> None:
        raise BrokenPipeError("closed")

    follow(Api([stamp(1) + b"1\n"]), broken)
    assert "cannot be shown" in caplog.text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-01-01T00:00:02.5Z", 1704067202),
        ("2024-01-01T02:00:02.123456789+02:00", 1704067202),
        ("2023-12-31T22:30:02-01:30", 1704067202),
    ],
)
def test_the_second_of_a_timestamp_is_read_with_its_zone(text: str, seconds: int) -> None:
    assert logs._seconds(text) == seconds


def test_last_lines_that_cannot_be_had_are_none() -> None:
    class Silent:
        def logs(self, *_: Any, **__: Any) -> bytes:
            raise EngineGone("away")

    assert asyncio.run(last_lines(PlainEngine(Silent()), "c1")) == []
