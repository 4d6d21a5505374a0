"""What a container left in its output folder, as the values that the task gives."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import PurePosixPath

    from flyte_core.types.convert import InterfaceCodec

__all__ = ["missing_outputs", "read_values", "told_as_inside"]

#: Names of a folder that a message shows.
_SHOWN = 10

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


def missing_outputs(folder: Path, names: Iterable[str]) -> list[str]:
    """Name the outputs that have neither a file of their name nor one with an extension."""
    found = _names_in(folder)
    return [name for name in names if not any(_is_of(file, name) for file in found)]


def told_as_inside(error: Exception, here: Path, there: PurePosixPath, names: Collection[str]) -> str:
    """Word an error of reading outputs with the paths that the container knows, and what it has written instead.

    Args:
        error: what was raised.
        here: the output folder on this machine.
        there: the output folder in the container.
        names: the declared outputs.
    """
    from flyte_core_container.copilot.errors import CopilotError

    problems = list(error.problems) if isinstance(error, CopilotError) else [str(error)]
    missing, found = missing_outputs(here, names), _names_in(here)
    others = [file for file in found if not any(_is_of(file, name) for name in names)]
    for name in missing:
        close = _alike(name, others)
        if close:
            problems = [
                f"{text} (did you mean {' or '.join(close)}?)" if text.startswith(f"variable [{name}],") else text
                for text in problems
            ]
    count = f"{len(problems)} faults: " if len(problems) > 1 else ""
    text = f"reading the outputs failed: {count}{'; '.join(problems)}"
    for folder in dict.fromkeys((str(here), str(here.resolve()))):
        text = text.replace(folder, str(there))
    if not missing:
        return text
    shown = ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
    return f"{text}; {there} {'holds ' + shown if found else 'is empty'}"


def _names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _is_of(file: str, output: str) -> bool:
    return file == output or file.startswith(f"{output}.")


def _alike(name: str, files: Iterable[str]) -> list[str]:
    """Give the files whose names, with or without their extensions, are like that of an output."""
    from flyte_core.errors import near_misses

    by_name = {key: file for file in files for key in (file.partition(".")[0], file)}
    return list(dict.fromkeys(by_name[close] for close in near_misses(name, by_name)))


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
