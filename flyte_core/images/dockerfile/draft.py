"""What is written while an image is rendered: instructions, files, secrets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flyte_core.images.dockerfile.plan import BuildSecret, ContextFile, Plan, Step
from flyte_core.images.dockerfile.quoting import NEWLINE, mount_value
from flyte_core.images.settings import ImageSettings
from flyte_core.models import Image, Secret
from flyte_core.models.layers import Layer, layer_files

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
        prelude: what its shell does first, so that variables hold the secrets.
        variables: the names of these variables.
    """

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self.mounts: list[str] = []
        self.variables: tuple[str, ...] = tuple(one.as_env_var for one in secrets if one.as_env_var)
        preludes = []
        for secret in secrets:
            name = secret_id(secret)
            if secret.mount is not None:
                self.mounts.append(f"--mount=type=secret,id={name},target={mount_value('mount', str(secret.mount))}")
            if secret.as_env_var:
                self.mounts.append(f"--mount=type=secret,id={name}")
                preludes.append(f'export {secret.as_env_var}="$(cat /run/secrets/{name})"; ')
        self.prelude = "".join(preludes)


class Draft:
    """A Dockerfile that is being written.

    Args:
        image: what it is for.
        settings: where things come from.
    """

    def __init__(self, image: Image, settings: ImageSettings) -> None:
        self.image, self.settings = image, settings
        #: Whether there is a stage that has uv.
        self.has_uv = False
        self._blocks: list[str] = []
        self._steps: list[Step] = []
        self._files: list[ContextFile] = []
        self._folders: list[str] = []
        self._secrets: dict[str, BuildSecret] = {}

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

    def add_file(self, path: str, source: str | bytes) -> str:
        """Put one file into the context, once; its path there."""
        if all(one.path != path for one in self._files):
            self._files.append(ContextFile(path=path, source=source))
        return path

    def add_layer_files(self, layer: Layer, folder: str) -> list[str]:
        """Put the files of a layer into a folder of the context; their paths in it."""
        self._folders.append(folder)
        files = layer_files(layer, self.image)
        for one in files:
            self._files.append(
                ContextFile(
                    path=f"{folder}/{one.name}", source=one.path, executable=one.executable, target=one.target
                )
            )
        return [one.name for one in files]

    def add_folder(self, path: str) -> None:
        """Have a folder in the context."""
        if path not in self._folders:
            self._folders.append(path)

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
