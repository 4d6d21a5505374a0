"""What a task declares of its inputs, as far as its query is concerned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from flyte_core.errors import near_misses
from flyte_core_sql.errors import PlaceholderError
from flyte_core_sql.statement.places import refusal

__all__ = ["Declared"]


@frozen(kw_only=True)
class Declared:
    """A query and the inputs that it may name.

    Args:
        owner: for messages.
        text: the query.
        dialect: a dialect of sqlglot.
        parameters: name -> whether it is a list.
        tables: the inputs that are tables.
        fragments: name -> value -> SQL text.
        element_types: of parameters that are lists, where known.
    """

    owner: str
    text: str
    dialect: str
    parameters: Mapping[str, bool]
    tables: frozenset[str]
    fragments: Mapping[str, Mapping[str, str]]
    element_types: Mapping[str, Any]

    @property
    def names(self) -> list[str]:
        """All inputs, parameters first."""
        return [*self.parameters, *sorted(self.tables), *self.fragments]

    def refuse(self, offset: int, allowed: str) -> PlaceholderError:
        """Make the error that points at a place in the query."""
        return refusal(self.owner, self.text, offset, allowed)

    def unknown(self, offset: int, name: str, written: str) -> PlaceholderError:
        """Make the error for a placeholder that has no input."""
        close = near_misses(name, self.names)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        return self.refuse(offset, f"an input for the placeholder {written}; {hint}inputs: {_listed(self.names)}")

    def check_names(self) -> None:
        """Refuse inputs that no placeholder can name.

        Raises:
            PlaceholderError: a name is no identifier.
        """
        for name in self.names:
            if not name.isidentifier():
                raise PlaceholderError(
                    self.owner, "inputs", name, "a name of letters, digits and _ that begins with no digit"
                )
        for name, texts in self.fragments.items():
            if not texts:
                raise PlaceholderError(self.owner, f"fragments[{name!r}]", texts, "at least one text")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
