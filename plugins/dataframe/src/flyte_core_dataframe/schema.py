"""The columns that a reader declares, compared with those of the stored table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
from flyteidl2.core.types_pb2 import SimpleType

from flyte_core.errors import DataFrameSchemaError, near_misses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flyteidl2.core.types_pb2 import LiteralType, StructuredDatasetType

__all__ = ["check_schema", "declares", "found_type"]


def declares(declared: StructuredDatasetType) -> bool:
    """Whether there is anything to check."""
    return bool(declared.columns or declared.external_schema_bytes)


def check_schema(url: str, declared: StructuredDatasetType, found: pa.Schema) -> list[str] | None:
    """Compare what is declared with what is there, column by column.

    A declared type takes every stored type that holds the same kind of values: ``int`` all widths of integers,
    ``float`` all floating-point numbers, integers and decimals, ``datetime`` timestamps of any unit and zone and dates,
    ``str`` texts, bytes, categories of them, and what pandas keeps as objects. A column that is null throughout fits
    every type. Values are read as they are stored; nothing is converted.

    Args:
        url: where the table lies, for the message.
        declared: the columns, the arrow schema, or both.
        found: the table's schema.

    Returns:
        The columns to read, in the declared order; None for all. For a declared field inside a struct it is the struct.

    Raises:
        DataFrameSchemaError: columns are absent or of another type; all of them are listed.
    """
    differences = [*_column_differences(declared, found), *_schema_differences(declared, found)]
    if differences:
        raise DataFrameSchemaError(url, differences, [f"{field.name} ({field.type})" for field in found])
    names = [column.name for column in declared.columns]
    return list(dict.fromkeys(name if name in found.names else name.partition(".")[0] for name in names)) or None


def _column_differences(declared: StructuredDatasetType, found: pa.Schema) -> Iterator[str]:
    for column in declared.columns:
        name, wanted = column.name, _name_of(column.literal_type)
        there = found_type(found, name)
        if there is None:
            yield f"column {name!r} is declared {wanted} and is not there{_near(name, found)}"
        elif not _fits(column.literal_type, there):
            yield f"column {name!r} is declared {wanted} and is {there}"


def _schema_differences(declared: StructuredDatasetType, found: pa.Schema) -> Iterator[str]:
    """An arrow schema travels as text: a line for each column, indented ones for what is nested in it."""
    for line in declared.external_schema_bytes.decode(errors="replace").splitlines():
        if line.startswith("-- "):  # its metadata
            return
        name, colon, rest = line.partition(": ")
        if not colon or line.startswith(" "):
            continue
        wanted = rest.removesuffix(" not null")
        there = found_type(found, name)
        if there is None:
            yield f"column {name!r} is declared {wanted} and is not there{_near(name, found)}"
        elif not _fits_arrow(wanted, there):
            yield f"column {name!r} is declared {wanted} and is {there}"


def _near(name: str, found: pa.Schema) -> str:
    near = near_misses(name, found.names)
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""


def found_type(found: pa.Schema, name: str) -> pa.DataType | None:
    """The type of a column, or of a field inside a struct by its dotted name; None where there is none."""
    index = found.get_field_index(name)
    if index >= 0:
        return found.field(index).type
    first, *inner = name.split(".")
    index = found.get_field_index(first)
    there = found.field(index).type if index >= 0 else None
    for part in inner:
        if there is None or not pa.types.is_struct(there):
            return None
        index = there.get_field_index(part)
        there = there.field(index).type if index >= 0 else None
    return there


def _plain(found: pa.DataType) -> pa.DataType:
    """What a dictionary, a run-length encoding or an extension holds."""
    while True:
        if pa.types.is_dictionary(found) or pa.types.is_run_end_encoded(found):
            found = found.value_type
        elif isinstance(found, pa.BaseExtensionType):
            found = found.storage_type
        else:
            return found


def _is_float(found: pa.DataType) -> bool:
    return bool(pa.types.is_floating(found) or pa.types.is_integer(found) or pa.types.is_decimal(found))


def _is_datetime(found: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(found) or pa.types.is_date(found))


def _is_object(found: pa.DataType) -> bool:
    """What pandas keeps as objects has the wire's type of texts as well."""
    tests = (
        "is_string",
        "is_large_string",
        "is_string_view",
        "is_binary",
        "is_large_binary",
        "is_fixed_size_binary",
        "is_binary_view",
        "is_decimal",
        "is_time",
    )
    return any(getattr(pa.types, test)(found) for test in tests if hasattr(pa.types, test))


#: Offsets of 64 bits, views, the name of a list's items, and that a nested field has no nulls.
_UNIMPORTANT = re.compile(r"large_|_view|(?<=<)(item|element): | not null")

_SIMPLE: dict[int, tuple[str, Callable[[pa.DataType], bool]]] = {
    SimpleType.INTEGER: ("int", pa.types.is_integer),
    SimpleType.FLOAT: ("float", _is_float),
    SimpleType.STRING: ("str", _is_object),
    SimpleType.BOOLEAN: ("bool", pa.types.is_boolean),
    SimpleType.DATETIME: ("datetime", _is_datetime),
    SimpleType.DURATION: ("timedelta", pa.types.is_duration),
}


def _fits(declared: LiteralType, there: pa.DataType) -> bool:
    there = _plain(there)
    if pa.types.is_null(there):
        return True
    kind = declared.WhichOneof("type")
    if kind == "simple":
        _, fits = _SIMPLE.get(declared.simple, ("", lambda _: True))
        return bool(fits(there))
    if kind == "collection_type":
        return _is_list(there) and _fits(declared.collection_type, there.value_type)
    if kind == "map_value_type":
        # pandas' and polars' dicts are stored as structs
        if pa.types.is_struct(there):
            return all(_fits(declared.map_value_type, there.field(i).type) for i in range(there.num_fields))
        return bool(pa.types.is_map(there)) and _fits(declared.map_value_type, there.item_type)
    return True


def _is_list(there: pa.DataType) -> bool:
    tests = ("is_list", "is_large_list", "is_fixed_size_list", "is_list_view", "is_large_list_view")
    return any(getattr(pa.types, test)(there) for test in tests if hasattr(pa.types, test))


def _fits_arrow(wanted: str, there: pa.DataType) -> bool:
    """The very type, or a wider one of the same kind declared: int32 is stored and int64 declared."""
    if pa.types.is_null(there) or _written(wanted) in (_written(str(there)), _written(str(_plain(there)))):
        return True
    try:
        declared = pa.type_for_alias(wanted)
    except ValueError:  # nested and parametrised types have no short name
        return False
    there = _plain(there)
    for test in (pa.types.is_signed_integer, pa.types.is_unsigned_integer, pa.types.is_floating):
        if test(declared) and test(there):
            return bool(there.bit_width <= declared.bit_width)
    return False


def _written(text: str) -> str:
    """A type's text without what libraries and versions write differently for the same values."""
    return _UNIMPORTANT.sub("", text)


def _name_of(declared: LiteralType) -> str:
    kind = declared.WhichOneof("type")
    if kind == "simple":
        return _SIMPLE[declared.simple][0] if declared.simple in _SIMPLE else str(declared.simple)
    if kind == "collection_type":
        return f"list[{_name_of(declared.collection_type)}]"
    if kind == "map_value_type":
        return f"dict[str, {_name_of(declared.map_value_type)}]"
    return str(kind)
