"""Whole interfaces: their typed form, their default inputs, and the inputs and outputs of one call."""

from __future__ import annotations

import inspect
import typing
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from flyteidl2.core import interface_pb2, literals_pb2
from flyteidl2.task import common_pb2

from flyte_core.errors import (
    InlineIOMaxBytesBreached,
    InputError,
    InvalidValueError,
    RuntimeDataValidationError,
    TypeTransformerFailedError,
    near_misses,
)
from flyte_core.types import lookup
from flyte_core.types.codec import Codec, codec_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flyte_core.models import NativeInterface

__all__ = ["InterfaceCodec", "default_inputs", "interface_codec", "typed_interface"]

_MISSING = inspect.Parameter.empty
_OPTIONAL: Any = int | None


def typed_interface(interface: NativeInterface) -> interface_pb2.TypedInterface:
    """The wire form of an interface, variables in the order in which they were declared.

    Args:
        interface: the inputs and outputs. A variable's own name describes it, as in the Flyte SDK: the cluster's
            cache keys cover the interface, so a reworded docstring must not change it.

    Returns:
        The message. One whose variables are all absent still has both maps.

    Raises:
        TypeTransformerFailedError: if a type cannot be an input or output; the variable is named.

    Example:
        >>> from flyte_core.models import NativeInterface
        >>> def work(a: int) -> str: ...
        >>> [entry.key for entry in typed_interface(NativeInterface.from_callable(work)).inputs.variables]
        ['a']
    """
    found = interface_pb2.TypedInterface()
    found.CopyFrom(interface_codec(interface).typed)
    return found


def _put_variables(variables: Sequence[_Variable], found: interface_pb2.VariableMap) -> None:
    # An empty map stands in the message too.
    found.SetInParent()
    for variable in variables:
        entry = found.variables.add()
        entry.key = variable.name
        entry.value.type.CopyFrom(variable.codec.literal_type)
        entry.value.description = variable.name


def _codec_of(kind: str, name: str, python_type: Any) -> Codec:
    try:
        return codec_for(python_type)
    except TypeTransformerFailedError as error:
        raise TypeTransformerFailedError(f"{kind} {name!r}: {error}") from error


def default_inputs(interface: NativeInterface) -> list[common_pb2.NamedParameter]:
    """The default values that a deployment uploads: every one, those that are false in Python too.

    Args:
        interface: the inputs.

    Returns:
        One parameter for each input with a default, in their order.

    Raises:
        TypeTransformerFailedError: if a default does not fit its type; the input is named.
    """
    if all(default is _MISSING for _, default in interface.inputs.values()):
        return []
    return [_parameter(variable) for variable in interface_codec(interface).inputs if variable.default is not _MISSING]


def _parameter(variable: _Variable) -> common_pb2.NamedParameter:
    try:
        default = variable.default_literal()
    except TypeTransformerFailedError as error:
        raise TypeTransformerFailedError(f"the default of input {variable.name!r}: {error}") from error
    named = common_pb2.NamedParameter(name=variable.name)
    named.parameter.var.type.CopyFrom(variable.codec.literal_type)
    named.parameter.default.CopyFrom(default)
    return named


class _Variable:
    """One input or output: name, codec and default.

    ``a: int = None`` is common, and means Optional for callers: None goes as the none variant of a union then,
    although the interface says ``int``.
    """

    def __init__(self, kind: str, name: str, python_type: Any, default: Any, interface: NativeInterface) -> None:
        self.name = name
        self.codec = _codec_of(kind, name, python_type)
        self.default = default
        self.remote = (interface._remote_defaults or {}).get(name) if default is interface.has_default else None
        if default is interface.has_default and self.remote is None:
            raise InvalidValueError(
                "interface", name, default, "a default input for it, since it is marked has_default"
            )
        self.may_be_none = default is None and not _takes_none(python_type)
        self._kept = self.remote

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
        if self._kept is not None:
            return self._kept
        literal = literals_pb2.Literal()
        self.put(self.default, literal)
        if isinstance(self.default, (int, float, str, type(None))):
            self._kept = literal
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


