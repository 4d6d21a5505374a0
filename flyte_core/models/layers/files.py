"""The files that layers are made of: what is hashed of them, and what the builder gets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import frozen

from flyte_core.errors import MissingSourceError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flyte_core.models.image import Image
    from flyte_core.models.layers.base import Layer
    from flyte_core.sources import IgnoreRules

__all__ = [
    "LayerFile",
    "copy_rules",
    "file_content",
    "layer_files",
    "need_file",
    "need_folder",
    "one_file",
    "tree_files",
]


@frozen(kw_only=True)
class LayerFile:
    """A file, or symbolic link, that a layer copies.

    Args:
        name: its path below the layer's own folder, with ``/``.
        path: where it lies on this machine, absolute.
        executable: whether it may be run.
        target: what it points to, when it is a symbolic link.
    """

    name: str
    path: str
    executable: bool = False
    target: str | None = None


def layer_files(layer: Layer, image: Image) -> tuple[LayerFile, ...]:
    """The files that a layer of an image copies, after the image's ignore rules, in a fixed order.

    They are those that count for the image's tag, and no others may be copied into it.

    Args:
        layer: one of the image's layers.
        image: the image.

    Raises:
        SourceError: a file cannot be read; `MissingSourceError` when it is not there.
    """
    return layer.files(image.dockerignore)


def need_file(owner: str, path: str | os.PathLike[str]) -> None:
    """Refuse a path where no file is.

    Raises:
        MissingSourceError: when nothing is there.
        SourceError: when it is something else.
    """
    if not os.path.exists(path):
        raise MissingSourceError(owner, path, "there is no such file")
    if not os.path.isfile(path):
        raise SourceError(owner, path, "it is no file, and has to be one")


def need_folder(owner: str, path: str | os.PathLike[str]) -> None:
    """Refuse a path where no folder is; raises as `need_file`."""
    if not os.path.exists(path):
        raise MissingSourceError(owner, path, "there is no such folder")
    if not os.path.isdir(path):
        raise SourceError(owner, path, "it is no folder, and has to be one")


def copy_rules(folder: str | os.PathLike[str], dockerignore: str | None) -> IgnoreRules:
    """The rules by which files of a folder are left out: the standard set, then the ignore file.

    Args:
        folder: the folder that is copied.
        dockerignore: the ignore file that the image names; without one ``.dockerignore`` in the folder is it, where
            there is one. Where it lies in a folder above the copied one, its patterns are anchored in both.

    Raises:
        MissingSourceError: when the named file is not there.
    """
    from flyte_core.sources import IgnoreRules, read_dockerignore, standard_rules

    if dockerignore is None:
        own = os.path.join(folder, ".dockerignore")
        return IgnoreRules((*standard_rules(), *(read_dockerignore(own) if os.path.isfile(own) else ())))
    home, place = os.path.dirname(os.path.realpath(dockerignore)), os.path.realpath(folder)
    above = os.path.relpath(place, home).replace(os.sep, "/") if place.startswith(os.path.join(home, "")) else ""
    return IgnoreRules((*standard_rules(), *read_dockerignore(dockerignore, above=above)))


def one_file(path: str | os.PathLike[str], name: str) -> LayerFile:
    """A single file under a name; a link is followed.

    Raises:
        SourceError: when it is no file; `MissingSourceError` when it is not there.
    """
    need_file("sources", path)
    real = os.path.realpath(path)
    return LayerFile(name=name, path=real, executable=bool(os.stat(real).st_mode & 0o100))


def tree_files(folder: str | os.PathLike[str], dockerignore: str | None) -> tuple[LayerFile, ...]:
    """The files of a folder that `copy_rules` leaves.

    Raises:
        SourceError: when it is no folder or cannot be read; `MissingSourceError` when it is not there.
    """
    from flyte_core.sources import list_tree

    root = os.path.abspath(folder)
    return tuple(
        LayerFile(
            name=entry.path,
            path=os.path.join(root, entry.path),
            executable=entry.executable,
            target=entry.target if entry.kind == "link" else None,
        )
        for entry in list_tree(root, copy_rules(folder, dockerignore))
    )


def file_content(files: Iterable[LayerFile]) -> list[tuple[str, bool, bytes]]:
    """Names, bits and digests of single files, for `Layer.content`.

    Raises:
        SourceError: when one cannot be read; `MissingSourceError` when it is not there.
    """
    from flyte_core.sources import file_digest

    return [(one.name, one.executable, file_digest(one.path)) for one in files]
