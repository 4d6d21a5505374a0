"""YAML as the Go library of Kubernetes writes it: block style, unindented sequences, its rules for quotes and folds."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from flyte_core_container.copilot import gojson
from flyte_core_container.copilot.errors import GrammarError
from flyte_core_container.copilot.gotext import general_float_text, json_float_text
from flyte_core_container.copilot.yamlplain import reads_as_string, sorted_keys

if TYPE_CHECKING:
    from flyte_core_container.copilot.gojson import Json

__all__ = ["dumps"]

_WIDTH = 80
_KEY_BYTES = 128  # a longer key is written with a question mark
_BREAKS = "\n\r\x85\u2028\u2029"
_ASCII_UNPRINTABLE = re.compile(r"[^\n\x20-\x7e]")
_SIMPLE = re.compile(r"(?!\.\.\.)[A-Za-z0-9_./+=][A-Za-z0-9_./+=@%-]*", re.ASCII)
_RUNS = re.compile(rf" +|[{_BREAKS}]|[^ {_BREAKS}]+")
_QUOTED_RUNS = re.compile("[ ]+|[^ ]+")
_NAMES = {
    0x00: "0",
    0x07: "a",
    0x08: "b",
    0x09: "t",
    0x0A: "n",
    0x0B: "v",
    0x0C: "f",
    0x0D: "r",
    0x1B: "e",
    0x22: '"',
    0x5C: "\\",
    0x85: "N",
    0xA0: "_",
    0x2028: "L",
    0x2029: "P",
}
_ASCII_ESCAPED = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")


@functools.cache
def _unprintable() -> re.Pattern[str]:
    # Compiling the two takes 20 ms, and most texts are ASCII.
    return re.compile(r"[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")


@functools.cache
def _escaped() -> re.Pattern[str]:
    return re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]")


def dumps(value: Mapping[str, Json]) -> str:
    """Give a mapping as a YAML document.

    Args:
        value: of plain objects; floats have to be finite. Integers keep all their digits.

    Returns:
        The document, which ends with a newline.

    Raises:
        GrammarError: a float is NaN or infinite.

    Example:
        >>> print(dumps({"f": 1e21, "list": ["yes", 1], "empty": {}}), end="")
        empty: {}
        f: 1e+21
        list:
        - "yes"
        - 1
    """
    writer = _Writer()
    writer.node(value, indent=-1, in_mapping=False)
    return writer.text()


class _Style(NamedTuple):
    """What of a string decides how it is written."""

    multiline: bool
    plain: bool
    single: bool
    block: bool


def _style_of(text: str) -> _Style:
    breaks = any(char in text for char in _BREAKS)
    before_space = re.search(rf" [{_BREAKS}]", text) is not None
    after_break = re.search(rf"[{_BREAKS}] ", text) is not None
    special = (_ASCII_UNPRINTABLE if text.isascii() else _unprintable()).search(text) is not None
    edges = text[0] in " " + _BREAKS or text[-1] in " " + _BREAKS
    awkward = after_break or before_space or special
    return _Style(
        multiline=breaks,
        plain=not (edges or awkward or breaks or _has_indicator(text)),
        single=not awkward,
        block=not (text[-1] == " " or before_space or special),
    )


def _has_indicator(text: str) -> bool:
    if text.startswith(("---", "...")) or text[0] in "#,[]{}&*!|>'\"%@`":
        return True
    if text[0] in "?-" and text[1:2] in ("", " ", "\t"):
        return True
    return re.search(r":(?:[ \t]|\Z)", text) is not None or re.search(rf"[ \t\0{_BREAKS}]#", text) is not None


class _Writer:
    """The document so far, and where in the line it stands."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._column = 0
        self._space = True  # whether the last thing was white space
        self._indention = True  # whether the line has nothing but indention so far

    def text(self) -> str:
        self._start_line(0)
        return "".join(self._out)

    def node(self, value: Json, *, indent: int, in_mapping: bool) -> None:
        if isinstance(value, str):
            self._string(value, max(indent, -1) + 2 if indent >= 0 else 2, key=False)
        elif isinstance(value, Mapping):
            self._mapping(value, indent)
        elif isinstance(value, Sequence):
            self._sequence(value, indent, in_mapping)
        else:
            self._word(_atom(value))

    def _mapping(self, value: Mapping[str, Json], indent: int) -> None:
        if not value:
            self._word("{}")
            return
        inner = 0 if indent < 0 else indent + 2
        for key in sorted_keys(value):
            self._start_line(inner)
            style = _style_of(key) if key else None
            simple = not (style and style.multiline) and len(key.encode()) <= _KEY_BYTES
            if simple:
                self._string(key, inner + 2, key=True)
                self._indicator(":", spaced=False)
            else:
                self._indicator("?", spaced=True, indents=True)
                self._string(key, inner + 2, key=False)
                self._start_line(inner)
                self._indicator(":", spaced=True, indents=True)
            self.node(value[key], indent=inner, in_mapping=True)

    def _sequence(self, value: Sequence[Json], indent: int, in_mapping: bool) -> None:
        if not value:
            self._word("[]")
            return
        inner = indent if in_mapping and not self._indention else max(indent, -2) + 2
        for item in value:
            self._start_line(inner)
            self._indicator("-", spaced=True, indents=True)
            self.node(item, indent=inner, in_mapping=False)

    def _put(self, text: str) -> None:
        self._out.append(text)
        self._column += len(text)

    def _break(self, text: str = "\n") -> None:
        self._out.append(text)
        self._column = 0

    def _start_line(self, indent: int) -> None:
        if not self._indention or self._column > indent or (self._column == indent and not self._space):
            self._break()
        if self._column < indent:
            self._put(" " * (indent - self._column))
        self._space = self._indention = True

    def _indicator(self, text: str, *, spaced: bool, indents: bool = False) -> None:
        self._put(f" {text}" if spaced and not self._space else text)
        self._space = False
        self._indention = self._indention and indents

    def _word(self, text: str) -> None:
        self._indicator(text, spaced=True)

    def _string(self, text: str, indent: int, *, key: bool) -> None:
        if _SIMPLE.fullmatch(text) and reads_as_string(text):
            self._word(text)
            return
        if not text:
            self._word('""')
            return
        style = _style_of(text)
        if "\n" in text and style.block and not key:
            self._literal(text, indent)
        elif "\n" not in text and reads_as_string(text) and style.plain:
            self._folded(text, indent, folds=not key)
        elif "\n" not in text and reads_as_string(text) and style.single:
            self._indicator("'", spaced=True)
            self._folded(text.replace("'", "''"), indent, folds=not key, quoted=True)
            self._indicator("'", spaced=False)
        else:
            self._double_quoted(text, indent, folds=not key)

    def _folded(self, text: str, indent: int, *, folds: bool, quoted: bool = False) -> None:
        """Write a plain or single-quoted text; a single space beyond the width becomes a new line."""
        if not quoted and not self._space:
            self._put(" ")
        after_break = False
        for run in _RUNS.finditer(text):
            part = run.group()
            inner = not quoted or (run.start() > 0 and run.end() < len(text))
            if part == " " and folds and inner and self._column > _WIDTH:
                self._start_line(indent)
            elif part in _BREAKS:
                self._break(part)
                self._indention = after_break = True
            else:
                if after_break and part[0] != " ":
                    self._start_line(indent)
                self._put(part)
                self._indention = self._indention and part[0] == " "
                after_break = after_break and part[0] == " "
        self._space = self._indention = False

    def _double_quoted(self, text: str, indent: int, *, folds: bool) -> None:
        pattern = _ASCII_ESCAPED if text.isascii() else _escaped()
        self._indicator('"', spaced=True)
        for run in _QUOTED_RUNS.finditer(text):
            part = run.group()
            if part[0] != " ":
                self._put(pattern.sub(_escape, part))
            elif folds and self._column > _WIDTH and 0 < run.start() < len(text) - 1:
                self._start_line(indent)
                # A backslash keeps the spaces that follow.
                self._put(f"\\{part[1:]}" if len(part) > 1 else "")
            else:
                self._put(part)
        self._indicator('"', spaced=False)
        self._indention = False

    def _literal(self, text: str, indent: int) -> None:
        self._indicator("|", spaced=True)
        hint = "2" if text[0] in " " + _BREAKS else ""
        if text[-1] not in _BREAKS:
            hint += "-"
        elif len(text) == 1 or text[-2] in _BREAKS:
            hint += "+"
        self._put(hint)
        self._break()
        self._indention = self._space = True
        for part in re.findall(rf"[{_BREAKS}]|[^{_BREAKS}]+", text):
            if part in _BREAKS:
                self._break(part)
                self._indention = True
            else:
                self._start_line(indent)
                self._put(part)
                self._indention = False


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code in _NAMES:
        return f"\\{_NAMES[code]}"
    for mark, width in (("x", 2), ("u", 4), ("U", 8)):
        if code < 16**width:
            return f"\\{mark}{code:0{width}X}"
    raise AssertionError(code)


def _atom(value: float | None) -> str:
    if not isinstance(value, float):
        return gojson.dumps(value)  # none, truth values and whole numbers, which YAML has of JSON
    if value - value != 0:
        raise GrammarError(f"YAML metadata has no form for the number {value}")
    # The Go loader turns JSON into YAML, and JSON has the whole numbers among floats as integers.
    text = json_float_text(value)
    if text.lstrip("-").isdigit() and -(2**63) <= int(text) < 2**64:
        return str(int(text))
    return general_float_text(value)
