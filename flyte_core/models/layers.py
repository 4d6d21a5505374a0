"""Layers of images, as values: what is added, not how it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models.secret import Secret, SecretRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AptPackages", "Commands", "Env", "Layer", "PipOption", "PipPackages", "WorkDir"]


# The converters leave what is of another type as it is, for the checks to refuse.
def _as_texts(value: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _optional_texts(value: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if value is None or value in ([], ()) else _as_texts(value)


def _optional_secrets(value: SecretRequest | tuple[str | Secret, ...] | None) -> tuple[str | Secret, ...] | None:
    if value is None or value in ([], ()):
        return None
    if isinstance(value, (str, Secret)):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _texts(owner: str, name: str, value: object) -> None:
    if not isinstance(value, tuple):
        raise InvalidTypeError(owner, name, value, "texts")
    for item in value:
        if not isinstance(item, str):
            raise InvalidTypeError(owner, name, item, "a text")
        if not item.strip():
            raise InvalidValueError(owner, name, item, "a text that is not empty")


def _secrets(owner: str, value: object) -> None:
    if value is not None and not (isinstance(value, tuple) and all(isinstance(one, (str, Secret)) for one in value)):
        raise InvalidTypeError(owner, "secret_mounts", value, "keys or Secrets")


@frozen(kw_only=True, slots=False)
class Layer:
    """One step from an image to the next; every kind is a class of its own."""

    kind: ClassVar[str] = "layer"
    """The name of this kind, a part of the hash: the same words mean other things to ``pip`` and to ``apt``."""

    def content(self) -> Mapping[str, Any]:
        """What the layer's hash depends on, in terms of `flyte_core.models.canonical.encode`."""
        return {name: _plain(value) for name, value in sorted(self.__dict__.items())}

    def validate(self) -> None:
        """Refuse what can only be checked on the machine that builds, such as a file that is not there."""


def _plain(value: object) -> object:
    if isinstance(value, Secret):
        return ("secret", value.stable_hash())
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


@frozen(kw_only=True, slots=False)
class PipOption(Layer):
    """Options of a layer that installs Python packages.

    Args:
        index_url: the index to install from.
        extra_index_urls: indexes besides.
        pre: whether pre-releases count.
        extra_args: further words of the command line.
        secret_mounts: secrets that are there during the build.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] | None = field(default=None, converter=_optional_texts)
    pre: bool = False
    extra_args: str | None = None
    secret_mounts: tuple[str | Secret, ...] | None = field(default=None, converter=_optional_secrets)

    def __attrs_post_init__(self) -> None:
        _secrets(type(self).__name__, self.secret_mounts)
        if self.extra_index_urls is not None:
            _texts(type(self).__name__, "extra_index_urls", self.extra_index_urls)

    def get_pip_install_args(self) -> list[str]:
        """The options as they stand on pip's command line; ``--option value`` is one item."""
        options = [f"--index-url {self.index_url}"] if self.index_url else []
        options += [f"--extra-index-url {url}" for url in self.extra_index_urls or ()]
        options += ["--pre"] if self.pre else []
        return options + ([self.extra_args] if self.extra_args else [])


@frozen(kw_only=True, slots=False)
class PipPackages(PipOption):
    """Python packages.

    Args:
        packages: requirements in pip's notation.
    """

    kind: ClassVar[str] = "pip"
    packages: tuple[str, ...] | None = field(default=None, converter=_optional_texts)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.packages is not None:
            _texts("PipPackages", "packages", self.packages)


@frozen(slots=False)
class AptPackages(Layer):
    """Packages of the operating system.

    Args:
        packages: their names.
        secret_mounts: secrets that are there during the build.
    """

    kind: ClassVar[str] = "apt"
    packages: tuple[str, ...] = field(converter=_as_texts)
    secret_mounts: tuple[str | Secret, ...] | None = field(default=None, converter=_optional_secrets)

    def __attrs_post_init__(self) -> None:
        _texts("AptPackages", "packages", self.packages)
        _secrets("AptPackages", self.secret_mounts)


@frozen(slots=False)
class Commands(Layer):
    """Commands of the shell.

    Args:
        commands: the commands, in their order.
        secret_mounts: secrets that are there during the build.
    """

    kind: ClassVar[str] = "commands"
    commands: tuple[str, ...] = field(converter=_as_texts)
    secret_mounts: tuple[str | Secret, ...] | None = field(default=None, converter=_optional_secrets)

    def __attrs_post_init__(self) -> None:
        _texts("Commands", "commands", self.commands)
        _secrets("Commands", self.secret_mounts)


@frozen(slots=False)
class WorkDir(Layer):
    """The working directory.

    Args:
        workdir: the folder inside the image.
    """

    kind: ClassVar[str] = "workdir"
    workdir: str

    def __attrs_post_init__(self) -> None:
        _texts("WorkDir", "workdir", (self.workdir,))


@frozen(slots=False)
class Env(Layer):
    """Environment variables.

    Args:
        env_vars: pairs of name and value, in their order.
    """

    kind: ClassVar[str] = "env"
    env_vars: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_dict(cls, envs: Mapping[str, str]) -> Env:
        """The variables of a mapping.

        Raises:
            InvalidTypeError: when a name or a value is not a text.
        """
        for pair in envs.items():
            if not all(isinstance(part, str) for part in pair):
                raise InvalidTypeError("Env", "env_vars", pair, "a name and a value that are texts")
        return cls(tuple(envs.items()))
