"""How Python packages are installed: uv, which stays outside of the image, and a virtual environment inside."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from flyte_core.errors import InvalidValueError, MissingSourceError
from flyte_core.images.dockerfile.draft import Draft, Mounted, cache_mount, joined
from flyte_core.images.dockerfile.plan import ContextFile
from flyte_core.images.dockerfile.quoting import shell_word

if TYPE_CHECKING:
    from flyte_core.images.settings import ImageSettings
    from flyte_core.models.layers import PipOption

__all__ = ["UV", "VENV", "Installer", "environment_steps", "extra_words", "uv_image", "uv_stage"]

#: Where packages go, whatever the base image has.
VENV = "/opt/venv"
#: Where uv is while packages are installed.
UV = "/opt/uv/bin/uv"

_UV_CACHE = "/var/cache/uv"
_PIP_CACHE = "/var/cache/pip"
_WHEELS = "/mnt/wheels"
_IMAGE = "image:"


def uv_stage(draft: Draft, base: str, mirrored: str) -> list[str]:
    """Write the stage that has uv.

    Args:
        draft: the Dockerfile.
        base: the image that the packages go into.
        mirrored: where an image that has uv is pulled from; empty where uv is a requirement.
    """
    if mirrored:
        return [f"FROM {base} AS uv", f"COPY --from={mirrored} /uv {UV}"]
    settings = draft.settings
    mounts, sources = _sources(draft, None, ())
    # A base may have pip, or only what makes environments that have it.
    command = [
        "python3 -m pip --version >/dev/null 2>&1 && pip='python3 -m pip' ||",
        "{ python3 -m venv /opt/pip && pip=/opt/pip/bin/pip; } &&",
        f"$pip install --cache-dir {_PIP_CACHE} --no-deps --target /opt/uv {shlex.quote(settings.uv)}",
        *sources,
    ]
    return [f"FROM {base} AS uv", "RUN " + joined([cache_mount("pip", _PIP_CACHE), *mounts, *command])]


def environment_steps(draft: Draft) -> list[str]:
    """Write what makes the virtual environment, and has it used."""
    version = "{}.{}".format(*draft.image.python_version)
    steps = []
    if not any(("VIRTUAL_ENV", VENV) in getattr(layer, "env_vars", ()) for layer in draft.image.layers):
        steps.append("ENV " + joined([f'VIRTUAL_ENV="{VENV}"', f'PATH="{VENV}/bin:$PATH"']))
    # A Python that uv has to get lies where every user can read it.
    offline = " --offline" if draft.settings.offline else ""
    command = [
        f"UV_PYTHON_INSTALL_DIR=/opt/python {UV} venv --cache-dir {_UV_CACHE}{offline}",
        f"--python {version} --no-project --allow-existing {VENV}",
    ]
    steps.append("RUN " + joined([cache_mount("uv", _UV_CACHE), draft.uv_mount, *command]))
    return steps


class Installer:
    """The options of one instruction that installs packages.

    Attributes:
        mounts: its ``--mount`` options.
        sources: options of the command, that say where packages are found; ``--option value`` is one item.
        options: all options of the command that pip's have in common with uv's.
        cache: the option for the cache.

    Args:
        draft: the Dockerfile.
        layer: the layer; None for uv itself.
        secrets: the layer's secrets.
    """

    def __init__(self, draft: Draft, layer: PipOption | None, secrets: Mounted) -> None:
        mounts, self.sources = _sources(draft, layer, secrets.variables)
        self.options = list(self.sources)
        if layer is not None:
            self.options += ["--pre"] if layer.pre else []
            self.options += extra_words(layer.extra_args, secrets.variables)
        # What uv keeps of a package may have its URL, and so the secret, inside.
        self.cache = "--no-cache" if secrets.mounts else f"--cache-dir {_UV_CACHE}"
        self.mounts = secrets.mounts + mounts if secrets.mounts else [cache_mount("uv", _UV_CACHE), *mounts]

    def uv(self, command: str) -> str:
        """Write a command of uv with the options that all have.

        Args:
            command: such as ``pip install``.
        """
        return f"{UV} {command} {self.cache} --link-mode copy --compile-bytecode"


def _sources(draft: Draft, layer: PipOption | None, variables: Collection[str]) -> tuple[list[str], list[str]]:
    """Give the mounts and the options by which packages are found."""
    options = _index_options(draft.settings, layer, variables)
    if draft.settings.wheels is None:
        return [], options
    return [draft.mount(_wheels(draft.settings.wheels), "wheels", _WHEELS)], [*options, f"--find-links {_WHEELS}"]


def _index_options(settings: ImageSettings, layer: PipOption | None, variables: Collection[str]) -> list[str]:
    if settings.offline:
        return ["--no-index"]
    own, extra = (layer.index_url, layer.extra_index_urls) if layer is not None else (None, None)
    urls = [("--index-url", url) for url in (own or settings.index_url,) if url]
    urls += [("--extra-index-url", url) for url in extra or settings.extra_index_urls]
    return [f"{option} {shell_word(url, variables)}" for option, url in urls]


def _wheels(folder: str) -> list[ContextFile]:
    if not Path(folder).is_dir():
        raise MissingSourceError("images.wheels", folder, "there is no such folder")
    return [
        ContextFile(path=path.name, source=str(path))
        for path in sorted(Path(folder).iterdir())
        if path.name.endswith((".whl", ".tar.gz", ".zip")) and path.is_file()
    ]


def extra_words(text: str | None, variables: Collection[str]) -> list[str]:
    """Take ``extra_args`` apart as the shell does, and write each word for it.

    Args:
        text: the words.
        variables: the names that expand in them.

    Raises:
        InvalidValueError: a quote is not closed.
    """
    if not text:
        return []
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InvalidValueError("PipOption", "extra_args", text, f"words of a command line: {error}") from error
    return [" ".join(shell_word(word, variables) for word in words)]


def uv_image(settings: ImageSettings) -> str:
    """Give the image that uv comes from; empty where it is a requirement."""
    return settings.uv.removeprefix(_IMAGE) if settings.uv.startswith(_IMAGE) else ""
