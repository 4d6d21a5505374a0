"""What a docstring says about a function's inputs and outputs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from flyte_core.models.docstring_parser import ParsedDocstring

__all__ = ["Docstring"]


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
        if docstring is None and callable_ is not None:
            docstring = callable_.__doc__
        self._text: str = docstring or ""

    def __repr__(self) -> str:
        return f"Docstring({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Docstring) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    @cached_property
    def _parsed(self) -> ParsedDocstring:
        from flyte_core.models.docstring_parser import parse_docstring

        return parse_docstring(self._text)

    @property
    def input_descriptions(self) -> dict[str, str | None]:
        """The description of each input that is listed, in their order."""
        return dict(self._parsed.inputs)

    @property
    def output_descriptions(self) -> dict[str, str | None]:
        """The description of each output that is listed by name."""
        return dict(self._parsed.outputs)

    @property
    def short_description(self) -> str | None:
        """The first paragraph."""
        return self._parsed.short

    @property
    def long_description(self) -> str | None:
        """What stands between the first paragraph and the first section."""
        return self._parsed.long
