"""What the type variables of a generic class stand for in one use of it, such as ``Box[int]``."""

from __future__ import annotations

import typing
from typing import Any, TypeVar

from flyte_core.types.lookup import is_class

__all__ = ["arguments_of", "substituted"]


def arguments_of(t: Any) -> dict[Any, Any]:
    """The meaning of every type variable that a class, or one of its bases, was given one for.

    Args:
        t: a class, or a generic over one.

    Example:
        >>> T = TypeVar("T")
        >>> class Box(typing.Generic[T]): ...
        >>> arguments_of(Box[int])
        {~T: <class 'int'>}
    """
    owner = typing.get_origin(t) or t
    # a variable is one of the whole class family, so the use that is nearest to the type counts
    found = dict(zip(getattr(owner, "__parameters__", ()), typing.get_args(t), strict=False))
    for base in getattr(owner, "__orig_bases__", ()):
        if typing.get_origin(base) not in (None, typing.Generic):
            inner = {variable: substituted(value, found) for variable, value in arguments_of(base).items()}
            found = {**inner, **found}
    return found


def substituted(t: Any, arguments: dict[Any, Any]) -> Any:
    """A type with its type variables replaced, however deep they are.

    Example:
        >>> T = TypeVar("T")
        >>> substituted(dict[str, list[T]], {T: int})
        dict[str, list[int]]
    """
    if isinstance(t, TypeVar):
        return arguments.get(t, t)
    variables = getattr(t, "__parameters__", ())
    if not arguments or not variables or is_class(t):
        return t
    return t[tuple(arguments.get(variable, variable) for variable in variables)]
