"""Outputs of Python values: one value, one record, lists of either, and several outputs from one row."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.errors import TypeTransformerFailedError
from flyte_core.types.codec import type_name
from flyte_core.types.mismatch import ValueMismatchError
from flyte_core_sql.errors import ResultError
from flyte_core_sql.outputs.cells import Cell, bare, cell_for, is_array, on_wire
from flyte_core_sql.outputs.composed import without_none
from flyte_core_sql.outputs.records import Record, matched, record_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flyte_core_sql.drivers.session import Result

    Row = Sequence[Any]

__all__ = ["Rows", "columns_of", "rows_of"]

_KEPT = 16
_RECORD = "a dataclass or TypedDict for a row of several"


@attrs.frozen(kw_only=True)
class Rows:
    """Output from rows, which are read as values of Python.

    Attributes:
        subject: the output as messages name it, such as ``task 'top': output 'o0' (int)``.
        is_list: whether all rows are wanted, or one.
        is_optional: whether there may be none instead of one.
        reader: what makes a value of a row with these columns, given the columns.
        arrays: what makes the list of the only value of the only row, where that is an array.
    """

    subject: str
    is_list: bool
    is_optional: bool
    reader: Callable[[Rows, Sequence[str]], Callable[[Row], Any]]
    arrays: Cell | None = None
    # The columns of a task's result hardly ever change, and to find each field's takes longer than to read a row.
    _readers: dict[tuple[str, ...], Callable[[Row], Any]] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    def read(self, result: Result) -> Any:
        """Read the output.

        Raises:
            ResultError: the result is not what is declared.
        """
        columns = result.columns
        read = self._reader_of(tuple(columns))
        rows = result.rows(None if self.is_list else 2)
        if self.is_list:
            return self._listed(rows, columns, read)
        if len(rows) == 1:
            return self._row(rows[0], read, columns)
        if rows:
            raise self.error(
                "the query gives more than one row; narrow it, such as with LIMIT 1, or declare a list", columns
            )
        if self.is_optional:
            return None
        raise self.error("the query gives no row; declare ... | None where there may be none", columns)

    def _reader_of(self, columns: tuple[str, ...]) -> Callable[[Row], Any]:
        read = self._readers.get(columns)
        if read is None:
            read = self.reader(self, columns)
            if len(self._readers) >= _KEPT:
                self._readers.clear()
            self._readers[columns] = read
        return read

    def _row(self, row: Row, read: Callable[[Row], Any], columns: Sequence[str]) -> Any:
        try:
            return read(row)
        except TypeTransformerFailedError as error:
            raise self.error(str(error), columns) from error

    def _listed(self, rows: Sequence[Row], columns: Sequence[str], read: Callable[[Row], Any]) -> list[Any]:
        if self.arrays is not None and len(rows) == 1 and is_array(rows[0][0]):
            return list(self._row(rows[0], lambda row: self.arrays.convert(row[0]), columns))  # type: ignore[union-attr] # above
        done: list[Any] = []
        try:
            # Not a comprehension, so that the number of the row is known where one is refused.
            append = done.append
            for row in rows:
                append(read(row))
        except TypeTransformerFailedError as error:
            raise self.error(f"row {len(done) + 1}: {error}", columns) from error
        return done

    def error(self, reason: str, columns: Sequence[str]) -> ResultError:
        """The error of a result that does not fit."""
        return ResultError(f"{self.subject}: {reason}. The result's columns: {', '.join(columns) or 'none'}")


def rows_of(owner: str, name: str, python_type: Any) -> Rows:
    """The shape of a single output that is no frame.

    Raises:
        TypeTransformerFailedError: no result can be of that type.
    """
    subject = f"{owner}: output {name!r} ({type_name(python_type)})"
    inner, is_optional = without_none(bare(python_type))
    inner = bare(inner)
    if (typing.get_origin(inner) or inner) is not list:
        return Rows(subject=subject, is_list=False, is_optional=is_optional, reader=_reader(inner, is_optional))
    (item,) = typing.get_args(inner) or (Any,)
    cell = cell_for(item)
    within, item_is_optional = without_none(bare(item))
    # An array of arrays, structs or anything may be what one row of the list is.
    may_be_row = cell.is_list or within in (Any, object) or _is_dict(within) or record_of(within) is not None
    return Rows(
        subject=subject,
        is_list=True,
        is_optional=False,
        reader=_reader(within, item_is_optional),
        arrays=None if may_be_row else cell_for(inner),
    )


def _is_dict(t: Any) -> bool:
    return (typing.get_origin(t) or t) is dict


def columns_of(owner: str, types: dict[str, Any]) -> Rows:
    """The shape of several outputs: the columns of one row, by name.

    Raises:
        TypeTransformerFailedError: no value of a column can be of one of the types.
    """
    cells = {}
    for name, python_type in types.items():
        try:
            cells[name] = cell_for(python_type)
        except TypeTransformerFailedError as error:  # noqa: PERF203 - it says which
            raise TypeTransformerFailedError(f"{name}: {error}") from error
    written = ", ".join(f"{name}: {type_name(t)}" for name, t in types.items())

    def reader(rows: Rows, columns: Sequence[str]) -> Callable[[Row], Any]:
        places, faults = matched(dict.fromkeys(types, True), columns)
        _refuse(rows, faults, columns)
        steps = [(name, places[name], cell) for name, cell in cells.items()]
        return lambda row: tuple(_converted(steps, row, columns).values())

    return Rows(subject=f"{owner}: outputs ({written})", is_list=False, is_optional=False, reader=reader)


def _reader(t: Any, is_optional: bool) -> Callable[[Rows, Sequence[str]], Callable[[Row], Any]]:
    """What reads one row as a type, given the result's columns."""
    record = record_of(t)
    if record is not None:
        return lambda rows, columns: _record_reader(rows, record, columns)
    cell = cell_for(typing.Optional[t] if is_optional else t)  # noqa: UP045 - built
    if _is_dict(t):
        keys, values = typing.get_args(t) or (str, Any)
        if keys in (str, Any):
            with on_wire(as_struct=keys is Any or not typing.get_args(t)):
                item = cell_for(values)
            return lambda rows, columns: _dict_reader(rows, cell, item, columns)
    return lambda rows, columns: _value_reader(rows, cell, columns)


