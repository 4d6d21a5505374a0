"""Layers that change the system around the code: packages, commands, variables, the working directory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError, without_secrets
from flyte_core.models.layers.base import (
    Layer,
    as_texts,
    check_secrets,
    check_text,
    check_texts,
    optional_secrets,
    refuse_credentials,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flyte_core.models.secret import Secret

__all__ = ["AptPackages", "Commands", "Env", "WorkDir"]

# What Docker and Kubernetes take; shells see those without . and - only.
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")


@frozen(slots=False)
class AptPackages(Layer):
    """Packages of the operating system.

    Args:
        packages: their names.
        secret_mounts: secrets that are there during the build.
    """

    kind: ClassVar[str] = "apt"
    packages: tuple[str, ...] = field(converter=as_texts)
    secret_mounts: tuple[str | Secret, ...] | None = field(default=None, converter=optional_secrets)

    def __attrs_post_init__(self) -> None:
        check_texts("AptPackages", "packages", self.packages)
        check_secrets("AptPackages", self.secret_mounts)


@frozen(slots=False)
class Commands(Layer):
    """Commands of the shell.

    Args:
        commands: the commands, in their order.
        secret_mounts: secrets that are there during the build.
    """

    kind: ClassVar[str] = "commands"
    commands: tuple[str, ...] = field(converter=as_texts)
    secret_mounts: tuple[str | Secret, ...] | None = field(default=None, converter=optional_secrets)

    def __attrs_post_init__(self) -> None:
        check_texts("Commands", "commands", self.commands, lines=True)
        check_secrets("Commands", self.secret_mounts)


@frozen(slots=False)
class WorkDir(Layer):
    """The working directory.

    Args:
        workdir: the folder inside the image.
    """

    kind: ClassVar[str] = "workdir"
    workdir: str

    def __attrs_post_init__(self) -> None:
        check_text("WorkDir", "workdir", self.workdir)


@frozen(slots=False)
class Env(Layer):
    """Environment variables.

    Args:
        env_vars: pairs of name and value, in their order.
    """

    kind: ClassVar[str] = "env"
    env_vars: tuple[tuple[str, str], ...] = ()

    def __attrs_post_init__(self) -> None:
        for pair in self.env_vars:
            _check_variable(pair)

    @classmethod
    def from_dict(cls, envs: Mapping[str, str]) -> Env:
        """The variables of a mapping.

        Raises:
            InvalidTypeError: when a name or a value is not a text.
            InvalidValueError: when a name is none, or a value holds NUL or credentials in a URL.
        """
        return cls(tuple(envs.items()))


def _check_variable(pair: tuple[object, ...]) -> None:
    if len(pair) != 2 or not all(isinstance(part, str) for part in pair):
        raise InvalidTypeError("Env", "env_vars", pair, "a name and a value that are texts")
    name, value = map(str, pair)
    if not _VARIABLE.fullmatch(name):
        raise InvalidValueError("Env", "env_vars", name, "letters, digits and _, not beginning with a digit")
    if "\0" in value:
        raise InvalidValueError("Env", "env_vars", without_secrets(value), "a value without NUL")
    refuse_credentials("Env", f"env_vars[{name!r}]", value)
