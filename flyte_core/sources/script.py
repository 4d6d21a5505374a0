"""The metadata block of a script: https://peps.python.org/pep-0723/."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

from flyte_core.errors import MissingSourceError, SourceError

__all__ = ["script_metadata"]


def script_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what a script declares: its dependencies, the Python that it needs, settings of tools.

    Args:
        path: the script.

    Returns:
        The block's TOML as data.

    Raises:
        MissingSourceError: when there is no such file.
        SourceError: when it has no metadata block or several, or the block is no TOML.
    """
    text = _text(path)
    blocks = _blocks(text)
    if len(blocks) != 1:
        problem = "it has no metadata block" if not blocks else f"it has {len(blocks)} metadata blocks"
        raise SourceError("UVScript", path, f"{problem}; write one between the lines '# /// script' and '# ///'")
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        document: dict[str, Any] = tomllib.loads(blocks[0])
    except tomllib.TOMLDecodeError as error:
        raise SourceError("UVScript", path, f"its metadata block is no TOML: {error}") from error
    return document


def _text(path: str | os.PathLike[str]) -> str:
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        raise MissingSourceError("UVScript", path, "there is no such file") from None
    except IsADirectoryError:
        raise SourceError("UVScript", path, "it is a folder, and has to be a file") from None
    except OSError as error:
        raise SourceError("UVScript", path, f"it cannot be read ({error.strerror})") from error


def _blocks(text: str) -> list[str]:
    """Give the TOML of every block; a block ends at the last ``# ///`` of its comment, as in the PEP."""
    found: list[str] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.rstrip() != "# /// script":
            continue
        body: list[str] = []
        for inner in lines:
            if inner != "#" and not inner.startswith("# "):
                break
            body.append(inner)
        ends = [at for at, inner in enumerate(body) if inner.rstrip() == "# ///"]
        if ends:
            found.append("\n".join(inner[2:] for inner in body[: ends[-1]]))
    return found
