"""Reading docstrings in the styles of Google, NumPy, Sphinx and Epydoc.

Sources: https://google.github.io/styleguide/pyguide.html#383-functions-and-methods,
https://numpydoc.readthedocs.io/en/latest/format.html, and for the fields of Sphinx
https://www.sphinx-doc.org/en/master/usage/domains/python.html#info-field-lists.
"""

from __future__ import annotations

import inspect
import re
from typing import NamedTuple

__all__ = ["ParsedDocstring", "parse_docstring"]

_INPUTS = ("args", "arguments", "parameters", "params", "other parameters", "keyword args", "keyword arguments")
_OUTPUTS = ("returns", "return", "yields", "yield")
_OTHERS = ("raises", "raise", "warns", "warning", "warnings", "example", "examples", "note", "notes", "see also")
_HEADINGS = {*_INPUTS, *_OUTPUTS, *_OTHERS, "references", "attributes", "methods", "todo", "receives"}
_UNDERLINE = re.compile(r"[-=~]{3,}\s*")

# ":param int x: text" of Sphinx, "@param x: text" of Epydoc.
_FIELD = re.compile(r"[:@](?P<kind>\w+)(?:[ \t]+(?P<name>[^:\n]+?))?:(?:[ \t]+(?P<text>.*))?")
_INPUT_FIELDS = ("param", "parameter", "arg", "argument", "key", "keyword", "kwarg")

# "name (type): text" of Google; "one, two : type" of NumPy, whose text stands on the lines below.
_GOOGLE_ENTRY = re.compile(r"\*{0,2}(?P<names>[\w.]+)[ \t]*(?:\(.*?\))?[ \t]*:[ \t]*(?P<text>.*)")
_NUMPY_ENTRY = re.compile(r"(?P<names>\*{0,2}\w+(?:, *\*{0,2}\w+)*)[ \t]*(?::.*)?(?P<text>)")


class ParsedDocstring(NamedTuple):
    """The parts of a docstring.

    Args:
        short: the first paragraph.
        long: the text behind it, up to the first section.
        inputs: the descriptions of the inputs.
        outputs: the descriptions of the outputs that are named.
    """

    short: str | None
    long: str | None
    inputs: dict[str, str | None]
    outputs: dict[str, str | None]


def parse_docstring(text: str) -> ParsedDocstring:
    """Take a docstring apart.

    Args:
        text: the docstring, as it stands in the source.

    Example:
        >>> parse_docstring("Add.\\n\\n:param x: the first number").inputs
        {'x': 'the first number'}
    """
    lines = inspect.cleandoc(text).split("\n")
    parsed = ParsedDocstring(None, None, {}, {})
    description: list[str] = []
    at, described = 0, False
    while at < len(lines):
        heading, start = _heading(lines, at)
        field = _FIELD.fullmatch(lines[at])
        if heading:
            at = _read_section(parsed, heading, lines, start)
        elif field:
            at = _read_field(parsed, field, lines, at + 1)
        else:
            if not described:
                description.append(lines[at])
            at += 1
            continue
        described = True
    short, _, long = "\n".join(description).strip().partition("\n\n")
    return parsed._replace(short=short.strip() or None, long=long.strip() or None)


def _is_indented(line: str) -> bool:
    return line.startswith((" ", "\t"))


def _heading(lines: list[str], at: int) -> tuple[str | None, int]:
    """The name of the section that begins at a line, and the line its content begins at."""
    line = lines[at].rstrip()
    if line.endswith(":") and line[:-1].lower() in _HEADINGS:
        return line[:-1].lower(), at + 1
    if line.lower() in _HEADINGS and at + 1 < len(lines) and _UNDERLINE.fullmatch(lines[at + 1]):
        return line.lower(), at + 2
    return None, at


def _read_section(parsed: ParsedDocstring, heading: str, lines: list[str], at: int) -> int:
    """Read a section's entries, and give the line behind it."""
    start = at
    # Under a line of dashes the entries stand at the margin, as in NumPy's style.
    underlined = _UNDERLINE.fullmatch(lines[at - 1]) is not None
    while at < len(lines) and (not lines[at].strip() or _is_indented(lines[at]) or underlined):
        if _heading(lines, at)[0] or _FIELD.fullmatch(lines[at]):
            break
        at += 1
    body = lines[start:at]
    if heading in _INPUTS or heading in _OUTPUTS:
        found = _entries(body, _NUMPY_ENTRY if underlined else _GOOGLE_ENTRY)
        (parsed.inputs if heading in _INPUTS else parsed.outputs).update(found)
    return at


def _entries(lines: list[str], pattern: re.Pattern[str]) -> dict[str, str | None]:
    # The empty first line makes cleandoc take the indentation of the entries as the margin.
    lines = inspect.cleandoc("\n".join(["", *lines])).split("\n")
    found: dict[str, str | None] = {}
    names: list[str] = []
    for line in lines:
        if line.strip() and not _is_indented(line):
            entry = pattern.fullmatch(line.rstrip())
            names = [name.strip(" *") for name in entry["names"].split(",")] if entry else []
            line = entry["text"] if entry else ""
        for name in names:
            found[name] = " ".join(filter(None, [found.get(name), line.strip()])) or None
    return found


def _read_field(parsed: ParsedDocstring, field: re.Match[str], lines: list[str], at: int) -> int:
    """Read a field, which goes on over lines that are indented, and give the line behind it."""
    words = [(field["text"] or "").strip()]
    while at < len(lines) and _is_indented(lines[at]):
        words.append(lines[at].strip())
        at += 1
    # Before the name there may be a type.
    name = (field["name"] or "").split()[-1:]
    if field["kind"] in _INPUT_FIELDS and name:
        parsed.inputs[name[0].lstrip("*")] = " ".join(filter(None, words)) or None
    return at
