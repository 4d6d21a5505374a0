"""The files that a layer copies: what is hashed, and what the builder gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from flyte_core.models.image import Image
    from flyte_core.models.layers.base import Layer

__all__ = ["LayerFile", "layer_files"]


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

    Args:
        layer: one of the image's layers.
        image: the image.

    Raises:
        SourceError: a file cannot be read; `MissingSourceError` when it is not there.
    """
    return layer.files(image.dockerignore)
