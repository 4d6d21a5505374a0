"""Python function tasks for flyte_core: the task type ``python``."""

from __future__ import annotations

from flyte_core_python.template import AsyncFunctionTaskTemplate

__all__ = ["AsyncFunctionTaskTemplate"]
