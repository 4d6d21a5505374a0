"""An image that tasks run in: this machine's Python with flyte_core and its plugins as they are here."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from tests.support.bases import python_base
from tests.support.engines import machine_engine

__all__ = ["TASKS", "image_of_the_docs_tasks", "task_image"]

#: What the image has inside.
TASKS = ["flyte-core", "flyte-core-container", "flyte-core-dataframe", "flyte-core-python"]


def task_image(api: Any, *packages: str, plugins: Sequence[str] = ()) -> str:
    """Give an engine the image, and its name; made once for each state of the code.

    Args:
        api: the engine's.
        *packages: requirements besides.
        plugins: further distributions of this project.
    """
    from flyte_core import Image, __version__
    from flyte_core.images import ImageSettings, build_image, with_installed

    base = Image.from_base(python_base(api))
    image = base.clone(name="flyte-core-test-tasks", python_version=sys.version_info[:2])
    image = image.with_pip_packages(f"flyte-core=={__version__}", *packages)
    # Wheels are built once for all workers and sessions; a test's own folder for caches would have each build them.
    cache = Path(tempfile.gettempdir()) / f"flyte-core-{os.getuid()}-wheels"
    with mock.patch.dict(os.environ, {"FLYTE_CORE_CACHE_DIR": str(cache)}):
        image = asyncio.run(with_installed(image, [*TASKS, *plugins]))
        return asyncio.run(build_image(image, builder="docker", push=False, settings=ImageSettings())).uri


def image_of_the_docs_tasks() -> None:
    """Have the engine know the image whose tasks pages run, as the code is now."""
    api = machine_engine()
    api.tag(task_image(api), "greetings", "1")
