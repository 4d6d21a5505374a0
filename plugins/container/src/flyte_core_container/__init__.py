"""Containers as tasks for flyte_core: the task type ``raw-container``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyte_core_container.template import ContainerTask

__all__ = ["ContainerTask"]


def __getattr__(name: str) -> Any:
    """Import the class when it is asked for: CoPilot lives in this package, and starts without it."""
    if name != "ContainerTask":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flyte_core_container.template import ContainerTask

    globals()[name] = ContainerTask
    return ContainerTask


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
