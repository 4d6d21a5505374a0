"""Layers of images, as values: what is added, not how it is built."""

from __future__ import annotations

from flyte_core.models.layers.base import Layer
from flyte_core.models.layers.copies import CopyConfig, DockerIgnore, PathType
from flyte_core.models.layers.files import LayerFile, layer_files
from flyte_core.models.layers.pip import PipOption, PipPackages, PythonWheels, Requirements
from flyte_core.models.layers.projects import InstallMode, PoetryProject, UVProject, UVScript
from flyte_core.models.layers.system import AptPackages, Commands, Env, WorkDir

__all__ = [
    "AptPackages",
    "Commands",
    "CopyConfig",
    "DockerIgnore",
    "Env",
    "InstallMode",
    "Layer",
    "LayerFile",
    "PathType",
    "PipOption",
    "PipPackages",
    "PoetryProject",
    "PythonWheels",
    "Requirements",
    "UVProject",
    "UVScript",
    "WorkDir",
    "layer_files",
]
