"""The error of a value or literal that does not fit its type, and where inside the value it happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from flyte_core.errors import TypeTransformerFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flyteidl2.core.literals_pb2 import Literal

__all__ = [
    "FieldsMismatchError",
    "ValueMismatchError",
    "because",
    "describe",
    "fault_of",
    "made",
    "mismatch",
    "shown",
    "under",
]

_SHOWN = 120

T = TypeVar("T")


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

    def moved(self, step: str) -> ValueMismatchError:
        """The same error seen from one level further out."""
        return ValueMismatchError(self.reason, step + self.path)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.reason, self.path)


class FieldsMismatchError(ValueMismatchError):
    """Several fields of a record differ from what was written, by an older version of its class for example.

    Args:
        owner: the name of the class that should have been read.
        faults: of each field its path inside the record, such as ``.leaf.a``, and what is wrong with it.
        path: where inside the value the record is; empty for the value itself.

    Example:
        >>> print(FieldsMismatchError("Leaf", [(".a", "expected int, got 'x'"), (".b", "is missing")]))
        2 fields do not fit Leaf:
          a: expected int, got 'x'
          b: is missing
    """

    def __init__(self, owner: str, faults: Sequence[tuple[str, str]], path: str = "") -> None:
        self.owner, self.faults = owner, tuple(faults)
        lines = [f"{(path + name).lstrip('.')}: {reason}" for name, reason in self.faults]
        super().__init__("\n  ".join([f"{len(lines)} fields do not fit {owner}:", *lines]))
        self.path = path

    def moved(self, step: str) -> FieldsMismatchError:
        """The same error seen from one level further out."""
        return FieldsMismatchError(self.owner, self.faults, step + self.path)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.owner, self.faults, self.path)


def shown(value: object) -> str:
    """A value as one short line: its ``repr``, cut, or its class where ``repr`` itself fails."""
    try:
        text = repr(value)
    except Exception:  # a user's __repr__ may raise anything, and the message matters more
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def because(error: Exception) -> str:
    """The end of a message: why Python refused a text, where that says more than that it did.

    Example:
        >>> because(ValueError("day is out of range for month")), because(ValueError("Invalid isoformat string: 'x'"))
        (': day is out of range for month', '')
    """
    reason = str(error)
    return f": {reason}" if reason and not reason.lower().startswith(_SAYS_NOTHING) else ""


_SAYS_NOTHING = (
    "invalid isoformat",
    "invalid literal for int",
    "could not convert string to float",
    "badly formed hexadecimal uuid string",
    "[<class 'decimal.conversionsyntax'>",
)


def mismatch(expected: str, value: object) -> ValueMismatchError:
    """The error for a Python value where something else was expected."""
    return ValueMismatchError(f"expected {expected}, got {shown(value)} of type {type(value).__name__}")


def made(make: Callable[[Any], T], value: object, name: str) -> T:
    """What a class makes of a value; where it refuses, a mismatch says so.

    Raises:
        ValueMismatchError: naming the class by ``name``; what it raised is chained.
    """
    try:
        return make(value)
    except Exception as error:  # items of a set that cannot be hashed; a user's own constructor
        raise ValueMismatchError(f"{name} refuses {shown(value)}: {error}") from error


def under(error: TypeTransformerFailedError, step: str) -> ValueMismatchError:
    """The same error seen from one level further out; ``step`` is ``[3]``, ``['key']`` or ``.field``."""
    return error.moved(step) if isinstance(error, ValueMismatchError) else ValueMismatchError(str(error), step)


def fault_of(error: TypeTransformerFailedError, name: str) -> list[tuple[str, str]]:
    """What is wrong below one field of a record, as `FieldsMismatchError` takes it."""
    if isinstance(error, FieldsMismatchError):
        return [(f".{name}{error.path}{step}", reason) for step, reason in error.faults]
    if isinstance(error, ValueMismatchError):
        return [(f".{name}{error.path}", error.reason)]
    return [(f".{name}", str(error))]


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
