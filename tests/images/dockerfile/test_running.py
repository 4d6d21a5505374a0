"""Programs that run beside us."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from flyte_core.images.running import run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="groups of processes are POSIX's")


def test_lines_come_one_by_one_from_both_streams_without_colours() -> None:
    said: list[str] = []
    program = r"printf 'a\033[31mb\033[0m\r\nc\rd\n'; printf '\303\251\377' >&2; exit 4"
    done = asyncio.run(run(["sh", "-c", program], say=said.append))
    assert (done.code, done.lines) == (4, ("ab", "c", "d", "é\ufffd"))
    assert tuple(said) == done.lines


def test_a_line_without_an_end_is_given_in_pieces() -> None:
    done = asyncio.run(run([sys.executable, "-c", "print('x' * 300_000, end='')"]))
    assert "".join(done.lines) == "x" * 300_000
    assert len(done.lines) > 1


def test_a_program_that_is_not_there_is_an_error_of_the_system() -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(run(["/no/such/program"]))


def _ended(number: int) -> bool:
    """Whether a process has ended, though nobody may have asked for its status yet."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("trap", ["", "trap '' TERM; "])
def test_a_cancelled_program_ends_with_all_that_it_has_started(trap: str) -> None:
    async def cancelled() -> list[int]:
        numbers: list[int] = []
        begun = asyncio.Event()

        def say(line: str) -> None:
            numbers.extend(map(int, line.split()))
            begun.set()

        program = f"{trap}sleep 600 & echo $$ $!; wait; wait; wait"
        task = asyncio.create_task(run(["sh", "-c", program], say=say, grace=0.2))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return numbers

    numbers = asyncio.run(cancelled())
    assert len(numbers) == 2
    # The group was told at once; the shell's own child may be collected a moment later by whoever adopts it.
    for _ in range(2000):
        if all(map(_ended, numbers)):
            break
        os.sched_yield()
    assert all(map(_ended, numbers))
