"""Asking an image's registry as the running build was told to."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from flyte_core.images.protocol import build_request

if TYPE_CHECKING:
    from flyte_core.images.oci import RegistrySettings
    from flyte_core.models import Architecture

__all__ = ["RequestedRegistryChecker", "pushed_size"]


class RequestedRegistryChecker:
    """Asks registries with the settings and the image's registry secret that `build_request` gives.

    What a builder's ``get_checkers`` gives for images that are pushed; without a running build, use
    `flyte_core.images.oci.RegistryChecker`.
    """

    @classmethod
    async def image_exists(
        cls, repository: str, tag: str, arch: tuple[Architecture, ...] = ("linux/amd64",)
    ) -> str | None:
        """Look an image up in its registry; see `flyte_core.images.oci.RegistryChecker.image_exists`.

        Raises:
            RegistryError: it is not known whether it exists.
            ImageBuildError: the image's registry secret is not on this machine.
        """
        from flyte_core.images.oci import RegistryChecker

        checker = RegistryChecker.with_settings(_registry_settings(repository))
        return await checker.image_exists(repository, tag, arch)


def _registry_settings(repository: str) -> RegistrySettings:
    from flyte_core.images.dockerfile.logins import auths_of
    from flyte_core.images.oci import RegistrySettings

    request = build_request()
    auths, _ = auths_of(repository, request.registry_secret)
    return RegistrySettings(
        deadline=dt.timedelta(seconds=request.settings.registry_seconds),
        insecure=request.settings.insecure_registries,
        auths=auths,
    )


async def pushed_size(uri: str) -> int | None:
    """Give the compressed size of an image that was pushed.

    Args:
        uri: its name with its digest.

    Returns:
        The bytes of all that one platform pulls; None for an image of several.

    Raises:
        RegistryError: the registry does not tell.
    """
    from flyte_core.images.oci import find_manifest

    found = await find_manifest(uri, settings=_registry_settings(uri))
    return found.content_size if found is not None else None
