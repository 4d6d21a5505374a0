"""Credentials of one registry, for as long as a build takes."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyte_core.errors import ImageBuildError
from flyte_core.images.dockerfile.secrets import find_secret
from flyte_core.images.references import DOCKER_HUB, ImageReference

if TYPE_CHECKING:
    from flyte_core.models import Secret

__all__ = ["auths_of", "docker_config"]

#: The name under which Docker keeps what is for its hub.
_HUB_KEY = "https://index.docker.io/v1/"


def auths_of(name: str, secret: Secret | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Read an image's ``registry_secret``.

    Args:
        name: the image's name, which says the registry.
        secret: the secret.

    Returns:
        The entries of ``auths`` as in Docker's ``config.json``, and everything in them that must not be shown; both
        empty without such a secret.

    Raises:
        ImageBuildError: the secret is not there, or is neither ``user:password`` nor a ``config.json``.
    """
    if secret is None:
        return {}, ()
    found = find_secret(secret)
    if found is None:
        file = "_".join(filter(None, (secret.group, secret.key)))
        variable = file.upper().replace("-", "_")
        raise ImageBuildError(
            f"{name}: its registry_secret {secret.key!r} is neither in the variable {variable} nor in the file "
            f"/etc/secrets/{file}. It holds user:password, or a Docker config.json"
        )
    value = found.value.strip()
    auths = _from_config(value)
    if auths is None and ":" in value:
        host = ImageReference.parse(name).registry
        encoded = base64.b64encode(value.encode()).decode()
        auths = {_HUB_KEY if host == DOCKER_HUB else host: {"auth": encoded}}
    if auths is None:
        raise ImageBuildError(
            f"{name}: its registry_secret {secret.key!r} is neither user:password nor a Docker config.json"
        )
    return auths, (value, *_shown(auths))


def _from_config(value: str) -> dict[str, Any] | None:
    try:
        document = json.loads(value)
    except ValueError:
        return None
    auths = document.get("auths") if isinstance(document, dict) else None
    return auths if isinstance(auths, dict) else None


def _shown(auths: dict[str, Any]) -> list[str]:
    """Give what stands in entries, also in the clear."""
    found: list[str] = []
    for entry in auths.values():
        parts = [part for part in entry.values() if isinstance(part, str)] if isinstance(entry, dict) else []
        found += parts
        try:
            found += [base64.b64decode(part, validate=True).decode().partition(":")[2] for part in parts]
        except ValueError:
            continue
    return found


def docker_config(auths: dict[str, Any], folder: Path, own: Path) -> None:
    """Write a folder for ``DOCKER_CONFIG`` that is the user's own, with some credentials added.

    Args:
        auths: the credentials, as in ``config.json``.
        folder: an empty folder that only this user can read.
        own: the user's own, whose contexts and client plugins stay in use.
    """
    config: dict[str, Any] = {}
    if own.is_dir():
        for entry in own.iterdir():
            if entry.name != "config.json":
                (folder / entry.name).symlink_to(entry.absolute())
        if (own / "config.json").exists():
            config = json.loads((own / "config.json").read_text(encoding="utf-8"))
    known = config.get("auths") or {}
    store = config.pop("credsStore", None)
    helpers = config.get("credHelpers") or {}
    if store:
        # A store stands in the way of what is in the file, so it is named for the other hosts alone.
        helpers = {**dict.fromkeys(known, store), **helpers}
    config["credHelpers"] = {host: helper for host, helper in helpers.items() if host not in auths}
    config["auths"] = {**known, **auths}
    descriptor = os.open(folder / "config.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(config, file)
