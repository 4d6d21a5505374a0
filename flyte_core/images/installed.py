"""flyte_core and the plugins that tasks need, inside of their image, at the versions that are installed here.

What is installed from an index is installed from there in the image too. What is installed from a folder of this
machine, as for development, goes into it as a wheel, so that the image's tag changes with the code.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints
from urllib.parse import urlsplit

from attrs import frozen

from flyte_core._locks import machine_lock
from flyte_core._logging import logger
from flyte_core._version import __version__
from flyte_core.errors import ImageBuildError

if TYPE_CHECKING:
    from flyte_core.models import Image
    from flyte_core.models.layers import Layer
    from flyte_core.registry import Registry
    from flyte_core.template import TaskTemplate

__all__ = ["needed_distributions", "with_installed"]

_CORE = "flyte-core"


def needed_distributions(tasks: Iterable[TaskTemplate], registry: Registry) -> list[str]:
    """Name what the image of tasks has to have inside.

    Args:
        tasks: the tasks that run in it.
        registry: where plugins are looked up.

    Returns:
        The core, the owner of each task type, every cross-cutting plugin, and the plugins of the value types that the
        tasks' interfaces name; those that are blocked are left out.

    Example:
        >>> from flyte_core.extend import TaskPluginRegistry
        >>> needed_distributions([], TaskPluginRegistry)[:1]
        ['flyte-core']
    """
    from flyte_core.discovery import GROUPS

    plugins, found = registry.settings.plugins.value, list(tasks)
    claims = [
        claim for name in {task.task_type for task in found} for claim in registry.index.find(GROUPS["task"], name)[:1]
    ]
    libraries = {library for task in found for library in _libraries(task)}
    claims += [
        claim
        for kind in ("hooks", "transformer")
        for claim in registry.index.all(GROUPS[kind])
        if plugins.blocked_by(kind, claim.name) is None
        and (kind == "hooks" or claim.name.partition(".")[0] in libraries)
    ]
    return [_CORE, *sorted({claim.distribution for claim in claims} - {_CORE})]


def _libraries(task: TaskTemplate) -> set[str]:
    """Name the packages that the types of a task's inputs and outputs are of."""
    interface = task.native_interface
    waiting: list[Any] = [kind for kind, _ in interface.inputs.values()] + list(interface.outputs.values())
    seen: list[Any] = []
    while waiting:
        kind = waiting.pop()
        if any(kind is other for other in seen):
            continue
        seen.append(kind)
        waiting += get_args(kind)
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            with contextlib.suppress(Exception):  # names that are not defined here
                waiting += get_type_hints(kind).values()
    return {str(getattr(kind, "__module__", "")).partition(".")[0] for kind in seen}


async def with_installed(image: Image, distributions: Sequence[str]) -> Image:
    """Give an image that flyte_core is installed into, with further distributions beside it.

    Args:
        image: an image. One that does not install this very version of flyte-core stays as it is: its author knows
            what is inside.
        distributions: what `needed_distributions` gives.

    Returns:
        The image with layers that install them: their dependencies where flyte-core stood, themselves on top, so that
        a change of their code costs no more than installing them.

    Raises:
        ImageBuildError: a distribution that is installed from a folder cannot be built.

    Example:
        >>> import asyncio
        >>> from flyte_core import Image
        >>> image = Image.from_base("python:3.12")
        >>> asyncio.run(with_installed(image, ["flyte-core"])) is image
        True
    """
    from flyte_core.models.image import DEFAULT_REGISTRY

    at = next((at for at, layer in enumerate(image.layers) if _installs_core(layer)), None)
    if at is None:
        return image
    plan = _Plan.of(distributions)
    wheels = [await _wheel_folder(name, source) for name, source in plan.sources.items()]
    # Nobody has pushed this one to the registry of the published images, and nobody here can.
    registry = None if image.registry == DEFAULT_REGISTRY else image.registry
    return image._with(layers=_layers(image.layers, at, plan, wheels), registry=registry)


def _layers(layers: Sequence[Layer], at: int, plan: _Plan, wheels: Sequence[Path]) -> tuple[Layer, ...]:
    from flyte_core.models.layers import PipPackages, PythonWheels

    core = layers[at]
    assert isinstance(core, PipPackages)
    packages = [word for word in core.packages or () if word != _requirement()]
    packages += [*plan.released, *plan.dependencies]
    pip = {name: getattr(core, name) for name in ("index_url", "extra_index_urls", "pre", "extra_args")}
    below: tuple[Layer, ...] = (PipPackages(packages=tuple(packages), **pip),) if packages else ()
    own = (
        PythonWheels(wheel_dir=folder, package_name=name, **{**pip, "pre": True})
        for name, folder in zip(plan.sources, wheels, strict=True)
    )
    return (*layers[:at], *below, *layers[at + 1 :], *own)


