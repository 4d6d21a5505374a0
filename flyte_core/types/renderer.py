"""`Renderable`: what can turn a value into HTML for a report."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

__all__ = ["Renderable"]


@runtime_checkable
class Renderable(Protocol):
    """Put an object with this method into ``Annotated[T, ...]`` and reports show values of that type through it."""

    def to_html(self, python_value: Any) -> str:
        """The value as HTML."""
        ...
