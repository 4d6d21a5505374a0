"""What the local result cache takes for a file or folder of this machine that has no hash: its size and its age.

A path alone stays the same while people edit what is there. On a cluster, where inputs lie in a store, nothing of this
is known, so the keys there do without it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from flyte_core.errors import StorageError
from flyte_core.storage.paths import is_remote, local_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flyteidl2.core import literals_pb2
    from flyteidl2.task import common_pb2

__all__ = ["local_places"]

_REFERENCES = ("blob", "structured_dataset")


def local_places(inputs: common_pb2.Inputs, ignored: Sequence[str] = ()) -> str:
    """Say what is there now at the local paths among a call's inputs.

    Args:
        inputs: the inputs.
        ignored: names of inputs that do not count.

    Returns:
        A text that changes with the size and the modification time of each file without a hash, those below a folder
        included; empty where there is none. References inside of records do not count.

    Example:
        >>> from flyteidl2.task import common_pb2
        >>> local_places(common_pb2.Inputs())
        ''
    """
    found = [
        (named.name, uri, _state(uri))
        for named in inputs.literals
        if named.name not in ignored
        for uri in _uris(named.value)
    ]
    return "\n\n".join(f"{name}:{uri}\n{state}" for name, uri, state in found if state)


def _uris(literal: literals_pb2.Literal) -> Iterator[str]:
    """The local places of the references in a literal that have no hash."""
    if literal.hash:
        return
    kind = literal.WhichOneof("value")
    if kind == "collection":
        for item in literal.collection.literals:
            yield from _uris(item)
    elif kind == "map":
        for _, item in sorted(literal.map.literals.items()):
            yield from _uris(item)
    elif kind == "scalar":
        scalar = literal.scalar.WhichOneof("value")
        if scalar == "union":
            yield from _uris(literal.scalar.union.value)
        elif scalar in _REFERENCES:
            uri = getattr(literal.scalar, scalar).uri
            if uri and not is_remote(uri):
                yield uri


def _state(uri: str) -> str:
    try:
        return "\n".join(_lines(local_path(uri)))
    except (OSError, ValueError, StorageError):  # nothing there, or nothing that can be looked at: the path counts
        return ""


def _lines(place: Path) -> list[str]:
    if not place.is_dir():
        return [_line(place.stat())]
    lines = []
    for folder, names, files in os.walk(place):
        # os.walk does not go through links to folders, so a loop of links is no trap
        paths = [Path(folder, name) for name in (*files, *names)]
        there = [path for path in paths if path.is_symlink() or not path.is_dir()]
        lines += [f"{os.path.relpath(path, place)!r} {_there(path)}" for path in there]
    return ["folder", *sorted(lines)]


def _there(path: Path) -> str:
    try:
        return _line(path.stat())
    except OSError:  # a link that leads nowhere, or a file that went while the folder was read
        return "gone"


def _line(found: os.stat_result) -> str:
    return f"{found.st_size} {found.st_mtime_ns}"
