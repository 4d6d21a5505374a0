"""What a container left in its output folder, as the values that the task gives."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flyte_core.types.convert import InterfaceCodec

__all__ = ["missing_outputs", "read_values", "reported_error"]

#: No text of a datetime is longer.
_LONGEST = 64

#: Bytes of a container's own report, as on a cluster.
_LONGEST_REPORT = 2**20


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


def reported_error(folder: Path) -> str | None:
    """Give the text by which a container reports its own failure to CoPilot, in the file ``_ERROR``; None without.

    Raises:
        OSError: when it cannot be read.
        ValueError: when it is no plain file of at most a mebibyte.
    """
    from flyte_core_container.copilot.files import read_file
    from flyte_core_container.copilot.names import ERROR_FILE

    file = folder / ERROR_FILE
    try:
        data = read_file(str(file), _LONGEST_REPORT)
    except FileNotFoundError:
        return None
    return data.decode("utf-8", "replace").rstrip("\r\n")


def missing_outputs(folder: Path, names: Iterable[str]) -> list[str]:
    """Name the outputs that have neither a file of their name nor one with an extension."""
    found = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return [name for name in names if not any(file == name or file.startswith(f"{name}.") for file in found)]


def _as_written(file: Path, value: dt.datetime) -> dt.datetime:
    """Give a datetime with the offset that its text has, or without one, as the Flyte SDK does.

    CoPilot, and so a run, knows moments only, and gives them in UTC.
    """
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), encoding="ascii") as text:  # noqa: PTH123 - no link
            read = dt.datetime.fromisoformat(text.read(_LONGEST).strip())
    except (OSError, ValueError):
        return value
    if read.tzinfo is None:
        return value.replace(tzinfo=None)
    return read if read == value else value
