"""Says whether an image is in its registry, as the Flyte SDK's checkers of images do."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from flyte_core._logging import logger
from flyte_core.images.oci.client import find_manifest
from flyte_core.images.oci.settings import RegistrySettings

if TYPE_CHECKING:
    from flyte_core.models import Architecture

__all__ = ["RegistryChecker"]


class RegistryChecker:
    """Asks registries over HTTP; needs no container engine.

    Example:
        >>> Checker = RegistryChecker.with_settings(RegistrySettings(insecure=("registry.lan:5000",)))
        >>> Checker.settings.insecure
        ('registry.lan:5000',)
    """

    settings: ClassVar[RegistrySettings] = RegistrySettings()

    @classmethod
    def with_settings(cls, settings: RegistrySettings) -> type[RegistryChecker]:
        """Give a checker that asks in another way.

        Args:
            settings: how to ask.
        """
        return type(cls.__name__, (cls,), {"settings": settings, "__doc__": cls.__doc__, "__module__": cls.__module__})

    @classmethod
    async def image_exists(
        cls, repository: str, tag: str, arch: tuple[Architecture, ...] = ("linux/amd64",)
    ) -> str | None:
        """Look an image up in its registry.

        Args:
            repository: its name, with the registry where it is not Docker Hub.
            tag: its tag.
            arch: the platforms that it has to be there for.

        Returns:
            Its URI with its digest, ``repository:tag@sha256:...``; None where the registry says that it is not there,
            or that it is there for other platforms.

        Raises:
            RegistryError: it is not known whether it exists.
            InvalidValueError: repository and tag are no name of an image.
        """
        name = f"{repository}:{tag}"
        found = await find_manifest(name, arch, settings=cls.settings)
        if found is None:
            return None
        if missing := found.missing(arch):
            there = ", ".join(found.platforms or ()) or "no platform"
            logger.info("the image %s is there for %s, not for %s", name, there, ", ".join(missing))
            return None
        return f"{name}@{found.digest}"
