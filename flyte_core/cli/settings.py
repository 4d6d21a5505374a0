"""The settings that a command runs with, from its options, the environment and the configuration file."""

from __future__ import annotations

import logging

from flyte_core.cli.failure import Failure
from flyte_core.config import Settings, load_settings
from flyte_core.errors import ConfigError

__all__ = ["read_settings"]


def read_settings(**flags: str | None) -> Settings:
    """Read the settings, and let flyte_core log as they say.

    Args:
        **flags: options of the command line by the names of `flyte_core.config.Settings`; None means not given.

    Returns:
        The settings.

    Raises:
        Failure: with status 2 when a source has an unknown key or a value that is not allowed.
    """
    try:
        settings = load_settings({name: value for name, value in flags.items() if value is not None})
    except ConfigError as error:
        raise Failure(str(error), code="ConfigError") from error
    logging.getLogger("flyte_core").setLevel(settings.log_level.value)
    return settings
