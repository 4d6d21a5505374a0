"""What ``buildah build`` says: which instruction failed, why, and its last lines."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

__all__ = ["Failure", "failure_in"]

_STEP = re.compile(r"(?:\[[^\]]+\] )?STEP \d+(?:/\d+)?: (.*)", re.DOTALL)
_ERROR = re.compile(r"(?:Error: |error |ERRO\[\d+\] )(.*)")
_AT_STEP = re.compile(r"building at STEP \"(.*)\": (.*)", re.DOTALL)
_CODE = re.compile(r"exit status \d+$")
#: How it says that a program of the image has failed, which the program's own lines explain.
_SUBPROCESS = re.compile(r"subprocess exited with status \d+$")


@frozen(kw_only=True)
class Failure:
    """What made a build fail.

    Args:
        instruction: the instruction, as buildah shows it; empty where it was none.
        reason: the reason that buildah gives.
        lines: the instruction's output.
    """

    instruction: str = ""
    reason: str = ""
    lines: tuple[str, ...] = ()


def failure_in(lines: Iterable[str]) -> Failure:
    """Read what failed out of a build's output.

    Args:
        lines: the output.

    Example:
        >>> failure = failure_in(["STEP 2/2: RUN false", "no", 'Error: building at STEP "RUN false": exit status 1'])
        >>> failure.instruction, failure.reason, failure.lines
        ('RUN false', 'It ended with exit status 1.', ('no',))
    """
    step, reason = "", ""
    said: list[str] = []
    for line in lines:
        if found := _STEP.match(line):
            step, said = found[1], []
        elif found := _ERROR.match(line):
            reason = found[1]
            if _AT_STEP.search(reason) is None:
                # It may be the image's program that says so.
                said.append(line)
        elif not _SUBPROCESS.match(line):
            said.append(line)
    at = _AT_STEP.search(reason)
    if at is not None:
        code = _CODE.search(at[2])
        reason = f"It ended with {code[0]}." if code is not None else at[2]
        return Failure(instruction=at[1], reason=reason, lines=tuple(said))
    return Failure(instruction=step, reason=reason, lines=tuple(said))
