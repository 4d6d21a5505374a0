"""Layers that install what a project or script declares for uv or Poetry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from attrs import field, frozen

from flyte_core.errors import InvalidValueError
from flyte_core.models.layers.base import (
    Layer,
    as_path,
    check_path,
    check_secrets,
    check_text,
    optional_secrets,
)
from flyte_core.models.layers.pip import PipOption
from flyte_core.models.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["InstallMode", "PoetryProject", "UVProject", "UVScript"]

InstallMode = Literal["dependencies_only", "install_project"]
"""Whether a project itself is installed too."""


def _check_mode(owner: str, value: object) -> None:
    if value not in get_args(InstallMode):
        raise InvalidValueError(owner, "project_install_mode", value, " or ".join(map(repr, get_args(InstallMode))))


@frozen(slots=False)
class UVProject(PipOption):
    """What a project locks with uv.

    Args:
        pyproject: its ``pyproject.toml``.
        uvlock: its ``uv.lock``.
        project_install_mode: whether the project itself is installed too; its whole folder counts then.
    """

    kind: ClassVar[str] = "uv_project"
    pyproject: Path = field(converter=as_path)
    uvlock: Path = field(converter=as_path)
    project_install_mode: InstallMode = "dependencies_only"

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        check_path("UVProject", "pyproject", self.pyproject)
        check_path("UVProject", "uvlock", self.uvlock)
        _check_mode("UVProject", self.project_install_mode)


@frozen(slots=False)
class PoetryProject(Layer):
    """What a project locks with Poetry, which does not take pip's options.

    Args:
        pyproject: its ``pyproject.toml``.
        poetry_lock: its ``poetry.lock``.
        extra_args: further words of the command line.
        project_install_mode: whether the project itself is installed too; its whole folder counts then.
        secret_mounts: secrets that are there during the build.
    """

    kind: ClassVar[str] = "poetry_project"
    pyproject: Path = field(converter=as_path)
    poetry_lock: Path = field(converter=as_path)
    extra_args: str | None = None
    project_install_mode: InstallMode = "dependencies_only"
    secret_mounts: tuple[str | Secret, ...] | None = field(default=None, converter=optional_secrets)

    def __attrs_post_init__(self) -> None:
        check_path("PoetryProject", "pyproject", self.pyproject)
        check_path("PoetryProject", "poetry_lock", self.poetry_lock)
        if self.extra_args not in (None, ""):
            check_text("PoetryProject", "extra_args", self.extra_args)
        _check_mode("PoetryProject", self.project_install_mode)
        check_secrets("PoetryProject", self.secret_mounts)


@frozen(slots=False)
class UVScript(PipOption):
    """What a script declares in its header, as in PEP 723.

    Args:
        script: the script, with the suffix ``.py``.
    """

    kind: ClassVar[str] = "uv_script"
    script: Path = field(converter=as_path)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        check_path("UVScript", "script", self.script)

    @property
    def script_name(self) -> str:
        """The script's file name."""
        return self.script.name
