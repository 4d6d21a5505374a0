"""Python function tasks for flyte_core: the task type ``python``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core.extend import lazy_names

if TYPE_CHECKING:
    from flyte_core_python.resolver import DefaultTaskResolver
    from flyte_core_python.template import AsyncFunctionTaskTemplate

__all__ = ["AsyncFunctionTaskTemplate", "DefaultTaskResolver"]

__getattr__, __dir__ = lazy_names(
    __name__, {"AsyncFunctionTaskTemplate": ".template", "DefaultTaskResolver": ".resolver"}
)
