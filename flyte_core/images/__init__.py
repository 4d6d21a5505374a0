"""Images: their definition to a Dockerfile, the engine that has them built, and what registries know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core._lazy import lazy_names

if TYPE_CHECKING:
    from flyte_core.images.engine import BuildResult, ImageBuildEngine, build_image
    from flyte_core.images.environments import build, build_images
    from flyte_core.images.installed import needed_distributions, with_installed
    from flyte_core.images.protocol import BuildRequest, ImageBuilder, ImageChecker, build_request, building
    from flyte_core.images.settings import ImageSettings

__all__ = [
    "BuildRequest",
    "BuildResult",
    "ImageBuildEngine",
    "ImageBuilder",
    "ImageChecker",
    "ImageSettings",
    "build",
    "build_image",
    "build_images",
    "build_request",
    "building",
    "needed_distributions",
    "with_installed",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        **dict.fromkeys(("BuildResult", "ImageBuildEngine", "build_image"), ".engine"),
        **dict.fromkeys(("build", "build_images"), ".environments"),
        **dict.fromkeys(("BuildRequest", "ImageBuilder", "ImageChecker", "build_request", "building"), ".protocol"),
        **dict.fromkeys(("needed_distributions", "with_installed"), ".installed"),
        "ImageSettings": ".settings",
    },
)
