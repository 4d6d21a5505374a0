"""Where the settings' file is, and its table as TOML has it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from flyte_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["FoundTable", "find_table"]

_FILE_NAMES = ("flyte_core.toml", "pyproject.toml")

# Parsing TOML takes longer than all else here, and most projects only have flyte_core in a dependency or entry point.
_MAYBE_OUR_TABLE = rb"""(?m)(?:tool["' \t]*\.|[{,]|^)[ \t"']*flyte_core["' \t]*[=.\]]"""


class FoundTable(NamedTuple):
    """The table of settings in a file.

    Args:
        path: the file.
        prefix: what stands before the names of settings in it: ``tool.flyte_core.``, or nothing.
        values: the table.
    """

    path: str
    prefix: str
    values: Mapping[str, Any]


# os.path and plain texts all through: every process reads its settings, and pathlib alone takes 4 ms to import.
def find_table(start: str) -> FoundTable | None:
    """Find the settings of the nearest folder upwards that has some.

    Args:
        start: the folder to begin in, absolute.

    Raises:
        ConfigError: a file on the way is no TOML, or what stands in the table's place is none.
    """
    for folder in _upwards(start):
        for file_name in _FILE_NAMES:
            path = os.path.join(folder, file_name)
            table = _table(path)
            if table is not None:
                return FoundTable(path, "" if file_name == "flyte_core.toml" else "tool.flyte_core.", table)
    return None


def _upwards(folder: str) -> Iterable[str]:
    while True:
        yield folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent


def _table(path: str) -> Mapping[str, Any] | None:
    try:
        with open(path, "rb") as file:
            content = file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
        return None
    whole_file = os.path.basename(path) == "flyte_core.toml"
    if not whole_file and (b"flyte_core" not in content or not re.search(_MAYBE_OUR_TABLE, content)):
        return None
    document = _parse_toml(path, content)
    table = document if whole_file else _tool_table(path, document)
    if table is not None and not isinstance(table, dict):
        raise ConfigError(f"{path} [tool.flyte_core]: expected a table, got {type(table).__name__}")
    return table


def _tool_table(path: str, document: Mapping[str, Any]) -> Any:
    tool = document.get("tool", {})
    if not isinstance(tool, dict):
        raise ConfigError(f"{path} [tool]: expected a table, got {type(tool).__name__}")
    return tool.get("flyte_core")


def _parse_toml(path: str, content: bytes) -> dict[str, Any]:
    import sys
    from importlib import import_module

    # tomli is tomllib under its older name; Python 3.10 has neither.
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        document: dict[str, Any] = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    return document
