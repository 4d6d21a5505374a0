"""Statements written for a driver: its own parameters where the placeholders were, everything else as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen

from flyte_core.errors import InvalidValueError

if TYPE_CHECKING:
    from flyte_core_sql.drivers.session import ParamStyle
    from flyte_core_sql.statement.kinds import Kind

__all__ = ["Rendered", "Slot", "Statement"]

# How a parameter begins and ends, around its name or its number.
_MARKS: Mapping[ParamStyle, tuple[str, str]] = {
    "qmark": ("?", ""),
    "format": ("%s", ""),
    "pyformat": ("%(", ")s"),
    "named": (":", ""),
    "numeric": (":", ""),
    "numeric_dollar": ("$", ""),
    "named_dollar": ("$", ""),
}
_NAMED = frozenset({"pyformat", "named", "named_dollar"})
_NUMBERED = frozenset({"numeric", "numeric_dollar"})
_PERCENT = frozenset({"format", "pyformat"})


@frozen(slots=True)
class Rendered:
    """What a driver is given.

    Args:
        text: the statement.
        parameters: values by position or by name; None when there are none, and then nothing is escaped.
    """

    text: str
    parameters: tuple[Any, ...] | dict[str, Any] | None


@frozen(kw_only=True)
class Slot:
    """A place in a statement that an input fills.

    Args:
        kind: ``value`` is one parameter (a list as well, as an array); ``list`` is one parameter for each element.
        name: the input.
        parens: whether a list brings its own parentheses.
        empty: what stands for a list without elements, in parentheses.
        stem: what the names of a list's parameters begin with.
        texts: what a fragment may be.
        left: a space where what stands before would grow together with a parameter.
        right: the same behind it.
    """

    kind: Literal["value", "list", "table", "fragment"]
    name: str
    parens: bool = False
    empty: str = ""
    stem: str = ""
    texts: frozenset[str] = frozenset()
    left: str = ""
    right: str = ""


@frozen(kw_only=True)
class _Plan:
    """A statement without lists, tables and fragments in one style: all but the values is known beforehand."""

    text: str
    names: tuple[str, ...]
    named: bool

    def bind(self, values: Mapping[str, Any]) -> Rendered:
        if not self.names:
            return Rendered(self.text, None)
        if self.named:
            return Rendered(self.text, {name: values[name] for name in self.names})
        return Rendered(self.text, tuple([values[name] for name in self.names]))


@frozen(kw_only=True)
class Statement:
    """One statement of a query.

    Args:
        text: the statement as it is written.
        pieces: its text cut at the placeholders, and what stands in their place.
        kind: what it is.
        returns_rows: whether it gives rows, as far as its words tell.
        reads_only: whether it changes nothing; functions are taken to change nothing.

    Example:
        >>> from flyte_core_sql.statement import check_query
        >>> query = check_query("task", "SELECT :a, 5 % 2", dialect="duckdb", parameters={"a": False})
        >>> query.statements[0].render("pyformat", {"a": 1}, {}, str)
        Rendered(text='SELECT %(a)s, 5 %% 2', parameters={'a': 1})
    """

    text: str
    pieces: tuple[str | Slot, ...]
    kind: Kind
    returns_rows: bool
    reads_only: bool
    # Filled on first use; what is in it follows from the pieces.
    _plans: dict[str, _Plan | None] = field(factory=dict, init=False, eq=False, repr=False)

    @property
    def inputs(self) -> frozenset[str]:
        """The inputs that have a placeholder here."""
        return frozenset(piece.name for piece in self.pieces if isinstance(piece, Slot))

    def render(
        self, style: ParamStyle, values: Mapping[str, Any], fragments: Mapping[str, str], quote: Callable[[str], str]
    ) -> Rendered:
        """Write the statement for a driver.

        Outside the placeholders nothing changes, but that ``%`` is doubled where the driver's parameters begin with
        it and there are some, and that a mark of encoding at the beginning of the query is left out.

        Args:
            style: how the driver writes parameters.
            values: of the inputs that are parameters; others may be among them.
            fragments: the text for each input that is a fragment.
            quote: writes the name of a table as an identifier.

        Raises:
            InvalidValueError: an input has no value, or a fragment is none of those that were checked.
        """
        try:
            plan = self._plans[style]
        except KeyError:
            plan = self._plans[style] = self._planned(style)
        try:
            return plan.bind(values) if plan is not None else _fill(self.pieces, style, values, fragments, quote)
        except KeyError as e:
            raise InvalidValueError("Statement.render", "values", [*values, *fragments], f"a value for {e}") from e

    def _planned(self, style: ParamStyle) -> _Plan | None:
        slots = [piece for piece in self.pieces if isinstance(piece, Slot)]
        if any(slot.kind != "value" for slot in slots):
            return None
        once = dict.fromkeys(slot.name for slot in slots)
        rendered = _fill(self.pieces, style, once, {}, str)
        repeated = style not in _NAMED | _NUMBERED
        names = tuple(slot.name for slot in slots) if repeated else tuple(once)
        return _Plan(text=rendered.text, names=names, named=style in _NAMED)


def _fill(
    pieces: Sequence[str | Slot],
    style: ParamStyle,
    values: Mapping[str, Any],
    fragments: Mapping[str, str],
    quote: Callable[[str], str],
) -> Rendered:
    parameters = _Parameters(style)
    # Parameters stay apart until it is known whether there are any, and so whether % is doubled.
    texts: list[tuple[str, bool]] = []
    for piece in pieces:
        if isinstance(piece, str):
            texts.append((piece, True))
        elif piece.kind == "table":
            texts.append((f"{piece.left}{quote(piece.name)}{piece.right}", True))
        elif piece.kind == "fragment":
            texts.append((f"{piece.left}{_allowed(piece, fragments[piece.name])}{piece.right}", True))
        elif piece.kind == "list":
            elements = values[piece.name]
            bare = _expanded(piece, parameters, [None] if elements is None else elements)
            texts.append((f"{piece.left}{bare}{piece.right}", False))
        else:
            mark = parameters.add(piece.name, values[piece.name])
            texts.append((f"{piece.left}{mark}{piece.right}", False))
    given = parameters.given()
    if given is not None and style in _PERCENT:
        return Rendered("".join(text.replace("%", "%%") if ours else text for text, ours in texts), given)
    return Rendered("".join(text for text, _ in texts), given)


def _allowed(slot: Slot, text: str) -> str:
    if text not in slot.texts:
        raise InvalidValueError("Statement.render", f"fragments[{slot.name!r}]", text, "a text that was checked")
    return text


def _expanded(slot: Slot, parameters: _Parameters, elements: Sequence[Any]) -> str:
    if not elements:
        # Within the parentheses of the query a subselect needs none of its own.
        return slot.empty if slot.parens else slot.empty[1:-1]
    marks = ", ".join([parameters.add(f"{slot.stem}{index}", value) for index, value in enumerate(elements)])
    return f"({marks})" if slot.parens else marks


class _Parameters:
    """The parameters of one statement, while it is written."""

    def __init__(self, style: ParamStyle) -> None:
        self._before, self._after = _MARKS[style]
        self._named, self._numbered = style in _NAMED, style in _NUMBERED
        self._by_name: dict[str, Any] = {}
        self._marks: dict[str, str] = {}
        self._values: list[Any] = []

    def add(self, name: str, value: Any) -> str:
        """Take a value, and give what stands for it; a name that was given before needs no second value."""
        if self._named:
            self._by_name[name] = value
            return f"{self._before}{name}{self._after}"
        if not self._numbered:
            self._values.append(value)
            return self._before
        mark = self._marks.get(name)
        if mark is None:
            self._values.append(value)
            mark = self._marks[name] = f"{self._before}{len(self._values)}"
        return mark

    def given(self) -> tuple[Any, ...] | dict[str, Any] | None:
        """Give all values; None when there are none."""
        if self._named:
            return self._by_name or None
        return tuple(self._values) or None
