"""Builds images with buildah, without a daemon."""

from __future__ import annotations

from flyte_core_image_buildah.builder import BuildahImageBuilder
from flyte_core_image_buildah.checker import LocalStorageChecker

__all__ = ["BuildahImageBuilder", "LocalStorageChecker"]
