"""Checking what a plugin's module lists under ``TRANSFORMERS``, and the methods of a transformer, with near misses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from flyte_core.errors import near_misses

__all__ = ["method_fault", "transformer_faults"]

_LISTED = "TRANSFORMERS"
_METHODS = ("get_literal_type", "to_literal", "to_python_value")


def transformer_faults(module: Any) -> list[str]:
    """Find what is wrong with a module of transformers; nothing of it is called.

    Args:
        module: what the plugin's entry point names.

    Returns:
        One line for each fault.

    Example:
        >>> transformer_faults(sys)
        ['it has no TRANSFORMERS, the list of its transformers']
    """
    listed = getattr(module, _LISTED, None)
    if listed is None:
        close = _named_alike(_LISTED, vars(module) if hasattr(module, "__dict__") else {})
        return [f"it has no {_LISTED}, the list of its transformers{close}"]
    if not isinstance(listed, (list, tuple)):
        return [f"its {_LISTED} is {listed!r}, which is no list"]
    return [fault for item in listed for fault in _item_faults(item)]


def _item_faults(item: Any) -> Iterator[str]:
    owner: Any = item if isinstance(item, type) else type(item)
    # Whoever derives from the class has imported it; this package stands left of the types in the layers.
    base = getattr(sys.modules.get("flyte_core.types.transformer"), "TypeTransformer", None)
    if base is None or not issubclass(owner, base):
        yield f"its {_LISTED} has {item!r}, which is no TypeTransformer"
        return
    if owner.codec is not base.codec or owner is base:
        return  # a codec of its own asks none of the methods
    for method in _METHODS:
        if getattr(owner, method) is getattr(base, method):
            yield method_fault(owner, base, method)


def method_fault(owner: type, base: type, method: str) -> str:
    """Say that a transformer lacks a method, and which of its own may be meant.

    Args:
        owner: the transformer's class.
        base: `TypeTransformer`, whose methods are no near misses.
        method: the method's name.
    """
    own = {name for each in owner.__mro__ if each is not base and issubclass(each, base) for name in vars(each)}
    return f"{owner.__name__} has no {method}{_named_alike(method, own - set(vars(base)))}"


def _named_alike(name: str, names: Any) -> str:
    lower = [each for each in names if each.lower() == name.lower()]
    close = lower or near_misses(name, names)
    return f"; is {' or '.join(close)} a misspelling of it?" if close else ""
