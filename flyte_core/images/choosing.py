"""Which builder makes an image: the one that is named, else the one of the settings, else the only one installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyte_core.errors import PluginLoadError, PluginNotFoundError

if TYPE_CHECKING:
    from flyte_core.images.protocol import ImageBuilder
    from flyte_core.images.settings import ImageSettings

__all__ = ["choose_builder", "installed_builders"]

#: What the Flyte SDK calls its own builder on this machine; here it leaves the choice to the settings.
_ANY = "local"


def installed_builders() -> list[str]:
    """Name the builders that are installed and not blocked, without importing any.

    Example:
        >>> isinstance(installed_builders(), list)
        True
    """
    from flyte_core.discovery import GROUPS
    from flyte_core.registry import TaskPluginRegistry

    plugins = TaskPluginRegistry.settings.plugins.value
    names = {claim.name for claim in TaskPluginRegistry.index.all(GROUPS["image_builder"])}
    return sorted(name for name in names if plugins.blocked_by("image_builder", name) is None)


def choose_builder(name: str | None, settings: ImageSettings) -> tuple[str, ImageBuilder]:
    """Find and make a builder.

    Args:
        name: its name; None or ``"local"`` for the one of the settings, or the only one installed.
        settings: may name one.

    Returns:
        Its name, and the builder.

    Raises:
        PluginNotFoundError: none is named, and none or several are installed; or nobody has the one that is named.
        PluginError: it is blocked, contested or broken.
    """
    from flyte_core.registry import TaskPluginRegistry

    wanted = name if name not in (None, _ANY) else settings.builder
    chosen = wanted if wanted not in (None, _ANY) else _only_one()
    factory: Any = TaskPluginRegistry.load("image_builder", chosen)
    builder: Any = factory() if callable(factory) else factory
    if not callable(getattr(builder, "build_image", None)) or not callable(getattr(builder, "get_checkers", None)):
        raise PluginLoadError(
            f"image builder {chosen!r} is a {type(builder).__name__} without build_image and get_checkers; its entry "
            "point has to name a class or factory of flyte_core.images.ImageBuilder",
            plugin=chosen,
        )
    return chosen, builder


def _only_one() -> str:
    names = installed_builders()
    if len(names) == 1:
        return names[0]
    if not names:
        raise PluginNotFoundError(
            "no image builder is installed; pip install flyte-core-image-docker (Docker's BuildKit) or "
            "flyte-core-image-buildah (no daemon)"
        )
    raise PluginNotFoundError(
        f"several image builders are installed: {', '.join(names)}; choose one with builder={names[0]!r}, --builder "
        f"{names[0]}, FLYTE_CORE_IMAGE_BUILDER={names[0]}, or builder in the table [images] of the settings"
    )
