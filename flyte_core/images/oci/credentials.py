"""Credentials for registries, where ``docker login`` and ``podman login`` leave them."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from flyte_core.images.oci.helpers import HelperError, ask_helper
from flyte_core.images.references import DOCKER_HUB

__all__ = ["Credential", "CredentialsError", "docker_folder", "find_credential"]

#: The name under which Docker keeps what is for its hub.
_HUB_KEY = "https://index.docker.io/v1/"
_HUB_HOSTS = (DOCKER_HUB, "index.docker.io", "registry-1.docker.io")


class CredentialsError(Exception):
    """Credentials may be there, and cannot be read; becomes a part of a `RegistryError`."""


@frozen(kw_only=True)
class Credential:
    """What to identify oneself with at one registry.

    Args:
        username: the name; empty with a token.
        password: the password.
        identity_token: what a token server gives tokens for.
        registry_token: a token for the registry itself.
        source: where it was found.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)
    source: str = ""

    @property
    def basic(self) -> str:
        """The value of a header ``Authorization`` with name and password; empty where there are none."""
        if not self.username or not self.password:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must not be shown."""
        parts = (self.password, self.identity_token, self.registry_token, self.basic.removeprefix("Basic "))
        return tuple(filter(None, parts))


def docker_folder(env: Mapping[str, str]) -> Path:
    """Give the folder of Docker's configuration.

    Args:
        env: the environment.
    """
    if env.get("DOCKER_CONFIG"):
        return Path(env["DOCKER_CONFIG"])
    try:
        return Path("~/.docker").expanduser()
    except RuntimeError:  # a container's user without a home
        return Path("/.docker")


def config_files(env: Mapping[str, str]) -> list[Path]:
    """Name the files that may have credentials, in the order in which they are asked: Docker's, then Podman's.

    Args:
        env: the environment.
    """
    files = [docker_folder(env) / "config.json"]
    if env.get("REGISTRY_AUTH_FILE"):
        files.append(Path(env["REGISTRY_AUTH_FILE"]))
    elif env.get("XDG_RUNTIME_DIR"):
        files.append(Path(env["XDG_RUNTIME_DIR"]) / "containers" / "auth.json")
    return files


async def find_credential(
    host: str,
    repository: str,
    seconds: float,
    env: Mapping[str, str] = os.environ,
    auths: Mapping[str, Any] | None = None,
) -> Credential | None:
    """Look for what to identify oneself with.

    Args:
        host: the registry, as names of images write it.
        repository: the repository there: Podman keeps credentials for some of them alone.
        seconds: how long a credential helper may take.
        env: the environment, which says where the files are.
        auths: credentials that go before those of the files, as they have them.

    Returns:
        The credential, or None where there is none.

    Raises:
        CredentialsError: a file cannot be read, or a helper does not answer as it should.
    """
    given = _from_auths({"auths": dict(auths or {})}, host, repository, "what was given")
    if given is not None:
        return given
    for path in config_files(env):
        config = _read(path)
        found = await _from_helper(config, host, seconds, path) or _from_auths(config, host, repository, path)
        if found is not None:
            return found
    return None


def _read(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise CredentialsError(f"{path} cannot be read: {type(error).__name__}") from error
    try:
        document = json.loads(text)
    except ValueError:
        # Not chained: the parser's error has the text inside.
        document = None
    if not isinstance(document, dict):
        raise CredentialsError(f"{path} is no JSON object; docker login writes it anew once it is removed")
    return document


async def _from_helper(config: Mapping[str, Any], host: str, seconds: float, path: Path) -> Credential | None:
    keys = _keys(host)
    by_host = config.get("credHelpers")
    helpers = [by_host[key] for key in keys if key in by_host] if isinstance(by_host, dict) else []
    helper = next(iter(helpers), config.get("credsStore"))
    if not helper:
        return None
    if not isinstance(helper, str):
        raise CredentialsError(f"{path} names a credential helper that is no text")
    try:
        answer = await ask_helper(helper, keys[0], seconds)
    except HelperError as error:
        raise CredentialsError(f"{error} ({path} names it)") from error
    if answer is None:
        return None
    name, secret = answer
    source = f"docker-credential-{helper}"
    if name == "<token>":
        return Credential(identity_token=secret, source=source)
    return Credential(username=name, password=secret, source=source)


def _from_auths(config: Mapping[str, Any], host: str, repository: str, path: Path | str) -> Credential | None:
    auths = config.get("auths")
    if not isinstance(auths, dict):
        return None
    by_key = {_normal(key): entry for key, entry in auths.items() if isinstance(entry, dict) and entry}
    for key in _places(host, repository):
        if key in by_key and (found := _credential(by_key[key], f"{path}", key)) is not None:
            return found
    return None


def _keys(host: str) -> tuple[str, ...]:
    return (_HUB_KEY, *_HUB_HOSTS) if host in _HUB_HOSTS else (host,)


def _normal(key: str) -> str:
    """Give a key of ``auths`` as host or host/path; Docker also writes URLs, whose path says nothing."""
    scheme, separator, rest = key.rpartition("://")
    rest = rest.strip("/")
    host, _, path = rest.partition("/")
    if separator and scheme.lower() in ("http", "https"):
        return host
    return host if path in ("v1", "v2") else rest


def _places(host: str, repository: str) -> Iterator[str]:
    """Give the normal keys that are for a repository, the nearest first."""
    hosts: Iterable[str] = ("index.docker.io", DOCKER_HUB, "registry-1.docker.io") if host in _HUB_HOSTS else (host,)
    parts = repository.split("/")
    for one in hosts:
        for length in range(len(parts), 0, -1):
            yield "/".join((one, *parts[:length]))
        yield one


def _credential(entry: Mapping[str, Any], source: str, key: str) -> Credential | None:
    texts = {name: value for name, value in entry.items() if isinstance(value, str)}
    name, password = texts.get("username", ""), texts.get("password", "")
    if texts.get("auth"):
        try:
            decoded = base64.b64decode(texts["auth"].strip(), validate=True).decode().rstrip("\x00")
        except (binascii.Error, ValueError):
            decoded = ""
        name, colon, password = decoded.partition(":")
        if not colon:
            raise CredentialsError(f"what {source} has under auths for {key} is not name:password in base64")
    found = Credential(
        username=name,
        password=password,
        identity_token=texts.get("identitytoken", ""),
        registry_token=texts.get("registrytoken", ""),
        source=source,
    )
    return found if found.secrets else None