def _requirement() -> str:
    return f"{_CORE}=={__version__}"


def _installs_core(layer: Layer) -> bool:
    return layer.kind == "pip" and _requirement() in (getattr(layer, "packages", None) or ())


@frozen(kw_only=True)
class _Plan:
    """What is installed from where.

    Args:
        released: requirements of what an index has.
        dependencies: requirements of what is built here, on what is not.
        sources: folder or wheel by the name of what is built here; what others need comes first.
    """

    released: tuple[str, ...]
    dependencies: tuple[str, ...]
    sources: dict[str, Path]

    @classmethod
    def of(cls, names: Sequence[str]) -> _Plan:
        from importlib.metadata import version

        sources: dict[str, Path] = {}
        dependencies: dict[str, None] = {}
        released: list[str] = []
        for name in names:
            if _source_of(name) is None:
                released.append(f"{name}=={version(name)}")
            else:
                _collect(name, sources, dependencies)
        return cls(released=tuple(released), dependencies=tuple(sorted(dependencies)), sources=sources)


def _collect(name: str, sources: dict[str, Path], dependencies: dict[str, None], extras: Iterable[str] = ()) -> None:
    """Add a distribution of this machine, behind those of this machine that it requires."""
    from importlib.metadata import requires

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    source = _source_of(name)
    if source is None:
        return
    for text in requires(name) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is not None and not any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            continue
        other = canonicalize_name(requirement.name)
        if _source_of(other) is not None:
            _collect(other, sources, dependencies, requirement.extras)
        else:
            dependencies[_plain(requirement)] = None
    sources.setdefault(name, source)


def _plain(requirement: object) -> str:
    # The marker held here; the image's Python is the same, and Linux.
    return str(requirement).partition(";")[0].strip()


def _source_of(name: str) -> Path | None:
    """Give the folder or wheel that a distribution is installed from; None for one of an index."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        text = distribution(name).read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    url = urlsplit(json.loads(text).get("url", "")) if text else None
    if url is None or url.scheme != "file":
        return None
    path = Path(urllib.request.url2pathname(url.path))
    return path if path.exists() else None


# ---- wheels --------------------------------------------------------------------------------------------------


async def _wheel_folder(name: str, source: Path) -> Path:
    """Give a folder with a distribution's wheel, which is built unless that was done for the same files."""
    from flyte_core.config import load_settings

    cache = Path(load_settings().cache_dir.value)
    key = await asyncio.to_thread(_state, source)
    folder = cache / "wheels" / f"{name}-{key}"
    if not folder.is_dir():
        async with machine_lock(cache / "locks", f"wheel {folder}"):
            if not folder.is_dir():
                await asyncio.to_thread(_build, name, source, folder)
    return folder


def _state(source: Path) -> str:
    """Name the state of a distribution's files, by what tells a change without reading them."""
    from flyte_core.bundle.rules import project_rules
    from flyte_core.sources import list_tree

    if source.is_file():
        found = source.stat()
        state = [(source.name, found.st_size, found.st_mtime_ns)]
    else:
        paths = [source / entry.path for entry in list_tree(source, project_rules(os.fspath(source)))]
        stats = [(path, path.lstat()) for path in paths]
        state = [(os.fspath(path), found.st_size, found.st_mtime_ns) for path, found in stats]
    return hashlib.sha256(repr((os.fspath(source), state)).encode()).hexdigest()[:16]


def _build(name: str, source: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    logger.info("building a wheel of %s, which is installed from %s", name, source)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as work:
        made = Path(work, "wheel")
        made.mkdir()
        if source.is_file():
            shutil.copy(source, made)
        else:
            _run(name, source, made)
        made.rename(folder)


def _run(name: str, source: Path, made: Path) -> None:
    options = ["--no-deps", "--quiet", "--disable-pip-version-check", "--wheel-dir", str(made)]
    command = [sys.executable, "-m", "pip", "wheel", *options, str(source)]
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        uv = shutil.which("uv")
        if uv is None:
            raise ImageBuildError(
                f"{name} is installed from {source}, so that the image needs a wheel of it, and there is neither pip "
                f"nor uv to build one; install pip here, or {name} from an index"
            )
        command = [uv, "build", "--quiet", "--wheel", "--out-dir", str(made), str(source)]
    done = subprocess.run(  # noqa: S603 - of this module's own words
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        last = "\n".join(f"    {line}" for line in (done.stderr or done.stdout).splitlines()[-10:])
        raise ImageBuildError(
            f"{name} is installed from {source}, and no wheel of it can be built for the image ({' '.join(command)}):\n"
            f"{last}"
        )
    # uv leaves a file for Git beside it.
    for other in made.iterdir():
        if other.suffix != ".whl":
            other.unlink()
