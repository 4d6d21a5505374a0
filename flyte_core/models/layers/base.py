"""What every layer of an image is, and the checks that several kinds share."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError, without_secrets
from flyte_core.models.secret import Secret, SecretRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flyte_core.models.layers.files import LayerFile

__all__ = [
    "Layer",
    "as_path",
    "as_texts",
    "check_path",
    "check_secrets",
    "check_text",
    "check_texts",
    "optional_secrets",
    "optional_texts",
    "refuse_credentials",
]


@frozen(kw_only=True, slots=False)
class Layer:
    """One step from an image to the next; every kind is a class of its own.

    A layer is hashed by its `kind` and its `content`. Where a file lies never counts, what is in it does.
    """

    kind: ClassVar[str] = "layer"
    """The name of this kind, a part of the hash: the same words mean other things to ``pip`` and to ``apt``."""

    def content(self, dockerignore: str | None = None) -> Mapping[str, Any]:
        """What the layer's hash depends on, in terms of `flyte_core.models.canonical.encode`.

        Args:
            dockerignore: the file of ignore rules that the image names, for layers that copy folders.

        Raises:
            SourceError: a file that counts cannot be read; `MissingSourceError` when it is not there.
        """
        fields = sorted(self.__dict__.items())
        return {name: plain(value) for name, value in fields if not isinstance(value, os.PathLike)}

    def files(self, dockerignore: str | None = None) -> tuple[LayerFile, ...]:
        """The files of this machine that are copied to the builder, in a fixed order; arguments as `content`."""
        return ()

    def validate(self) -> None:
        """Refuse what can only be checked on the machine that builds, such as a file that is not there."""


def plain(value: object) -> object:
    """A field's value in terms of `flyte_core.models.canonical.encode`."""
    if isinstance(value, Secret):
        return ("secret", value.stable_hash())
    return [plain(item) for item in value] if isinstance(value, tuple) else value


# The converters leave what is of another type as it is, for the checks to refuse.
def as_texts(value: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """One text, or several, as a tuple."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def optional_texts(value: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...] | None:
    """One text, or several, as a tuple; None for none."""
    return None if value is None or value in ([], ()) else as_texts(value)


def optional_secrets(value: SecretRequest | tuple[str | Secret, ...] | None) -> tuple[str | Secret, ...] | None:
    """One secret, or several, as a tuple; None for none."""
    if value is None or value in ([], ()):
        return None
    if isinstance(value, (str, Secret)):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def as_path(value: str | os.PathLike[str]) -> Path:
    """A path given as a text or as a path; an empty text stays one."""
    given: Any = value
    return Path(given) if given and isinstance(given, (str, os.PathLike)) else given


def check_path(owner: str, name: str, value: object) -> None:
    """Refuse what is no path."""
    if value == "":
        raise InvalidValueError(owner, name, value, "a path that is not empty")
    if not isinstance(value, Path):
        raise InvalidTypeError(owner, name, value, "a path")


def check_text(owner: str, name: str, value: object, *, lines: bool = False) -> None:
    """Refuse what is no text, blank, holds credentials in a URL, or more than one line unless `lines`."""
    if not isinstance(value, str):
        raise InvalidTypeError(owner, name, value, "a text")
    if not value.strip():
        raise InvalidValueError(owner, name, value, "a text that is not empty")
    if "\0" in value or (not lines and ("\n" in value or "\r" in value)):
        raise InvalidValueError(owner, name, without_secrets(value), "a text of one line")
    refuse_credentials(owner, name, value)


def check_texts(owner: str, name: str, value: object, *, lines: bool = False) -> None:
    """Refuse what is no tuple of texts, each as in `check_text`."""
    if not isinstance(value, tuple):
        raise InvalidTypeError(owner, name, value, "texts")
    for item in value:
        check_text(owner, name, item, lines=lines)


def check_secrets(owner: str, value: object) -> None:
    """Refuse secret mounts that are neither keys nor secrets."""
    if value is not None and not (isinstance(value, tuple) and all(isinstance(one, (str, Secret)) for one in value)):
        raise InvalidTypeError(owner, "secret_mounts", value, "keys or Secrets")


# Bounded, so that a long text without the rest of it takes no quadratic time.
_USERINFO = re.compile(r"([a-z][a-z0-9+.\-]{0,30})://([^/@?#\s'\"]{1,1000})@", re.IGNORECASE)
_REFERENCE = re.compile(r"\$(\w+|\{[^}]*\}|\([^)]*\))")


def refuse_credentials(owner: str, name: str, value: str) -> None:
    """Refuse a URL with a password or token in it, which would stand in the image's history for everybody to read.

    The name of a variable, ``$NAME``, may stand there; so may the user's name of a URL that is not fetched by HTTP,
    as in ``ssh://git@host``.
    """
    for scheme, userinfo in _USERINFO.findall(value):
        user, colon, password = userinfo.partition(":")
        secret = password if colon else user if "http" in scheme.lower() else ""
        if secret and not _REFERENCE.fullmatch(secret):
            allowed = (
                "no credentials in a URL, for they stay in the image's history: name the secret in secret_mounts, "
                "and write $NAME of its variable into the URL"
            )
            raise InvalidValueError(owner, name, without_secrets(value), allowed)
