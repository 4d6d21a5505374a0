"""Names of files for variables and keys: none leads out of its folder, and keys come back as they were."""

from __future__ import annotations

import os
import re

from flyte_core_container.copilot.errors import GrammarError

__all__ = ["ERROR_FILE", "RESERVED_INPUTS", "decode_key", "encode_key", "fault_of_variable"]

RESERVED_INPUTS = frozenset({"inputs.json", "inputs.pb", "inputs.yaml"})
"""Files of the input folder that describe all variables."""

ERROR_FILE = "_ERROR"
"""File of the output folder in which a task reports its failure."""

_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
# A percent sign is only encoded where it would be read as an encoding, so that "50%" stays "50%".
_AMBIGUOUS = re.compile("%(?=[0-9A-Fa-f]{2})")


def fault_of_variable(name: str, reserved: frozenset[str] = frozenset()) -> str | None:
    """Say why a variable cannot have a file of its name.

    Args:
        name: the variable's name.
        reserved: names that other files of the folder have.

    Returns:
        The reason; ``None`` for a good name.

    Example:
        >>> fault_of_variable("rows"), fault_of_variable("../rows")
        (None, "its name leads out of the folder")
    """
    if not name or name in (".", ".."):
        return "its name is none that a file can have"
    if "\0" in name:
        return "its name has a NUL in it"
    if name.startswith("/") or ".." in name.split("/"):
        return "its name leads out of the folder"
    if "/" in name:
        return "its name has a slash in it"
    if name in reserved:
        return f"its name is that of a file with all variables; these names are reserved: {', '.join(sorted(reserved))}"
    return None


def encode_key(key: str) -> str:
    """Give the name of the file of a key of a map.

    Args:
        key: any text. A slash becomes ``%2F``; a percent sign before two hexadecimal digits ``%25``; the key ``.``
            becomes ``%2E`` and the empty one ``%``.

    Returns:
        The name; `decode_key` gives the key back.

    Raises:
        GrammarError: the key would lead out of the folder: it is absolute, or has ``..`` or a NUL in it.

    Example:
        >>> encode_key("a/b"), encode_key("50%"), encode_key("50%25")
        ('a%2Fb', '50%', '50%2525')
    """
    if "\0" in key:
        raise GrammarError("the key has a NUL in it")
    if key.startswith("/") or ".." in key.split("/"):
        raise GrammarError("the key leads out of the folder")
    if key in ("", "%", "."):
        return {"": "%", "%": "%25", ".": "%2E"}[key]
    return _AMBIGUOUS.sub("%25", key).replace("/", "%2F")


def decode_key(name: str) -> str:
    """Give the key that a file's name stands for.

    Raises:
        GrammarError: the name stands for no text in UTF-8.

    Example:
        >>> decode_key("a%2Fb")
        'a/b'
    """
    if name == "%":
        return ""
    # Bytes, for a name may encode the bytes of one character one by one.
    raw = _ENCODED.sub(lambda match: bytes((int(match[1], 16),)), os.fsencode(name))
    return raw.decode("utf-8")
