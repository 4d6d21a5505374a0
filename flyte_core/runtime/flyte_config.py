"""Flyte's own configuration file, the YAML that ``flytectl`` writes: where it lies and what is in it.

The places and keys are those of the Flyte SDK 2.0.0b33. Every key can also be given by an environment variable:
``admin.endpoint`` by ``FLYTE_ADMIN_ENDPOINT``, which counts before the file.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs

from flyte_core.errors import ConfigError, InitializationError, InvalidValueError

__all__ = ["FlyteConfig", "load_flyte_config", "search_places"]


def _read_only(values: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(values))


@attrs.frozen(kw_only=True)
class FlyteConfig:
    """What a Flyte configuration file says.

    Args:
        source: the file; None when there was none.
        org: key ``task.org``.
        project: key ``task.project``.
        domain: key ``task.domain``.
        endpoint: key ``admin.endpoint``.
        insecure: key ``admin.insecure``.
        insecure_skip_verify: key ``admin.insecureSkipVerify``.
        ca_cert_file_path: key ``admin.caCertFilePath``.
        http_proxy_url: key ``admin.httpProxyURL``.
        command: key ``admin.command``.
        proxy_command: key ``admin.proxyCommand``.
        client_id: key ``admin.clientId``.
        client_secret_location: key ``admin.clientSecretLocation``.
        client_secret_env_var: key ``admin.clientSecretEnvVar``.
        auth_type: key ``admin.authType``.
        image_builder: key ``image.builder``.
        images: key ``image.image_refs``.
    """

    source: Path | None = None
    org: str | None = None
    project: str | None = None
    domain: str | None = None
    endpoint: str | None = None
    insecure: bool = False
    insecure_skip_verify: bool = False
    ca_cert_file_path: str | None = None
    http_proxy_url: str | None = None
    command: tuple[str, ...] | None = None
    proxy_command: tuple[str, ...] | None = None
    client_id: str | None = None
    client_secret_location: str | None = None
    client_secret_env_var: str | None = None
    auth_type: str = "Pkce"
    image_builder: str = "local"
    images: Mapping[str, str] = attrs.field(factory=dict, converter=_read_only)

    def client_secret(self) -> str | None:
        """Read the client's secret from where the file says it is; None when it says nothing.

        Raises:
            ConfigError: the file with the secret cannot be read.
        """
        if self.client_secret_env_var and os.environ.get(self.client_secret_env_var):
            return os.environ[self.client_secret_env_var]
        if not self.client_secret_location:
            return None
        try:
            return Path(self.client_secret_location).read_text(encoding="utf-8").rstrip("\n") or None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.source}: admin.clientSecretLocation: {error}") from error

    def with_images(self, images: tuple[str, ...] | None) -> FlyteConfig:
        """Give the same configuration with more images.

        Args:
            images: texts ``name=uri``, or ``uri`` for the image named ``default``.

        Raises:
            InvalidValueError: a name or URI is empty.
        """
        named = dict(self.images)
        for text in images or ():
            name, equals, uri = text.partition("=")
            if not name or (equals and not uri):
                raise InvalidValueError("init_from_config", "images", text, "name=uri, or a uri alone")
            named.update({name: uri} if equals else {"default": name})
        return attrs.evolve(self, images=named)


def search_places() -> list[Path]:
    """Give the files that are looked for, nearest first; a file named by the environment is among them.

    Returns:
        ``config.yaml`` and ``.flyte/config.yaml`` here, ``.flyte/config.yaml`` at the root of the git repository, the
        file that ``UCTL_CONFIG`` or ``FLYTECTL_CONFIG`` names, ``~/.union/config.yaml`` and ``~/.flyte/config.yaml``.
    """
    places = [Path("config.yaml"), Path(".flyte", "config.yaml")]
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), None)
    if root is not None:
        places.append(root / ".flyte" / "config.yaml")
    named = _named_by_environment()
    if named is not None:
        places.append(named)
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises for a user without a home
    return [*places, Path(home, ".union", "config.yaml"), Path(home, ".flyte", "config.yaml")]


def _named_by_environment() -> Path | None:
    named = os.environ.get("UCTL_CONFIG") or os.environ.get("FLYTECTL_CONFIG")
    return Path(named) if named else None


def load_flyte_config(path: Path | None = None) -> FlyteConfig:
    """Read a configuration file, and the environment over it.

    Args:
        path: the file; otherwise the first that is there of `search_places`, and without one the environment alone.

    Returns:
        What they say.

    Raises:
        InitializationError: the file, or one that the environment names, is not there.
        ConfigError: the file is not valid, or a key holds something of another kind.
    """
    source = path if path is not None else _first_found()
    document = {} if source is None else _parse(source)
    values = {}
    for field, (switch, convert) in _KEYS.items():
        raw, where = _raw_value(document, switch, source)
        value = None if raw is None else convert(raw, where)
        if value not in (None, "", (), {}):
            values[field] = value
    return FlyteConfig(source=source, **values)


def _first_found() -> Path | None:
    named = _named_by_environment()
    for place in search_places():
        if place == named or place.is_file():
            return place
    return None


def _parse(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        message = f"there is no configuration file {path} (looked from {Path.cwd()})"
        raise InitializationError("ConfigFileNotFoundError", "user", message) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the configuration file cannot be read: {error}") from error
    document = _yaml(path, text)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: expected keys such as admin: and task:, got {type(document).__name__}")
    return document


def _yaml(path: Path, text: str) -> Any:
    from importlib import import_module

    try:
        yaml = import_module("yaml")
    except ModuleNotFoundError as error:
        raise ConfigError(f"{path}: reading Flyte's configuration file needs PyYAML; pip install pyyaml") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error


def _raw_value(document: Mapping[str, Any], switch: str, source: Path | None) -> tuple[Any, str]:
    variable = f"FLYTE_{switch.upper().replace('.', '_')}"
    if variable in os.environ:
        return os.environ[variable], f"environment {variable}"
    section, key = switch.split(".")
    inner = document.get(section)
    if inner is None:
        return None, ""
    if not isinstance(inner, dict):
        raise ConfigError(f"{source}: {section}: expected keys below it, got {inner!r}")
    return inner.get(key), f"{source}: {switch}"


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where}: expected a text, got {value!r}; put it in quotes")
    return value.strip()


def _truth(value: object, where: str) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "t", "1", "yes"):
        return True
    if word in ("false", "f", "0", "no", ""):
        return False
    raise ConfigError(f"{where}: expected true or false, got {value!r}")


def _words(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            return tuple(shlex.split(value))
        except ValueError as error:
            raise ConfigError(f"{where}: {value!r}: {error}") from error
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise ConfigError(f"{where}: expected a list of texts, got {value!r}")


def _names(value: object, where: str) -> dict[str, str]:
    if isinstance(value, str):
        parts = (part.strip().partition("=") for part in value.split(",") if part.strip())
        value = {name: uri for name, _, uri in parts}
    if not isinstance(value, dict) or not all(isinstance(v, str) and v for v in value.values()):
        raise ConfigError(f"{where}: expected a URI by name, got {value!r}")
    return {str(name): uri for name, uri in value.items()}


_KEYS: Mapping[str, tuple[str, Callable[[object, str], Any]]] = MappingProxyType(
    {
        "org": ("task.org", _text),
        "project": ("task.project", _text),
        "domain": ("task.domain", _text),
        "endpoint": ("admin.endpoint", _text),
        "insecure": ("admin.insecure", _truth),
        "insecure_skip_verify": ("admin.insecureSkipVerify", _truth),
        "ca_cert_file_path": ("admin.caCertFilePath", _text),
        "http_proxy_url": ("admin.httpProxyURL", _text),
        "command": ("admin.command", _words),
        "proxy_command": ("admin.proxyCommand", _words),
        "client_id": ("admin.clientId", _text),
        "client_secret_location": ("admin.clientSecretLocation", _text),
        "client_secret_env_var": ("admin.clientSecretEnvVar", _text),
        "auth_type": ("admin.authType", _text),
        "image_builder": ("image.builder", _text),
        "images": ("image.image_refs", _names),
    }
)
