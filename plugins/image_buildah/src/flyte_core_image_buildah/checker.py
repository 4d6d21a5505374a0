"""Whether an image is in buildah's storage, for images that are not pushed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from flyte_core.errors import ImageBuildError
from flyte_core.images.running import run
from flyte_core_image_buildah.program import find_program

if TYPE_CHECKING:
    from flyte_core.models import Architecture

__all__ = ["LocalStorageChecker", "stored_size"]


class LocalStorageChecker:
    """Asks the storage of this machine: the one place where an image is that was not pushed."""

    @classmethod
    async def image_exists(
        cls, repository: str, tag: str, arch: tuple[Architecture, ...] = ("linux/amd64",)
    ) -> str | None:
        """Look an image up in the storage that buildah and podman share.

        Args:
            repository: its name.
            tag: its tag.
            arch: its platforms: the storage has it for one, which has to be among them.

        Returns:
            Its name, or None when it is not there.

        Raises:
            ImageBuildError: buildah does not work.
        """
        name = f"{repository}:{tag}"
        found = await _inspected(name)
        if found is None:
            return None
        config = found.get("OCIv1") or {}
        return name if f"{config.get('os')}/{config.get('architecture')}" in arch else None


async def stored_size(name: str) -> int | None:
    """Give the size of an image in this machine's storage, in bytes; None when it is not there.

    Args:
        name: the image's name.

    Raises:
        ImageBuildError: buildah does not work.
    """
    found = await _inspected(name)
    if found is None:
        return None
    manifest = json.loads(found["Manifest"])
    return sum(int(layer["size"]) for layer in manifest["layers"])


async def _inspected(name: str) -> dict[str, Any] | None:
    program = await find_program()
    # So it names what is built here and has no registry.
    own = name if "/" in name else f"localhost/{name}"
    listed = await run([*program.command, "images", "--quiet", "--no-trunc", own], env=os.environ)
    if listed.code:
        if any("image not known" in line for line in listed.lines):
            return None
        raise ImageBuildError(f"{name}: buildah cannot be asked: {' '.join(listed.lines)[-300:]}")
    told = await run([*program.command, "inspect", "--type", "image", own], env=os.environ)
    if told.code:
        raise ImageBuildError(f"{name}: buildah cannot be asked: {' '.join(told.lines)[-300:]}")
    found: dict[str, Any] = json.loads("\n".join(told.lines))
    return found
