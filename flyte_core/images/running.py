"""A program that runs beside us: its output line by line as it comes, and its end with ours."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from attrs import frozen

__all__ = ["Finished", "run"]

#: How long a program may take to end once it is told to.
_GRACE = 10.0
_BREAK = re.compile(r"\r\n|\n|\r")
#: What is kept of a line that has no end.
_LONGEST = 65536


@frozen(kw_only=True)
class Finished:
    """A program that has ended.

    Args:
        code: its exit status; negative is the signal that ended it.
        lines: its output, without colours.
    """

    code: int
    lines: tuple[str, ...] = ()


async def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    say: Callable[[str], None] | None = None,
    grace: float = _GRACE,
) -> Finished:
    """Run a program to its end; it does not outlive a cancellation.

    Args:
        command: the program and its arguments.
        env: its whole environment; this process's own unless given.
        say: takes each line of its output and errors as it comes, already without secrets if it is to be shown.
        grace: how many seconds it may take to end when this is cancelled, before it is killed.

    Returns:
        How it ended, and what it said.

    Raises:
        FileNotFoundError: there is no such program.

    Example:
        >>> asyncio.run(run(["sh", "-c", "echo one; echo two >&2; exit 3"])).code
        3
    """
    # A group of its own, so that what it starts ends with it, and Ctrl-C reaches it through us alone.
    process = await asyncio.create_subprocess_exec(
        *command,
        env=None if env is None else dict(env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    lines: list[str] = []
    try:
        assert process.stdout is not None
        async for line in _lines(process.stdout):
            lines.append(line)
            if say is not None:
                say(line)
        return Finished(code=await process.wait(), lines=tuple(lines))
    finally:
        if process.returncode is None:
            await _ended(process, grace)


async def _ended(process: asyncio.subprocess.Process, grace: float) -> None:
    ending = asyncio.ensure_future(_end(process, grace))
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        # Somebody is in a hurry.
        _signal(process, signal.SIGKILL)
        await ending
        raise


async def _end(process: asyncio.subprocess.Process, grace: float) -> None:
    _signal(process, signal.SIGTERM)
    try:
        await asyncio.wait_for(_drained(process), grace)
    except asyncio.TimeoutError:
        _signal(process, signal.SIGKILL)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_drained(process), grace)


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Wait for the end, reading on: a program blocks that writes what nobody reads."""
    assert process.stdout is not None
    while await process.stdout.read(_LONGEST):
        pass
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    while chunk := await stream.read(_LONGEST):
        rest += decoder.decode(chunk)
        # It may be the first half of a break.
        held = "\r" if rest.endswith("\r") else ""
        *whole, rest = _BREAK.split(rest.removesuffix("\r"))
        rest += held
        for line in whole:
            yield _COLOURS.sub("", line)
        if len(rest) > _LONGEST:
            yield _COLOURS.sub("", rest)
            rest = ""
    if rest:
        yield _COLOURS.sub("", rest.removesuffix("\r"))
