"""The inputs and outputs of a task, as Python types."""

from __future__ import annotations

import inspect
import typing
from types import FunctionType, GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import field, frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError, UnresolvedAnnotationError, near_misses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from enum import Enum

    from flyteidl2.core.literals_pb2 import Literal as LiteralMessage

    from flyte_core.models.docstring import Docstring

__all__ = ["NativeInterface", "default_output_name", "extract_return_annotation", "literal_to_enum"]

_EMPTY = inspect.Parameter.empty


class _HasDefault:
    """Marks an input that has a default which only the cluster knows."""


def default_output_name(index: int = 0) -> str:
    """The name of an output that has none of its own.

    Example:
        >>> default_output_name(1)
        'o1'
    """
    return f"o{index}"


@frozen(slots=False, repr=False)
class NativeInterface:
    """The inputs and outputs of a task, as Python types.

    Args:
        inputs: of each input its type and its default; `inspect.Parameter.empty` stands for none, as the default and
            as the type of an input that is not annotated.
        outputs: of each output its type.
        docstring: the function's docstring.
        _remote_defaults: defaults in their wire form, of inputs marked with `has_default`.

    Example:
        >>> def work(a: int, b: str = "x") -> float: ...
        >>> NativeInterface.from_callable(work)
        (a: int, b: str = x) -> o0: float:
    """

    inputs: dict[str, tuple[Any, Any]]
    outputs: dict[str, Any]
    docstring: Docstring | None = field(default=None, eq=False)
    _remote_defaults: dict[str, LiteralMessage] | None = field(default=None, alias="_remote_defaults")

    has_default: ClassVar[type[_HasDefault]] = _HasDefault
    """Stands for a default that only the cluster knows."""

    def has_outputs(self) -> bool:
        """Whether the task has outputs."""
        return bool(self.outputs)

    def required_inputs(self) -> list[str]:
        """The inputs without a default, in their order."""
        return [name for name, (_, default) in self.inputs.items() if default is _EMPTY]

    def num_required_inputs(self) -> int:
        """How many inputs have no default."""
        return len(self.required_inputs())

    def get_input_types(self) -> dict[str, Any]:
        """The type of each input."""
        return {name: python_type for name, (python_type, _) in self.inputs.items()}

    @classmethod
    def from_types(
        cls,
        inputs: dict[str, tuple[Any, Any]],
        outputs: dict[str, Any],
        default_inputs: dict[str, LiteralMessage] | None = None,
    ) -> NativeInterface:
        """An interface from types.

        Args:
            inputs: of each input its type and its default, `has_default` or `inspect.Parameter.empty`.
            outputs: of each output its type.
            default_inputs: the wire form of each default that is marked with `has_default`.

        Raises:
            InvalidValueError: when an input is marked so and has no such value.
        """
        for name, (_, default) in inputs.items():
            if default is cls.has_default and name not in (default_inputs or {}):
                raise InvalidValueError("NativeInterface", name, default, "a value for it in default_inputs")
        return cls(inputs=inputs, outputs=outputs, _remote_defaults=default_inputs)

    @classmethod
    def from_callable(cls, func: Callable[..., Any]) -> NativeInterface:
        """The interface of a function.

        Args:
            func: the function. Its outputs are named ``o0``, ``o1``, ... unless it returns a named tuple.

        Raises:
            InvalidValueError: when a parameter is ``*args``, ``**kwargs`` or positional-only.
            InvalidTypeError: when it returns a tuple of one, or of any length.
            UnresolvedAnnotationError: when an annotation cannot be resolved.
        """
        owner = getattr(func, "__name__", None) or repr(func)
        hints = _type_hints(func, owner)
        inputs = {name: (hints.get(name, _EMPTY), default) for name, default in _parameters(func, owner)}
        _warn_of_missing(owner, inputs)
        outputs = extract_return_annotation(hints.get("return", None))
        return cls(inputs=inputs, outputs=outputs, docstring=_docstring(func))

    def convert_to_kwargs(self, /, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The arguments of a call, all by name.

        Args:
            *args: values of the first inputs.
            **kwargs: values by name.

        Returns:
            Every value given, by name; whether all required inputs are there is not checked.

        Raises:
            InvalidValueError: when there are too many values, a name is unknown, or an input is given twice.
        """
        names = list(self.inputs)
        if len(args) > len(names):
            raise InvalidValueError("call", "arguments", args, f"at most {len(names)} ({', '.join(names)})")
        given = dict(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name in given:
                raise InvalidValueError("call", name, value, "one value; it is given by position already")
            if name not in self.inputs:
                close = near_misses(name, names)
                hint = f"; did you mean {' or '.join(close)}?" if close else ""
                allowed = f"only these inputs: {', '.join(names) or 'none'}{hint}"
                raise InvalidValueError("call", name, value, allowed)
        return {**given, **kwargs}

    def __repr__(self) -> str:
        inputs = ", ".join(_show_input(name, *entry) for name, entry in self.inputs.items())
        outputs = [f"{name}: {_output_name(python_type)}" for name, python_type in self.outputs.items()]
        text = f"({', '.join(outputs)})" if len(outputs) > 1 else "".join(outputs)
        return f"({inputs})" + (f" -> {text}" if text else "") + ":"


def _show_input(name: str, python_type: Any, default: Any) -> str:
    shown = python_type if isinstance(python_type, str) else getattr(python_type, "__name__", str(python_type))
    if default is _EMPTY:
        return f"{name}: {shown}"
    return f"{name}: {shown} = {'...' if default is _HasDefault else default}"


def _output_name(python_type: Any) -> str:
    return python_type.__name__ if _is_plain_class(python_type) else str(python_type)


def _is_plain_class(annotation: object) -> bool:
    # In Python 3.10 list[int] is an instance of type too.
    return isinstance(annotation, type) and not hasattr(annotation, "__origin__")


def _docstring(func: Callable[..., Any]) -> Docstring | None:
    if not getattr(func, "__doc__", None):
        return None
    from flyte_core.models.docstring import Docstring

    return Docstring(callable_=func)


def _parameters(func: Callable[..., Any], owner: str) -> Iterable[tuple[str, Any]]:
    """Give names and defaults of a callable's parameters.

    A function whose parameters can all be given by name is read from its code, in a tenth of the time that a signature
    takes.
    """
    code: Any = getattr(func, "__code__", None)
    # A function with attributes may have __wrapped__ or __signature__, which only a signature minds.
    plain = type(func) is FunctionType and not func.__dict__
    if not plain or code.co_posonlyargcount or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        parameters = inspect.signature(func).parameters.values()
        for parameter in parameters:
            _check_kind(owner, parameter)
        return [(parameter.name, parameter.default) for parameter in parameters]
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    defaults: dict[str, Any] = dict(func.__kwdefaults__ or {})
    values = func.__defaults__ or ()
    defaults.update(zip(names[code.co_argcount - len(values) :], values))  # noqa: B905 - keyword-only names follow
    return [(name, defaults.get(name, _EMPTY)) for name in names]


def _check_kind(owner: str, parameter: inspect.Parameter) -> None:
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        allowed = "named parameters; a variable number of arguments has no place in a task's interface"
        raise InvalidValueError(owner, parameter.name, str(parameter), allowed)
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        allowed = "a parameter that can be given by name, as all inputs of a task are"
        raise InvalidValueError(owner, parameter.name, str(parameter), allowed)


def _warn_of_missing(owner: str, inputs: Mapping[str, tuple[Any, Any]]) -> None:
    missing = [name for name, (python_type, _) in inputs.items() if python_type is _EMPTY]
    if missing:
        from flyte_core._logging import logger

        # Who shows the log may leave out what is about another function.
        about = {"flyte_core_function": owner}
        logger.warning("%s: no type for %s; pickled instead", owner, ", ".join(missing), extra=about)


def _type_hints(func: Callable[..., Any], owner: str) -> dict[str, Any]:
    annotations = _annotations(func)
    if all(map(_is_resolved, annotations.values())):
        return annotations
    try:
        return _resolve(func, annotations)
    except Exception as error:
        name, reason = _culprit(func, annotations, error)
        raise UnresolvedAnnotationError(owner, name, annotations.get(name), reason) from error


def _is_resolved(annotation: object) -> bool:
    """Whether an annotation surely holds nothing that is still a name: a class, or ``list[int]`` of classes."""
    kind = type(annotation)
    if kind is GenericAlias:
        return all(type(argument) is type for argument in annotation.__args__)  # type: ignore[attr-defined] # has them
    return kind is type or kind is tuple or _is_plain_class(annotation)


def _annotations(func: Callable[..., Any]) -> dict[str, Any]:
    found = getattr(func, "__annotations__", None)
    if found is None or isinstance(func, type):
        inner = getattr(func, "func", None) or getattr(func, "__call__", None)  # noqa: B004 - bound, not asked whether
        found = getattr(inner, "__annotations__", None)
    return dict(found or {})


def _resolve(func: Callable[..., Any], annotations: dict[str, Any]) -> dict[str, Any]:
    # Of an object that is no function typing takes the annotations alone. Of a function with the default None,
    # Python 3.10 would make every such annotation Optional.
    stand_in = _Annotated(annotations)
    tuples = {name: annotation for name, annotation in annotations.items() if isinstance(annotation, tuple)}
    stand_in.__annotations__ = {name: hint for name, hint in annotations.items() if name not in tuples}
    try:
        hints = typing.get_type_hints(stand_in, globalns=_globals(func), include_extras=True)
    except NameError:
        # Looked at only when needed: finding these names takes as long as the rest.
        names = {**_globals(func), **_closure(func)}
        hints = typing.get_type_hints(stand_in, globalns=names, include_extras=True)
    return {name: tuples.get(name, hints.get(name)) for name in annotations}


class _Annotated:
    def __init__(self, annotations: dict[str, Any]) -> None:
        self.__annotations__ = annotations


def _innermost(func: Any) -> Any:
    while True:
        inner = getattr(func, "__wrapped__", None) or getattr(func, "func", None) or getattr(func, "__func__", None)
        if inner is None:
            return func
        func = inner


def _globals(func: Any) -> dict[str, Any]:
    found: dict[str, Any] = getattr(_innermost(func), "__globals__", {})
    return found


def _closure(func: Any) -> dict[str, Any]:
    """Names of the enclosing functions, as far as the function uses them."""
    try:
        return dict(inspect.getclosurevars(_innermost(func)).nonlocals)
    except (TypeError, ValueError):
        return {}


def _culprit(func: Callable[..., Any], annotations: dict[str, Any], error: Exception) -> tuple[str, Exception]:
    for name, annotation in annotations.items():
        try:
            _resolve(func, {name: annotation})
        except Exception as own:  # noqa: PERF203 - each annotation may be the one that fails
            return name, own
    return next(iter(annotations)), error


def extract_return_annotation(return_annotation: Any) -> dict[str, Any]:
    """The outputs that a return annotation stands for.

    Args:
        return_annotation: a type, a tuple type or a tuple of types for several outputs, a named tuple for named ones,
            or None.

    Returns:
        The type of each output.

    Raises:
        InvalidTypeError: when the annotation is a text, or a tuple of one, or of any length.

    Example:
        >>> extract_return_annotation(tuple[int, str])
        {'o0': <class 'int'>, 'o1': <class 'str'>}
    """
    if return_annotation in (None, type(None), inspect.Signature.empty):
        return {}
    if isinstance(return_annotation, str):
        raise InvalidTypeError("return annotation", "type", return_annotation, "a type, not its name as a text")
    if _is_plain_class(return_annotation) and issubclass(return_annotation, tuple):
        fields = getattr(return_annotation, "_fields", None)
        if fields is not None:
            hints = typing.get_type_hints(return_annotation, include_extras=True)
            return {name: hints.get(name, Any) for name in fields}
    if isinstance(return_annotation, tuple):
        parts = return_annotation
    # The bare typing.Tuple says as little about its items as tuple does.
    elif typing.get_origin(return_annotation) is tuple and return_annotation is not typing.Tuple:  # noqa: UP006
        parts = typing.get_args(return_annotation)
    else:
        return {default_output_name(): return_annotation}
    if len(parts) == 1 or Ellipsis in parts:
        allowed = "a tuple of two or more types, one for each output; for one output the type itself, or list[...]"
        raise InvalidTypeError("return annotation", "tuple", return_annotation, allowed)
    return {default_output_name(index): part for index, part in enumerate(parts)}


def literal_to_enum(literal_type: Any) -> type[Enum] | Any:
    """The enum that a `typing.Literal` of texts stands for; `typing.Any` for other values.

    Interfaces keep the `typing.Literal`; this is for code that wants an enum.

    Raises:
        InvalidTypeError: when it is not a `typing.Literal`.
    """
    if typing.get_origin(literal_type) is not Literal:
        raise InvalidTypeError("literal_to_enum", "literal_type", literal_type, "a typing.Literal")
    values = typing.get_args(literal_type)
    if not all(isinstance(value, str) for value in values):
        return Any
    from enum import Enum

    # Members are named by the upper-case word, unless two words differ in case alone.
    upper = [value.upper() for value in values]
    names = [word if upper.count(word) == 1 else value for word, value in zip(upper, values, strict=True)]
    return Enum("LiteralEnum", dict(zip(names, values, strict=True)))
