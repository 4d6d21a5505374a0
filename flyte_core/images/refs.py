"""Images that the settings know by a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core.errors import InvalidValueError, near_misses

if TYPE_CHECKING:
    from flyte_core.images.settings import ImageSettings
    from flyte_core.models import Image

__all__ = ["resolved"]


def resolved(image: Image, settings: ImageSettings) -> Image:
    """Put the image that a name stands for in its place; layers upon it stay.

    Args:
        image: any image.
        settings: what the names stand for.

    Returns:
        The image itself when it was not made by ``Image.from_ref_name``.

    Raises:
        InvalidValueError: nobody said what the name stands for.
    """
    if image.ref_name is None:
        return image
    uri = settings.refs.get(image.ref_name)
    if uri is None:
        close = near_misses(image.ref_name, settings.refs)
        hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
        known = ", ".join(sorted(settings.refs)) or "none"
        allowed = (
            f"a name that an image is known by; {hint}known: {known}. Say which image it is with "
            f'init(images={{"{image.ref_name}": "..."}}), or in the table [images.refs] of the settings'
        )
        raise InvalidValueError("Image", "ref_name", image.ref_name, allowed)
    if not image.layers:
        return type(image).from_base(uri)
    return image.clone(base_image=uri)
