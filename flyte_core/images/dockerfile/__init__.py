"""An image as a Dockerfile with its build context, and what builders that take one have in common."""

from __future__ import annotations

from flyte_core.images.dockerfile.context import describe, write_context
from flyte_core.images.dockerfile.failures import build_error, hint, step_of
from flyte_core.images.dockerfile.logins import docker_config
from flyte_core.images.dockerfile.plan import BuildSecret, ContextFile, Plan, Step
from flyte_core.images.dockerfile.preparing import Prepared, prepared, say_plan
from flyte_core.images.dockerfile.rendering import mirrored, render, render_uv
from flyte_core.images.dockerfile.secrets import FoundSecret, Masked, find_secrets

__all__ = [
    "BuildSecret",
    "ContextFile",
    "FoundSecret",
    "Masked",
    "Plan",
    "Prepared",
    "Step",
    "build_error",
    "describe",
    "docker_config",
    "find_secrets",
    "hint",
    "mirrored",
    "prepared",
    "render",
    "render_uv",
    "say_plan",
    "step_of",
    "write_context",
]
