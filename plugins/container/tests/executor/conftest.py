"""A real engine, and an image with flyte_core in it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.task_images import task_image

PROJECT = Path(__file__).with_name("project")


@pytest.fixture(scope="session")
def tasks_image(docker_api: Any) -> str:
    """The name of the image that tasks run in."""
    return task_image(docker_api)


@pytest.fixture(scope="session")
def project(tasks_image: str) -> Iterator[Callable[[str], ModuleType]]:
    """Imports a module of the project, as a user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLYTE_CORE_TEST_IMAGE", tasks_image)
        patch.syspath_prepend(str(PROJECT))
        yield importlib.import_module
        for name in [name for name, module in sys.modules.items() if _is_of_project(module)]:
            del sys.modules[name]


def _is_of_project(module: object) -> bool:
    return str(getattr(module, "__file__", "")).startswith(f"{PROJECT}{os.sep}")


@pytest.fixture
def host(tasks_image: str, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a process of its own that runs tasks: a script in the project's folder."""

    def start(script: str, **more: Any) -> subprocess.Popen[str]:
        path = tmp_path / "script.py"
        path.write_text(f"import sys; sys.path.insert(0, {str(PROJECT)!r})\n{script}")
        environment = {
            **os.environ,
            "FLYTE_CORE_TEST_IMAGE": tasks_image,
            "FLYTE_CORE_CACHE_DIR": str(tmp_path / "cache"),
            "TMPDIR": str(tmp_path),
            "PYTHONUNBUFFERED": "1",
        }
        given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **more}
        return subprocess.Popen([sys.executable, str(path)], env=environment, cwd=tmp_path, **given)

    return start
