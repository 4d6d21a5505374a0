"""The instructions of layers that install what a project locks."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyte_core.errors import SourceError
from flyte_core.images.dockerfile.draft import Draft, cache_mount, joined
from flyte_core.images.dockerfile.python import UV, VENV, Installer, extra_words

if TYPE_CHECKING:
    from flyte_core.models.layers import PoetryProject, UVProject

__all__ = ["poetry_project", "uv_project"]

_PROJECT = "/mnt/project"
_PYTHON = f"--python {VENV}/bin/python"
_POETRY_CACHE = "/var/cache/poetry"


def uv_project(draft: Draft, folder: str, layer: UVProject) -> list[str]:
    """Install what a project locks with uv, exactly as it is locked.

    Args:
        draft: the Dockerfile.
        folder: the layer's folder in the context.
        layer: the layer.
    """
    whole = layer.project_install_mode == "install_project"
    secrets = draft.secrets(layer.secret_mounts)
    installer = Installer(draft, layer, secrets)
    mounts = [*installer.mounts, draft.uv_mount, draft.mount_layer_files(layer, folder, _PROJECT, writable=whole)]
    if not _has_own_sources(draft, layer):
        # Not editable: the project's folder is there while it is installed, and never again.
        mode = "--no-editable" if whole else "--no-install-project"
        command = [
            *secrets.preludes,
            f"UV_PROJECT_ENVIRONMENT={VENV} {installer.uv('sync')}",
            f"{_PYTHON} --project {_PROJECT} --frozen --inexact {mode}",
            *installer.options,
        ]
        return ["RUN " + joined([*mounts, *command])]
    # A lock file names the files of one index; these are the same packages, by name and hash, from another.
    listed = "/tmp/locked.txt"  # noqa: S108 - in the image that is built
    words = extra_words(layer.extra_args, secrets.variables)
    command = [
        *secrets.preludes,
        f"{UV} export {_PYTHON} --project {_PROJECT} --frozen --no-emit-project",
        *words,
        f"{installer.cache} --quiet --output-file {listed} &&",
        f"{installer.uv('pip install')} {_PYTHON}",
        *installer.sources,
        f"--requirement {listed} && rm {listed}",
        *_itself(installer, whole),
    ]
    return ["RUN " + joined([*mounts, *command])]


def _has_own_sources(draft: Draft, layer: UVProject) -> bool:
    settings = draft.settings
    return bool(settings.index_url or settings.wheels or settings.offline) and not layer.index_url


def _itself(installer: Installer, whole: bool) -> list[str]:
    if not whole:
        return []
    return [f"&& {installer.uv('pip install')} {_PYTHON} --no-deps", *installer.sources, _PROJECT]


def poetry_project(draft: Draft, folder: str, layer: PoetryProject) -> list[str]:
    """Install what a project locks with Poetry, which is in no image that it has installed.

    Args:
        draft: the Dockerfile.
        folder: the layer's folder in the context.
        layer: the layer.
    """
    whole = layer.project_install_mode == "install_project" and _is_package(layer.pyproject)
    secrets = draft.secrets(layer.secret_mounts)
    installer = Installer(draft, None, secrets)
    cached = [] if secrets.mounts else [cache_mount("poetry", _POETRY_CACHE)]
    words = extra_words(layer.extra_args, secrets.variables)
    alone = any("--no-root" in word.split() for word in words)
    command = [
        *secrets.preludes,
        f"export VIRTUAL_ENV={VENV} POETRY_CACHE_DIR={_POETRY_CACHE}; cd {_PROJECT} &&",
        f"{UV} tool run {installer.cache} {_PYTHON}",
        *installer.sources,
        "poetry install --no-interaction --compile",
        *([] if alone else ["--no-root"]),
        *words,
        # By Poetry it would be editable, and its folder is gone afterwards.
        *_itself(installer, whole and not alone),
        *([f"&& rm -rf {_POETRY_CACHE}"] if secrets.mounts else []),
    ]
    return [
        "RUN "
        + joined(
            [
                *installer.mounts,
                *cached,
                draft.uv_mount,
                draft.mount_layer_files(layer, folder, _PROJECT, writable=whole),
                *command,
            ]
        )
    ]


def _is_package(pyproject: Path) -> bool:
    """Whether there is anything to install of a project itself."""
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        table: dict[str, Any] = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError("PoetryProject", pyproject, f"it cannot be read: {error}") from error
    return table.get("tool", {}).get("poetry", {}).get("package-mode", True) is not False
