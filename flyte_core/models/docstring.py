"""What a docstring says about a function's inputs and outputs."""

from __future__ import annotations

import inspect
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Docstring"]

_INPUTS, _OUTPUTS, _OTHER = "inputs", "outputs", "other"

# Headings of https://google.github.io/styleguide/pyguide.html and https://numpydoc.readthedocs.io/en/latest/format.html
_HEADINGS = {
    **dict.fromkeys(("args", "arguments", "parameters", "params", "other parameters", "keyword args"), _INPUTS),
    **dict.fromkeys(("keyword arguments",), _INPUTS),
    **dict.fromkeys(("returns", "return", "yields", "yield"), _OUTPUTS),
    **dict.fromkeys(
        ("raises", "raise", "warns", "warning", "warnings", "example", "examples", "note", "notes", "see also"), _OTHER
    ),
    **dict.fromkeys(("references", "attributes", "methods", "todo", "receives"), _OTHER),
}
# Fields of Sphinx (":param int x: text") and of Epydoc ("@param x: text").
_FIELD = re.compile(r"[:@](?P<kind>\w+)(?:[ \t]+(?P<name>[^:\n]+?))?:(?:[ \t]+(?P<text>.*))?$")
_INPUT_FIELDS = ("param", "parameter", "arg", "argument", "key", "keyword", "kwarg")
_ENTRY = re.compile(r"(?P<name>\*{0,2}[\w.]+)[ \t]*(?:\((?P<type>.*?)\))?[ \t]*:(?!\S*:)[ \t]*(?P<text>.*)$")
_UNDERLINE = re.compile(r"[-=~]{3,}\s*$")


class _Parsed(NamedTuple):
    short: str | None
    long: str | None
    inputs: dict[str, str | None]
    outputs: dict[str, str | None]


class Docstring:
    """A docstring in the style of Google, NumPy, Sphinx or Epydoc; parsed when something of it is asked for.

    Args:
        docstring: the text.
        callable_: the function whose docstring is meant, where no text is given.

    Example:
        >>> Docstring("Add.\\n\\nArgs:\\n    x: the first number.").input_descriptions
        {'x': 'the first number.'}
    """

    def __init__(self, docstring: str | None = None, callable_: Callable[..., Any] | None = None) -> None:
        text = getattr(callable_, "__doc__", None) if docstring is None else docstring
        self._text: str = text if isinstance(text, str) else ""

    def __repr__(self) -> str:
        return f"Docstring({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Docstring) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    @cached_property
    def _parsed(self) -> _Parsed:
        return _parse(inspect.cleandoc(self._text))

    @property
    def input_descriptions(self) -> dict[str, str | None]:
        """The description of each input that has one, in their order."""
        return dict(self._parsed.inputs)

    @property
    def output_descriptions(self) -> dict[str, str | None]:
        """The description of each output that is named."""
        return dict(self._parsed.outputs)

    @property
    def short_description(self) -> str | None:
        """The first paragraph."""
        return self._parsed.short

    @property
    def long_description(self) -> str | None:
        """What stands between the first paragraph and the first section."""
        return self._parsed.long


def _parse(text: str) -> _Parsed:
    sections: list[tuple[str | None, list[str]]] = [(None, [])]
    inputs: dict[str, str | None] = {}
    outputs: dict[str, str | None] = {}
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        kind, used = _heading(lines, at)
        field = _FIELD.match(lines[at])
        if kind:
            sections.append((kind, []))
            at += used
        elif field:
            body, at = _field_body(lines, at, field["text"] or "")
            _keep_field(field, body, inputs, outputs)
            sections.append((_OTHER, []))
        else:
            sections[-1][1].append(lines[at])
            at += 1
    for kind, body_lines in sections[1:]:
        target = {_INPUTS: inputs, _OUTPUTS: outputs}.get(kind or "")
        if target is not None:
            target.update(_entries(body_lines))
    short, _, long = "\n".join(sections[0][1]).strip().partition("\n\n")
    return _Parsed(short.strip() or None, long.strip() or None, inputs, outputs)


def _heading(lines: list[str], at: int) -> tuple[str | None, int]:
    """The kind of section that begins at a line, and how many lines its heading takes."""
    line = lines[at].rstrip()
    if line.startswith((" ", "\t")):
        return None, 0
    if line.endswith(":"):
        return _HEADINGS.get(line[:-1].lower()), 1
    if at + 1 < len(lines) and _UNDERLINE.match(lines[at + 1]):
        return _HEADINGS.get(line.lower()), 2
    return None, 0


def _field_body(lines: list[str], at: int, first: str) -> tuple[str, int]:
    """The text of a field, which goes on over lines that are indented, and the line after it."""
    words = [first.strip()]
    at += 1
    while at < len(lines) and lines[at].startswith((" ", "\t")):
        words.append(lines[at].strip())
        at += 1
    return " ".join(filter(None, words)), at


def _keep_field(field: re.Match[str], body: str, inputs: dict[str, str | None], outputs: dict[str, str | None]) -> None:
    # ":param int x:" has the type before the name.
    name = (field["name"] or "").split()[-1:]
    if field["kind"] in _INPUT_FIELDS and name:
        inputs[name[0].lstrip("*")] = body or None
    elif field["kind"] in ("return", "returns") and name:
        outputs[name[0]] = body or None


def _entries(lines: list[str]) -> dict[str, str | None]:
    """The entries of a section: ``name (type): text`` of Google, ``name : type`` and an indented text of NumPy."""
    lines = inspect.cleandoc("\n".join(["", *lines])).split("\n")
    found: dict[str, str | None] = {}
    current: list[str] = []
    for at, line in enumerate(lines):
        if line.startswith((" ", "\t")) or not line.strip():
            for name in current:
                found[name] = " ".join(filter(None, [found[name], line.strip()])) or None
            continue
        names, text = _entry(line, lines[at + 1] if at + 1 < len(lines) else "")
        current = names
        found.update(dict.fromkeys(names, text))
    return found


def _entry(line: str, following: str) -> tuple[list[str], str | None]:
    """Names and text of the first line of an entry; no names where the line is none."""
    indented = following.startswith((" ", "\t"))
    name, colon, _ = line.partition(" : ")
    if indented and (colon or re.fullmatch(r"\*{0,2}\w+(?:, *\*{0,2}\w+)*", line.rstrip())):
        return [part.strip().lstrip("*") for part in name.split(",")], None
    entry = _ENTRY.match(line)
    return ([entry["name"].lstrip("*")], entry["text"].strip() or None) if entry else ([], None)
