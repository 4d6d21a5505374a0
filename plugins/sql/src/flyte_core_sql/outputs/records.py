"""Records made of a row, or of a struct or JSON object inside of one: the classes, and which column is which field."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core.errors import TypeTransformerFailedError, near_misses
from flyte_core.types.codec import type_name
from flyte_core.types.lookup import is_pydantic, is_record
from flyte_core.types.mismatch import FieldsMismatchError, ValueMismatchError, fault_of, shown
from flyte_core.types.plain_containers import hints_of, typed_keys
from flyte_core.types.plain_records import record_fields
from flyte_core_sql.outputs.cells import Cell, cell_for, on_wire, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["Field", "Record", "matched", "record_of"]


@attrs.frozen(kw_only=True)
class Field:
    """One field of a record.

    Attributes:
        name: the column that it is read from.
        argument: what the class calls it when one is made.
        type: its type.
        cell: how values become that type.
        required: whether there must be a column.
    """

    name: str
    argument: str
    type: Any
    cell: Cell
    required: bool


@attrs.frozen(kw_only=True)
class Record:
    """A class that a row can be.

    Attributes:
        name: the class's name.
        fields: its fields.
        make: makes one of its arguments.
        is_open: whether it takes columns that no field is for.
    """

    name: str
    fields: Sequence[Field]
    make: Callable[[dict[str, Any]], Any]
    is_open: bool = False

    @property
    def has_decimals(self) -> bool:
        """Whether a `Decimal` may be inside."""
        return any(field.cell.has_decimals for field in self.fields)

    def made(self, arguments: dict[str, Any]) -> Any:
        """One of the class.

        Raises:
            ValueMismatchError: the class's own checks refuse the values.
        """
        try:
            return self.make(arguments)
        except Exception as error:  # the class's own validators, of any library
            reason = _findings(error) or f"{type(error).__name__}: {error}"
            raise ValueMismatchError(f"{self.name} refuses {shown(arguments)}: {reason}") from error

    def from_mapping(self, value: Any) -> Any:
        """One of the class from a struct of the database or an object of JSON.

        Raises:
            ValueMismatchError: it is none, or its entries are not the fields.
        """
        if not isinstance(value, dict):
            raise refused(self.name, value)
        places, faults = matched({field.name: field.required for field in self.fields}, list(value), self.is_open)
        found = [(f".{name}", reason) for name, reason in faults]
        names = list(value)
        taken = {names[place] for place in places.values()}
        arguments = {name: item for name, item in value.items() if self.is_open and name not in taken}
        for field in self.fields:
            if field.name not in places:
                continue
            try:
                arguments[field.argument] = field.cell.convert(value[names[places[field.name]]])
            except TypeTransformerFailedError as error:
                found += fault_of(error, field.name)
        if len(found) > 1:
            raise FieldsMismatchError(self.name, found)
        if found:
            raise ValueMismatchError(found[0][1], found[0][0])
        return self.made(arguments)


def matched(
    wanted: Mapping[str, bool], names: Sequence[str], is_open: bool = False
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Find the column of each field: the one of its name, or else the only one that differs in case alone.

    Args:
        wanted: the fields, and whether there must be a column.
        names: the columns. Databases change the case of what is not quoted in a query, each in its own way.
        is_open: whether further columns are welcome.

    Returns:
        The place of each field's column, and what is wrong: names with a reason each.

    Example:
        >>> matched({"id": True, "total": True}, ["ID", "totl"])[1]
        [('total', "is missing (did you mean 'totl'?)"), ('totl', "is not declared (did you mean 'total'?)")]
    """
    places = {name: names.index(name) for name in wanted if name in names}
    free = [index for index, name in enumerate(names) if name not in places]
    for name in wanted:
        if name not in places:
            alike = [index for index in free if names[index].casefold() == name.casefold()]
            if len(alike) == 1 and sum(other.casefold() == name.casefold() for other in wanted) == 1:
                places[name] = alike[0]
                free.remove(alike[0])
    absent = [name for name, required in wanted.items() if required and name not in places]
    extra = [names[index] for index in free]
    faults = [(name, f"is missing{_near(name, extra)}") for name in absent]
    unread = [name for name in wanted if name not in places]
    if not is_open:
        faults += [(name, f"is not declared{_near(name, unread)}") for name in extra]
    faults += [(name, "is there several times; name each with AS") for name in sorted(_twice(names)) if name in wanted]
    return places, faults


