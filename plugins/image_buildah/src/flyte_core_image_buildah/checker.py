"""Whether an image is in buildah's storage, for images that have no registry."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from flyte_core.errors import ImageBuildError
from flyte_core.images.running import run
from flyte_core_image_buildah.program import find_program

if TYPE_CHECKING:
    from flyte_core.models import Architecture

__all__ = ["LocalStorageChecker"]


class LocalStorageChecker:
    """Asks the storage of this machine for images without a registry; says of others that it does not know."""

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
            ImageBuildError: the name has a registry, or buildah does not work.
        """
        name = f"{repository}:{tag}"
        if "/" in repository:
            raise ImageBuildError(f"{name} is not in this machine's storage alone: its registry knows")
        program = await find_program()
        listed = await run([*program.command, "images", "--quiet", "--no-trunc", f"localhost/{name}"], env=os.environ)
        if listed.code:
            if any("image not known" in line for line in listed.lines):
                return None
            raise ImageBuildError(f"{name}: buildah cannot be asked: {' '.join(listed.lines)[-300:]}")
        told = await run([*program.command, "inspect", "--type", "image", f"localhost/{name}"], env=os.environ)
        if told.code:
            raise ImageBuildError(f"{name}: buildah cannot be asked: {' '.join(told.lines)[-300:]}")
        found = json.loads("\n".join(told.lines)).get("OCIv1") or {}
        return name if f"{found.get('os')}/{found.get('architecture')}" in arch else None
