"""How registries are asked: for how long, how often, where instead, and which of them in plain HTTP."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.images.references import ImageReference

__all__ = ["RegistrySettings"]


def _duration(instance: RegistrySettings, attribute: Any, value: object) -> None:
    if not isinstance(value, dt.timedelta):
        raise InvalidTypeError("RegistrySettings", attribute.name, value, "a datetime.timedelta")
    if value <= dt.timedelta(0):
        raise InvalidValueError("RegistrySettings", attribute.name, value, "more than no time")


def _retries(instance: RegistrySettings, attribute: Any, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidTypeError("RegistrySettings", attribute.name, value, "an int")
    if value < 0:
        raise InvalidValueError("RegistrySettings", attribute.name, value, "at least 0")


def _check_host(field_name: str, host: object) -> str:
    if not isinstance(host, str):
        raise InvalidTypeError("RegistrySettings", field_name, host, "a host as a str")
    try:
        ImageReference(registry=host, repository="x")
    except InvalidValueError as error:
        raise InvalidValueError("RegistrySettings", field_name, error.value, error.allowed) from None
    return host


def _insecure(hosts: Any) -> tuple[str, ...]:
    if isinstance(hosts, str):
        raise InvalidTypeError("RegistrySettings", "insecure", hosts, "a list of hosts, not one str")
    return tuple(_check_host("insecure", host) for host in hosts)


def _mirrors(mirrors: Mapping[str, str]) -> Mapping[str, str]:
    checked: dict[str, str] = {}
    for host, instead in mirrors.items():
        where = f"mirrors[{_check_host('mirrors', host)!r}]"
        if not isinstance(instead, str):
            raise InvalidTypeError("RegistrySettings", where, instead, "a host as a str")
        other, _, prefix = instead.rstrip("/").partition("/")
        try:
            ImageReference(registry=other, repository=f"{prefix}/x" if prefix else "x")
        except InvalidValueError as error:
            allowed = f"a host, perhaps with a /prefix; for its {error.field}: {error.allowed}"
            raise InvalidValueError("RegistrySettings", where, error.value, allowed) from None
        checked[host] = instead.rstrip("/")
    return MappingProxyType(checked)


@frozen(kw_only=True)
class RegistrySettings:
    """How registries are asked.

    Args:
        deadline: how long one look-up may take, with all its requests, tries and credential helpers.
        connect_timeout: how long making a connection may take.
        retries: how often a request is repeated that failed for a reason that may pass.
        backoff: the wait before the first repetition; it doubles.
        insecure: hosts, with their port, that are asked in plain HTTP; this machine itself always is.
        mirrors: what is asked instead of a host: another host, perhaps with a prefix for the repository.
        auths: credentials before those of this machine's own files, as ``auths`` of Docker's ``config.json`` has them.
        cache_dir: where the platforms of images are remembered; by default in the folder that
            `flyte_core.config.load_settings` gives.

    Raises:
        InvalidTypeError: a value is of another type.
        InvalidValueError: a host or a time is not valid.

    Example:
        >>> RegistrySettings(mirrors={"docker.io": "mirror.example.com/hub"}).deadline
        datetime.timedelta(seconds=30)
    """

    deadline: dt.timedelta = field(default=dt.timedelta(seconds=30), validator=_duration)
    connect_timeout: dt.timedelta = field(default=dt.timedelta(seconds=5), validator=_duration)
    retries: int = field(default=3, validator=_retries)
    backoff: dt.timedelta = field(default=dt.timedelta(seconds=0.5), validator=_duration)
    insecure: tuple[str, ...] = field(default=(), converter=_insecure)
    mirrors: Mapping[str, str] = field(factory=dict, converter=_mirrors, hash=False)
    auths: Mapping[str, Any] = field(factory=dict, repr=False, hash=False)
    cache_dir: str | os.PathLike[str] | None = None
