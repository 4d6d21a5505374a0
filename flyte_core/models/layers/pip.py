"""Layers that install Python packages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen

from flyte_core.errors import InvalidValueError, SourceError
from flyte_core.models.layers.base import (
    Layer,
    as_path,
    check_path,
    check_secrets,
    check_text,
    check_texts,
    optional_secrets,
    optional_texts,
)
from flyte_core.models.layers.files import LayerFile, file_content, need_file, need_folder, one_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flyte_core.models.secret import Secret

__all__ = ["PipOption", "PipPackages", "PythonWheels", "Requirements"]


@frozen(kw_only=True, slots=False)
class PipOption(Layer):
    """Options of a layer that installs Python packages.

    Args:
        index_url: the index to install from.
        extra_index_urls: indexes besides.
        pre: whether pre-releases count.
        extra_args: further words of the command line.
        secret_mounts: secrets that are there during the build.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] | None = field(default=None, converter=optional_texts)
    pre: bool = False
    extra_args: str | None = None
    secret_mounts: tuple[str | Secret, ...] | None = field(default=None, converter=optional_secrets)

    def __attrs_post_init__(self) -> None:
        owner = type(self).__name__
        check_secrets(owner, self.secret_mounts)
        if self.extra_index_urls is not None:
            check_texts(owner, "extra_index_urls", self.extra_index_urls)
        for name in ("index_url", "extra_args"):
            # An empty text means none, as in the reference.
            if getattr(self, name) not in (None, ""):
                check_text(owner, name, getattr(self, name))

    def get_pip_install_args(self) -> list[str]:
        """The options as they stand on pip's command line; ``--option value`` is one item."""
        options = [f"--index-url {self.index_url}"] if self.index_url else []
        options += [f"--extra-index-url {url}" for url in self.extra_index_urls or ()]
        options += ["--pre"] if self.pre else []
        return options + ([self.extra_args] if self.extra_args else [])


@frozen(kw_only=True, slots=False)
class PipPackages(PipOption):
    """Python packages.

    Args:
        packages: requirements in pip's notation.
    """

    kind: ClassVar[str] = "pip"
    packages: tuple[str, ...] | None = field(default=None, converter=optional_texts)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.packages is not None:
            check_texts(type(self).__name__, "packages", self.packages)


@frozen(kw_only=True, slots=False)
class Requirements(PipPackages):
    """The packages of a requirements file, and of those that it includes by ``-r`` and ``-c``.

    Args:
        file: the file, with the suffix ``.txt``.
    """

    kind: ClassVar[str] = "requirements"
    file: Path = field(converter=as_path)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        check_path("Requirements", "file", self.file)
        if self.file.suffix != ".txt":
            raise InvalidValueError("Requirements", "file", str(self.file), "a file with the suffix .txt")

    def content(self, dockerignore: str | None = None) -> Mapping[str, Any]:
        """The options, and what is in the file and those that it includes; the texts name which includes which."""
        return {**super().content(), "files": [digest for _, _, digest in file_content(self.files())]}

    def files(self, dockerignore: str | None = None) -> tuple[LayerFile, ...]:
        """The file, and then those that it includes; names begin at the folder that holds them all."""
        from flyte_core.sources import requirement_files

        paths = [os.path.abspath(path) for path in requirement_files(self.file)]
        root = os.path.commonpath([os.path.dirname(path) for path in paths])
        return tuple(one_file(path, os.path.relpath(path, root).replace(os.sep, "/")) for path in paths)

    def validate(self) -> None:
        """Refuse a file that is not there, or includes one that is not.

        Raises:
            SourceError: a file cannot be read; `MissingSourceError` when it is not there.
        """
        need_file("Requirements", self.file)
        self.files()


@frozen(kw_only=True, slots=False)
class PythonWheels(PipOption):
    """A package that is installed from wheels of this machine, its dependencies from the index.

    Args:
        wheel_dir: the folder with the wheels.
        package_name: the package.
    """

    kind: ClassVar[str] = "wheels"
    wheel_dir: Path = field(converter=as_path)
    package_name: str

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        check_path("PythonWheels", "wheel_dir", self.wheel_dir)
        check_text("PythonWheels", "package_name", self.package_name)

    def content(self, dockerignore: str | None = None) -> Mapping[str, Any]:
        """The options, and names and contents of the wheels."""
        return {**super().content(), "files": file_content(self.files())}

    def files(self, dockerignore: str | None = None) -> tuple[LayerFile, ...]:
        """The folder's wheels."""
        need_folder("PythonWheels", self.wheel_dir)
        wheels = sorted(name for name in os.listdir(self.wheel_dir) if name.endswith(".whl"))
        paths = {name: os.path.join(self.wheel_dir, name) for name in wheels}
        return tuple(one_file(path, name) for name, path in paths.items() if os.path.isfile(path))

    def validate(self) -> None:
        """Refuse a folder that is not there or has no wheel.

        Raises:
            SourceError: it cannot be read or has no wheel; `MissingSourceError` when it is not there.
        """
        if not self.files():
            raise SourceError("PythonWheels", self.wheel_dir, f"it has no wheel (*.whl); build {self.package_name}")

    @property
    def wheel_dir_name(self) -> str:
        """The folder's own name."""
        return self.wheel_dir.name
