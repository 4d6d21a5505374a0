"""Builds images with Docker's BuildKit."""

from __future__ import annotations

from flyte_core_image_docker.builder import DockerImageBuilder
from flyte_core_image_docker.checker import DockerEngineChecker

__all__ = ["DockerEngineChecker", "DockerImageBuilder"]
