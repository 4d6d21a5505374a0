"""Batches whose types differ from one to the next, and columns that Parquet or a declaration wants otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pyarrow as pa
import pyarrow.compute

from flyte_core_sql.errors import ResultError
from flyte_core_sql.outputs.libraries import has_wide, narrowed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

__all__ = ["Columns", "common_schema", "fitted"]

#: Its functions are made when it is imported, so that no type checker knows them.
pc: Any = pyarrow.compute

#: Digits of the largest integer of 64 bits, one more for arrow's rule about unsigned ones.
_INTEGER_DIGITS = 20
_DIGITS_128 = 38


@attrs.define(kw_only=True)
class Columns:
    """What each batch goes through before it is kept.

    Args:
        subject: the output as messages name it.
        integers: the columns that are declared ``int``: databases give sums of integers as decimals.
        is_polars: whether polars is to read them, which has no decimals of 256 bits.
    """

    subject: str
    integers: Collection[str] = ()
    is_polars: bool = False
    # Batches hardly ever differ; to ask about each column of each of them took 8 % of the time of a million rows.
    _schema: pa.Schema | None = attrs.field(default=None, init=False)
    _changes: Mapping[int, Callable[[str, pa.Array], pa.Array]] = attrs.field(factory=dict, init=False)

    def prepared(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch with integers where these are declared, and durations in place of intervals, which no file has.

        Raises:
            ResultError: values cannot be exactly that.
        """
        schema = batch.schema
        if self._schema is None or not schema.equals(self._schema):
            self._schema, self._changes = schema, dict(self._changes_of(schema))
        if not self._changes:
            return batch
        arrays = list(batch.columns)
        for index, change in self._changes.items():
            arrays[index] = change(schema.names[index], arrays[index])
        return pa.RecordBatch.from_arrays(arrays, names=schema.names)

    def _changes_of(self, schema: pa.Schema) -> Iterator[tuple[int, Callable[[str, pa.Array], pa.Array]]]:
        for index, field in enumerate(schema):
            if pa.types.is_decimal(field.type) and field.name in self.integers:
                yield index, self._integers
            elif pa.types.is_interval(field.type):
                yield index, self._durations
            elif self.is_polars and has_wide(field.type):
                yield index, self._narrowed

    def _narrowed(self, name: str, column: pa.Array) -> pa.Array:
        return narrowed(self.subject, name, column)

    def _integers(self, name: str, column: pa.Array) -> pa.Array:
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise ResultError(
                f"{self.subject}: column {name!r} is declared int and is {column.type}, with values that are not whole "
                f"or need more than 64 bits ({error})"
            ) from error

    def _durations(self, name: str, column: pa.Array) -> pa.Array:
        try:
            found = _durations(column)
        except pa.ArrowInvalid as error:  # it does not fit 64 bits of microseconds
            raise ResultError(f"{self.subject}: column {name!r} has an interval that is too long") from error
        if found is None:
            raise ResultError(
                f"{self.subject}: column {name!r} has intervals of months, which have no fixed length, or of "
                "nanoseconds; cast it to text, or give days, in the query"
            )
        return found


def _durations(column: pa.Array) -> pa.Array | None:
    """Microseconds; None where there are months, or parts of a microsecond."""
    # Each value is 16 bytes: 32 bits of months, 32 of days, 64 of nanoseconds; arrow has no function for them.
    count, first = len(column), 2 * column.offset
    words = pa.Array.from_buffers(pa.int64(), first + 2 * count, [None, column.buffers()[1]]).slice(first)
    pairs = pa.FixedSizeListArray.from_arrays(words, 2)
    there, zero = column.is_valid(), pa.scalar(0, pa.int64())
    calendar = pc.if_else(there, pc.list_element(pairs, 0), zero)
    nanoseconds = pc.if_else(there, pc.list_element(pairs, 1), zero)
    days = pc.shift_right(calendar, 32)
    microseconds = pc.divide(nanoseconds, 1000)
    without_months = pc.equal(pc.shift_left(days, 32), calendar)
    exact = pc.equal(pc.multiply(microseconds, 1000), nanoseconds)
    if not pc.all(pc.and_(without_months, exact), min_count=0).as_py():
        return None
    total = pc.add_checked(pc.multiply_checked(days, 86_400_000_000), microseconds)
    return pc.if_else(there, total, pa.scalar(None, pa.int64())).cast(pa.duration("us"))


def common_schema(subject: str, schemas: Sequence[pa.Schema]) -> pa.Schema:
    """The narrowest schema that holds what each of several holds.

    Raises:
        ResultError: a column has types that nothing holds both of, such as numbers and texts.
    """
    first = schemas[0]
    if all(schema is first or schema.equals(first) for schema in schemas[1:]):
        return first
    bare = [schema.remove_metadata() for schema in schemas]
    try:
        found = pa.unify_schemas(bare, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ResultError(f"{subject}: {_differing(bare) or error}; cast it in the query") from error
    return pa.schema([_wide_enough(field, bare) for field in found])


def _wide_enough(field: pa.Field, schemas: Sequence[pa.Schema]) -> pa.Field:
    """Give a decimal the digits of the integers that it stands for as well, which arrow's own choice lacks."""
    if not pa.types.is_decimal(field.type):
        return field
    types = [schema.field(field.name).type for schema in schemas if field.name in schema.names]
    if not any(map(pa.types.is_integer, types)):
        return field
    digits = max(field.type.precision, _INTEGER_DIGITS + field.type.scale)
    make = pa.decimal128 if digits <= _DIGITS_128 else pa.decimal256
    return field.with_type(make(digits, field.type.scale))


def _differing(schemas: Sequence[pa.Schema]) -> str:
    for field in schemas[0]:
        kinds = dict.fromkeys(str(s.field(field.name).type) for s in schemas if s.get_field_index(field.name) >= 0)
        kinds.pop("null", None)
        if len(kinds) > 1:
            return f"the values of column {field.name!r} are of several types, {' and '.join(kinds)}"
    return ""


def fitted(subject: str, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch as a schema that holds it.

    Raises:
        ResultError: a value is not the same in the wider type, such as a large integer among floats.
    """
    if batch.schema is schema or batch.schema.equals(schema):
        return batch
    arrays = []
    for field, column in zip(schema, batch.columns, strict=True):
        try:
            arrays.append(column if column.type.equals(field.type) else column.cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:  # noqa: PERF203 - it says which
            raise ResultError(
                f"{subject}: column {field.name!r} has values of {column.type} that cannot stand among its others, "
                f"which are {field.type} ({error}); cast it in the query"
            ) from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
