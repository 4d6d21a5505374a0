"""Flyte CoPilot: inputs of a task as files for any program, and the program's files as outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyte_core_container.copilot.inputs import write_inputs
    from flyte_core_container.copilot.operations import download, sidecar, upload
    from flyte_core_container.copilot.outputs import read_outputs

__all__ = ["download", "read_outputs", "sidecar", "upload", "write_inputs"]

_PLACES = {
    "download": "operations",
    "read_outputs": "outputs",
    "sidecar": "operations",
    "upload": "operations",
    "write_inputs": "inputs",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