def _twice(names: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    return {name for name in names if name in seen or seen.add(name)}  # type: ignore[func-returns-value] # None


def _near(name: str, known: Sequence[str]) -> str:
    lowered = {other.casefold(): other for other in known}
    near = [lowered[other] for other in near_misses(name.casefold(), lowered)]
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""


def _findings(error: Exception) -> str:
    """What pydantic found, without its links."""
    errors: Any = getattr(error, "errors", None)
    if errors is None:
        return ""
    return "; ".join(f"{'.'.join(map(str, found['loc'])) or 'it'}: {found['msg']}" for found in errors())


def record_of(t: Any) -> Record | None:
    """The record that a class is, or a generic over one; None where it is none.

    Raises:
        TypeTransformerFailedError: a field is of a type that no value of a database becomes.
    """
    owner: Any = typing.get_origin(t) or t
    if not isinstance(owner, type):
        return None
    if is_pydantic(owner):
        with on_wire(as_struct=False):  # it writes its values itself
            return _pydantic(t)
    with on_wire(as_struct=True):
        return _struct(t, owner)


def _struct(t: Any, owner: Any) -> Record | None:
    if is_record(owner):
        return _record(t, owner)
    if issubclass(owner, dict) and hasattr(owner, "__required_keys__"):
        keys = typed_keys(t).items()
        fields = [_field(owner, name, hint, required=required) for name, (hint, required) in keys]
        return Record(name=owner.__name__, fields=fields, make=dict)
    names = getattr(owner, "_fields", None)
    if issubclass(owner, tuple) and names is not None:
        hints = hints_of(t)
        defaults: dict[str, Any] = getattr(owner, "_field_defaults", {})
        fields = [
            _field(
                owner,
                name,
                hints.get(name, Any),
                required=name not in defaults,
                nullable=_none_by_default(defaults, name),
            )
            for name in names
        ]
        return Record(name=owner.__name__, fields=fields, make=lambda arguments: owner(**arguments))
    return None


def _none_by_default(defaults: Mapping[str, Any], name: str) -> bool:
    return name in defaults and defaults[name] is None


def _field(owner: type, name: str, t: Any, *, required: bool, argument: str = "", nullable: bool = False) -> Field:
    try:
        cell = cell_for(typing.Optional[t] if nullable else t)  # noqa: UP045 - built
    except TypeTransformerFailedError as error:
        raise TypeTransformerFailedError(f"{owner.__name__}.{name}: {error}") from error
    return Field(name=name, argument=argument or name, type=t, cell=cell, required=required)


def _record(t: Any, owner: Any) -> Record:
    made_inside = {name for name, field in getattr(owner, "__dataclass_fields__", {}).items() if not field.init}
    fields = [
        # A default of None says that there may be none, whatever the annotation says.
        _field(
            owner,
            field.name,
            field.type,
            required=field.required,
            argument=field.argument,
            nullable=field.default is None,
        )
        for field in record_fields(t)
        if field.name not in made_inside
    ]
    return Record(name=owner.__name__, fields=fields, make=lambda arguments: owner(**arguments))


def _pydantic(model: Any) -> Record:
    """A model: values are checked here, since pydantic would take ``'5'`` for a number, and then by its validators."""
    fields = []
    for name, info in model.model_fields.items():
        alias = next((a for a in (info.validation_alias, info.alias) if isinstance(a, str)), name)
        try:
            cell = cell_for(info.annotation)
        except TypeTransformerFailedError:  # a type of pydantic's own, which it checks itself
            cell = cell_for(Any)
        fields.append(Field(name=alias, argument=alias, type=info.annotation, cell=cell, required=info.is_required()))
    return Record(
        name=type_name(model),
        fields=fields,
        make=model.model_validate,
        is_open=model.model_config.get("extra") == "allow",
    )
