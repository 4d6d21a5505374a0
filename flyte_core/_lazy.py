"""Names that a package exports and imports on first use (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

__all__ = ["lazy_names"]


def lazy_names(package: str, home: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Give ``__getattr__`` and ``__dir__`` for a package that imports its public names on first use.

    Args:
        package: the package's ``__name__``.
        home: for each public name the module that defines it, relative to the package (``".models"``) or absolute.

    Returns:
        The two functions, to be assigned at module level.

    Example:
        ``__getattr__, __dir__ = lazy_names(__name__, {"Resources": ".models"})``
    """

    def get(name: str) -> object:
        target = home.get(name)
        if target is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module

        value: object = getattr(import_module(target, package), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return get, names
