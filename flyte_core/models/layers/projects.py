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
from flyte_core.models.layers.files import LayerFile, copy_rules, file_content, need_file, one_file, tree_files
from flyte_core.models.layers.pip import PipOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flyte_core.models.secret import Secret

__all__ = ["InstallMode", "PoetryProject", "UVProject", "UVScript"]

InstallMode = Literal["dependencies_only", "install_project"]
"""Whether a project itself is installed too."""


def _check_mode(owner: str, value: object) -> None:
    if value not in get_args(InstallMode):
        raise InvalidValueError(owner, "project_install_mode", value, " or ".join(map(repr, get_args(InstallMode))))


class _Project:
    """What projects have in common, whichever tool locks them."""

    def __init__(self, layer: UVProject | PoetryProject, lock: Path, lock_name: str) -> None:
        self.owner, self.pyproject, self.lock = type(layer).__name__, layer.pyproject, lock
        self.lock_name = lock_name
        self.is_whole = layer.project_install_mode == "install_project"

    def own_files(self) -> tuple[LayerFile, ...]:
        """The two files under the names that the tool looks for, whatever they are called here."""
        return one_file(self.pyproject, "pyproject.toml"), one_file(self.lock, self.lock_name)

    def files(self, dockerignore: str | None) -> tuple[LayerFile, ...]:
        own = self.own_files()
        if not self.is_whole:
            return own
        # They count even where an ignore file leaves them out, since nothing can be installed without.
        taken = {one.name for one in own}
        rest = tree_files(self.pyproject.parent, dockerignore)
        return (*own, *(one for one in rest if one.name not in taken))

    def content(self, dockerignore: str | None) -> Mapping[str, Any]:
        from flyte_core.sources import digest_of_entries, list_tree

        own = file_content(self.own_files())
        if not self.is_whole:
            return {"files": own}
        root, taken = self.pyproject.parent, {name for name, _, _ in own}
        entries = [one for one in list_tree(root, copy_rules(root, dockerignore)) if one.path not in taken]
        return {"files": own, "folder": digest_of_entries(root, entries)}

    def validate(self) -> None:
        need_file(self.owner, self.pyproject)
        need_file(self.owner, self.lock)


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

    def content(self, dockerignore: str | None = None) -> Mapping[str, Any]:
        """The options, and what is in the project's files."""
        return {**super().content(), **self._project().content(dockerignore)}

    def files(self, dockerignore: str | None = None) -> tuple[LayerFile, ...]:
        """``pyproject.toml``, ``uv.lock``, and the rest of the folder where the project is installed."""
        return self._project().files(dockerignore)

    def validate(self) -> None:
        """Refuse a project without one of its files.

        Raises:
            SourceError: what is there is no file; `MissingSourceError` when nothing is.
        """
        self._project().validate()

    def _project(self) -> _Project:
        return _Project(self, self.uvlock, "uv.lock")


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

    def content(self, dockerignore: str | None = None) -> Mapping[str, Any]:
        """The options, and what is in the project's files."""
        return {**super().content(), **self._project().content(dockerignore)}

    def files(self, dockerignore: str | None = None) -> tuple[LayerFile, ...]:
        """``pyproject.toml``, ``poetry.lock``, and the rest of the folder where the project is installed."""
        return self._project().files(dockerignore)

    def validate(self) -> None:
        """Refuse a project without one of its files.

        Raises:
            SourceError: what is there is no file; `MissingSourceError` when nothing is.
        """
        self._project().validate()

    def _project(self) -> _Project:
        return _Project(self, self.poetry_lock, "poetry.lock")


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

    def content(self, dockerignore: str | None = None) -> Mapping[str, Any]:
        """The options and the header; the script's body does not count."""
        from flyte_core.sources import script_metadata

        return {**super().content(), "metadata": _plain_toml(script_metadata(self.script))}

    def files(self, dockerignore: str | None = None) -> tuple[LayerFile, ...]:
        """The script."""
        return (one_file(self.script, self.script.name),)

    def validate(self) -> None:
        """Refuse a script that is not there, has another suffix, or declares nothing.

        Raises:
            InvalidValueError: when it has another suffix.
            SourceError: when its header cannot be read; `MissingSourceError` when it is not there.
        """
        from flyte_core.sources import script_metadata

        need_file("UVScript", self.script)
        if self.script.suffix != ".py":
            raise InvalidValueError("UVScript", "script", str(self.script), "a file with the suffix .py")
        script_metadata(self.script)

    @property
    def script_name(self) -> str:
        """The script's file name."""
        return self.script.name


def _plain_toml(value: object) -> object:
    """TOML's data in terms of `flyte_core.models.canonical.encode`; the order of keys means nothing there."""
    if isinstance(value, dict):
        return {key: _plain_toml(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [_plain_toml(item) for item in value]
    return value if isinstance(value, (str, bool, int, float)) else (type(value).__name__, str(value))
