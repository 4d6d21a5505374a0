"""One input or output of an interface: its codec, its default, and how it is said that it goes pickled."""

from __future__ import annotations

import inspect
import typing
from typing import TYPE_CHECKING, Any

from flyteidl2.core import literals_pb2

from flyte_core.errors import InvalidValueError, TypeTransformerFailedError
from flyte_core.types import lookup, pickle_notes
from flyte_core.types.codec import Codec, codec_for
from flyte_core.types.transformer import RestrictedTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flyte_core.models import NativeInterface

__all__ = ["MISSING", "Variable", "VariableError", "aput_all", "aread_all", "put_all", "read_all"]

MISSING = inspect.Parameter.empty
_OPTIONAL: Any = int | None


def _codec_of(where: str, python_type: Any) -> Codec:
    try:
        return codec_for(python_type)
    except RestrictedTypeError as error:
        raise RestrictedTypeError(f"{where}: {error}") from error
    except TypeTransformerFailedError as error:
        raise TypeTransformerFailedError(f"{where}: {error}") from error


class Variable:
    """One input or output: name, codec and default.

    ``a: int = None`` is common, and means Optional for callers: None goes as the none variant of a union then,
    although the interface says ``int``.
    """

    def __init__(
        self, kind: str, name: str, python_type: Any, default: Any, interface: NativeInterface, task_name: str = ""
    ) -> None:
        self.name, self.kind, self.python_type = name, kind, python_type
        where = f"task {task_name!r}, {kind} {name!r}" if task_name else f"{kind} {name!r}"
        self.codec = _codec_of(where, python_type)
        if self.codec.is_pickled:
            pickle_notes.say_pickled(where, python_type)
        self.default = default
        self.remote = (interface._remote_defaults or {}).get(name) if default is interface.has_default else None
        if default is interface.has_default and self.remote is None:
            raise InvalidValueError(
                "interface", name, default, "a default input for it, since it is marked has_default"
            )
        self.may_be_none = default is None and not _takes_none(python_type)
        self.kept = self.remote

    def put(self, value: Any, literal: literals_pb2.Literal) -> None:
        """Write a value into an empty literal."""
        if value is None and self.may_be_none:
            literal.CopyFrom(_none_variant())
        else:
            self.codec.put(value, literal)

    async def aput(self, value: Any, literal: literals_pb2.Literal) -> None:
        """`put` for types that need input or output."""
        if self.codec.is_sync or (value is None and self.may_be_none):
            self.put(value, literal)
        else:
            literal.CopyFrom(await self.codec.aencode(value))

    def decode(self, literal: literals_pb2.Literal) -> Any:
        """Read a value."""
        return None if self.may_be_none and _is_none(literal) else self.codec.decode(literal)

    async def adecode(self, literal: literals_pb2.Literal) -> Any:
        """`decode` for types that need input or output."""
        if self.codec.is_sync or (self.may_be_none and _is_none(literal)):
            return self.decode(literal)
        return await self.codec.adecode(literal)

    def default_literal(self) -> literals_pb2.Literal:
        """The default as a literal; kept, unless the default is mutable and may be another one next time."""
        literal = self.kept
        if literal is None:
            literal = literals_pb2.Literal()
            self.put(self.default, literal)
            if isinstance(self.default, (int, float, str, type(None))):
                self.kept = literal
        return literal


def _takes_none(python_type: Any) -> bool:
    inner = lookup.underlying(python_type)
    return inner in (None, type(None)) or (lookup.is_union(inner) and type(None) in typing.get_args(inner))


def _none_variant() -> literals_pb2.Literal:
    """None as any Optional has it."""
    return codec_for(_OPTIONAL).encode(None)


def _is_none(literal: literals_pb2.Literal) -> bool:
    scalar = literal.scalar
    if scalar.WhichOneof("value") == "union":
        scalar = scalar.union.value.scalar
    return bool(scalar.WhichOneof("value") == "none_type")


# ---- several at once -------------------------------------------------------------------------------


def put_all(steps: Iterable[tuple[Variable, Any, literals_pb2.Literal]]) -> None:
    """Write each value into its literal.

    Raises:
        VariableError: if one does not fit; it is named.
    """
    for variable, value, literal in steps:
        try:
            variable.put(value, literal)
        except TypeTransformerFailedError as error:  # noqa: PERF203 - costs nothing unless it happens
            raise VariableError(variable, error) from error


async def aput_all(steps: Iterable[tuple[Variable, Any, literals_pb2.Literal]]) -> None:
    """`put_all` for types that need input or output."""
    for variable, value, literal in steps:
        try:
            await variable.aput(value, literal)
        except TypeTransformerFailedError as error:  # noqa: PERF203 - costs nothing unless it happens
            raise VariableError(variable, error) from error


def read_all(steps: Sequence[tuple[Variable, literals_pb2.Literal]]) -> list[Any]:
    """Read each literal.

    Raises:
        VariableError: if one does not fit; it is named.
    """
    values = []
    for variable, literal in steps:
        try:
            values.append(variable.decode(literal))
        except TypeTransformerFailedError as error:  # noqa: PERF203 - costs nothing unless it happens
            raise VariableError(variable, error) from error
    return values


async def aread_all(steps: Sequence[tuple[Variable, literals_pb2.Literal]]) -> list[Any]:
    """`read_all` for types that need input or output."""
    values = []
    for variable, literal in steps:
        try:
            values.append(await variable.adecode(literal))
        except TypeTransformerFailedError as error:  # noqa: PERF203 - costs nothing unless it happens
            raise VariableError(variable, error) from error
    return values


class VariableError(TypeTransformerFailedError):
    """A value or a literal does not fit one variable.

    Args:
        variable: the variable.
        error: what is wrong.
    """

    def __init__(self, variable: Variable, error: Exception) -> None:
        super().__init__(f"{variable.kind} {variable.name!r}: {error}")
        self.variable, self.error = variable.name, error

    def __reduce__(self) -> tuple[object, ...]:
        return TypeTransformerFailedError, (str(self),)
