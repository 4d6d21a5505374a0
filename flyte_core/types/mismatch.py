"""The error of a value or literal that does not fit its type, and where inside the value it happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core.errors import TypeTransformerFailedError

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal

__all__ = ["ValueMismatchError", "describe", "mismatch", "shown", "under"]

_SHOWN = 120


class ValueMismatchError(TypeTransformerFailedError):
    """A value does not fit its type.

    Args:
        reason: what was expected and what was there.
        path: where inside the value, such as ``[3].b``; empty for the value itself.

    Example:
        >>> str(ValueMismatchError("expected int, got 'x'", "[3].b"))
        "[3].b: expected int, got 'x'"
    """

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(f"{path.lstrip('.')}: {reason}" if path else reason)
        self.reason, self.path = reason, path

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.reason, self.path)


def shown(value: object) -> str:
    """A value as one short line: its ``repr``, cut, or its class where ``repr`` itself fails."""
    try:
        text = repr(value)
    except Exception:  # a user's __repr__ may raise anything, and the message matters more
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def mismatch(expected: str, value: object) -> ValueMismatchError:
    """The error for a Python value where something else was expected."""
    return ValueMismatchError(f"expected {expected}, got {shown(value)} of type {type(value).__name__}")


def under(error: TypeTransformerFailedError, step: str) -> ValueMismatchError:
    """The same error seen from one level further out; ``step`` is ``[3]``, ``['key']`` or ``.field``."""
    if isinstance(error, ValueMismatchError):
        return ValueMismatchError(error.reason, step + error.path)
    return ValueMismatchError(str(error), step)


def describe(literal: Literal) -> str:
    """What kind of literal this is, with its value where that is short.

    Example:
        >>> from flyteidl2.core.literals_pb2 import Literal, Primitive, Scalar
        >>> describe(Literal(scalar=Scalar(primitive=Primitive(integer=5))))
        'the integer 5'
    """
    kind = literal.WhichOneof("value")
    if kind is None:
        return "an empty literal"
    if kind == "collection":
        return f"a collection of {len(literal.collection.literals)}"
    if kind == "map":
        return f"a map of {len(literal.map.literals)}"
    if kind != "scalar":
        return f"a literal with {kind}"
    scalar = literal.scalar.WhichOneof("value")
    if scalar != "primitive":
        return f"the scalar {scalar}"
    primitive = literal.scalar.primitive
    name = primitive.WhichOneof("value")
    return f"the {_PRIMITIVES.get(name, name)} {shown(getattr(primitive, name))}" if name else "an empty primitive"


_PRIMITIVES = {"float_value": "float", "string_value": "string", "duration": "duration"}
