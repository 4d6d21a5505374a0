"""How storage is reached and how transfers are done: `Storage`, and `S3`, `GCS` and `ABFS` for one provider each.

The classes, their fields and the environment variables are those of ``flyte.storage``; the fields from ``deadline`` to
``read_timeout`` and the variables that begin with ``FLYTE_CORE_`` are added.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs

from flyte_core.errors import ConfigError, InvalidTypeError, InvalidValueError
from flyte_core.storage.engine import LONGEST_BACKOFF, PART_SIZE, Transfer

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["ABFS", "GCS", "S3", "Storage", "current_storage", "use_storage"]

_SMALLEST_PART = 5 * 2**20  # S3's limit for all parts but the last
_RETRY_TIMEOUT = dt.timedelta(minutes=3)
_TRUE = ("1", "true", "t", "yes", "on")
_FALSE = ("0", "false", "f", "no", "off", "")

S = TypeVar("S", bound="Storage")


def _flag(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"neither of {', '.join(_TRUE)} nor of {', '.join(filter(None, _FALSE))}")


def _seconds(text: str) -> dt.timedelta:
    return dt.timedelta(seconds=float(text))


# How the text of an environment variable becomes the value of a field; other fields are text.
_READERS: Mapping[str, Callable[[str], object]] = {
    "retries": int,
    "backoff": _seconds,
    "deadline": _seconds,
    "part_size": int,
    "concurrency": int,
    "anonymous": _flag,
    "checksum": _flag,
    "read_timeout": _seconds,
    "enable_debug": _flag,
    "gsutil_parallelism": _flag,
}


def _whole(least: int) -> Callable[[Any, attrs.Attribute[Any], object], None]:
    def check(instance: Any, attribute: attrs.Attribute[Any], value: object) -> None:
        owner = type(instance).__name__
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidTypeError(owner, attribute.name, value, "an int")
        if value < least:
            raise InvalidValueError(owner, attribute.name, value, f"at least {least}")

    return check


def _duration(instance: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    owner = type(instance).__name__
    if value is None and attribute.default is None:
        return
    if not isinstance(value, dt.timedelta):
        raise InvalidTypeError(owner, attribute.name, value, "a datetime.timedelta")
    if value <= dt.timedelta(0):
        raise InvalidValueError(owner, attribute.name, value, "more than no time")


def _bool(instance: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidTypeError(type(instance).__name__, attribute.name, value, "a bool")


def _optional_text(instance: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise InvalidTypeError(type(instance).__name__, attribute.name, value, "a str or None")


def _url(instance: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    _optional_text(instance, attribute, value)
    if isinstance(value, str) and not value.startswith(("http://", "https://")):
        raise InvalidValueError(type(instance).__name__, attribute.name, value, "a URL that begins with http(s)://")


def _optional_secret(instance: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, str):
        # Not the value itself: a secret is not repeated in a message.
        raise InvalidTypeError(type(instance).__name__, attribute.name, type(value), "a str or None")


def _hidden(value: object) -> str:
    return "None" if value is None else "'***'"


def _text() -> Any:
    return attrs.field(default=None, validator=_optional_text)


def _secret() -> Any:
    return attrs.field(default=None, validator=_optional_secret, repr=_hidden)


@attrs.frozen(kw_only=True)
class Storage:
    """What holds for every kind of storage.

    Args:
        retries: how often a failed request is repeated; the first try is not counted.
        backoff: the longest wait before the first repetition; it doubles for each later one, up to 16 seconds.
        enable_debug: kept for programs written for the Flyte SDK; ``log_level`` of `flyte_core.init` says the same.
        attach_execution_metadata: kept for programs written for the Flyte SDK.
        deadline: the longest that one transfer may take, waits included; ``None`` for no limit.
        part_size: bytes of one part of a parallel transfer; it grows where a file would have too many parts.
        concurrency: the most parts in flight; with ``part_size`` it bounds the memory of a transfer.
        anonymous: whether requests carry no credentials, for public data.
        checksum: whether content is checked: SHA-256 in transit to S3, and as an attribute of what is uploaded.
        read_timeout: how long a server may be silent before the request counts as failed.

    Raises:
        InvalidTypeError: a value is of another type.
        InvalidValueError: a number or duration is too small.

    Example:
        >>> Storage(retries=5).transfer().retries
        5
    """

    retries: int = attrs.field(default=3, validator=_whole(0))
    backoff: dt.timedelta = attrs.field(default=dt.timedelta(seconds=1), validator=_duration)
    enable_debug: bool = attrs.field(default=False, validator=_bool)
    attach_execution_metadata: bool = attrs.field(default=True, validator=_bool)
    deadline: dt.timedelta | None = attrs.field(default=None, validator=_duration)
    part_size: int = attrs.field(default=PART_SIZE, validator=_whole(_SMALLEST_PART))
    concurrency: int = attrs.field(default=6, validator=_whole(1))
    anonymous: bool = attrs.field(default=False, validator=_bool)
    checksum: bool = attrs.field(default=True, validator=_bool)
    read_timeout: dt.timedelta = attrs.field(default=dt.timedelta(seconds=60), validator=_duration)

    # Of each field the variables that set it, the first one that is set counting.
    _variables: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "retries": ("UNION_STORAGE_RETRIES",),
        "backoff": ("UNION_STORAGE_BACKOFF_SECONDS",),
        "enable_debug": ("UNION_STORAGE_DEBUG",),
        "deadline": ("FLYTE_CORE_STORAGE_DEADLINE_SECONDS",),
        "part_size": ("FLYTE_CORE_STORAGE_PART_SIZE",),
        "concurrency": ("FLYTE_CORE_STORAGE_CONCURRENCY",),
        "anonymous": ("FLYTE_CORE_STORAGE_ANONYMOUS",),
        "checksum": ("FLYTE_CORE_STORAGE_CHECKSUM",),
        "read_timeout": ("FLYTE_CORE_STORAGE_READ_TIMEOUT_SECONDS",),
    }

    @classmethod
    def auto(cls) -> Self:
        """Make the configuration that the environment says; what it does not say has its default.

        Raises:
            ConfigError: a variable has a value that its field cannot have.

        Example:
            >>> Storage.auto().retries
            3
        """
        return _from_environment(cls, {})

    def transfer(self, on_progress: Callable[[int], None] | None = None) -> Transfer:
        """Give these settings for one transfer.

        Args:
            on_progress: see `flyte_core.storage.engine.Transfer`.
        """
        return Transfer(
            retries=self.retries,
            backoff=self.backoff,
            deadline=self.deadline,
            part_size=self.part_size,
            concurrency=self.concurrency,
            on_progress=on_progress,
        )

    def get_fsspec_kwargs(self, anonymous: bool = False, **kwargs: Any) -> dict[str, Any]:
        """Give the arguments with which fsspec makes a file system of this kind.

        Args:
            anonymous: whether it sends no credentials.
            **kwargs: arguments of the caller, which go before.
        """
        return {}


@attrs.frozen(kw_only=True)
class S3(Storage):
    """Amazon S3, and servers that speak its protocol.

    Args:
        endpoint: URL of the server, where it is not Amazon's; also ``http://``.
        access_key_id: with ``secret_access_key`` instead of the credentials of the environment.
        secret_access_key: the secret of the key.
        region: the region; default that of the environment or profile, else ``us-east-1``.
        session_token: belongs to temporary keys.
        profile: the profile of ``~/.aws`` that credentials and region are read from.

    Raises:
        InvalidTypeError: a value is of another type.
        InvalidValueError: the endpoint is no URL, or only half of a key is given.

    Example:
        >>> S3(endpoint="http://localhost:9000", access_key_id="minio", secret_access_key="miniostorage").region is None
        True
    """

    endpoint: str | None = attrs.field(default=None, validator=_url)
    access_key_id: str | None = _secret()
    secret_access_key: str | None = _secret()
    region: str | None = _text()
    session_token: str | None = _secret()
    profile: str | None = _text()

    _variables: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **Storage._variables,
        "endpoint": ("FLYTE_AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        "access_key_id": ("FLYTE_AWS_ACCESS_KEY_ID",),
        "secret_access_key": ("FLYTE_AWS_SECRET_ACCESS_KEY",),
        "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
        "profile": ("AWS_PROFILE",),
    }

    def __attrs_post_init__(self) -> None:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            missing = "access_key_id" if self.access_key_id is None else "secret_access_key"
            raise InvalidValueError("S3", missing, None, "both halves of the key, or neither")

    @classmethod
    def auto(cls, region: str | None = None) -> S3:
        """Make the configuration that the environment says.

        Args:
            region: instead of the environment's.

        Raises:
            ConfigError: a variable has a value that its field cannot have.
        """
        return _from_environment(cls, {"region": region})

    @classmethod
    def for_sandbox(cls) -> S3:
        """Make the configuration of the store in Flyte's sandbox on this machine.

        Example:
            >>> S3.for_sandbox().endpoint
            'http://localhost:4566'
        """
        sandbox = {
            "endpoint": "http://localhost:4566",
            "access_key_id": "minio",
            "secret_access_key": "miniostorage",
        }
        return _from_environment(cls, sandbox)

    def get_fsspec_kwargs(self, anonymous: bool = False, **kwargs: Any) -> dict[str, Any]:
        """See `Storage.get_fsspec_kwargs`."""
        kwargs.pop("anonymous", None)
        keys = {
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "session_token": self.session_token,
            "endpoint_url": self.endpoint,
        }
        config: dict[str, Any] = {key: kwargs.pop(key, value) for key, value in keys.items() if key in kwargs or value}
        if anonymous or self.anonymous:
            config["skip_signature"] = True
        backoff = {"base": 2, "init_backoff": kwargs.pop("backoff", self.backoff), "max_backoff": LONGEST_BACKOFF}
        retry: dict[str, Any] = {"max_retries": kwargs.pop("retries", self.retries), "backoff": backoff}
        retry["retry_timeout"] = _RETRY_TIMEOUT
        if config:
            kwargs["config"] = config
        kwargs["client_options"] = {"timeout": "99999s", "allow_http": True}
        kwargs["retry_config"] = retry
        if self.region:
            kwargs["region"] = self.region
        return kwargs


@attrs.frozen(kw_only=True)
class GCS(Storage):
    """Google Cloud Storage; credentials are the application default credentials.

    Args:
        gsutil_parallelism: kept for programs written for the Flyte SDK; transfers are parallel anyway.

    Example:
        >>> GCS(anonymous=True).retries
        3
    """

    gsutil_parallelism: bool = attrs.field(default=False, validator=_bool)

    _variables: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **Storage._variables,
        "gsutil_parallelism": ("GCP_GSUTIL_PARALLELISM",),
    }

    def get_fsspec_kwargs(self, anonymous: bool = False, **kwargs: Any) -> dict[str, Any]:
        """See `Storage.get_fsspec_kwargs`."""
        kwargs.pop("anonymous", None)
        if anonymous or self.anonymous:
            kwargs["config"] = {**kwargs.get("config", {}), "skip_signature": True}
        return kwargs


@attrs.frozen(kw_only=True)
class ABFS(Storage):
    """Azure Blob Storage.

    Args:
        account_name: the storage account, where the URL does not name it.
        account_key: the account's key.
        tenant_id: the tenant of the application that logs in.
        client_id: the application.
        client_secret: the application's secret.

    Example:
        >>> "abc" in repr(ABFS(account_name="data", account_key="abc"))
        False
    """

    account_name: str | None = _text()
    account_key: str | None = _secret()
    tenant_id: str | None = _text()
    client_id: str | None = _text()
    client_secret: str | None = _secret()

    _variables: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **Storage._variables,
        "account_name": ("AZURE_STORAGE_ACCOUNT_NAME",),
        "account_key": ("AZURE_STORAGE_ACCOUNT_KEY",),
        "tenant_id": ("AZURE_TENANT_ID",),
        "client_id": ("AZURE_CLIENT_ID",),
        "client_secret": ("AZURE_CLIENT_SECRET",),
    }

    def get_fsspec_kwargs(self, anonymous: bool = False, **kwargs: Any) -> dict[str, Any]:
        """See `Storage.get_fsspec_kwargs`."""
        kwargs.pop("anonymous", None)
        names = ("account_name", "account_key", "client_id", "client_secret", "tenant_id")
        config: dict[str, Any] = {
            name: kwargs.pop(name, getattr(self, name)) for name in names if name in kwargs or getattr(self, name)
        }
        if anonymous or self.anonymous:
            config["skip_signature"] = True
        if config:
            kwargs["config"] = config
        kwargs["client_options"] = {"timeout": "99999s", "allow_http": "true"}
        return kwargs


def _from_environment(cls: type[S], given: Mapping[str, str | None]) -> S:
    """Make a configuration from what is given, and from the environment where nothing is."""
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for field, variables in cls._variables.items():
        name = next((name for name in variables if os.environ.get(name)), None)
        if name is None or field in values:
            continue
        try:
            values[field] = _READERS.get(field, str)(os.environ[name])
        except (ValueError, OverflowError) as error:
            raise ConfigError(f"{name}={os.environ[name]!r} in the environment: {error}") from error
    try:
        return cls(**values)
    except (InvalidValueError, InvalidTypeError) as error:
        variables = cls._variables.get(error.field, ())
        said = [name for name in variables if os.environ.get(name)] or variables
        raise ConfigError(f"{' or '.join(said[:1])} in the environment: {error}") from error


_PROVIDERS: Mapping[str, type[Storage]] = {
    "s3": S3,
    "s3a": S3,
    "gs": GCS,
    "gcs": GCS,
    "abfs": ABFS,
    "abfss": ABFS,
    "az": ABFS,
}

# Of the whole process, as what `flyte_core.init` is told: a run's worker threads see it too.
_in_use: Storage | None = None


def use_storage(config: Storage | None) -> None:
    """Set the configuration for this process; `flyte_core.init(storage=...)` does it.

    Args:
        config: a provider's configuration for URLs of that provider, or a plain `Storage` whose settings hold for all;
            ``None`` to go back to the environment.

    Raises:
        InvalidTypeError: it is something else.

    Example:
        >>> use_storage(S3(endpoint="http://localhost:9000"))
        >>> current_storage("s3").endpoint
        'http://localhost:9000'
        >>> use_storage(None)
    """
    global _in_use
    if config is not None and not isinstance(config, Storage):
        raise InvalidTypeError("init", "storage", config, "a Storage, S3, GCS or ABFS of flyte_core.storage, or None")
    _in_use = config


def current_storage(scheme: str) -> Storage:
    """Give the configuration that holds for URLs of a scheme.

    Args:
        scheme: the scheme, without ``://``.

    Returns:
        What `use_storage` was given if it is for this scheme, else what the environment says.

    Raises:
        ConfigError: a variable has a value that its field cannot have.

    Example:
        >>> type(current_storage("gs")).__name__
        'GCS'
    """
    provider = _PROVIDERS.get(scheme, Storage)
    config = _in_use
    if config is not None and isinstance(config, provider):
        return config
    found = provider.auto()
    if config is not None and type(config) is Storage:
        return attrs.evolve(found, **{name: getattr(config, name) for name in attrs.fields_dict(Storage)})
    return found
