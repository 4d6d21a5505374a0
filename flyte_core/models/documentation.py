"""The documentation of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from flyte_core.errors import InvalidTypeError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Documentation"]


@frozen(slots=False)
class Documentation:
    """What a task does, for the people who run it.

    Args:
        description: the text.

    Example:
        >>> Documentation(description="Count words.\\n\\nOne pass over the file.").summary
        'Count words.'
    """

    description: str

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.description, str):
            raise InvalidTypeError("Documentation", "description", self.description, "a text")

    @property
    def summary(self) -> str:
        """The first paragraph, on one line."""
        return " ".join(self.description.strip().partition("\n\n")[0].split())

    @classmethod
    def from_docstring(cls, source: Callable[..., Any] | str | None) -> Documentation | None:
        """The documentation that a docstring gives.

        Args:
            source: the docstring, or a function that may have one.

        Returns:
            The docstring without its indentation, or None where there is none.
        """
        text = source if isinstance(source, str) else getattr(source, "__doc__", None)
        # None has a docstring of its own from Python 3.13 on.
        if source is None or not isinstance(text, str) or not text.strip():
            return None
        import inspect

        return cls(description=inspect.cleandoc(text))
