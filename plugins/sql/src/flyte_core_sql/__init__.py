"""SQL queries as typed tasks for flyte_core: the task type ``sql``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyte_core_sql.connection import Connection
    from flyte_core_sql.template import SQLTask

__all__ = ["Connection", "SQLTask"]

_HOMES = {"Connection": "flyte_core_sql.connection", "SQLTask": "flyte_core_sql.template"}


def __getattr__(name: str) -> Any:
    """Import a class when it is asked for: to configure a connection takes no task."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
