"""What is written while an image is rendered: instructions, files, secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from flyte_core.errors import SourceError
from flyte_core.images.dockerfile.plan import BuildSecret, ContextFile, Plan, Step
from flyte_core.images.dockerfile.quoting import NEWLINE, mount_value
from flyte_core.models import Image, Secret
from flyte_core.models.layers import Layer, layer_files

if TYPE_CHECKING:
    from flyte_core.images.settings import ImageSettings

__all__ = ["INDENT", "Draft", "Mounted", "cache_mount", "joined", "secret_id"]

#: How the lines of an instruction follow each other.
INDENT = " \\\n    "


def joined(parts: Iterable[str]) -> str:
    """Write the parts of an instruction below each other."""
    return INDENT.join(part for part in parts if part)


def secret_id(secret: Secret) -> str:
    """Give a secret's name in a build, which is the same in every process."""
    return secret.stable_hash()[:16]


def cache_mount(name: str, target: str, *, locked: bool = False) -> str:
    """Write the mount of a folder that the builder keeps between builds."""
    return f"--mount=type=cache,id=flyte-core-{name},target={target}" + (",sharing=locked" if locked else "")


class Mounted:
    """The secrets of one instruction.

    Attributes:
        mounts: its ``--mount`` options.
        preludes: what its shell does first, so that variables hold the secrets.
        variables: the names of these variables.
    """

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self.mounts: list[str] = []
        self.variables: tuple[str, ...] = tuple(one.as_env_var for one in secrets if one.as_env_var)
        self.preludes: list[str] = []
        for secret in secrets:
            name = secret_id(secret)
            if secret.mount is not None:
                self.mounts.append(f"--mount=type=secret,id={name},target={mount_value('mount', str(secret.mount))}")
            if secret.as_env_var:
                self.mounts.append(f"--mount=type=secret,id={name}")
                self.preludes.append(f'export {secret.as_env_var}="$(cat /run/secrets/{name})";')


class Draft:
    """A Dockerfile that is being written.

    Args:
        image: what it is for.
        settings: where things come from.
    """

    def __init__(self, image: Image, settings: ImageSettings) -> None:
        self.image, self.settings = image, settings
        #: The stage or image that has uv; empty where nothing is installed by it.
        self.uv_from = ""
        self._blocks: list[str] = []
        self._steps: list[Step] = []
        self._files: list[ContextFile] = []
        self._folders: list[str] = []
        self._secrets: dict[str, BuildSecret] = {}

    @property
    def uv_mount(self) -> str:
        """The option that has uv at hand for one instruction."""
        return f"--mount=type=bind,from={self.uv_from},source=/opt/uv,target=/opt/uv"

    def block(self, origin: str, instructions: Iterable[str], *, remark: bool = True) -> None:
        """Add instructions that belong together.

        Args:
            origin: where they come from, which stands above them.
            instructions: the instructions.
            remark: whether it stands there.
        """
        texts = list(instructions)
        self._steps.extend(Step(text=text, origin=origin) for text in texts)
        if texts:
            self._blocks.append("\n".join([f"# {origin}", *texts] if remark else texts))

    def secrets(self, given: tuple[str | Secret, ...] | None) -> Mounted:
        """Have secrets at hand for an instruction."""
        found = [Secret(key=one) if isinstance(one, str) else one for one in given or ()]
        for secret in found:
            self._secrets.setdefault(secret_id(secret), BuildSecret(id=secret_id(secret), secret=secret))
        return Mounted(found)

    def add_layer_files(self, layer: Layer, folder: str) -> tuple[ContextFile, ...]:
        """Put the files of a layer into a folder of the context."""
        found = tuple(
            ContextFile(path=f"{folder}/{one.name}", source=one.path, executable=one.executable, target=one.target)
            for one in layer_files(layer, self.image)
        )
        self._folders.append(folder)
        self._files += found
        return found

    def mount_layer_files(self, layer: Layer, folder: str, target: str, *, writable: bool = False) -> str:
        """Have the files of a layer at hand for one instruction: the option that mounts them."""
        files = [
            ContextFile(path=one.name, source=one.path, executable=one.executable, target=one.target)
            for one in layer_files(layer, self.image)
        ]
        return self.mount(files, folder, target) + (",rw" if writable else "")

    def mount(self, files: Sequence[ContextFile], folder: str, target: str) -> str:
        """Have files at hand for one instruction: the option that mounts them.

        Args:
            files: the files, by their paths in the folder.
            folder: the folder in the context; its name gets a digest of the files, since buildah looks only at the
                words of an instruction to see whether it is done already.
            target: where they are.
        """
        place = f"{folder}-{_digest(files)}"
        if place not in self._folders:
            self._folders.append(place)
            self._files += [evolve(file, path=f"{place}/{file.path}") for file in files]
        return f"--mount=type=bind,source={place},target={target}"

    def plan(self) -> Plan:
        """Give what was written."""
        text = "\n\n".join(self._blocks) + "\n"
        return Plan(
            text=text,
            files=tuple(self._files),
            folders=tuple(self._folders),
            secrets=tuple(self._secrets.values()),
            steps=tuple(self._steps),
            args={NEWLINE: "\n"} if f"ARG {NEWLINE}\n" in text else {},
        )


def _digest(files: Sequence[ContextFile]) -> str:
    sums = hashlib.sha256()
    for file in files:
        content = file.source if isinstance(file.source, bytes) else _content(file)
        sums.update(f"{file.path}\0{file.executable}\0{file.target}\0{len(content)}\0".encode() + content)
    return sums.hexdigest()[:12]


def _content(file: ContextFile) -> bytes:
    if file.target is not None:
        return b""
    try:
        return Path(file.source if isinstance(file.source, str) else "").read_bytes()
    except OSError as error:
        raise SourceError("build context", str(file.source), f"it cannot be read: {error.strerror}") from error
