"""The instructions of each kind of layer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flyte_core.errors import ImageBuildError, MissingSourceError
from flyte_core.images.dockerfile.draft import Draft, cache_mount, joined
from flyte_core.images.dockerfile.plan import ContextFile
from flyte_core.images.dockerfile.projects import poetry_project, uv_project
from flyte_core.images.dockerfile.python import VENV, Installer
from flyte_core.images.dockerfile.quoting import (
    env_value,
    path_pair,
    path_word,
    run_text,
    shell_word,
    source_path,
    variables_in,
)
from flyte_core.models.layers import (
    AptPackages,
    Commands,
    CopyConfig,
    Env,
    Layer,
    PipPackages,
    PythonWheels,
    Requirements,
    UVScript,
    WorkDir,
    layer_files,
)
from flyte_core.sources import script_metadata

__all__ = ["PYTHON_KINDS", "layer_title", "render_layer"]

#: The kinds that need uv and the virtual environment.
PYTHON_KINDS = frozenset({"pip", "requirements", "wheels", "uv_project", "poetry_project", "uv_script"})

_PYTHON = f"--python {VENV}"
_LINE = 100


def render_layer(draft: Draft, number: int, layer: Layer) -> list[str]:
    """Write a layer's instructions.

    Args:
        draft: the Dockerfile.
        number: the layer's number, from 1.
        layer: the layer.

    Raises:
        ImageBuildError: the layer is of a kind that a Dockerfile cannot say.
    """
    known = _RENDERERS.get(layer.kind)
    if known is None:
        owner = f"{type(layer).__module__}.{type(layer).__qualname__}"
        raise ImageBuildError(
            f"layer {number} is of kind {layer.kind!r} ({owner}), which a Dockerfile has no instructions for; known "
            f"are {', '.join(sorted(_RENDERERS))}. Say it with with_commands(), or use a builder that knows it"
        )
    return known[1](draft, f"{number:02d}-{layer.kind.replace('_', '-')}", layer)


def layer_title(number: int, layer: Layer) -> str:
    """Say in a few words which layer it is."""
    known = _RENDERERS.get(layer.kind)
    return f"Layer {number}: {known[0] if known else layer.kind}"


def _wrapped(words: list[str]) -> list[str]:
    """Give words in lines that are not too long."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) < _LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _env(draft: Draft, folder: str, layer: Env) -> list[str]:
    instructions: list[list[str]] = []
    names: set[str] = set()
    for name, value in layer.env_vars:
        # Within one instruction a variable still has the value that it had before.
        if not instructions or name in names or variables_in(value) & names:
            instructions.append([])
            names = set()
        instructions[-1].append(f"{name}={env_value(value)}")
        names.add(name)
    return ["ENV " + joined(pairs) for pairs in instructions]


def _workdir(draft: Draft, folder: str, layer: WorkDir) -> list[str]:
    return [f"WORKDIR {path_word(layer.workdir)}"]


def _commands(draft: Draft, folder: str, layer: Commands) -> list[str]:
    secrets = draft.secrets(layer.secret_mounts)
    instructions = []
    for command in layer.commands:
        mounts, preludes = list(secrets.mounts), list(secrets.preludes)
        if draft.uv_from and re.search(r"(?<![\w./-])uvx?(?![\w./=-])", command):
            mounts.append(draft.uv_mount)
            preludes.append('export PATH="$PATH:/opt/uv/bin";')
        instructions.append("RUN " + joined([*mounts, run_text(command, preludes)]))
    return instructions


_APT_ARCHIVES = "/var/cache/apt/flyte-core"


