"""Tokens that a cluster would leave in a command, and that were probably meant to be replaced."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from flyte_core import logger
from flyte_core_container.rendering import TOKEN_NAMES, unknown_tokens

__all__ = ["advice", "warn_of_misspelt"]

#: How alike two names have to be; below it stands ``{{.Name}}``, which is a template of other programs.
_ALIKE = 0.8


def _alike(name: str, known: Iterable[str]) -> list[str]:
    """Give the known names that a name is like, whatever its case and punctuation; best first."""
    by_plain = {_plain(each): each for each in known}
    return [by_plain[found] for found in difflib.get_close_matches(_plain(name), by_plain, n=3, cutoff=_ALIKE)]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def advice(token: str, inputs: Collection[str], output_dir: PurePosixPath) -> str | None:
    """Say what an unknown token was probably meant to be; None when it resembles nothing.

    Args:
        token: what stands between the braces.
        inputs: the names of the task's inputs.
        output_dir: the folder of its outputs in the container.

    Example:
        >>> advice("inputs.row", ["rows"], PurePosixPath("/var/outputs"))
        'did you mean {{.inputs.rows}}?'
    """
    name = token.strip().lstrip(".$").strip()
    head, dot, rest = name.partition(".")
    kind = _alike(head, ("inputs", "outputs"))[:1]
    if kind == ["outputs"]:
        return f"outputs have no templates: write {output_dir / (rest.strip() or 'NAME')}"
    if dot and kind == ["inputs"]:
        meant = [rest] if rest in inputs else _alike(rest, inputs) or list(inputs)
        return _did_you_mean(f"inputs.{each}" for each in meant) if meant else "the task has no inputs"
    if name in inputs:
        return _did_you_mean([f"inputs.{name}"])
    return _did_you_mean(_alike(name, TOKEN_NAMES) or [f"inputs.{each}" for each in _alike(name, inputs)]) or None


def _did_you_mean(names: Iterable[str]) -> str:
    shown = " or ".join(f"{{{{.{name}}}}}" for name in names)
    return f"did you mean {shown}?" if shown else ""


def warn_of_misspelt(
    owner: str, field: str, texts: Iterable[str], inputs: Collection[str], output_dir: PurePosixPath
) -> None:
    """Log a warning for each token that looks like one of Flyte's and is none; arguments as of `advice`."""
    for text in texts:
        for token in unknown_tokens(text):
            meant = advice(token, inputs, output_dir)
            if meant is not None:
                logger.warning(
                    "%s: %s holds {{%s}}, which is no template and stays as it is; %s", owner, field, token, meant
                )
