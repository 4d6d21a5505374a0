"""What the command prints: text, JSON and tables, in colour only where somebody can see it."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

__all__ = [
    "MAX_CELL",
    "colourful",
    "err",
    "err_json",
    "is_terminal",
    "out",
    "out_json",
    "printable",
    "render",
    "shortened",
    "styled",
    "table",
    "to_json",
]

#: Characters of a table's cell that no terminal limits, where the whole is to be had elsewhere.
MAX_CELL = 60

#: Columns given to a table that no terminal limits; wide enough that nothing is ever cut.
_UNLIMITED = 10_000


def out(text: str) -> None:
    """Print a line to standard output."""
    click.echo(_encodable(text, sys.stdout), color=colourful(sys.stdout))


def err(text: str) -> None:
    """Print a line to standard error."""
    click.echo(_encodable(text, sys.stderr), err=True, color=colourful(sys.stderr))


def _encodable(text: str, stream: TextIO) -> str:
    """Write what the stream's encoding does not have as escapes; a result is not lost to a console's code page."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


def to_json(value: Any) -> str:
    """Write a value as an indented JSON document; keys stay in their order.

    Example:
        >>> print(to_json({"a": "ü"}))
        {
          "a": "ü"
        }
    """
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)


def out_json(value: Any) -> None:
    """Print one JSON document to standard output."""
    out(to_json(value))


def err_json(value: Any) -> None:
    """Print one JSON document to standard error, on one line: what logs and tasks print stands before it."""
    err(json.dumps(value, ensure_ascii=False, allow_nan=False))


def colourful(stream: TextIO) -> bool:
    """Say whether colours are wanted on a stream.

    They are on a terminal, unless ``NO_COLOR`` is set (https://no-color.org) or the terminal says that it is dumb.
    """
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and is_terminal(stream)


def is_terminal(stream: TextIO) -> bool:
    """Say whether somebody looks at a stream, rather than a file or a program."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # replaced by an object that is no file, or closed
        return False


def styled(text: str, **style: Any) -> str:
    """Put ANSI codes round a text; they are taken out again where the stream is not `colourful`."""
    return click.style(text, **style)


def printable(text: str) -> str:
    """Write control characters as escapes, so that foreign text cannot steer the terminal.

    Example:
        >>> printable("a\\x1b[31mb")
        'a\\\\x1b[31mb'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, width: int = MAX_CELL) -> str:
    """Cut a text to one line of limited width, with an ellipsis where something is missing.

    Example:
        >>> shortened("a long story", 8)
        'a lon...'
    """
    line = " ".join(text.split()) if "\n" in text else text
    return line if len(line) <= width else f"{line[: width - 3].rstrip()}..."


def table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None, fold: bool = True
) -> str:
    """Lay out a table: as wide as the terminal, or as wide as it takes where there is none.

    Args:
        columns: the headings.
        rows: the cells, written with ``str``.
        title: text above the table.
        fold: whether cells that are too long for the terminal are folded; otherwise the terminal wraps the line.

    Returns:
        The table without a line end.

    Example:
        >>> print(table(["name", "size"], [["a", 1]]))
        name  size
        ----------
        a        1
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Plain dashes: a table that is redirected into a file or a log needs no Unicode there.
    rule = box.Box("    \n    \n ---\n    \n    \n    \n    \n    \n", ascii=True)
    made = Table(box=rule, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for position, name in enumerate(columns):
        numbers = bool(rows) and all(_is_number(row[position]) for row in rows)
        made.add_column(Text(printable(name), style="bold"), overflow="fold", justify="right" if numbers else "left")
    for row in rows:
        made.add_row(*(Text(printable(str(cell))) for cell in row))
    text = render(made, fold=fold)
    heading = styled(title, bold=True) if title and colourful(sys.stdout) else title
    return f"{heading}\n{text}" if heading else text


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def render(content: RenderableType, *, fold: bool = True) -> str:
    """Turn something that rich can draw into text for standard output, without blanks at the ends of lines."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        force_terminal=colourful(sys.stdout),
        no_color=not colourful(sys.stdout),
        width=None if fold and is_terminal(sys.stdout) else _UNLIMITED,
        highlight=False,
        markup=False,
        emoji=False,
    )
    with console.capture() as captured:
        console.print(content, soft_wrap=False)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))
