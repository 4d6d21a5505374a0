"""Images, as values: where one starts from and what is added to it."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

from attrs import field, frozen

from flyte_core._version import __version__
from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models.canonical import digest
from flyte_core.models.image_steps import ImageSteps

if TYPE_CHECKING:
    from pathlib import Path

    from flyte_core.models.layers import Layer
    from flyte_core.models.secret import Secret, SecretRequest

__all__ = ["DEFAULT_REGISTRY", "RECIPE_VERSION", "Architecture", "Image"]

Architecture = Literal["linux/amd64", "linux/arm64"]
"""A platform that an image is built for."""

DEFAULT_REGISTRY = "ghcr.io/flyteorg"
_NAME = "flyte-core"
_ONE_PLATFORM: tuple[Architecture, ...] = ("linux/amd64",)
_BOTH_PLATFORMS: tuple[Architecture, ...] = ("linux/amd64", "linux/arm64")
# Tags are at most 128 characters; half of SHA-256 is as much as the reference's tags have.
_TAG_LENGTH = 32

RECIPE_VERSION = 1
"""A part of every tag; raised when an unchanged definition is built into another image than before."""


def _this_python() -> tuple[int, int]:
    return sys.version_info.major, sys.version_info.minor


def _as_secret(secret: str | Secret | None) -> Secret | None:
    if not isinstance(secret, str):
        return secret
    from flyte_core.models.secret import Secret

    return Secret(key=secret)


# What most images do not have (layers, secrets) is imported when one does: a task with an image by name needs none.
@frozen(kw_only=True, slots=False, init=False)
class Image(ImageSteps):
    """A container image: a base, and layers upon it.

    Made by the ``from_...`` methods; the ``with_...`` methods and `clone` give a new image each. Declaring one reads no
    file and asks no registry; `validate` checks what the machine that builds must have.

    Attributes:
        base_image: the image it starts from.
        dockerfile: the Dockerfile that defines it instead.
        registry: where it is pushed to.
        name: its name there.
        platform: what it is built for.
        python_version: the Python inside.
        ref_name: the name under which the configuration knows it.
        layers: what is added, in order.
        registry_secret: the secret to push and pull with.

    Example:
        >>> Image.from_debian_base(python_version=(3, 12), name="app").with_pip_packages("httpx").name
        'app'
    """

    base_image: str | None = None
    dockerfile: Path | None = None
    registry: str | None = None
    name: str | None = None
    platform: tuple[Architecture, ...] = _ONE_PLATFORM
    python_version: tuple[int, int] = field(factory=_this_python)
    ref_name: str | None = None
    layers: tuple[Layer, ...] = ()
    registry_secret: Secret | None = None
    # Fixed tag of an image that is published for everybody; no definition but that one carries it.
    preset_tag: str | None = None

    def __init__(self, *args: object, **fields: object) -> None:
        raise InvalidTypeError("Image", "Image()", args or fields, "Image.from_debian_base() or Image.from_base()")

    @classmethod
    def _new(cls, **fields: Any) -> Image:
        image = cls.__new__(cls)
        # attrs' own constructor, under the name that it has next to a class's own __init__.
        image.__attrs_init__(**fields)  # pyright: ignore[reportAttributeAccessIssue] - only mypy knows attrs' name
        return image

    def _with(self, **changes: Any) -> Image:
        fields = {name: value for name, value in self.__dict__.items() if name not in _COMPUTED}
        return self._new(**{**fields, "preset_tag": None, **changes})

    @classmethod
    def from_base(cls, image_uri: str) -> Image:
        """An image that exists already.

        Args:
            image_uri: its full name, such as ``"python:3.12"``.

        Raises:
            InvalidTypeError: when it is not a text.
            InvalidValueError: when it is empty or holds a blank.

        Example:
            >>> Image.from_base("python:3.12").uri
            'python:3.12'
        """
        _check_name("image_uri", image_uri)
        return cls._new(base_image=image_uri)

    @classmethod
    def from_ref_name(cls, name: str) -> Image:
        """An image that the configuration knows by a name.

        Raises:
            InvalidTypeError: when it is not a text.
            InvalidValueError: when it is empty or holds a blank.
        """
        _check_name("name", name)
        return cls._new(name=name, ref_name=name)

    @classmethod
    def from_debian_base(
        cls,
        python_version: tuple[int, int] | None = None,
        flyte_version: str | None = None,
        install_flyte: bool = True,
        registry: str | None = None,
        registry_secret: str | Secret | None = None,
        name: str | None = None,
        platform: tuple[Architecture, ...] | None = None,
    ) -> Image:
        """Debian with Python and flyte_core, for amd64 and arm64.

        Args:
            python_version: the Python inside; by default the one that runs this.
            flyte_version: the version of flyte_core inside; by default this one.
            install_flyte: whether flyte_core is inside.
            registry: a registry of your own.
            registry_secret: the secret to push and pull with.
            name: a name of your own.
            platform: the platforms it is built for.

        Raises:
            InvalidValueError: when the Python version is not a pair of numbers or a platform is unknown.

        Example:
            >>> Image.from_debian_base(python_version=(3, 12)).base_image
            'python:3.12-slim-bookworm'
        """
        from flyte_core.models.image_debian import debian_layers

        version = _this_python() if python_version is None else _check_python(python_version)
        release = (flyte_version or __version__).removeprefix("v")
        text = "{}.{}".format(*version)
        image = cls._new(
            base_image=f"python:{text}-slim-bookworm",
            registry=DEFAULT_REGISTRY,
            name=_NAME,
            python_version=version,
            platform=_BOTH_PLATFORMS if platform is None else _check_platform(platform),
            layers=debian_layers(release if install_flyte else None),
        )
        if registry or name or registry_secret:
            return image.clone(registry=registry, name=name, registry_secret=registry_secret)
        if image.platform != _BOTH_PLATFORMS:
            return image
        tag = f"py{text}-v{release}" if install_flyte else f"py{text}"
        return image._with(preset_tag=tag.replace("+", "-"))

    @classmethod
    def from_dockerfile(
        cls,
        file: str | os.PathLike[str],
        registry: str,
        name: str,
        platform: Architecture | tuple[Architecture, ...] | None = None,
    ) -> Image:
        """An image that a Dockerfile defines; the folder that it lies in is what it can copy from.

        No layer goes on top of it: the file says everything.

        Args:
            file: the Dockerfile.
            registry: the registry that it is pushed to.
            name: its name there.
            platform: the platforms it is built for.

        Raises:
            InvalidTypeError: when the file is no path.
            InvalidValueError: when a platform is unknown.

        Example:
            >>> Image.from_dockerfile("images/Dockerfile", registry="registry.example.com", name="app").platform
            ('linux/amd64',)
        """
        from flyte_core.models.layers.base import as_path, check_path

        path = as_path(file)
        check_path("Image", "file", path)
        return cls._new(
            dockerfile=path,
            registry=registry,
            name=name,
            platform=_check_platform(platform) if platform else _ONE_PLATFORM,
        )

    @classmethod
    def from_uv_script(
        cls,
        script: str | os.PathLike[str],
        *,
        name: str,
        registry: str | None = None,
        registry_secret: str | Secret | None = None,
        python_version: tuple[int, int] | None = None,
        index_url: str | None = None,
        extra_index_urls: str | list[str] | tuple[str, ...] | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        platform: tuple[Architecture, ...] | None = None,
        secret_mounts: SecretRequest | None = None,
    ) -> Image:
        """Debian with what a script declares in its header, as ``uv run --script`` reads it (PEP 723).

        Args:
            script: the script; its body does not count.
            name: the image's name.
            registry: the registry that it is pushed to.
            registry_secret: the secret to push and pull with.
            python_version: the Python inside; by default the one that runs this.
            index_url: the index to install from.
            extra_index_urls: indexes besides.
            pre: whether pre-releases count.
            extra_args: further words of pip's command line.
            platform: the platforms it is built for.
            secret_mounts: secrets that are there during the build.

        Raises:
            InvalidTypeError: when a value is of another type.
            InvalidValueError: when a value is not allowed.

        Example:
            >>> Image.from_uv_script("report.py", name="report").layers[-1].kind
            'uv_script'
        """
        from flyte_core.models.layers import UVScript

        layer = UVScript(
            script,
            index_url=index_url,
            extra_index_urls=extra_index_urls,
            pre=pre,
            extra_args=extra_args,
            secret_mounts=secret_mounts,
        )
        image = cls.from_debian_base(
            python_version=python_version,
            registry=registry,
            registry_secret=registry_secret,
            name=name,
            platform=platform,
        )
        return image._add(layer)

    def clone(
        self,
        registry: str | None = None,
        registry_secret: str | Secret | None = None,
        name: str | None = None,
        base_image: str | None = None,
        python_version: tuple[int, int] | None = None,
        addl_layer: Layer | None = None,
    ) -> Image:
        """The same image with some parts changed.

        Args:
            registry: another registry.
            registry_secret: another secret to push and pull with.
            name: another name.
            base_image: another base.
            python_version: another Python.
            addl_layer: one more layer, on top.

        Raises:
            InvalidTypeError: when the layer is not one.
            InvalidValueError: when a layer is added to an image that has no name, or that a Dockerfile defines.
        """
        image = self._with(
            registry=registry or self.registry,
            registry_secret=_as_secret(registry_secret) or self.registry_secret,
            name=name or self.name,
            base_image=base_image or self.base_image,
            python_version=_check_python(python_version) if python_version else self.python_version,
        )
        return image if addl_layer is None else image._add(addl_layer)

    def _add(self, layer: Layer) -> Image:
        from flyte_core.models.layers import Layer

        if not isinstance(layer, Layer):
            raise InvalidTypeError("Image", "addl_layer", layer, "a layer")
        if self.dockerfile is not None:
            raise InvalidValueError("Image", "addl_layer", layer, "no layer: put the step into the Dockerfile")
        if not self.name:
            raise InvalidValueError("Image", "addl_layer", layer, 'a named image: call clone(name="...") first')
        return self._with(layers=(*self.layers, layer))

    # The names that plugins for the Flyte SDK know them by.
    @property
    def _layers(self) -> tuple[Layer, ...]:
        return self.layers

    @property
    def _final_tag(self) -> str:
        return self.preset_tag or self.content_hash()

    @property
    def dockerignore(self) -> str | None:
        """The file of ignore rules that the last `with_dockerignore` names."""
        found = (layer for layer in reversed(self.layers) if layer.kind == "dockerignore")
        return getattr(next(found, None), "path", None)

    def validate(self) -> None:
        """Check the Dockerfile and every layer on the machine that builds; each raises its own error.

        Raises:
            SourceError: a file cannot be read; `MissingSourceError` when it is not there.
        """
        if self.dockerfile is not None:
            from flyte_core.models.layers.files import need_file

            need_file("Image", self.dockerfile)
        for layer in self.layers:
            layer.validate()

    def content_hash(self) -> str:
        """A hash of the whole definition: two images with the same hash are built alike.

        Files count by what is in them, and nothing counts for where it lies; registry, name and the secret to pull with
        do not count.

        Raises:
            SourceError: a file that counts cannot be read; `MissingSourceError` when it is not there.
        """
        parts = {
            "recipe": RECIPE_VERSION,
            "base": self.base_image,
            "ref": self.ref_name,
            "platform": self.platform,
            # A Dockerfile has its own.
            "python": self.python_version if self.dockerfile is None else None,
            "layers": [(layer.kind, layer.content(self.dockerignore)) for layer in self.layers],
            "dockerfile": self._dockerfile_content(),
        }
        return digest(parts)[:_TAG_LENGTH]

    def _dockerfile_content(self) -> tuple[bytes, str | None] | None:
        if self.dockerfile is None:
            return None
        from flyte_core.models.image_dockerfile import dockerfile_content

        return dockerfile_content(self.dockerfile)

    @cached_property
    def uri(self) -> str:
        """The image's full name: ``registry/name:tag``, or its base where nothing was added to it.

        Files are read when it is asked for the first time, and not again: for a file that was changed since then, make
        the image anew.

        Raises:
            InvalidValueError: when it has neither a name nor a base.
            SourceError: a file that counts cannot be read; `MissingSourceError` when it is not there.
        """
        if self.name:
            tag = self._final_tag
            return f"{self.registry}/{self.name}:{tag}" if self.registry else f"{self.name}:{tag}"
        if self.base_image:
            return self.base_image
        raise InvalidValueError("Image", "name", self.name, "a name, or a base image")


_COMPUTED = ("uri",)


def _check_name(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidTypeError("Image", field, value, "a text")
    if not value or any(character.isspace() for character in value):
        raise InvalidValueError("Image", field, value, "a name without blanks")


def _check_python(version: object) -> tuple[int, int]:
    pair = tuple(version) if isinstance(version, list) else version
    if not isinstance(pair, tuple) or len(pair) != 2 or not all(type(part) is int for part in pair):
        raise InvalidValueError("Image", "python_version", version, "a pair such as (3, 12)")
    return pair


def _check_platform(platform: object) -> tuple[Architecture, ...]:
    given = (platform,) if isinstance(platform, str) else platform
    given = tuple(given) if isinstance(given, list) else given
    if not isinstance(given, tuple) or not given or not all(one in _BOTH_PLATFORMS for one in given):
        raise InvalidValueError("Image", "platform", platform, f"some of {', '.join(_BOTH_PLATFORMS)}")
    return cast("tuple[Architecture, ...]", given)