class InterfaceCodec:
    """The inputs and outputs of one interface, to the wire and back; get it from `interface_codec`.

    Attributes:
        is_sync: whether no variable needs input or output. The functions without ``a`` work for any interface, but
            block where it is false; coroutines use the others then.
    """

    def __init__(self, interface: NativeInterface) -> None:
        self.version = lookup.version()
        self.inputs = [_Variable("input", n, t, default, interface) for n, (t, default) in interface.inputs.items()]
        self.outputs = [_Variable("output", n, t, _MISSING, interface) for n, t in interface.outputs.items()]
        self.is_sync = all(variable.codec.is_sync for variable in [*self.inputs, *self.outputs])
        self._by_name = {variable.name: variable for variable in self.inputs}
        self._required = {variable.name for variable in self.inputs if variable.default is _MISSING}

    @cached_property
    def typed(self) -> interface_pb2.TypedInterface:
        """The interface's wire form; shared, so copy it before changing it."""
        found = interface_pb2.TypedInterface()
        _put_variables(self.inputs, found.inputs)
        _put_variables(self.outputs, found.outputs)
        return found

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any], owner: str = "call") -> dict[str, Any]:
        """The values of a call by input, as Python would bind them; defaults are left out.

        Args:
            args: values by position.
            kwargs: values by name.
            owner: whom the message is about.

        Raises:
            InputError: too many, unknown, given twice or missing; each is named.
        """
        given = dict(zip(self._by_name, args))  # noqa: B905 - too many are told below
        given.update(kwargs)
        if len(given) == len(args) + len(kwargs) and self._required <= given.keys() <= self._by_name.keys():
            return given
        raise InputError(owner, self._faults(args, kwargs))

    def _faults(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
        names = list(self._by_name)
        by_position = names[: len(args)]
        faults = []
        if len(args) > len(names):
            faults.append(f"{len(args)} values by position, but there are {len(names)} inputs")
        for name in kwargs:
            if name in by_position:
                faults.append(f"input {name!r} is given by position and by name")
            elif name not in self._by_name:
                close = near_misses(name, names)
                hint = (
                    f"did you mean {' or '.join(map(repr, close))}?"
                    if close
                    else f"known: {', '.join(names) or 'none'}"
                )
                faults.append(f"there is no input {name!r} ({hint})")
        missing = [n for n in names if n in self._required and n not in by_position and n not in kwargs]
        return [*faults, *([_missing(missing)] if missing else [])]

    def with_defaults(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a call with the defaults of those that are left out, in the interface's order."""
        return {
            variable.name: given.get(variable.name, variable.default)
            for variable in self.inputs
            if variable.name in given or variable.remote is None
        }

    def encode_inputs(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        context: Mapping[str, str] | None = None,
    ) -> common_pb2.Inputs:
        """The inputs of a call, in the interface's order, defaults filled in.

        Args:
            args: values by position.
            kwargs: values by name.
            limit: the most bytes that all inputs together may take inline.
            context: the custom context that goes with the inputs.

        Raises:
            ValueError: if inputs are missing, unknown or given twice.
            TypeTransformerFailedError: if a value does not fit its type; the input is named.
            InlineIOMaxBytesBreached: if the inputs take more than ``limit``.
        """
        given = self.bind(args, kwargs or {})
        message = _inputs(context)
        name = ""
        try:
            for variable in self.inputs:
                name = variable.name
                named = message.literals.add(name=name)
                if name in given:
                    variable.put(given[name], named.value)
                else:
                    named.value.CopyFrom(variable.default_literal())
        except TypeTransformerFailedError as error:
            raise _wrong("input", name, error) from error
        return _limited("inputs", message, limit)

    async def aencode_inputs(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        context: Mapping[str, str] | None = None,
    ) -> common_pb2.Inputs:
        """`encode_inputs` without blocking on types that need input or output."""
        if self.is_sync:
            return self.encode_inputs(args, kwargs, limit=limit, context=context)
        given = self.bind(args, kwargs or {})
        message = _inputs(context)
        name = ""
        try:
            for variable in self.inputs:
                name = variable.name
                named = message.literals.add(name=name)
                if name not in given and variable.remote is not None:
                    named.value.CopyFrom(variable.remote)
                else:
                    await variable.aput(given.get(name, variable.default), named.value)
        except TypeTransformerFailedError as error:
            raise _wrong("input", name, error) from error
        return _limited("inputs", message, limit)

    def decode_inputs(self, inputs: common_pb2.Inputs) -> dict[str, Any]:
        """The values by name, in the interface's order; an absent input that has a default is left out.

        Raises:
            ValueError: if an input is unknown, or absent without a default.
            TypeTransformerFailedError: if a literal does not fit its type; the input is named.
        """
        values = {}
        name = ""
        try:
            for name, literal in self._found(inputs.literals).items():
                values[name] = self._by_name[name].decode(literal)
        except TypeTransformerFailedError as error:
            raise _wrong("input", name, error) from error
        return values

    async def adecode_inputs(self, inputs: common_pb2.Inputs) -> dict[str, Any]:
        """`decode_inputs` without blocking on types that need input or output."""
        if self.is_sync:
            return self.decode_inputs(inputs)
        values = {}
        name = ""
        try:
            for name, literal in self._found(inputs.literals).items():
                values[name] = await self._by_name[name].adecode(literal)
        except TypeTransformerFailedError as error:
            raise _wrong("input", name, error) from error
        return values

    def _found(self, literals: Iterable[common_pb2.NamedLiteral]) -> dict[str, literals_pb2.Literal]:
        found = {named.name: named.value for named in literals}
        unknown = [name for name in found if name not in self._by_name]
        if unknown:
            known = ", ".join(self._by_name) or "none"
            raise InvalidValueError("inputs", "names", ", ".join(unknown), f"only these inputs: {known}")
        missing = [name for name in self._by_name if name in self._required and name not in found]
        if missing:
            raise InputError("inputs", [_missing(missing)])
        return {name: found[name] for name in self._by_name if name in found}

    def encode_outputs(self, value: Any, task_name: str = "", *, limit: int | None = None) -> common_pb2.Outputs:
        """What a function returned, as outputs.

        Args:
            value: the value; a tuple where several outputs are declared.
            task_name: for error messages.
            limit: the most bytes that all outputs together may take inline.

        Raises:
            RuntimeDataValidationError: if the number of values is wrong, or a value does not fit; the output is named.
            InlineIOMaxBytesBreached: if the outputs take more than ``limit``.
        """
        message = common_pb2.Outputs()
        name = ""
        try:
            for variable, item in zip(self.outputs, self._returned(value, task_name), strict=True):
                name = variable.name
                variable.put(item, message.literals.add(name=name).value)
        except TypeTransformerFailedError as error:
            raise RuntimeDataValidationError(name, error, task_name) from error
        return _limited("outputs", message, limit)

    async def aencode_outputs(self, value: Any, task_name: str = "", *, limit: int | None = None) -> common_pb2.Outputs:
        """`encode_outputs` without blocking on types that need input or output."""
        if self.is_sync:
            return self.encode_outputs(value, task_name, limit=limit)
        message = common_pb2.Outputs()
        name = ""
        try:
            for variable, item in zip(self.outputs, self._returned(value, task_name), strict=True):
                name = variable.name
                await variable.aput(item, message.literals.add(name=name).value)
        except TypeTransformerFailedError as error:
            raise RuntimeDataValidationError(name, error, task_name) from error
        return _limited("outputs", message, limit)

    def _returned(self, value: Any, task_name: str) -> tuple[Any, ...]:
        values = value if isinstance(value, tuple) else (value,)
        if not self.outputs:
            if values in ((), (None,)):
                return ()
            raise RuntimeDataValidationError("o0", f"no output is declared, but {values!r} was returned", task_name)
        if len(values) != len(self.outputs):
            names = ", ".join(variable.name for variable in self.outputs)
            declared = f"{len(self.outputs)} output{'s' if len(self.outputs) > 1 else ''} declared"
            raise RuntimeDataValidationError(names, f"{declared}, but {len(values)} returned", task_name)
        return values

    def decode_outputs(self, outputs: common_pb2.Outputs) -> Any:
        """The value that a caller sees: None, the one value, or a tuple in the interface's order.

        Raises:
            TypeTransformerFailedError: if an output is absent or does not fit; it is named.
        """
        found = {named.name: named.value for named in outputs.literals}
        values = []
        name = ""
        try:
            for variable in self.outputs:
                name = variable.name
                values.append(variable.decode(_present(found, name)))
        except TypeTransformerFailedError as error:
            raise _wrong("output", name, error) from error
        return _collapsed(values)

    async def adecode_outputs(self, outputs: common_pb2.Outputs) -> Any:
        """`decode_outputs` without blocking on types that need input or output."""
        if self.is_sync:
            return self.decode_outputs(outputs)
        found = {named.name: named.value for named in outputs.literals}
        values = []
        name = ""
        try:
            for variable in self.outputs:
                name = variable.name
                values.append(await variable.adecode(_present(found, name)))
        except TypeTransformerFailedError as error:
            raise _wrong("output", name, error) from error
        return _collapsed(values)


def _inputs(context: Mapping[str, str] | None) -> common_pb2.Inputs:
    pairs = [literals_pb2.KeyValuePair(key=key, value=value) for key, value in (context or {}).items()]
    return common_pb2.Inputs(context=pairs)


def _present(found: Mapping[str, literals_pb2.Literal], name: str) -> literals_pb2.Literal:
    if name not in found:
        raise TypeTransformerFailedError(f"is absent; the outputs are {', '.join(found) or 'empty'}")
    return found[name]


def _collapsed(values: list[Any]) -> Any:
    if not values:
        return None
    return values[0] if len(values) == 1 else tuple(values)


def _missing(names: Sequence[str]) -> str:
    return f"missing input{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"


def _wrong(kind: str, name: str, error: Exception) -> TypeTransformerFailedError:
    return TypeTransformerFailedError(f"{kind} {name!r}: {error}")


_M = typing.TypeVar("_M", common_pb2.Inputs, common_pb2.Outputs)


def _limited(kind: str, message: _M, limit: int | None) -> _M:
    """Refuse a message that is too large; only then is it worth asking which variable is to blame."""
    if limit is None or message.ByteSize() <= limit:
        return message
    sizes = {named.name: named.value.ByteSize() for named in message.literals}
    name = max(sizes, key=lambda name: sizes[name])
    raise InlineIOMaxBytesBreached(
        f"the {kind} take {message.ByteSize():,} bytes inline, {sizes[name]:,} of them {name!r}, and "
        f"max_inline_io_bytes is {limit:,}; pass large values as File, Dir or DataFrame, or raise max_inline_io_bytes"
    )


class _Kept:
    """Interface codecs by the identity of the interface, which need not be hashable."""

    codecs: ClassVar[dict[int, tuple[weakref.ref[Any], InterfaceCodec]]] = {}


def interface_codec(interface: NativeInterface) -> InterfaceCodec:
    """The codec of an interface, compiled at first use and again after a transformer was registered.

    Raises:
        TypeTransformerFailedError: if a type cannot be an input or output; the variable is named.

    Example:
        >>> from flyte_core.models import NativeInterface
        >>> def work(a: int, b: str = "x") -> int: ...
        >>> codec = interface_codec(NativeInterface.from_callable(work))
        >>> codec.decode_inputs(codec.encode_inputs((1,)))
        {'a': 1, 'b': 'x'}
    """
    key = id(interface)
    kept = _Kept.codecs.get(key)
    if kept is not None and kept[0]() is interface and kept[1].version == lookup.version():
        return kept[1]
    codec = InterfaceCodec(interface)
    # The dict is bound here, because at the interpreter's end this module's names go before its values.
    codecs = _Kept.codecs
    codecs[key] = (weakref.ref(interface, lambda _: codecs.pop(key, None) and None), codec)
    return codec
