from __future__ import annotations

import pytest

from flyte_core.config import PluginSettings, Setting, Settings
from flyte_core.discovery import PluginIndex
from flyte_core.models import NativeInterface
from flyte_core.registry import Registry
from flyte_core.template import TaskTemplate


@pytest.fixture
def registry_of(site):
    """Give a function that makes a registry of what stands in the site folder, with plugin settings."""

    def make(**plugins) -> Registry:
        settings = Settings(plugins=Setting(PluginSettings(**plugins), "test"))
        return Registry(index=PluginIndex(path=[str(site)]), settings=settings)

    return make


@pytest.fixture
def template():
    """Give a function that makes a template of a class."""

    def make(cls=TaskTemplate, task_type="sql", name="env.task"):
        return cls(name=name, interface=NativeInterface({}, {}), task_type=task_type)

    return make
