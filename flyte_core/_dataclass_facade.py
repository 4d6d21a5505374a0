"""What lets ``@dataclass`` subclasses collect the fields of an attrs class.

Published Flyte plugins are ``@dataclass(kw_only=True)`` subclasses of ``TaskTemplate``. `dataclasses` looks for
``__dataclass_fields__`` and ``__dataclass_params__`` on every base; here both are computed from the attrs attributes
of the class they are read from, on first use, so that attrs subclasses of attrs subclasses count too.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import attrs

__all__ = ["DataclassFields", "DataclassParams"]


def _field(attribute: attrs.Attribute[Any]) -> Any:
    given: dict[str, Any] = {
        "init": attribute.init,
        "repr": bool(attribute.repr),
        "compare": bool(attribute.eq),
        "kw_only": bool(attribute.kw_only),
    }
    if isinstance(attribute.default, attrs.Factory):  # type: ignore[arg-type] # a class to isinstance, a function to mypy
        given["default_factory"] = attribute.default.factory  # type: ignore[union-attr] # checked by the line above
    elif attribute.default is not attrs.NOTHING:
        given["default"] = attribute.default
    return dataclasses.field(**given)


class DataclassFields:
    """Descriptor that gives ``__dataclass_fields__`` of the class it is read from."""

    def __get__(self, instance: object, owner: type) -> dict[str, Any]:
        """Give the fields by name, made once for each class and kept on it."""
        own = owner.__dict__.get("_flyte_core_dataclass_fields")
        if own is None or own[0] is not owner.__attrs_attrs__:  # type: ignore[attr-defined] # set by attrs
            attributes = owner.__attrs_attrs__  # type: ignore[attr-defined] # set by attrs
            # A dummy dataclass, because the shape of Field objects differs between Python versions.
            dummy = dataclasses.make_dataclass(
                owner.__name__,
                [(a.name, a.type if a.type is not None else Any, _field(a)) for a in attributes],
                init=False,
                repr=False,
                eq=False,
            )
            own = (attributes, dummy.__dataclass_fields__)  # type: ignore[attr-defined] # a dataclass has them
            type.__setattr__(owner, "_flyte_core_dataclass_fields", own)
        fields: dict[str, Any] = own[1]
        return fields


class DataclassParams:
    """Descriptor that gives ``__dataclass_params__``; the same for every attrs class here."""

    def __get__(self, instance: object, owner: type) -> Any:
        """Give the parameters of a plain, unfrozen dataclass."""
        return dataclasses.make_dataclass("_Plain", []).__dataclass_params__  # type: ignore[attr-defined] # has them
