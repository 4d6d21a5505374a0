"""Whole interfaces: their typed form, their default inputs, and the inputs and outputs of one call."""

from __future__ import annotations

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
from flyte_core.types.mismatch import shown
from flyte_core.types.variables import MISSING, Variable, VariableError, aput_all, aread_all, put_all, read_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flyte_core.models import NativeInterface

    _PutStep = tuple[Variable, Any, literals_pb2.Literal]
    _ReadStep = tuple[Variable, literals_pb2.Literal]

__all__ = ["InterfaceCodec", "default_inputs", "interface_codec", "typed_interface"]


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


def _put_variables(variables: Sequence[Variable], found: interface_pb2.VariableMap) -> None:
    # An empty map stands in the message too.
    found.SetInParent()
    for variable in variables:
        entry = found.variables.add()
        entry.key = variable.name
        entry.value.type.CopyFrom(variable.codec.literal_type)
        entry.value.description = variable.name


def default_inputs(interface: NativeInterface) -> list[common_pb2.NamedParameter]:
    """The default values that a deployment uploads: every one, those that are false in Python too.

    Args:
        interface: the inputs.

    Returns:
        One parameter for each input with a default, in their order.

    Raises:
        TypeTransformerFailedError: if a default does not fit its type; the input is named.
    """
    if all(default is MISSING for _, default in interface.inputs.values()):
        return []
    return [_parameter(variable) for variable in interface_codec(interface).inputs if variable.default is not MISSING]


def _parameter(variable: Variable) -> common_pb2.NamedParameter:
    try:
        default = variable.default_literal()
    except TypeTransformerFailedError as error:
        raise TypeTransformerFailedError(f"the default of input {variable.name!r}: {error}") from error
    named = common_pb2.NamedParameter(name=variable.name)
    named.parameter.var.type.CopyFrom(variable.codec.literal_type)
    named.parameter.default.CopyFrom(default)
    return named


