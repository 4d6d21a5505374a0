"""From an image to a Dockerfile and what lies beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flyte_core.errors import ImageBuildError, MissingSourceError
from flyte_core.images.dockerfile.draft import Draft, joined
from flyte_core.images.dockerfile.layers import PYTHON_KINDS, layer_title, render_layer
from flyte_core.images.dockerfile.plan import ContextFile, Plan, Step
from flyte_core.images.dockerfile.python import environment_steps, uv_image, uv_stage
from flyte_core.images.dockerfile.quoting import NEWLINE, env_value
from flyte_core.images.references import DOCKER_HUB, ImageReference
from flyte_core.models.image_dockerfile import context_rules
from flyte_core.sources import list_tree, reads_context

if TYPE_CHECKING:
    from flyte_core.images.settings import ImageSettings
    from flyte_core.models import Image

__all__ = ["mirrored", "render", "render_uv"]

#: The kinds that only root can do.
#: By its number, since not every base has a name for it.
_AS_ROOT = PYTHON_KINDS | {"apt", "commands"}


def render(image: Image, settings: ImageSettings, *, qualified: bool = False, uv_from: str = "") -> Plan:
    r"""Write the Dockerfile of an image, and say which files and secrets it needs.

    Packages go into a virtual environment, ``/opt/venv``, which has the image's Python version; it stands in ``PATH``
    and is used also where the base image has an environment of its own. uv comes from a stage of its own and is not
    in the image. An image with packages or commands runs as root, whatever its base says.

    Args:
        image: the image.
        settings: mirrors, indexes, wheels and the like.
        qualified: whether names of images have their registry, for a builder that does not know Docker's own.
        uv_from: an image that `render_uv` is for, instead of a stage that has uv.

    Returns:
        The plan. Of the same image, settings and files it is the same in every process.

    Raises:
        ImageBuildError: there is nothing to build, or a layer is of a kind that has no instructions.
        InvalidValueError: a text cannot stand in a Dockerfile.
        SourceError: a file cannot be read; `MissingSourceError` when it is not there.

    Example:
        >>> from flyte_core.images.settings import ImageSettings
        >>> from flyte_core.models import Image
        >>> image = Image.from_base("debian:12").clone(name="tool").with_commands(["make install"])
        >>> print(render(image, ImageSettings()).text)
        FROM debian:12
        USER 0:0
        <BLANKLINE>
        # Layer 1: commands
        RUN make install
        <BLANKLINE>
        LABEL org.opencontainers.image.title="tool" \
            org.opencontainers.image.base.name="docker.io/library/debian:12"
        <BLANKLINE>
    """
    if image.dockerfile is not None:
        return _own_dockerfile(image.dockerfile)
    if image.base_image is None:
        raise ImageBuildError(f"{image.name or 'the image'} has no base image, so there is nothing to build from")
    draft = Draft(image, settings)
    base = mirrored(image.base_image, settings, qualified=qualified)
    kinds = {layer.kind for layer in image.layers}
    needs_uv = bool(kinds & PYTHON_KINDS)
    if needs_uv:
        draft.uv_from = uv_from or "uv"
        if not uv_from:
            _add_uv_stage(draft, base, qualified)
    draft.block("The base image", [f"FROM {base}", *(["USER 0:0"] if kinds & _AS_ROOT else [])], remark=needs_uv)
    if needs_uv:
        draft.block("The environment that packages go into", environment_steps(draft))
    if any("\n" in value for layer in image.layers for _, value in getattr(layer, "env_vars", ())):
        draft.block("A line break, which no instruction can hold", [f"ARG {NEWLINE}"])
    for number, layer in enumerate(image.layers, 1):
        draft.block(layer_title(number, layer), render_layer(draft, number, layer))
    draft.block("labels", [_labels(image)], remark=False)
    return draft.plan()


def render_uv(image: Image, settings: ImageSettings, *, qualified: bool = False) -> Plan | None:
    """Write the Dockerfile of an image that has uv for another one, for builders that forget stages they have built.

    Args:
        image: the image that packages are installed into.
        settings: mirrors, indexes, wheels and the like.
        qualified: as for `render`.

    Returns:
        The plan; None for an image that nothing is installed into.
    """
    if image.base_image is None or not {layer.kind for layer in image.layers} & PYTHON_KINDS:
        return None
    draft = Draft(image, settings)
    _add_uv_stage(draft, mirrored(image.base_image, settings, qualified=qualified), qualified)
    return draft.plan()


def _add_uv_stage(draft: Draft, base: str, qualified: bool) -> None:
    name = uv_image(draft.settings)
    place = mirrored(name, draft.settings, qualified=qualified) if name else ""
    draft.block("uv, which installs packages and is not in the image", uv_stage(draft, base, place))


def _labels(image: Image) -> str:
    labels = {"title": image.name, "base.name": str(ImageReference.parse(image.base_image or ""))}
    return "LABEL " + joined(
        f"org.opencontainers.image.{key}={env_value(text)}" for key, text in labels.items() if text
    )


def mirrored(name: str, settings: ImageSettings, *, qualified: bool = False) -> str:
    """Give where an image is pulled from, which is a mirror where the settings name one for its registry.

    Args:
        name: the image's name.
        settings: the settings.
        qualified: whether it has its registry also where that is Docker's own.

    Raises:
        InvalidValueError: it is no name of an image.

    Example:
        >>> from flyte_core.images.settings import ImageSettings
        >>> mirrored("python:3.12", ImageSettings(mirrors={"docker.io": "mirror.example.com/hub"}))
        'mirror.example.com/hub/library/python:3.12'
    """
    found = ImageReference.parse(name)
    places = {DOCKER_HUB if host == "index.docker.io" else host: place for host, place in settings.mirrors.items()}
    place = places.get(found.registry)
    if place is None:
        return str(found) if qualified else name
    return str(found).replace(found.registry, place.rstrip("/"), 1)


def _own_dockerfile(dockerfile: Path) -> Plan:
    try:
        text = dockerfile.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MissingSourceError("Image", dockerfile, "there is no such Dockerfile") from error
    steps = tuple(Step(text=one, origin=f"{dockerfile.name}") for one in _instructions(text))
    if not reads_context(text):
        return Plan(text=text, steps=steps)
    return Plan(text=text, files=tuple(_beside(dockerfile)), folders=tuple(_empty_folders(dockerfile)), steps=steps)


def _instructions(text: str) -> list[str]:
    found: list[str] = []
    continued = False
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if continued:
            found[-1] += f"\n{line}"
        else:
            found.append(line)
        continued = line.rstrip().endswith("\\")
    return found


def _beside(dockerfile: Path) -> Iterator[ContextFile]:
    folder = str(dockerfile.absolute().parent)
    for entry in list_tree(folder, context_rules(dockerfile), empty_folders=True):
        if entry.kind != "folder":
            target = entry.target if entry.kind == "link" else None
            source = f"{folder}/{entry.path}"
            yield ContextFile(path=entry.path, source=source, executable=entry.executable, target=target)


def _empty_folders(dockerfile: Path) -> Iterator[str]:
    folder = str(dockerfile.absolute().parent)
    for entry in list_tree(folder, context_rules(dockerfile), empty_folders=True):
        if entry.kind == "folder":
            yield entry.path
