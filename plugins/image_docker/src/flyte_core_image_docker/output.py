"""What BuildKit says with ``--progress=plain``: which instruction failed, why, and its last lines."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

__all__ = ["Failure", "failure_in", "is_noise"]

_LINE = re.compile(r"#(\d+) (.*)")
_TIMED = re.compile(r"\d+\.\d+ ?")
_PLACE = re.compile(r"\[(?P<place>[^\]]*)\] (?P<text>.*)", re.DOTALL)
_BASE = re.compile(r"load metadata for (\S+)")
_CODE = re.compile(r"(exit code:? \d+)$")
_NOISE = re.compile(r"#\d+ sha256:[0-9a-f]{64}( [\d.]+[kMG]?B / .*)?$")


@frozen(kw_only=True)
class Failure:
    """What made a build fail.

    Args:
        instruction: the instruction, as BuildKit shows it; empty where it was none.
        reason: the reason that BuildKit gives.
        lines: the instruction's output; that of the whole build where it was none.
    """

    instruction: str = ""
    reason: str = ""
    lines: tuple[str, ...] = ()


def is_noise(line: str) -> bool:
    """Whether a line tells people nothing."""
    return _NOISE.match(line) is not None


def failure_in(lines: Iterable[str]) -> Failure:
    """Read what failed out of a build's output.

    Args:
        lines: the output.

    Example:
        >>> failure = failure_in(["#5 [2/2] RUN false", "#5 0.3 no", "#5 ERROR: exit code: 1"])
        >>> failure.instruction, failure.reason, failure.lines
        ('RUN false', 'It ended with exit code: 1.', ('no',))
    """
    names: dict[str, str] = {}
    said: dict[str, list[str]] = {}
    errors: dict[str, str] = {}
    told: list[str] = []
    for line in lines:
        found = _LINE.match(line)
        if found is None or is_noise(line):
            if found is None:
                told.append(line)
            continue
        number, text = found[1], found[2]
        if text.startswith("ERROR: "):
            errors[number] = text.removeprefix("ERROR: ")
        elif number not in names:
            names[number] = text
        elif timed := _TIMED.match(text):
            said.setdefault(number, []).append(text[timed.end() :])
    # The others were stopped because of it.
    failed = next((number for number, reason in errors.items() if "context canceled" not in reason), None)
    if failed is None:
        return Failure(reason=_last(told), lines=tuple(told))
    place = _PLACE.match(names.get(failed, ""))
    instruction = place["text"] if place is not None else ""
    if place is not None and place["place"] == "internal":
        base = _BASE.match(instruction)
        instruction = f"FROM {base[1]}" if base is not None else ""
    code = _CODE.search(errors[failed])
    return Failure(
        instruction=instruction,
        reason=f"It ended with {code[1]}." if code is not None else errors[failed],
        lines=tuple(said.get(failed, ())),
    )


def _last(lines: list[str]) -> str:
    return next((line for line in reversed(lines) if line.strip()), "")
