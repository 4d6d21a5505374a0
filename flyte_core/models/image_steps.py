"""The ``with_...`` methods of images: one for each kind of layer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from flyte_core.models.layers import InstallMode, Layer
    from flyte_core.models.secret import SecretRequest

__all__ = ["ImageSteps"]


# What a layer's class needs is imported when one is made: a task with an image by name needs none.
class ImageSteps:
    """What can be added to an image; each method gives a new image and reads no file."""

    def _add(self, layer: Layer) -> Self:
        raise NotImplementedError

    def with_pip_packages(
        self,
        *packages: str,
        index_url: str | None = None,
        extra_index_urls: str | list[str] | tuple[str, ...] | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        secret_mounts: SecretRequest | None = None,
    ) -> Self:
        """One more layer, of Python packages.

        Args:
            *packages: requirements in pip's notation.
            index_url: the index to install from.
            extra_index_urls: indexes besides.
            pre: whether pre-releases count.
            extra_args: further words of pip's command line.
            secret_mounts: secrets that are there during the build.

        Raises:
            InvalidTypeError: when a package is not a text.
            InvalidValueError: when a package is empty, or the image has no name.
        """
        from flyte_core.models.layers import PipPackages

        layer = PipPackages(
            packages=packages,
            index_url=index_url,
            extra_index_urls=extra_index_urls,
            pre=pre,
            extra_args=extra_args,
            secret_mounts=secret_mounts,
        )
        return self._add(layer)

    def with_requirements(self, file: str | os.PathLike[str], secret_mounts: SecretRequest | None = None) -> Self:
        """One more layer, of the packages of a requirements file (``.txt``) and of those that it includes.

        Args:
            file: the file.
            secret_mounts: secrets that are there during the build.

        Raises:
            InvalidTypeError: when the file is no path.
            InvalidValueError: when it has another suffix, or the image has no name.
        """
        from flyte_core.models.layers import Requirements

        return self._add(Requirements(file=file, secret_mounts=secret_mounts))

    def with_uv_project(
        self,
        pyproject_file: str | os.PathLike[str],
        uvlock: str | os.PathLike[str] | None = None,
        index_url: str | None = None,
        extra_index_urls: str | list[str] | tuple[str, ...] | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        secret_mounts: SecretRequest | None = None,
        project_install_mode: InstallMode = "dependencies_only",
    ) -> Self:
        """One more layer, of what a project locks with uv.

        Args:
            pyproject_file: the project's ``pyproject.toml``.
            uvlock: its lock file; by default ``uv.lock`` beside it.
            index_url: the index to install from.
            extra_index_urls: indexes besides.
            pre: whether pre-releases count.
            extra_args: further words of uv's command line.
            secret_mounts: secrets that are there during the build.
            project_install_mode: ``"install_project"`` installs the project itself too; its folder counts then.

        Raises:
            InvalidTypeError: when a value is of another type.
            InvalidValueError: when a value is not allowed, or the image has no name.
        """
        from flyte_core.models.layers import UVProject

        layer = UVProject(
            pyproject_file,
            _beside(pyproject_file, "uv.lock") if uvlock is None else uvlock,
            project_install_mode,
            index_url=index_url,
            extra_index_urls=extra_index_urls,
            pre=pre,
            extra_args=extra_args,
            secret_mounts=secret_mounts,
        )
        return self._add(layer)

    def with_poetry_project(
        self,
        pyproject_file: str | os.PathLike[str],
        poetry_lock: str | os.PathLike[str] | None = None,
        extra_args: str | None = None,
        secret_mounts: SecretRequest | None = None,
        project_install_mode: InstallMode = "dependencies_only",
    ) -> Self:
        """One more layer, of what a project locks with Poetry.

        Args:
            pyproject_file: the project's ``pyproject.toml``.
            poetry_lock: its lock file; by default ``poetry.lock`` beside it.
            extra_args: further words of Poetry's command line.
            secret_mounts: secrets that are there during the build.
            project_install_mode: ``"install_project"`` installs the project itself too; its folder counts then.

        Raises:
            InvalidTypeError: when a value is of another type.
            InvalidValueError: when a value is not allowed, or the image has no name.
        """
        from flyte_core.models.layers import PoetryProject

        lock = _beside(pyproject_file, "poetry.lock") if poetry_lock is None else poetry_lock
        return self._add(PoetryProject(pyproject_file, lock, extra_args, project_install_mode, secret_mounts))

    def with_source_file(self, src: str | os.PathLike[str], dst: str = ".") -> Self:
        """One more layer, which copies a file.

        Args:
            src: the file.
            dst: where it goes; by default into the working directory.

        Raises:
            InvalidTypeError: when the file is no path.
            InvalidValueError: when the image has no name.
        """
        from flyte_core.models.layers import CopyConfig

        return self._add(CopyConfig(0, src, dst))

    def with_source_folder(self, src: str | os.PathLike[str], dst: str = ".", copy_contents_only: bool = False) -> Self:
        """One more layer, which copies a folder, except for what is ignored.

        Args:
            src: the folder.
            dst: the folder that it becomes; by default one of its own name in the working directory.
            copy_contents_only: whether what is in the folder goes into ``dst``, where that is the working directory.

        Raises:
            InvalidTypeError: when the folder is no path.
            InvalidValueError: when the image has no name.
        """
        from flyte_core.models.layers import CopyConfig
        from flyte_core.models.layers.base import as_path, check_path

        path = as_path(src)
        check_path("CopyConfig", "src", path)
        return self._add(CopyConfig(1, path, f"./{path.name}" if dst == "." and not copy_contents_only else dst))

    def with_dockerignore(self, path: str | os.PathLike[str]) -> Self:
        """One more layer, whose rules say what of copied folders is left out; raises as `with_source_file`."""
        from flyte_core.models.layers import DockerIgnore

        return self._add(DockerIgnore(path))

    def with_apt_packages(self, *packages: str, secret_mounts: SecretRequest | None = None) -> Self:
        """One more layer, of packages of the operating system; raises as `with_pip_packages`."""
        from flyte_core.models.layers import AptPackages

        return self._add(AptPackages(packages, secret_mounts))

    def with_commands(self, commands: list[str], secret_mounts: SecretRequest | None = None) -> Self:
        """One more layer, of shell commands (without ``RUN``); raises as `with_pip_packages`."""
        from flyte_core.models.layers import Commands

        return self._add(Commands(commands, secret_mounts))

    def with_workdir(self, workdir: str) -> Self:
        """One more layer, which sets the working directory; raises as `with_pip_packages`."""
        from flyte_core.models.layers import WorkDir

        return self._add(WorkDir(workdir))

    def with_env_vars(self, env_vars: Mapping[str, str]) -> Self:
        """One more layer, which sets environment variables; raises as `with_pip_packages`."""
        from flyte_core.models.layers import Env

        return self._add(Env.from_dict(env_vars))


def _beside(file: str | os.PathLike[str], name: str) -> str:
    return os.path.join(os.path.dirname(os.fspath(file)), name)  # noqa: PTH118,PTH120 - pathlib takes 4 ms to import
