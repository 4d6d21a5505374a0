"""Errors of values, settings and declarations that a user gives."""

from __future__ import annotations

from collections.abc import Sequence

from flyte_core.errors.base import FlyteCoreError, near_misses, without_secrets

__all__ = [
    "ClusterRequiredError",
    "ConfigError",
    "DataFrameSchemaError",
    "DuplicateHandlerError",
    "InputError",
    "InvalidTypeError",
    "InvalidValueError",
    "SerializationError",
    "TaskNotExecutableError",
    "TypeTransformerFailedError",
    "UnknownFieldError",
    "UnresolvedAnnotationError",
]


def _field_message(owner: str, field: str, value: object, allowed: str) -> str:
    shown = repr(value)
    if len(shown) > 200:
        shown = shown[:197] + "..."
    return f"{owner}: {field} = {shown} is not allowed; expected {allowed}"


class _FieldError(FlyteCoreError):
    """What both errors of a single field are made of."""

    def __init__(self, owner: str, field: str, value: object, allowed: str) -> None:
        super().__init__(_field_message(owner, field, value, allowed))
        self.owner, self.field, self.value, self.allowed = owner, field, value, allowed

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.owner, self.field, self.value, self.allowed)


class InvalidValueError(_FieldError, ValueError):
    """A field of a value holds something outside what is allowed.

    Args:
        owner: the class or function whose field it is, such as ``Resources``.
        field: the field's name.
        value: what was given; shown shortened to 200 characters.
        allowed: what would have been right, as the end of the sentence "expected ...".

    Example:
        >>> raise InvalidValueError("Resources", "cpu", "1x", "a Kubernetes quantity such as 500m or 2")
        Traceback (most recent call last):
        ...
        flyte_core.errors.InvalidValueError: Resources: cpu = '1x' is not allowed; expected a Kubernetes quantity such as 500m or 2
    """  # noqa: E501 - one message, one line


class InvalidTypeError(_FieldError, TypeError):
    """A field of a value holds an object of a type that is not allowed; arguments as `InvalidValueError`."""


class UnknownFieldError(FlyteCoreError, TypeError):
    """A keyword argument names no field; the message lists near misses and what exists.

    Args:
        where: the call it was given to.
        field: the unknown name.
        known: names that exist.
    """

    def __init__(self, where: str, field: str, known: Sequence[str]) -> None:
        close = near_misses(field, known)
        hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
        super().__init__(f"{where}: there is no field {field!r}; {hint}known: {', '.join(sorted(known))}")
        self.where, self.field, self.known = where, field, tuple(known)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.where, self.field, self.known)


class UnresolvedAnnotationError(FlyteCoreError, NameError, TypeError, ValueError):
    """An annotation of a function does not name a type; the original error is chained.

    Args:
        owner: the function's name.
        parameter: the parameter's name, or ``return``.
        annotation: what is written there.
        reason: why it can't be resolved.
    """

    def __init__(self, owner: str, parameter: str, annotation: object, reason: Exception) -> None:
        text = f"{owner}: the annotation of {parameter}, {annotation!r}, does not name a type: {reason}"
        super().__init__(text + "; import or define that name in the function's module")
        self.owner, self.parameter, self.annotation, self.reason = owner, parameter, annotation, reason

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.owner, self.parameter, self.annotation, self.reason)


class InputError(FlyteCoreError, ValueError):
    """A call of a task has missing, unknown, doubled or too many inputs; the message lists all of them.

    Args:
        owner: whose inputs they are, such as ``task 'flows.main'``.
        problems: one text for each fault.
    """

    def __init__(self, owner: str, problems: Sequence[str]) -> None:
        super().__init__(f"{owner}: {'; '.join(problems)}")
        self.owner, self.problems = owner, tuple(problems)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.owner, self.problems)


class ConfigError(FlyteCoreError, ValueError):
    """A setting from a flag, the environment or a file is wrong; the message says which and where from."""


class ClusterRequiredError(FlyteCoreError, RuntimeError):
    """A function needs a Flyte cluster, and this installation or process has none."""


class SerializationError(FlyteCoreError, ValueError):
    """A task cannot be turned into its wire form; the message names the task and the field."""


class TaskNotExecutableError(FlyteCoreError, NotImplementedError):
    """A task has no code that could run here; the message says what to override or install."""


class TypeTransformerFailedError(FlyteCoreError, TypeError, AssertionError, ValueError):
    """A Python value or type and a Flyte literal or literal type do not fit each other."""


class DataFrameSchemaError(TypeTransformerFailedError):
    """A stored table does not have the columns that its reader declares; the message lists them one by one.

    Args:
        uri: where the table lies.
        differences: one text for each column, with what is declared and what was found.
        found: the columns that are there, with their types.
    """

    def __init__(self, uri: str, differences: Sequence[str], found: Sequence[str] = ()) -> None:
        there = f"; the table has {', '.join(found) or 'no columns'}" if found else ""
        super().__init__(
            f"the table at {without_secrets(uri)} is not what is declared: {'; '.join(differences)}{there}. "
            "Correct the columns in Annotated[...], or the task that wrote the table"
        )
        self.uri, self.differences, self.found = uri, tuple(differences), tuple(found)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.uri, self.differences, self.found)


class DuplicateHandlerError(FlyteCoreError, ValueError):
    """Two encoders or decoders for the same class, protocol and format; ``override=True`` lets the second one win.

    Args:
        existing: the registered handler.
        refused: the second one.
    """

    def __init__(self, existing: str, refused: str) -> None:
        super().__init__(f"{existing} is registered already; {refused} is refused, unless override=True is given")
        self.existing, self.refused = existing, refused

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.existing, self.refused)
