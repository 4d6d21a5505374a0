"""A statement's text cut at its placeholders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from flyte_core_sql.statement.empty import empty_list
from flyte_core_sql.statement.rendering import Slot
from flyte_core_sql.statement.split import verb

if TYPE_CHECKING:
    from flyte_core_sql.statement.declared import Declared
    from flyte_core_sql.statement.placeholders import Found
    from flyte_core_sql.statement.scan import Word

__all__ = ["cut", "extent"]

#: What a parameter grows together with, besides letters and digits: "$1" behind "a$", ":a" behind ":" …
_STICKY_BEFORE = frozenset("_$:?@#")
#: … and ":a" before "$", "?" before "?".
_STICKY_BEHIND = frozenset("_$?")
#: What nothing grows together with, so that a fragment needs no space.
_LOOSE = frozenset("()[],.; \t\r\n\f\v")

Place = Literal["", "bare", "enclosed"]


def extent(text: str, words: Sequence[Word], own: Sequence[Word]) -> tuple[int, int]:
    """Tell from where to where a statement reaches, with the comments and white space around it.

    Args:
        text: the query.
        words: all its words.
        own: those of the statement.
    """
    before = next((word.end for word in reversed(words) if word.end <= own[0].start), 0)
    after = next((word for word in words if word.start >= own[-1].end), None)
    # What is behind the semicolon belongs to the next statement, unless that is an empty one.
    last = own[-1].end if after is None or after.type != "SEMICOLON" else after.start
    end = len(text) if after is None else last
    # A mark of encoding is no SQL.
    return (1 if before == 0 and text.startswith("\ufeff") else before), end


def cut(declared: Declared, extent: tuple[int, int], words: Sequence[Word], found: Found) -> tuple[str | Slot, ...]:
    """Cut a statement at its placeholders.

    Args:
        declared: the query and its inputs.
        extent: what of the query is this statement.
        words: of the statement.
        found: its placeholders.
    """
    pieces: list[str | Slot] = []
    position, end = extent
    placeholders = {word.start for word in found.placeholders}
    ends = {word.end for word in found.placeholders}
    for index, word in enumerate(words):
        if word.start not in placeholders:
            continue
        if position < word.start:
            pieces.append(declared.text[position : word.start])
        place = _place_in_list(words, index) if word.start in found.expandable else ""
        pieces.append(_slot(declared, word, place, ends))
        position = word.end
    if position < end:
        pieces.append(declared.text[position:end])
    return tuple(pieces)


def _place_in_list(words: Sequence[Word], index: int) -> Place:
    """Whether a placeholder is all that is after IN, and whether the query has its parentheses."""
    before = [verb(word) for word in words[max(index - 2, 0) : index]]
    if before[-1:] == ["IN"]:
        return "bare"
    closed = index + 1 < len(words) and words[index + 1].type == "R_PAREN"
    return "enclosed" if before == ["IN", "("] and closed else ""


def _slot(declared: Declared, word: Word, place: Place, ends: set[int]) -> Slot:
    name = word.name
    loose = name in declared.fragments
    before, behind = declared.text[word.start - 1 : word.start], declared.text[word.end : word.end + 1]
    # Two placeholders side by side are kept apart by the second.
    left = " " if word.start in ends or _needs_space(before, _STICKY_BEFORE, loose=loose) else ""
    right = " " if _needs_space(behind, _STICKY_BEHIND, loose=loose) else ""
    if name in declared.fragments:
        texts = frozenset(declared.fragments[name].values())
        return Slot(kind="fragment", name=name, texts=texts, left=left, right=right)
    if name in declared.tables:
        return Slot(kind="table", name=name, left=left, right=right)
    if not (place and declared.parameters[name]):
        return Slot(kind="value", name=name, left=left, right=right)
    return Slot(
        kind="list",
        name=name,
        parens=place == "bare",
        empty=empty_list(declared.dialect, declared.element_types.get(name)),
        stem=_stem(declared, name),
        left=left,
        right=right,
    )


def _stem(declared: Declared, name: str) -> str:
    stem = f"{name}_"
    while any(other.startswith(stem) and other[len(stem) :].isdigit() for other in declared.parameters):
        stem += "_"
    return stem


def _needs_space(beside: str, sticky: frozenset[str], *, loose: bool) -> bool:
    if not beside:
        return False
    if loose:
        return beside not in _LOOSE
    return beside in sticky or beside.isalnum() or not beside.isascii()