def _apt(draft: Draft, folder: str, layer: AptPackages) -> list[str]:
    secrets = draft.secrets(layer.secret_mounts)
    mounts = [
        cache_mount("apt", "/var/cache/apt", locked=True),
        cache_mount("apt-lists", "/var/lib/apt/lists", locked=True),
        *secrets.mounts,
    ]
    sources = draft.settings.apt_sources
    options = ""
    if sources is not None:
        if not Path(sources).is_file():
            raise MissingSourceError("images.apt_sources", sources, "there is no such file")
        listed = ContextFile(path="sources.list", source=sources)
        mounts.append(draft.mount([listed], "apt", "/mnt/apt"))
        options = " -o Dir::Etc::sourcelist=/mnt/apt/sources.list -o Dir::Etc::sourceparts=-"
    words = [shell_word(package, secrets.variables) for package in layer.packages]
    return [
        "RUN "
        + joined(
            [
                *mounts,
                *secrets.preludes,
                f"apt-get{options} update &&",
                # Debian's images throw away what lies in the usual folder for archives.
                f"DEBIAN_FRONTEND=noninteractive apt-get{options} -o Dir::Cache::archives={_APT_ARCHIVES}",
                "install --yes --no-install-recommends",
                *_wrapped(words),
            ]
        )
    ]


def _install(draft: Draft, layer: Any, words: list[str], mounts: list[str]) -> list[str]:
    secrets = draft.secrets(layer.secret_mounts)
    installer = Installer(draft, layer, secrets)
    return [
        "RUN "
        + joined(
            [
                *installer.mounts,
                draft.uv_mount,
                *mounts,
                *secrets.preludes,
                f"{installer.uv('pip install')} {_PYTHON}",
                *installer.options,
                *_wrapped([shell_word(word, secrets.variables) for word in words]),
            ]
        )
    ]


def _pip(draft: Draft, folder: str, layer: PipPackages) -> list[str]:
    return _install(draft, layer, list(layer.packages or ()), []) if layer.packages else []


def _requirements(draft: Draft, folder: str, layer: Requirements) -> list[str]:
    mount = draft.mount_layer_files(layer, folder, "/mnt/requirements")
    main = layer_files(layer, draft.image)[0].name
    words = ["--requirement", f"/mnt/requirements/{main}", *(layer.packages or ())]
    return _install(draft, layer, words, [mount])


def _uv_script(draft: Draft, folder: str, layer: UVScript) -> list[str]:
    dependencies = script_metadata(layer.script).get("dependencies") or []
    return _install(draft, layer, dependencies, []) if dependencies else []


def _wheels(draft: Draft, folder: str, layer: PythonWheels) -> list[str]:
    secrets = draft.secrets(layer.secret_mounts)
    installer = Installer(draft, layer, secrets)
    name = shlex.quote(layer.package_name)
    found = "--find-links /mnt/package"
    return [
        "RUN "
        + joined(
            [
                *installer.mounts,
                draft.uv_mount,
                draft.mount_layer_files(layer, folder, "/mnt/package"),
                # By itself first: an index may have a newer one of that name.
                *secrets.preludes,
                f"{installer.uv('pip install')} {_PYTHON}",
                f"--no-index --no-deps --reinstall {'--pre ' if layer.pre else ''}{found} {name} &&",
                f"{installer.uv('pip install')} {_PYTHON}",
                *installer.options,
                f"{found} {name}",
            ]
        )
    ]


def _copy(draft: Draft, folder: str, layer: CopyConfig) -> list[str]:
    files = draft.add_layer_files(layer, folder)
    # buildah takes what it finds by a pattern for a pattern again.
    is_odd = not layer.path_type and any(sign in files[0].path for sign in "[*?") and layer.dst.endswith(("/", "."))
    source = f"{folder}/" if layer.path_type or is_odd else source_path(files[0].path)
    return [f"COPY {path_pair(source, path_word(layer.dst))}"]


def _nothing(draft: Draft, folder: str, layer: Layer) -> list[str]:
    return []


_RENDERERS: Mapping[str, tuple[str, Callable[[Draft, str, Any], list[str]]]] = {
    "apt": ("packages of the operating system", _apt),
    "commands": ("commands", _commands),
    "copy": ("files", _copy),
    "dockerignore": ("what is not copied", _nothing),
    "env": ("variables", _env),
    "pip": ("Python packages", _pip),
    "poetry_project": ("what a project locks with Poetry", poetry_project),
    "requirements": ("Python packages of a requirements file", _requirements),
    "uv_project": ("what a project locks with uv", uv_project),
    "uv_script": ("Python packages of a script", _uv_script),
    "wheels": ("a Python package from wheels", _wheels),
    "workdir": ("working directory", _workdir),
}
