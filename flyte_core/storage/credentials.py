"""Where credentials come from: the usual places of each provider, looked at in the order of its own tools.

Environment variables, web identities, container and instance roles and Google's application default credentials are
read by obstore. It does not read the profiles of ``~/.aws``, so that is done here.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from flyte_core.errors import ConfigError, near_misses
from flyte_core.storage.config import ABFS, GCS, S3, Storage

__all__ = ["AwsProfile", "aws_profile", "certificates", "has_given_credentials", "options_of", "places_of"]

_PLACES = {
    "s3": (
        "the S3(...) given to flyte_core.init(storage=...), its access_key_id and secret_access_key; "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; "
        "the profile of AWS_PROFILE in ~/.aws; AWS_WEB_IDENTITY_TOKEN_FILE; the role of the container or instance. "
        "For public data: S3(anonymous=True)"
    ),
    "gs": (
        "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT; gcloud's application default credentials; "
        "the instance's service account. For public data: GCS(anonymous=True)"
    ),
    "az": (
        "the ABFS(...) given to flyte_core.init(storage=...), its account_key; AZURE_STORAGE_ACCOUNT_KEY; "
        "AZURE_CLIENT_ID with AZURE_CLIENT_SECRET and "
        "AZURE_TENANT_ID; AZURE_FEDERATED_TOKEN_FILE; the managed identity. For public data: ABFS(anonymous=True)"
    ),
    "http": "user and password in the URL, or the host's entry in ~/.netrc (or the file that NETRC names)",
}


def places_of(scheme: str) -> str:
    """Say where credentials for a scheme are looked for; empty for one that is not known.

    Args:
        scheme: the scheme.

    Example:
        >>> "netrc" in places_of("https")
        True
    """
    families = {"s3a": "s3", "gcs": "gs", "abfs": "az", "abfss": "az", "https": "http"}
    text = _PLACES.get(families.get(scheme, scheme))
    return f"credentials are looked for in: {text}" if text else ""


def certificates() -> str | None:
    """Give the certificates of a private authority, where ``AWS_CA_BUNDLE`` or ``SSL_CERT_FILE`` names a file of them.

    Raises:
        ConfigError: the file cannot be read.
    """
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        path = os.environ.get(name)
        if path:
            try:
                return Path(path).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"{name}={path!r} in the environment: {error}") from error
    return None


@attrs.frozen(kw_only=True)
class AwsProfile:
    """What the files of ``~/.aws`` say of one profile.

    Args:
        name: its name.
        options: its settings, by their names in the files.
    """

    name: str
    options: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    @property
    def has_keys(self) -> bool:
        """Whether it has static keys."""
        return {"aws_access_key_id", "aws_secret_access_key"} <= set(self.options)

    @property
    def has_provider(self) -> bool:
        """Whether it says how to get temporary keys, which takes boto3."""
        return any(name in self.options for name in ("role_arn", "sso_session", "sso_start_url", "credential_process"))


def aws_profile(name: str | None = None) -> AwsProfile | None:
    """Read a profile of ``~/.aws/credentials`` and ``~/.aws/config``, or of the files that the environment names.

    Args:
        name: the profile; default ``AWS_PROFILE``, else ``default``.

    Returns:
        The profile; ``None`` when none was named and there is no default one.

    Raises:
        ConfigError: the named profile is not there, or a file cannot be understood.
    """
    wanted = name or os.environ.get("AWS_PROFILE") or "default"
    known: dict[str, dict[str, str]] = {}
    for variable, default, prefix in (
        ("AWS_CONFIG_FILE", "~/.aws/config", "profile "),
        ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", ""),
    ):
        path = Path(os.environ.get(variable) or default).expanduser()
        for section, options in _sections(path).items():
            known.setdefault(section.removeprefix(prefix).strip(), {}).update(options)
    if wanted in known:
        return AwsProfile(name=wanted, options=known[wanted])
    if wanted == "default":
        return None
    close = near_misses(wanted, known)
    also = f"; is it {' or '.join(close)}?" if close else f"; there is {', '.join(sorted(known)) or 'none'}"
    raise ConfigError(f"the AWS profile {wanted!r} is neither in ~/.aws/config nor in ~/.aws/credentials{also}")


def _sections(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        # configparser's text repeats lines of the file.
        raise ConfigError(f"{path} cannot be read as an AWS file: {type(error).__name__}") from None
    return {section: dict(parser.items(section)) for section in parser.sections()}


def options_of(config: Storage) -> dict[str, Any]:
    """Give obstore's options for a configuration: its own values, and credentials that obstore does not find itself.

    Args:
        config: the configuration.

    Returns:
        Keyword arguments of obstore's store; what is left out obstore looks for.

    Raises:
        ConfigError: a profile that is asked for is not there, or needs boto3.

    Example:
        >>> options_of(S3(anonymous=True, region="eu-west-1"))
        {'region': 'eu-west-1', 'skip_signature': True}
    """
    if isinstance(config, S3):
        return _of_s3(config)
    options: dict[str, Any] = {}
    if isinstance(config, ABFS):
        names = ("account_name", "account_key", "tenant_id", "client_id", "client_secret")
        options = {name: getattr(config, name) for name in names if getattr(config, name) is not None}
    if config.anonymous and isinstance(config, (ABFS, GCS)):
        options["skip_signature"] = True
    return options


def has_given_credentials(config: Storage) -> bool:
    """Say whether a configuration itself holds credentials, so that nothing else is tried.

    Args:
        config: the configuration.
    """
    names = ("access_key_id", "account_key", "client_secret")
    return any(getattr(config, name, None) is not None for name in names)


def _of_s3(config: S3) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if config.endpoint:
        options["endpoint"] = config.endpoint
    if config.region:
        options["region"] = config.region
    if config.anonymous:
        return {**options, "skip_signature": True}
    if config.access_key_id is not None:
        keys = {"access_key_id": config.access_key_id, "secret_access_key": config.secret_access_key}
        return {**options, **keys, **({"session_token": config.session_token} if config.session_token else {})}
    env = os.environ
    named = config.profile if config.profile != env.get("AWS_PROFILE") else None
    if named is None and (env.get("AWS_ACCESS_KEY_ID") or env.get("AWS_WEB_IDENTITY_TOKEN_FILE")):
        return options
    profile = aws_profile(config.profile)
    return {**_of_profile(profile), **options} if profile else options


def _of_profile(profile: AwsProfile) -> dict[str, Any]:
    found = profile.options
    options: dict[str, Any] = {}
    if "region" in found:
        options["region"] = found["region"]
    if "endpoint_url" in found:
        options["endpoint"] = found["endpoint_url"]
    if profile.has_keys:
        options["access_key_id"] = found["aws_access_key_id"]
        options["secret_access_key"] = found["aws_secret_access_key"]
        if "aws_session_token" in found:
            options["session_token"] = found["aws_session_token"]
    elif profile.has_provider:
        options["credential_provider"] = _provider(profile.name)
    return options


def _provider(profile: str) -> Callable[[], dict[str, Any]]:
    """Give what fetches temporary keys for obstore, again and again as they expire."""
    try:
        import boto3
    except ImportError as error:
        text = f"the AWS profile {profile!r} takes boto3, for its role, sign-on or process: pip install boto3"
        raise ConfigError(text) from error
    credentials = boto3.Session(profile_name=profile).get_credentials()
    if credentials is None:
        raise ConfigError(f"boto3 finds no credentials for the AWS profile {profile!r}")

    def fetch() -> dict[str, Any]:
        import datetime as dt

        now = dt.datetime.now(dt.timezone.utc)
        keys = credentials.get_frozen_credentials()
        return {
            "access_key_id": keys.access_key,
            "secret_access_key": keys.secret_key,
            "token": keys.token,
            "expires_at": now + dt.timedelta(minutes=5),  # boto3 knows when they expire; it is asked that often
        }

    return fetch