def _value_reader(rows: Rows, cell: Cell, columns: Sequence[str]) -> Callable[[Row], Any]:
    if len(columns) != 1:
        raise rows.error(f"the query gives {len(columns)} columns; select one, or declare {_RECORD}", columns)
    convert, exact, name = cell.convert, cell.exact, columns[0]

    def read(row: Row) -> Any:
        value = row[0]
        if type(value) is exact:
            return value
        try:
            return convert(value)
        except ValueMismatchError as error:
            raise ValueMismatchError(f"column {name!r}: {error}") from error.__cause__

    return read


def _dict_reader(rows: Rows, cell: Cell, values: Cell, columns: Sequence[str]) -> Callable[[Row], Any]:
    """A dict is the struct, map or JSON object of the only column; of several columns it is the row itself."""
    if len(columns) == 1:
        return _value_reader(rows, cell, columns)
    places, faults = matched(dict.fromkeys(columns, True), columns)
    _refuse(rows, faults, columns)
    steps = [(name, place, values) for name, place in places.items()]
    return lambda row: _converted(steps, row, columns)


def _record_reader(rows: Rows, record: Record, columns: Sequence[str]) -> Callable[[Row], Any]:
    fields = {field.name: field for field in record.fields}
    places, faults = matched({name: field.required for name, field in fields.items()}, columns, record.is_open)
    _refuse(rows, faults, columns)
    steps = [(fields[name].argument, place, fields[name].cell) for name, place in places.items()]
    taken = {columns[place] for place in places.values()}
    if record.is_open:
        anything = cell_for(Any)
        steps += [(name, place, anything) for place, name in enumerate(columns) if name not in taken]
    # Taken out of the cells, for the loop over many rows.
    plain = [(argument, place, cell.exact, cell.convert) for argument, place, cell in steps]
    made = record.made

    def read(row: Row) -> Any:
        try:
            arguments = {
                argument: value if type(value := row[place]) is exact else convert(value)
                for argument, place, exact, convert in plain
            }
        except TypeTransformerFailedError:
            arguments = _converted(steps, row, columns)
        return made(arguments)

    return read


def _converted(steps: Sequence[tuple[str, int, Cell]], row: Row, columns: Sequence[str]) -> dict[str, Any]:
    """The values of a row by name.

    Raises:
        ValueMismatchError: some do not fit; all of them are told.
    """
    done, faults = {}, []
    for name, place, cell in steps:
        try:
            done[name] = cell.convert(row[place])
        except TypeTransformerFailedError as error:  # noqa: PERF203 - every fault is told
            faults.append(f"column {columns[place]!r}: {error}")
    if faults:
        raise ValueMismatchError("; ".join(faults))
    return done


def _refuse(rows: Rows, faults: Sequence[tuple[str, str]], columns: Sequence[str]) -> None:
    """Tell every column that is missing, or that nothing is declared for.

    Raises:
        ResultError: there are faults.
    """
    if faults:
        raise rows.error("; ".join(f"column {name!r} {reason}" for name, reason in faults), columns)
