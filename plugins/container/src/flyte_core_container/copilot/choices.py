"""What the arguments of CoPilot may be, and the names of the documents it reads and writes beside the files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flyte_core.errors import InvalidValueError

if TYPE_CHECKING:
    import attrs

__all__ = [
    "DOWNLOAD_MODES",
    "ERROR_NAME",
    "FORMATS",
    "LAYOUTS",
    "OUTPUT_NAME",
    "UPLOAD_MODES",
    "check_choice",
    "one_of",
]

FORMATS = ("JSON", "YAML", "PROTO")
LAYOUTS = ("DIRECT", "NAMED_DIR")
DOWNLOAD_MODES = ("DOWNLOAD_EAGER", "DOWNLOAD_STREAM", "DO_NOT_DOWNLOAD")
UPLOAD_MODES = ("UPLOAD_ON_EXIT", "UPLOAD_EAGER", "DO_NOT_UPLOAD")

ERROR_NAME = "error.pb"
"""What executors read; the Go loader writes ``errors.pb``, which nobody does."""
OUTPUT_NAME = "outputs.pb"


def check_choice(owner: str, field: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not one of the choices.

    Raises:
        InvalidValueError: naming the choices.
    """
    if value not in choices:
        raise InvalidValueError(owner, field, value, f"one of {', '.join(choices)}")


def one_of(choices: tuple[str, ...]) -> Callable[[object, attrs.Attribute[str], str], None]:
    """Give `check_choice` as the validator of an attribute."""
    return lambda _instance, attribute, value: check_choice("copilot", attribute.name, value, choices)
