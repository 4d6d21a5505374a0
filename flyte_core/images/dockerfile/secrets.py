"""The values of a build's secrets: found before it begins, and in no line of its output."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from attrs import field, frozen

from flyte_core.errors import ImageBuildError

if TYPE_CHECKING:
    from flyte_core.images.dockerfile.plan import BuildSecret
    from flyte_core.models import Secret

__all__ = ["FoundSecret", "Masked", "find_secret", "find_secrets"]

_FOLDER = "/etc/secrets"
_SHORTEST = 4


@frozen(kw_only=True)
class FoundSecret:
    """A secret that is there.

    Args:
        id: its name in the build.
        variable: the environment variable that holds it; empty where a file does.
        path: the file that holds it; empty where a variable does.
        value: the value.
    """

    id: str
    variable: str = ""
    path: str = ""
    value: str = field(repr=False)

    @property
    def option(self) -> str:
        """The value of ``--secret``, as docker and buildah take it; the secret itself is not in it."""
        return f"id={self.id},env={self.variable}" if self.variable else f"id={self.id},src={self.path}"


def find_secrets(
    secrets: Iterable[BuildSecret], env: Mapping[str, str] = os.environ, folder: str = _FOLDER
) -> tuple[FoundSecret, ...]:
    """Look for the values of secrets.

    Args:
        secrets: the secrets that a plan mounts.
        env: the environment: a secret is in the variable ``KEY`` or ``GROUP_KEY``.
        folder: where it is looked for then, as the file ``key`` or ``group_key``.

    Raises:
        ImageBuildError: some are not there; all of these are named, with where they were looked for.
    """
    found: list[FoundSecret] = []
    missing: list[str] = []
    for one in secrets:
        value = find_secret(one.secret, one.id, env, folder)
        if value is None:
            variable, path = _variables(one.secret)[0], _file(one.secret, folder)
            missing.append(f"secret {one.secret.key!r}: neither the variable {variable} nor the file {path} is there")
        else:
            found.append(value)
    if missing:
        raise ImageBuildError("; ".join(missing) + ". Set the variable, or write the file, and build again")
    return tuple(found)


def find_secret(
    secret: Secret, name: str = "", env: Mapping[str, str] = os.environ, folder: str = _FOLDER
) -> FoundSecret | None:
    """Look for the value of one secret, arguments as `find_secrets`; None where it is not there."""
    for variable in _variables(secret):
        if env.get(variable):
            return FoundSecret(id=name, variable=variable, value=env[variable])
    path = _file(secret, folder)
    try:
        return FoundSecret(id=name, path=path, value=Path(path).read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ImageBuildError(f"secret {secret.key!r}: {path} cannot be read: {error.strerror}") from error


def _variables(secret: Secret) -> tuple[str, ...]:
    name = "_".join(filter(None, (secret.group, secret.key))).upper()
    # A shell cannot set one with a hyphen; the reference looks for that alone.
    return tuple(dict.fromkeys((name.replace("-", "_"), name)))


def _file(secret: Secret, folder: str) -> str:
    return f"{folder}/{'_'.join(filter(None, (secret.group, secret.key)))}"


class Masked:
    """Takes secrets out of texts.

    Args:
        values: the secrets.

    Example:
        >>> Masked(["hunter22"])("Cloning https://hunter22@example.com")
        'Cloning https://***@example.com'
    """

    def __init__(self, values: Iterable[str]) -> None:
        parts = {line.strip() for value in values for line in (value, *value.splitlines())}
        words = {form for part in parts if len(part) >= _SHORTEST for form in (part, quote(part, safe=""))}
        # Longest first: one may be part of another.
        self._words = sorted(words, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Give a text without them."""
        for word in self._words:
            text = text.replace(word, "***")
        return text
