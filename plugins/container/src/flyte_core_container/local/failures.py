"""How a container ended, as the error of its task: the code, the reason, the last lines of the log, what to do."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flyte_core.errors import BaseRuntimeError, TaskTimeoutError
from flyte_core_container.errors import (
    ContainerFailedError,
    ContainerLostError,
    ContainerOOMError,
    MissingOutputError,
    OutputError,
)

if TYPE_CHECKING:
    from flyte_core_container.local.container import ContainerSpec, Ending

__all__ = ["failure", "output_failure", "reported_failure", "shown_log", "timeout_failure"]

#: A line is shown up to here, so that a line of a megabyte does not hide the message.
_SHOWN = 400

#: What shells and engines mean by these codes, and what helps.
_KNOWN_CODES = {
    125: "the engine could not run it",
    126: "the command may not be executed; see its permissions",
    127: "the command was not found; see its spelling and the image's PATH",
}

_FIRST_SIGNAL = 128


def shown_log(lines: Sequence[str]) -> str:
    """Give the last lines of a log as the end of a message."""
    if not lines:
        return "; the container printed nothing"
    cut = [line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..." for line in lines]
    return "; the last lines of its log:\n" + "\n".join(f"    {line}" for line in cut)


def _meaning(code: int) -> str:
    if code in _KNOWN_CODES:
        return f" ({_KNOWN_CODES[code]})"
    try:
        name = signal.Signals(code - _FIRST_SIGNAL).name if code > _FIRST_SIGNAL else ""
    except ValueError:
        name = ""
    return f" (signal {name})" if name else ""


def failure(spec: ContainerSpec, ending: Ending, lines: Sequence[str], report: str | None = None) -> BaseRuntimeError:
    """Give the error of a container that has not ended with 0.

    Args:
        spec: the container.
        ending: how it ended.
        lines: the last lines of its log.
        report: what it has written to ``_ERROR``; None without that file.
    """
    code, log = ending.exit_code, shown_log(lines)
    where = f"task {spec.task!r}: its container of image {spec.image!r}"
    if ending.out_of_memory:
        limit = spec.host.get("Memory")
        most = f" of {limit:,} bytes" if limit else ""
        return ContainerOOMError(
            f"{where} was killed (OOM, exit code {code}), since it needed more than its memory{most}; raise "
            f"resources.memory, or have it use less{log}",
            code,
        )
    if ending.after_outage:
        return ContainerLostError(
            f"{where} ended with exit code {code}{_meaning(code)} while the container engine was away, which ends its "
            f"containers when it is restarted; run the task again{log}"
        )
    reason = f": {ending.reason}" if ending.reason else ""
    if report is not None:
        reason += f", and reported in the file _ERROR: User Error: {report}"
    return ContainerFailedError(
        f"{where} ended with exit code {code}{_meaning(code)}{reason}; its command was {spec.command!r}{log}", code
    )


def timeout_failure(spec: ContainerSpec, limit: float, lines: Sequence[str]) -> TaskTimeoutError:
    """Give the error of a container that took longer than its task may."""
    return TaskTimeoutError(
        f"task {spec.task!r} ran longer than its timeout of {limit:g} s, and its container of image {spec.image!r} was "
        f"stopped; raise the task's timeout if it needs more{shown_log(lines)}"
    )


def output_failure(
    spec: ContainerSpec, error: Exception | str, lines: Sequence[str], *, missing: bool = False
) -> OutputError:
    """Give the error of a container that ended well and left outputs that cannot be read, or not all of them."""
    return (MissingOutputError if missing else OutputError)(
        f"task {spec.task!r}: its container of image {spec.image!r} ended with exit code 0, but {error}"
        f"{shown_log(lines)}"
    )


def reported_failure(spec: ContainerSpec, report: str, lines: Sequence[str]) -> ContainerFailedError:
    """Give the error of a container that has reported its own failure, as CoPilot words it."""
    return ContainerFailedError(
        f"task {spec.task!r}: its container of image {spec.image!r} reported in the file _ERROR: User Error: {report}"
        f"{shown_log(lines)}",
        0,
    )
