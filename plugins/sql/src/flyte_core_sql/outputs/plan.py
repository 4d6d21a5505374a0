"""The declared outputs of a query, checked once, and what each result becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import attrs

from flyte_core.errors import InvalidTypeError, TypeTransformerFailedError
from flyte_core.types import lookup
from flyte_core.types.codec import type_key, type_name
from flyte_core_sql.errors import ResultError
from flyte_core_sql.outputs.composed import without_none
from flyte_core_sql.outputs.frames import Frame, frame_of
from flyte_core_sql.outputs.shapes import Rows, columns_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flyte_core_sql.drivers.session import Result

__all__ = ["MAX_IN_MEMORY", "OutputPlan", "check_outputs"]

#: Bytes of a table that are held in memory; a larger one goes to storage as it comes.
MAX_IN_MEMORY = 256 * 2**20

_ALLOWED = (
    "DataFrame, a class of frames, a value of a column (int, float, str, bool, bytes, Decimal, datetime, date, time, "
    "timedelta, UUID, an enum, a list or dict), a dataclass, attrs class, pydantic model or TypedDict for a row, a "
    "list of values or rows, or several outputs, by name or a NamedTuple alone, of which each is a value of a column"
)


@attrs.frozen(kw_only=True)
class OutputPlan:
    """What becomes of a result; `check_outputs` makes it.

    Attributes:
        owner: whose outputs they are, such as ``task 'top'``.
        types: the outputs' types by name.
    """

    owner: str
    types: Mapping[str, Any]
    _shape: Frame | Rows | None = attrs.field(alias="shape")
    _counts: bool = attrs.field(alias="counts")

    @property
    def kind(self) -> Literal["nothing", "frame", "rows"]:
        """What is asked of a result: nothing, its batches, or its rows."""
        if self._shape is None:
            return "nothing"
        return "frame" if isinstance(self._shape, Frame) else "rows"

    def collect(self, result: Result, *, returns_rows: bool, max_in_memory: int = MAX_IN_MEMORY) -> Any:
        """Read a result as the outputs.

        Args:
            result: the result of the query's last statement.
            returns_rows: whether that statement gives rows; the number of rows it changed is the output otherwise.
            max_in_memory: bytes of a `DataFrame` that are held in memory; a larger one is stored as it comes.

        Returns:
            None, the only output, or a tuple of several in the declared order.

        Raises:
            ResultError: the result is not what is declared; the message says what differs.
            ResultSchemaError: a table's columns are not those that are declared.
            StorageError: a table is too large for memory, and cannot be stored.

        Example:
            >>> class One:
            ...     columns, row_count = ["n"], None
            ...     def rows(self, at_most=None): return [(3,)]
            >>> check_outputs("task 'top'", {"o0": int}).collect(One(), returns_rows=True)
            3
        """
        shape = self._shape
        if shape is None:
            return None
        if not returns_rows or not result.columns:
            return self._count(result, shape)
        if isinstance(shape, Frame):
            return shape.read(result, max_in_memory)
        return shape.read(result)

    def _count(self, result: Result, shape: Frame | Rows) -> int | None:
        if not self._counts:
            raise ResultError(
                f"{shape.subject}: the statement gives no rows; declare int for the number of rows that it changes, or "
                "nothing, or have it give rows, such as with RETURNING"
            )
        if result.row_count is None and not without_none(next(iter(self.types.values())))[1]:
            raise ResultError(f"{shape.subject}: the database does not say how many rows the statement changed")
        return result.row_count


class _Known:
    """Plans of this process: a task's is asked for at each of its calls."""

    plans: ClassVar[dict[Any, OutputPlan]] = {}
    most = 1024


def check_outputs(owner: str, outputs: Mapping[str, Any]) -> OutputPlan:
    """Check the types of a query's outputs.

    Args:
        owner: whose outputs they are, for messages, such as ``task 'top'``.
        outputs: the types by name.

    Returns:
        What reads results as these outputs.

    Raises:
        InvalidTypeError: no result of a query can be one of the types.

    Example:
        >>> check_outputs("task 'top'", {"o0": list[int]}).kind
        'rows'
    """
    key = (owner, lookup.version(), *((name, type_key(t)) for name, t in outputs.items()))
    plan = _Known.plans.get(key)
    if plan is None:
        plan = _checked(owner, dict(outputs))
        if len(_Known.plans) >= _Known.most:
            _Known.plans.clear()
        _Known.plans[key] = plan  # it holds the types, so that what `type_key` tells apart by identity stays there
    return plan


def _checked(owner: str, types: dict[str, Any]) -> OutputPlan:
    if not types:
        return OutputPlan(owner=owner, types=types, shape=None, counts=False)
    _check_wire(owner, types)
    (name, python_type), *others = types.items()
    if others:
        return OutputPlan(owner=owner, types=types, shape=_several(owner, types), counts=False)
    try:
        shape: Frame | Rows = frame_of(owner, name, python_type) or rows_of(owner, name, python_type)
    except TypeTransformerFailedError as error:
        raise InvalidTypeError(owner, f"output {name}", _Written(python_type), f"{_ALLOWED} ({error})") from error
    counts = lookup.underlying(without_none(python_type)[0]) is int
    return OutputPlan(owner=owner, types=types, shape=shape, counts=counts)


def _check_wire(owner: str, types: dict[str, Any]) -> None:
    """Refuse what no task can give, although it could be made of a result: a tuple, anywhere but in a record."""
    from flyte_core.types.codec import codec_for
    from flyte_core.types.transformer import RestrictedTypeError

    for name, python_type in types.items():
        try:
            codec_for(python_type)
        except RestrictedTypeError as error:  # noqa: PERF203 - each is told by name
            raise InvalidTypeError(owner, f"output {name}", _Written(python_type), f"{_ALLOWED} ({error})") from error
        except TypeTransformerFailedError:
            continue


def _several(owner: str, types: dict[str, Any]) -> Rows:
    for name, python_type in types.items():
        if frame_of(owner, name, python_type) is not None:
            raise InvalidTypeError(
                owner, f"output {name}", _Written(python_type), "a table to be the only output; several are one row"
            )
    try:
        return columns_of(owner, types)
    except TypeTransformerFailedError as error:
        written = ", ".join(f"{name}: {type_name(t)}" for name, t in types.items())
        raise InvalidTypeError(owner, "outputs", _Written(written), f"{_ALLOWED} ({error})") from error


class _Written:
    """A type as messages write it."""

    def __init__(self, python_type: Any) -> None:
        self._python_type = python_type

    def __repr__(self) -> str:
        return self._python_type if isinstance(self._python_type, str) else type_name(self._python_type)
