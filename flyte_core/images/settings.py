"""Where images and what is in them come from and go to: the table ``images`` of the settings' file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import evolve, field, fields, frozen

from flyte_core.config import plugin_table
from flyte_core.errors import ConfigError, InvalidTypeError, InvalidValueError, near_misses, without_secrets

__all__ = ["BUILDER_VARIABLE", "ImageSettings", "image_settings", "load_image_settings", "use_images"]

#: The environment variable that names the builder.
BUILDER_VARIABLE = "FLYTE_CORE_IMAGE_BUILDER"


def _texts(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _read_only(value: Any) -> Any:
    return MappingProxyType(dict(value)) if isinstance(value, Mapping) else value


def _text_field(instance: ImageSettings, attribute: Any, value: object) -> None:
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise InvalidTypeError("images", attribute.name, value, "a text that is not empty")


def _texts_field(instance: ImageSettings, attribute: Any, value: object) -> None:
    if not isinstance(value, tuple) or not all(isinstance(one, str) and one for one in value):
        raise InvalidTypeError("images", attribute.name, value, "a list of texts")


def _mapping_field(instance: ImageSettings, attribute: Any, value: object) -> None:
    if not isinstance(value, Mapping) or not all(
        isinstance(one, str) and one for pair in value.items() for one in pair
    ):
        raise InvalidTypeError("images", attribute.name, value, "a table of texts")


def _url_field(instance: ImageSettings, attribute: Any, value: object) -> None:
    for url in value if isinstance(value, tuple) else (value,):
        # It would stand in the image's history.
        if isinstance(url, str) and without_secrets(url) != url:
            allowed = "no credentials in a URL: give them to pip with a secret mount, as $NAME in a layer's index_url"
            raise InvalidValueError("images", attribute.name, without_secrets(url), allowed)


@frozen(kw_only=True)
class ImageSettings:
    """How this machine or network gets what images are made of; no part of an image's definition or tag.

    Args:
        builder: the name of the builder, where several are installed.
        mirrors: where a registry's images are pulled from instead: ``{"docker.io": "mirror.example.com/hub"}``.
        insecure_registries: hosts, with their port, that are spoken to in plain HTTP.
        index_url: the package index, where a layer names none.
        extra_index_urls: package indexes besides.
        wheels: a folder of wheels on this machine that packages are found in too.
        offline: whether packages are found in ``wheels`` alone, and no index is asked.
        apt_sources: a file on this machine in the form of sources.list, which stands in for the image's own apt
            sources while packages are installed.
        uv: the requirement by which uv is installed, or an image that has it as ``/uv``
            (``image:ghcr.io/astral-sh/uv:0.8``).
        registry_seconds: how long a registry may take to say whether an image exists.
        refs: image URIs by the names that ``Image.from_ref_name`` takes; ``default`` is the image of environments that
            name none.

    Raises:
        InvalidTypeError: a value is of another type.
        InvalidValueError: a URL holds credentials.

    Example:
        >>> ImageSettings(index_url="https://pypi.example.com/simple").index_url
        'https://pypi.example.com/simple'
    """

    builder: str | None = field(default=None, validator=_text_field)
    mirrors: Mapping[str, str] = field(factory=dict, converter=_read_only, validator=_mapping_field)
    insecure_registries: tuple[str, ...] = field(default=(), converter=_texts, validator=_texts_field)
    index_url: str | None = field(default=None, validator=[_text_field, _url_field])
    extra_index_urls: tuple[str, ...] = field(default=(), converter=_texts, validator=[_texts_field, _url_field])
    wheels: str | None = field(default=None, validator=_text_field)
    offline: bool = False
    apt_sources: str | None = field(default=None, validator=_text_field)
    uv: str = field(default="uv", validator=_text_field)
    registry_seconds: float = 30.0
    refs: Mapping[str, str] = field(factory=dict, converter=_read_only, validator=_mapping_field)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.offline, bool):
            raise InvalidTypeError("images", "offline", self.offline, "true or false")
        seconds: object = self.registry_seconds
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            raise InvalidTypeError("images", "registry_seconds", seconds, "a number of seconds")
        if not seconds > 0:
            raise InvalidValueError("images", "registry_seconds", seconds, "more than no time")
        if self.offline and self.wheels is None:
            raise InvalidValueError("images", "offline", self.offline, "a folder in wheels too")


def load_image_settings(
    env: Mapping[str, str] = os.environ, cwd: str | os.PathLike[str] | None = None
) -> ImageSettings:
    """Read the settings of images from the environment and the file.

    Args:
        env: the environment.
        cwd: where the search for a file starts; the working directory unless given.

    Raises:
        ConfigError: the file cannot be read, or has an unknown key or a value that is not allowed.

    Example:
        >>> load_image_settings({"FLYTE_CORE_IMAGE_BUILDER": "docker"}, cwd="/").builder
        'docker'
    """
    table = plugin_table("images", cwd)
    values = dict(table.values)
    known = [one.name for one in fields(ImageSettings)]
    for key in values:
        if key not in known:
            near = near_misses(str(key), known)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
            raise ConfigError(f"{table.source}: unknown key {key!r}{hint}")
    for key in ("wheels", "apt_sources"):
        if isinstance(values.get(key), str) and values[key]:
            values[key] = str(Path(table.folder) / Path(values[key]).expanduser())
    if env.get(BUILDER_VARIABLE):
        values["builder"] = env[BUILDER_VARIABLE]
    try:
        return ImageSettings(**values)
    except (InvalidTypeError, InvalidValueError) as error:
        shown = f"{error.field} = {error.value!r}"
        raise ConfigError(f"{table.source}: {shown} is not allowed; expected {error.allowed}") from error


@frozen(kw_only=True)
class _Given:
    builder: str | None = None
    refs: Mapping[str, str] = field(factory=dict)


_given = _Given()


def use_images(builder: str | None = None, refs: Mapping[str, str] | None = None) -> None:
    """Set a builder and images by name for this process; `flyte_core.init(image_builder=..., images=...)` does it.

    Args:
        builder: the builder's name; None leaves the choice to the environment and the file.
        refs: image URIs by name, besides those of the file and before them.
    """
    global _given
    _given = _Given(builder=builder, refs=dict(refs or {}))


def image_settings() -> ImageSettings:
    """Give the settings that hold for this process: what `use_images` was told, then the environment and the file.

    Raises:
        ConfigError: the file cannot be read, or has an unknown key or a value that is not allowed.
    """
    settings = load_image_settings()
    if _given.builder is None and not _given.refs:
        return settings
    return evolve(settings, builder=_given.builder or settings.builder, refs={**settings.refs, **_given.refs})
