"""Layers that copy files of this machine, and say which ones do not count."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import field, frozen

from flyte_core.errors import InvalidValueError
from flyte_core.models.layers.base import Layer, as_path, check_path, check_text
from flyte_core.models.layers.files import (
    LayerFile,
    copy_rules,
    file_content,
    need_file,
    need_folder,
    one_file,
    tree_files,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CopyConfig", "DockerIgnore", "PathType"]

PathType = Literal[0, 1]
"""0 for a file, 1 for a folder."""


def _as_text(value: str | os.PathLike[str]) -> str:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


@frozen(slots=False)
class DockerIgnore(Layer):
    """The ignore rules of all folders that the image copies, in place of the ``.dockerignore`` in each.

    Args:
        path: the file with the rules.
    """

    kind: ClassVar[str] = "dockerignore"
    path: str = field(converter=_as_text)

    def __attrs_post_init__(self) -> None:
        check_text("DockerIgnore", "path", self.path)

    def content(self, dockerignore: str | None = None) -> Mapping[str, Any]:
        """The rules, in their order; comments do not count."""
        from flyte_core.sources import read_dockerignore

        return {"rules": [rule.text for rule in read_dockerignore(self.path)]}

    def validate(self) -> None:
        """Refuse a file that is not there.

        Raises:
            SourceError: what is there is no file; `MissingSourceError` when nothing is.
        """
        need_file("DockerIgnore", self.path)


@frozen(slots=False)
class CopyConfig(Layer):
    """A file or folder that is copied into the image.

    Args:
        path_type: 0 for a file, 1 for a folder.
        src: where it lies on this machine; its name and place do not count, what is in it does.
        dst: where it goes in the image.
    """

    kind: ClassVar[str] = "copy"
    path_type: PathType
    src: Path = field(converter=as_path)
    dst: str = field(converter=_as_text)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.path_type, bool) or self.path_type not in (0, 1):
            raise InvalidValueError("CopyConfig", "path_type", self.path_type, "0 for a file or 1 for a folder")
        check_path("CopyConfig", "src", self.src)
        check_text("CopyConfig", "dst", self.dst)

    def content(self, dockerignore: str | None = None) -> Mapping[str, Any]:
        """Where it goes, and what is in it: a file's name too, which it keeps in a folder."""
        from flyte_core.sources import tree_digest

        if self.path_type == 0:
            return {**super().content(), "files": file_content(self.files())}
        return {**super().content(), "folder": tree_digest(self.src, copy_rules(self.src, dockerignore))}

    def files(self, dockerignore: str | None = None) -> tuple[LayerFile, ...]:
        """The file, or what the ignore rules leave of the folder."""
        if self.path_type == 0:
            return (one_file(self.src, self.src.name),)
        return tree_files(self.src, dockerignore)

    def validate(self) -> None:
        """Refuse what is not there, or is a folder instead of a file or a file instead of a folder.

        Raises:
            SourceError: what is there is of the other kind; `MissingSourceError` when nothing is.
        """
        (need_folder if self.path_type else need_file)("CopyConfig", self.src)
