"""Secrets: which one, and where the task finds it; never their values."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import field, frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models.canonical import digest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Secret", "SecretRequest", "secrets_from_request"]


def _as_path(mount: str | Path | None) -> Path | None:
    if not isinstance(mount, str):
        return mount
    from pathlib import Path

    return Path(mount) if mount else None


# hash=False: the class defines its own.
@frozen(slots=False, eq=True, unsafe_hash=False)
class Secret:
    """A secret of the cluster's store, given to a task as a variable or as a file.

    Args:
        key: its name in the store.
        group: its group in the store.
        mount: the folder that it is written to as a file.
        as_env_var: the environment variable that holds it. Without this and ``mount`` it is made from group and key:
            upper case, ``_`` for ``-``.

    Raises:
        InvalidTypeError: when a value is of another type.
        InvalidValueError: when the key is empty or the variable's name is not one.

    Example:
        >>> Secret(key="api-key", group="mail").as_env_var
        'MAIL_API_KEY'
    """

    key: str
    group: str | None = None
    mount: Path | None = field(default=None, converter=_as_path)
    as_env_var: str | None = None

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.key, str):
            raise InvalidTypeError("Secret", "key", self.key, "the secret's name as a text")
        if not self.key:
            raise InvalidValueError("Secret", "key", self.key, "the secret's name")
        for name in ("group", "as_env_var"):
            if not isinstance(getattr(self, name), (str, type(None))):
                raise InvalidTypeError("Secret", name, getattr(self, name), "a text or None")
        if not isinstance(self.mount, (os.PathLike, type(None))):
            raise InvalidTypeError("Secret", "mount", self.mount, "a path or None")
        if self.mount is None and not self.as_env_var:
            name = f"{self.group}_{self.key}" if self.group else self.key
            object.__setattr__(self, "as_env_var", name.replace("-", "_").upper())
        if self.as_env_var is not None and not _is_variable(self.as_env_var):
            raise InvalidValueError(
                "Secret", "as_env_var", self.as_env_var, "capital letters, digits and _, not beginning with a digit"
            )

    def stable_hash(self) -> str:
        """A hash in hexadecimal that is the same in every process; of the reference to the secret, not its value."""
        return digest((self.key, self.group, str(self.mount) if self.mount else None, self.as_env_var))

    def __hash__(self) -> int:
        return int(self.stable_hash()[:16], 16)


def _is_variable(name: str) -> bool:
    return name.isascii() and name.isidentifier() and name == name.upper()


SecretRequest = str | Secret | list[str | Secret]
"""What a task's ``secrets`` may be."""


def secrets_from_request(secrets: SecretRequest) -> list[Secret]:
    """The secrets that a task's ``secrets`` asks for, in their order.

    Args:
        secrets: a key, a `Secret`, or a list of these.

    Raises:
        InvalidTypeError: when it is something else.

    Example:
        >>> [secret.as_env_var for secret in secrets_from_request(["a", Secret(key="b")])]
        ['A', 'B']
    """
    if isinstance(secrets, (str, Secret)):
        return [_one(secrets)]
    if not isinstance(secrets, (list, tuple)):
        raise InvalidTypeError("Task", "secrets", secrets, "a key, a Secret or a list of these")
    return [_one(secret) for secret in secrets]


def _one(secret: object) -> Secret:
    if isinstance(secret, str):
        return Secret(key=secret)
    if not isinstance(secret, Secret):
        raise InvalidTypeError("Task", "secrets", secret, "a key or a Secret")
    return secret
