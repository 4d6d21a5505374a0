"""Flags that the Go loader has for storage and logging: found anywhere on the command line, and put to use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

__all__ = ["apply_settings", "take_settings"]

_PREFIXES = ("--storage.", "--logger.")
_SWITCHES = frozenset(
    {
        "storage.enable-multicontainer",
        "storage.connection.disable-ssl",
        "logger.mute",
        "logger.show-source",
    }
)
_LEVELS = {"0": "CRITICAL", "1": "CRITICAL", "2": "ERROR", "3": "WARNING", "4": "INFO", "5": "DEBUG", "6": "DEBUG"}


def take_settings(words: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Take the flags of storage and logging out of a command line.

    Args:
        words: the command line.

    Returns:
        The other words, and of each flag, without its dashes, the values in their order.

    Raises:
        click.UsageError: a flag has no value.

    Example:
        >>> take_settings(["--storage.type", "s3", "download", "--logger.level=3"])
        (['download'], {'storage.type': ['s3'], 'logger.level': ['3']})
    """
    rest: list[str] = []
    found: dict[str, list[str]] = {}
    waiting = iter(words)
    for word in waiting:
        if not word.startswith(_PREFIXES):
            rest.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if not equals:
            value = "true" if name in _SWITCHES else next(waiting, "\0")
        if value == "\0":
            raise click.UsageError(f"Option '--{name}' requires an argument.")
        found.setdefault(name, []).append(value)
    return rest, found


def apply_settings(settings: Mapping[str, Sequence[str]]) -> None:
    """Set the log level, and the way to S3-compatible storage, that flags name; others have no meaning here.

    Args:
        settings: as `take_settings` gives them.
    """
    levels = settings.get("logger.level")
    if levels:
        import logging

        logging.getLogger("flyte_core").setLevel(_LEVELS.get(levels[-1], "INFO"))
    options = _storage_options(settings)
    if options:
        from flyte_core.storage import S3
        from flyte_core.storage.config import use_storage

        use_storage(S3(**options))


def _storage_options(settings: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Give the fields of `flyte_core.storage.S3` that flags set: stow's own names before those of a connection."""
    stow: dict[str, str] = {}
    for text in settings.get("storage.stow.config", ()):
        for item in text.split(","):
            name, _equals, value = item.partition("=")
            stow[name] = value

    def last(name: str) -> str:
        return (list(settings.get(f"storage.connection.{name}", ())) or [""])[-1]

    insecure = (stow.get("disable_ssl") or last("disable-ssl")) == "true"
    endpoint = stow.get("endpoint") or last("endpoint")
    if endpoint and "://" not in endpoint:
        endpoint = f"{'http' if insecure else 'https'}://{endpoint}"
    fields = {
        "endpoint": endpoint,
        "access_key_id": stow.get("access_key_id") or last("access-key"),
        "secret_access_key": stow.get("secret_key") or last("secret-key"),
        "region": stow.get("region") or last("region"),
    }
    return {name: value for name, value in fields.items() if value}
