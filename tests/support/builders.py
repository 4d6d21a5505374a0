"""Builders of images for tests, as throw-away plugins that keep images in a dict."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flyte_core.registry import TaskPluginRegistry
from tests.support.dists import Site

__all__ = ["install", "only_ours", "recorder"]

#: A builder that keeps images in a dict, as a registry of its own; tests set what it answers and see what it was asked.
BUILDER = """
import asyncio

from flyte_core.images import build_request

images = {}
asked, built, requests = [], [], []
unsure = None
slow = None
gives = lambda image: f"{image.uri}@sha256:{'a' * 64}"


class Checker:
    @classmethod
    async def image_exists(cls, repository, tag, arch=("linux/amd64",)):
        asked.append((repository, tag, arch))
        if unsure is not None:
            raise unsure
        return images.get(f"{repository}:{tag}")


class Builder:
    def get_checkers(self):
        return [Checker]

    async def build_image(self, image, dry_run):
        requests.append(build_request())
        if dry_run:
            build_request().say(f"FROM {image.base_image}")
            return image.uri
        built.append(image.uri)
        build_request().progress("step 1")
        if slow is not None:
            await slow()
        images[image.uri] = gives(image)
        return images[image.uri]

    async def image_size(self, uri):
        return 5_000_000


class Bare:
    get_checkers = Builder.get_checkers
    build_image = Builder.build_image


class NoBuilder:
    pass
"""


@pytest.fixture
def only_ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Block the builders that are installed here, so that a test sees its own alone."""
    monkeypatch.setenv("FLYTE_CORE_PLUGINS", "-image_builder:docker,-image_builder:buildah")
    monkeypatch.delenv("FLYTE_CORE_IMAGE_BUILDER", raising=False)
    monkeypatch.setenv("CI", "false")
    yield
    monkeypatch.undo()
    TaskPluginRegistry.refresh()


@pytest.fixture
def install(site: Site, only_ours: None) -> Callable[..., Any]:
    """Give what installs a builder plugin under a name, and gives its module."""

    def install_one(name: str = "recorder", attribute: str = "Builder", source: str = BUILDER) -> Any:
        module = f"throwaway_builder_{name.replace('-', '_')}"
        entry_points = {"flyte_core.image_builders": {name: f"{module}:{attribute}"}}
        site.install(f"dist-{name}", entry_points, modules={module: source})
        TaskPluginRegistry.refresh()
        return importlib.import_module(module)

    return install_one


@pytest.fixture
def recorder(install: Callable[..., Any]) -> Any:
    """A builder that is the only one installed."""
    return install()
