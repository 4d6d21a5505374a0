"""What `init` keeps, as values: the process's project and folders, and how a cluster is reached."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import attrs

from flyte_core.errors import InitializationError, InvalidTypeError, InvalidValueError

__all__ = ["AuthType", "ClusterConfig", "InitConfig"]

AuthType = Literal["ClientSecret", "Pkce", "ExternalCommand", "DeviceFlow"]


def _optional_text(_instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise InvalidTypeError("init", attribute.name, value, "a str or None")


def _sanitized(endpoint: str | None) -> str | None:
    """Give the endpoint in the form ``dns:///host``, which gRPC takes."""
    if not endpoint:
        return None
    if not isinstance(endpoint, str):
        raise InvalidTypeError("init", "endpoint", endpoint, "a str or None")
    for prefix in ("dns:///", "https://", "http://"):
        if endpoint.startswith(prefix):
            return f"dns:///{endpoint[len(prefix) :].removesuffix('/')}"
    if "://" in endpoint:
        allowed = "expected a host, or one after dns:///, https:// or http://"
        raise InitializationError("InvalidEndpointError", "user", f"init: endpoint = {endpoint!r}: {allowed}")
    return f"dns:///{endpoint.removesuffix('/')}"


def _words(command: list[str] | tuple[str, ...] | None) -> tuple[str, ...] | None:
    if command is None:
        return None
    if not isinstance(command, (list, tuple)):
        raise InvalidTypeError("init", "command", command, "a list of str or None")
    return tuple(command)


def _folder(path: str | os.PathLike[str] | None) -> Path | None:
    if path is None:
        return None
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidTypeError("init", "root_dir", path, "a path or None")
    return Path(path)


def _images(images: Mapping[str, str] | None) -> Mapping[str, str]:
    if not isinstance(images, (Mapping, type(None))):
        raise InvalidTypeError("init", "images", images, "image URIs by name, or None")
    return MappingProxyType(dict(images or {}))


def _positive(_instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, int) or value < 1:
        raise InvalidValueError("init", attribute.name, value, "a positive number")


@attrs.frozen(kw_only=True)
class ClusterConfig:
    """How a cluster is reached, for executors that do so.

    Args:
        endpoint: the cluster's address; kept in the form ``dns:///host``.
        api_key: key that holds address and credentials.
        headless: whether no browser can be opened.
        insecure: whether the connection goes without TLS.
        insecure_skip_verify: whether the certificate is not checked.
        ca_cert_file_path: file of the certificate authority.
        auth_type: how to log in.
        command: prints a token.
        proxy_command: prints a token for the proxy.
        client_id: the client's name at the authorization server.
        client_credentials_secret: the client's secret.
        auth_client_config: more about the authorization server.
        rpc_retries: how often a call is tried again.
        http_proxy_url: proxy for logging in.
    """

    endpoint: str | None = attrs.field(default=None, converter=_sanitized)
    api_key: str | None = attrs.field(default=None, validator=_optional_text, repr=False)
    headless: bool = False
    insecure: bool = False
    insecure_skip_verify: bool = False
    ca_cert_file_path: str | None = None
    auth_type: str = "Pkce"
    command: tuple[str, ...] | None = attrs.field(default=None, converter=_words)
    proxy_command: tuple[str, ...] | None = attrs.field(default=None, converter=_words)
    client_id: str | None = None
    client_credentials_secret: str | None = attrs.field(default=None, repr=False)
    auth_client_config: Any = None
    rpc_retries: int = 3
    http_proxy_url: str | None = None

    @property
    def org(self) -> str | None:
        """The organization that the address tells: its first label, where it has more than two."""
        labels = (self.endpoint or "").removeprefix("dns:///").split(".")
        return labels[0] if len(labels) > 2 else None


@attrs.frozen(kw_only=True, slots=False)
class InitConfig:
    """What was said to `init`.

    Args:
        org: the organization.
        project: the project.
        domain: the domain.
        given_root_dir: the folder that `init` was given.
        working_dir: the working directory at that time.
        cluster: how the cluster is reached; None when neither an endpoint nor a key was given.
        storage: how storage is reached.
        batch_size: how many entries one request for a listing asks for.
        image_builder: the image builder's name.
        images: image URIs by name.
        source_config_path: the file that all this was read from.
        sync_local_sys_paths: whether entries of ``sys.path`` below the root folder hold for remote tasks too.
        load_plugin_type_transformers: whether plugins' type transformers were asked for.
    """

    org: str | None = attrs.field(default=None, validator=_optional_text)
    project: str | None = attrs.field(default=None, validator=_optional_text)
    domain: str | None = attrs.field(default=None, validator=_optional_text)
    given_root_dir: Path | None = attrs.field(default=None, converter=_folder)
    working_dir: Path = attrs.field(factory=Path.cwd)
    cluster: ClusterConfig | None = None
    storage: Any = None
    batch_size: int = attrs.field(default=1000, validator=_positive)
    image_builder: str = "local"
    images: Mapping[str, str] = attrs.field(factory=dict, converter=_images)
    source_config_path: Path | None = None
    sync_local_sys_paths: bool = True
    load_plugin_type_transformers: bool = True

    @functools.cached_property
    def root_dir(self) -> Path:
        """The folder that code bundles are made from.

        The one given to `init`; else the folder of the editable installation that the working directory belongs to;
        else the working directory. Looking for the installation takes a while, so it is done on first use.
        """
        return self.given_root_dir or _editable_install(self.working_dir) or self.working_dir


def _editable_install(folder: Path) -> Path | None:
    """Give the folder of the editable installation (PEP 610) that a folder belongs to."""
    import json
    from importlib.metadata import distributions
    from urllib.parse import unquote, urlsplit

    for distribution in distributions():
        text = distribution.read_text("direct_url.json")
        if not text:
            continue
        try:
            origin = json.loads(text)
            if not origin.get("dir_info", {}).get("editable"):
                continue
            source = Path(unquote(urlsplit(origin["url"]).path))
        except (ValueError, KeyError, AttributeError, TypeError):  # somebody else's broken file
            continue
        project_above = source.parent == folder and any(
            (folder / name).exists() for name in ("pyproject.toml", "setup.py")
        )
        if folder.is_relative_to(source) or project_above:
            return source
    return None