class InterfaceCodec:
    """The inputs and outputs of one interface, to the wire and back; get it from `interface_codec`.

    Attributes:
        is_sync: whether no variable needs input or output. The functions without ``a`` work for any interface, but
            block where it is false; coroutines use the others then.
    """

    def __init__(self, interface: NativeInterface, task_name: str = "") -> None:
        self.version = lookup.version()
        self.inputs = [
            Variable("input", name, t, default, interface, task_name) for name, (t, default) in interface.inputs.items()
        ]
        self.outputs = [
            Variable("output", name, t, MISSING, interface, task_name) for name, t in interface.outputs.items()
        ]
        self.is_sync = all(variable.codec.is_sync for variable in [*self.inputs, *self.outputs])
        self._by_name = {variable.name: variable for variable in self.inputs}
        self._required = {variable.name for variable in self.inputs if variable.default is MISSING}

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
        message, steps = self._input_steps(args, kwargs or {}, context)
        put_all(steps)
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
        message, steps = self._input_steps(args, kwargs or {}, context)
        await aput_all(steps)
        return _limited("inputs", message, limit)

    def _input_steps(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], context: Mapping[str, str] | None
    ) -> tuple[common_pb2.Inputs, list[_PutStep]]:
        """The inputs, with what is there already, and what is still to be written into them."""
        given = self.bind(args, kwargs)
        message = _inputs(context)
        steps = []
        for variable in self.inputs:
            name = variable.name
            literal = message.literals.add(name=name).value
            kept = None if name in given else variable.kept
            if kept is not None:
                literal.CopyFrom(kept)
            else:
                steps.append((variable, given.get(name, variable.default), literal))
        return message, steps

    def decode_inputs(self, inputs: common_pb2.Inputs) -> dict[str, Any]:
        """The values by name, in the interface's order; an absent input that has a default is left out.

        Raises:
            ValueError: if an input is unknown, or absent without a default.
            TypeTransformerFailedError: if a literal does not fit its type; the input is named.
        """
        steps = self._found(inputs.literals)
        return {step[0].name: value for step, value in zip(steps, read_all(steps), strict=True)}

    async def adecode_inputs(self, inputs: common_pb2.Inputs) -> dict[str, Any]:
        """`decode_inputs` without blocking on types that need input or output."""
        if self.is_sync:
            return self.decode_inputs(inputs)
        steps = self._found(inputs.literals)
        return {step[0].name: value for step, value in zip(steps, await aread_all(steps), strict=True)}

    def _found(self, literals: Iterable[common_pb2.NamedLiteral]) -> list[_ReadStep]:
        found = {named.name: named.value for named in literals}
        unknown = [name for name in found if name not in self._by_name]
        if unknown:
            known = ", ".join(self._by_name) or "none"
            raise InvalidValueError("inputs", "names", ", ".join(unknown), f"only these inputs: {known}")
        missing = [name for name in self._by_name if name in self._required and name not in found]
        if missing:
            raise InputError("inputs", [_missing(missing)])
        return [(variable, found[name]) for name, variable in self._by_name.items() if name in found]

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
        message, steps = self._output_steps(value, task_name)
        try:
            put_all(steps)
        except VariableError as error:
            raise RuntimeDataValidationError(error.variable, error.error, task_name) from error.error
        return _limited("outputs", message, limit)

    async def aencode_outputs(self, value: Any, task_name: str = "", *, limit: int | None = None) -> common_pb2.Outputs:
        """`encode_outputs` without blocking on types that need input or output."""
        if self.is_sync:
            return self.encode_outputs(value, task_name, limit=limit)
        message, steps = self._output_steps(value, task_name)
        try:
            await aput_all(steps)
        except VariableError as error:
            raise RuntimeDataValidationError(error.variable, error.error, task_name) from error.error
        return _limited("outputs", message, limit)

    def _output_steps(self, value: Any, task_name: str) -> tuple[common_pb2.Outputs, list[_PutStep]]:
        message = common_pb2.Outputs()
        values = self._returned(value, task_name)
        pairs = zip(self.outputs, values, strict=True)
        return message, [(variable, item, message.literals.add(name=variable.name).value) for variable, item in pairs]

    def _returned(self, value: Any, task_name: str) -> tuple[Any, ...]:
        values = value if isinstance(value, tuple) else (value,)
        if not self.outputs:
            if values in ((), (None,)):
                return ()
            declare = f"annotate what the function returns, such as -> {_written(value)}"
            reason = f"no output is declared, but {shown(value)} was returned; {declare}"
            raise RuntimeDataValidationError("o0", reason, task_name)
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
        return _collapsed(read_all(self._present(outputs)))

    async def adecode_outputs(self, outputs: common_pb2.Outputs) -> Any:
        """`decode_outputs` without blocking on types that need input or output."""
        if self.is_sync:
            return self.decode_outputs(outputs)
        return _collapsed(await aread_all(self._present(outputs)))

    def _present(self, outputs: common_pb2.Outputs) -> list[_ReadStep]:
        found = {named.name: named.value for named in outputs.literals}
        for variable in self.outputs:
            if variable.name not in found:
                there = ", ".join(found) or "empty"
                raise TypeTransformerFailedError(f"output {variable.name!r}: is absent; the outputs are {there}")
        return [(variable, found[variable.name]) for variable in self.outputs]


def _inputs(context: Mapping[str, str] | None) -> common_pb2.Inputs:
    pairs = [literals_pb2.KeyValuePair(key=key, value=value) for key, value in (context or {}).items()]
    return common_pb2.Inputs(context=pairs)


def _collapsed(values: list[Any]) -> Any:
    if not values:
        return None
    return values[0] if len(values) == 1 else tuple(values)


def _written(value: Any) -> str:
    """The annotation that a value suggests."""
    if not isinstance(value, tuple):
        return type(value).__name__
    return f"tuple[{', '.join(type(item).__name__ for item in value)}]"


def _missing(names: Sequence[str]) -> str:
    return f"missing input{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"


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


def interface_codec(interface: NativeInterface, task_name: str = "") -> InterfaceCodec:
    """The codec of an interface, compiled at first use and again after a transformer was registered.

    Args:
        interface: the interface.
        task_name: whose interface it is, for the log line about what goes pickled.

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
    codec = InterfaceCodec(interface, task_name)
    # The dict is bound here, because at the interpreter's end this module's names go before its values.
    codecs = _Kept.codecs
    codecs[key] = (weakref.ref(interface, lambda _: codecs.pop(key, None) and None), codec)
    return codec
