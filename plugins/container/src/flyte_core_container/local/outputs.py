"""What a container left in its output folder, as the values that the task gives."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flyte_core.types.convert import InterfaceCodec

__all__ = ["read_values"]

#: No text of a datetime is longer.
_LONGEST = 64


async def read_values(
    codec: InterfaceCodec, folder: Path, types: Mapping[str, Any], raw_prefix: str
) -> tuple[Any, ...]:
    """Read the outputs, one for each that is declared.

    Args:
        codec: the task's interface.
        folder: what the container has written.
        types: of each output its Python type.
        raw_prefix: where files and large values go.

    Returns:
        The values in the order of their declaration.
    """
    from flyteidl2.task import common_pb2

    from flyte_core_container.copilot import read_outputs

    literals = await read_outputs(folder, codec.typed.outputs, raw_prefix, lenient=True)
    message = common_pb2.Outputs()
    for name, literal in literals.items():
        message.literals.add(name=name).value.CopyFrom(literal)
    value = await codec.adecode_outputs(message)
    values = value if len(types) > 1 else (value,)
    return tuple(
        _as_written(folder / name, item) if types[name] is dt.datetime else item
        for name, item in zip(types, values, strict=True)
    )


def _as_written(file: Path, value: dt.datetime) -> dt.datetime:
    """Give a datetime without an offset where its text has none, as the Flyte SDK does; it is read as UTC later."""
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), encoding="ascii") as text:  # noqa: PTH123 - not a link
            read = dt.datetime.fromisoformat(text.read(_LONGEST).strip())
    except (OSError, ValueError):
        return value
    return value if read.tzinfo is not None else value.replace(tzinfo=None)
