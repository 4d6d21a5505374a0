"""A native interface guessed from a typed one, for tasks whose code is not at hand."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flyteidl2.core.interface_pb2 import TypedInterface
    from flyteidl2.task.common_pb2 import NamedParameter

    from flyte_core.models import NativeInterface

__all__ = ["guess_interface"]


def guess_interface(
    interface: TypedInterface | None, default_inputs: Iterable[NamedParameter] | None = None
) -> NativeInterface:
    """Guess Python types for an interface that is only known from the wire.

    Args:
        interface: the typed interface.
        default_inputs: parameters with default values; those inputs need not be given.

    Returns:
        The native interface.

    Raises:
        TypeTransformerFailedError: if no Python type is known for a variable.
    """
    from flyte_core.models import NativeInterface
    from flyte_core.types.engine import TypeEngine

    if interface is None:
        return NativeInterface({}, {})
    defaults = {
        parameter.name: parameter.parameter.default
        for parameter in default_inputs or ()
        if parameter.parameter.HasField("default")
    }
    inputs: dict[str, tuple[Any, Any]] = {
        name: (t, NativeInterface.has_default if name in defaults else inspect.Parameter.empty)
        for name, t in TypeEngine.guess_python_types(interface.inputs).items()
    }
    return NativeInterface.from_types(inputs, TypeEngine.guess_python_types(interface.outputs), defaults)
