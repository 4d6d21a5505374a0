"""init() and its relatives: what a process says once about project, domain, folders and cluster.

None of it is needed for local runs. Arguments that describe a cluster are checked and kept; nothing connects here,
because clusters are reached through executors (entry-point group ``flyte_core.executors``).
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core._logging import logger
from flyte_core._syncify import with_aio
from flyte_core.config import load_settings
from flyte_core.context import ctx
from flyte_core.errors import InitializationError, InvalidTypeError
from flyte_core.runtime.flyte_config import FlyteConfig, load_flyte_config, search_places
from flyte_core.runtime.init_config import AuthType, ClusterConfig, InitConfig

if TYPE_CHECKING:
    from flyte_core.runtime.logs import LogFormat
    from flyte_core.storage import Storage

__all__ = [
    "current_domain",
    "init",
    "init_from_config",
    "init_in_cluster",
    "init_settings",
    "is_initialized",
]

_config: InitConfig | None = None
_lock = threading.Lock()


def _keep(config: InitConfig) -> None:
    global _config
    with _lock:
        _config = config


def is_initialized() -> bool:
    """Say whether `init` or one of its relatives was called in this process.

    Example:
        >>> init()
        >>> is_initialized()
        True
    """
    return _config is not None


def init_settings() -> InitConfig:
    """Give what `init` was told; what it was not told comes from the settings (`flyte_core.config`).

    Raises:
        ConfigError: a setting is wrong.
    """
    config = _config if _config is not None else InitConfig()
    if config.project is not None and config.domain is not None and config.org is not None:
        return config
    settings = load_settings()
    return attrs.evolve(
        config,
        project=config.project if config.project is not None else settings.project.value,
        domain=config.domain if config.domain is not None else settings.domain.value,
        org=config.org if config.org is not None else settings.org.value,
    )


def current_domain() -> str:
    """Give the domain that this code belongs to.

    Returns:
        The running task's domain, else that given to `init`, else that of the settings.

    Raises:
        InitializationError: nothing says a domain.

    Example:
        >>> init(domain="development")
        >>> current_domain()
        'development'
    """
    context = ctx()
    domain = context.action.domain if context is not None else None
    if domain is None:
        domain = init_settings().domain
    if domain is None:
        raise InitializationError(
            "DomainNotInitializedError",
            "user",
            "no domain is known; call init(domain=...), or set FLYTE_CORE_DOMAIN or domain in flyte_core.toml",
        )
    return domain


@with_aio
def init(
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    root_dir: Path | None = None,
    log_level: int | None = None,
    log_format: LogFormat | None = None,
    endpoint: str | None = None,
    headless: bool = False,
    insecure: bool = False,
    insecure_skip_verify: bool = False,
    ca_cert_file_path: str | None = None,
    auth_type: AuthType = "Pkce",
    command: list[str] | tuple[str, ...] | None = None,
    proxy_command: list[str] | tuple[str, ...] | None = None,
    api_key: str | None = None,
    client_id: str | None = None,
    client_credentials_secret: str | None = None,
    auth_client_config: Any = None,
    rpc_retries: int = 3,
    http_proxy_url: str | None = None,
    storage: Storage | None = None,
    batch_size: int = 1000,
    image_builder: str = "local",
    images: dict[str, str] | None = None,
    source_config_path: Path | None = None,
    sync_local_sys_paths: bool = True,
    load_plugin_type_transformers: bool = True,
) -> None:
    """Set project, domain and the like for this process; a second call replaces the first.

    Local runs need no call. Everything from ``endpoint`` to ``http_proxy_url`` says how a cluster is reached; it is
    kept for an executor that does so, and no connection is made. Without such an executor, asking for a cluster raises
    `flyte_core.errors.ClusterRequiredError`.

    Args:
        org: the organization; default the first label of the endpoint's name, where it has more than two.
        project: the project.
        domain: the domain.
        root_dir: the folder that code bundles are made from; default that of the editable installation in the working
            directory, else the working directory.
        log_level: level of flyte_core's log.
        log_format: ``"console"`` or ``"json"``.
        endpoint: the cluster's address.
        headless: whether no browser can be opened.
        insecure: whether the connection goes without TLS.
        insecure_skip_verify: whether the certificate is not checked.
        ca_cert_file_path: file of the certificate authority.
        auth_type: how to log in.
        command: prints a token.
        proxy_command: prints a token for the proxy.
        api_key: key that holds address and credentials.
        client_id: the client's name at the authorization server.
        client_credentials_secret: the client's secret.
        auth_client_config: more about the authorization server.
        rpc_retries: how often a call is tried again.
        http_proxy_url: proxy for logging in.
        storage: how storage is reached: an ``S3``, ``GCS``, ``ABFS`` or ``Storage`` of `flyte_core.storage`; default
            what the environment says.
        batch_size: how many entries one request for a listing asks for.
        image_builder: the image builder's name.
        images: image URIs by name.
        source_config_path: the file that all this was read from.
        sync_local_sys_paths: whether entries of ``sys.path`` below the root folder hold for remote tasks too.
        load_plugin_type_transformers: as in the Flyte SDK; here plugins are loaded when they are needed.

    Raises:
        InitializationError: the endpoint is not an address.
        InvalidTypeError: an argument is of another type.
        InvalidValueError: a number is not positive, or there is no such log level or format.
        ConfigError: a setting is wrong.

    Example:
        >>> init(project="flights", domain="development")
        >>> init_settings().project
        'flights'
    """
    given = locals()
    cluster = ClusterConfig(**{name: given[name] for name in attrs.fields_dict(ClusterConfig)})
    config = InitConfig(
        org=org or cluster.org,
        project=project,
        domain=domain,
        given_root_dir=root_dir,
        cluster=cluster if cluster.endpoint or api_key else None,
        storage=storage,
        batch_size=batch_size,
        image_builder=image_builder,
        images=images,
        source_config_path=source_config_path,
        sync_local_sys_paths=sync_local_sys_paths,
        load_plugin_type_transformers=load_plugin_type_transformers,
    )
    _use_storage(storage)
    _use_images(config)
    _configure_logging(log_level, log_format)
    _keep(config)


def _use_storage(config: Storage | None) -> None:
    # Most runs say nothing of storage, and need not wait for it to be imported.
    if config is not None or "flyte_core.storage.config" in sys.modules:
        from flyte_core.storage.config import use_storage

        use_storage(config)


def _use_images(config: InitConfig) -> None:
    # As with storage: "local" leaves the choice of the builder to the settings.
    builder = config.image_builder if config.image_builder != "local" else None
    if builder or config.images or "flyte_core.images.settings" in sys.modules:
        from flyte_core.images.settings import use_images

        use_images(builder, config.images)


def _configure_logging(log_level: int | None, log_format: LogFormat | None) -> None:
    from flyte_core.runtime.logs import configure_logging

    level: int | str | None = log_level
    if level is None:
        setting = load_settings().log_level
        level = None if setting.source == "default" else setting.value
    configure_logging(level, log_format)


@with_aio
def init_from_config(
    path_or_config: str | Path | FlyteConfig | None = None,
    root_dir: Path | None = None,
    log_level: int | None = None,
    log_format: LogFormat = "console",
    storage: Storage | None = None,
    images: tuple[str, ...] | None = None,
    sync_local_sys_paths: bool = True,
) -> None:
    """Call `init` with what Flyte's configuration file says. Reading a file needs PyYAML.

    Args:
        path_or_config: the file, below ``root_dir`` if that is given; or a configuration; or None for the first file
            there is of `flyte_core.runtime.flyte_config.search_places`. Without any, the environment alone counts.
        root_dir: see `init`.
        log_level: see `init`.
        log_format: see `init`.
        storage: see `init`.
        images: ``name=uri`` each, or ``uri`` for the image named ``default``; they replace the file's.
        sync_local_sys_paths: see `init`.

    Raises:
        InitializationError: the file is not there, or its endpoint is not an address.
        ConfigError: the file is not valid, or PyYAML is missing.
        InvalidTypeError: ``path_or_config`` is something else.

    Example:
        ``init_from_config("config.yaml")``
    """
    config = _read_config(path_or_config, root_dir).with_images(images)
    if config.source is None:
        logger.info("no Flyte configuration file found; tried %s", ", ".join(map(str, search_places())))
    secret = config.client_secret()
    auth_type: Any = "ClientSecret" if secret else config.auth_type
    init(
        org=config.org,
        project=config.project,
        domain=config.domain,
        endpoint=config.endpoint,
        insecure=config.insecure,
        insecure_skip_verify=config.insecure_skip_verify,
        ca_cert_file_path=config.ca_cert_file_path,
        auth_type=auth_type,
        command=config.command,
        proxy_command=config.proxy_command,
        client_id=config.client_id,
        client_credentials_secret=secret,
        http_proxy_url=config.http_proxy_url,
        root_dir=root_dir,
        log_level=log_level,
        log_format=log_format,
        image_builder=config.image_builder,
        images=dict(config.images),
        storage=storage,
        source_config_path=config.source,
        sync_local_sys_paths=sync_local_sys_paths,
    )


def _read_config(path_or_config: object, root_dir: Path | None) -> FlyteConfig:
    if path_or_config is None:
        return load_flyte_config()
    if isinstance(path_or_config, FlyteConfig):
        return path_or_config
    if isinstance(path_or_config, (str, os.PathLike)):
        path = Path(path_or_config).expanduser()
        return load_flyte_config(path if root_dir is None else Path(root_dir).expanduser() / path)
    raise InvalidTypeError("init_from_config", "path_or_config", path_or_config, "a path, a FlyteConfig or None")


@with_aio
def init_in_cluster(
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    api_key: str | None = None,
    endpoint: str | None = None,
    insecure: bool = False,
) -> dict[str, Any]:
    """Call `init` inside a container that Flyte started, with what its environment variables say.

    They are ``_U_ORG_NAME``, ``FLYTE_INTERNAL_EXECUTION_PROJECT``, ``FLYTE_INTERNAL_EXECUTION_DOMAIN``,
    ``_UNION_EAGER_API_KEY``, ``_U_EP_OVERRIDE``, ``_U_INSECURE`` and ``_U_INSECURE_SKIP_VERIFY``.

    Args:
        org: instead of the environment's.
        project: instead of the environment's.
        domain: instead of the environment's.
        api_key: instead of the environment's.
        endpoint: instead of the environment's; not used with a key.
        insecure: whether the connection goes without TLS; addresses of the own machine do in any case.

    Returns:
        How the cluster is reached, as arguments of `init`.

    Example:
        >>> init_in_cluster(project="flights", api_key="secret")
        {'insecure': False, 'api_key': 'secret'}
    """
    env = os.environ
    remote: dict[str, Any] = {"insecure": False}
    api_key = api_key or env.get("_UNION_EAGER_API_KEY")
    if api_key:
        remote["api_key"] = api_key
    else:
        address = endpoint or env.get("_U_EP_OVERRIDE") or "host.docker.internal:8090"
        own_machine = "localhost" in address or "docker" in address
        remote["endpoint"] = address
        remote["insecure"] = insecure or own_machine or _is_true(env.get("_U_INSECURE"))
    if _is_true(env.get("_U_INSECURE_SKIP_VERIFY")):
        remote["insecure_skip_verify"] = True
    init(
        org=org or env.get("_U_ORG_NAME"),
        project=project or env.get("FLYTE_INTERNAL_EXECUTION_PROJECT"),
        domain=domain or env.get("FLYTE_INTERNAL_EXECUTION_DOMAIN"),
        image_builder="remote",
        **remote,
    )
    return remote


def _is_true(text: str | None) -> bool:
    return (text or "").lower() in ("true", "t", "1")
