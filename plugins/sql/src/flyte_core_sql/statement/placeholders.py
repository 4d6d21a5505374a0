"""Which words of a statement are placeholders, and whether each stands where its input can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from flyte_core_sql.statement.scan import Word, is_operand, is_quoted

if TYPE_CHECKING:
    from flyte_core_sql.statement.declared import Declared
    from flyte_core_sql.statement.reading import Reading, Role

__all__ = ["Found", "find_placeholders"]

_FRAGMENT_HINT = "declare the texts that may stand here in fragments, and write {{ .inputs.NAME }}"


@frozen(kw_only=True)
class Found:
    """The placeholders of a statement.

    Args:
        placeholders: the words that are some.
        lookalikes: name -> offset, of what looks like a placeholder of an input and is something else.
        expandable: starts of the placeholders after IN.
    """

    placeholders: tuple[Word, ...]
    lookalikes: Mapping[str, int]
    expandable: frozenset[int]


def find_placeholders(declared: Declared, words: Sequence[Word], reading: Reading) -> Found:
    """Find the placeholders of a statement.

    Args:
        declared: the query and its inputs.
        words: of one statement.
        reading: what the parser made of it.

    Raises:
        PlaceholderError: one has no input, or stands where its input cannot.
    """
    found: list[Word] = []
    lookalikes: dict[str, int] = {}
    for index, word in enumerate(words):
        if not word.form:
            continue
        role = reading.roles.get(word.start)
        if word.form == "{{":
            _check_template(declared, word, role, reading)
            _check_apart(declared, words, index)
        elif not _is_colon_placeholder(declared, words, index, reading):
            lookalikes[word.name] = word.start
            continue
        else:
            _check_colon(declared, word, role)
        found.append(word)
    # In a list comprehension IN goes through one list.
    after_in = {word.start for word in found if reading.roles.get(word.start, "in") == "in"}
    return Found(placeholders=tuple(found), lookalikes=lookalikes, expandable=frozenset(after_in))


def _is_colon_placeholder(declared: Declared, words: Sequence[Word], index: int, reading: Reading) -> bool:
    word = words[index]
    role = reading.roles.get(word.start)
    if role == "slice":
        if word.name in declared.parameters:
            raise declared.refuse(
                word.start,
                f"{{{{ .inputs.{word.name} }}}} in place of :{word.name}, which could also be a slice up to a column: "
                f"[{{{{ .inputs.{word.name} }}}}] is an element, [:{{{{ .inputs.{word.name} }}}}] a slice",
            )
        return False
    if role is not None:
        return True
    if word.start in reading.lookalikes:
        return False
    before = words[index - 1] if index else None
    touching = before is not None and before.end == word.start
    return not (touching and before is not None and (is_operand(before) or before.type in ("L_BRACKET", "COLON")))


def _check_colon(declared: Declared, word: Word, role: Role | None) -> None:
    name = word.name
    if name in declared.fragments:
        raise declared.refuse(word.start, f"{{{{ .inputs.{name} }}}}, since {name} is a fragment and no value")
    if name in declared.tables:
        raise declared.refuse(word.start, f"the table's name, {name} or {{{{ .inputs.{name} }}}}, without a colon")
    if name not in declared.parameters:
        raise declared.unknown(word.start, name, f":{name}")
    _check_value(declared, word, role)


def _check_template(declared: Declared, word: Word, role: Role | None, reading: Reading) -> None:
    name = word.name
    if name in declared.fragments:
        return
    if name in declared.tables:
        if role not in (None, "table", "qualifier"):
            raise declared.refuse(word.start, f"the table {name} where a table can stand")
        return
    if name not in declared.parameters:
        raise declared.unknown(word.start, name, f"{{{{ .inputs.{name} }}}}")
    _check_value(declared, word, "name" if word.start in reading.lookalikes else role)


def _check_value(declared: Declared, word: Word, role: Role | None) -> None:
    if role == "name":
        raise declared.refuse(word.start, f"a name here, and {word.name} is a value; {_FRAGMENT_HINT}")
    if role == "order":
        raise declared.refuse(
            word.start, f"columns to order or group by; the value {word.name} is the same in each row; {_FRAGMENT_HINT}"
        )


def _check_apart(declared: Declared, words: Sequence[Word], index: int) -> None:
    """Refuse a template that touches a word: what is put in would be no part of it."""
    word = words[index]
    before = words[index - 1] if index else None
    after = words[index + 1] if index + 1 < len(words) else None
    for other, touches in ((before, before and before.end == word.start), (after, after and after.start == word.end)):
        if other is not None and touches and _is_whole(other):
            raise declared.refuse(
                word.start,
                f"a space between {{{{ .inputs.{word.name} }}}} and what is beside it; it cannot be a part of a name",
            )


def _is_whole(word: Word) -> bool:
    return not word.form and (word.type in ("VAR", "NUMBER", "IDENTIFIER") or is_quoted(word))
