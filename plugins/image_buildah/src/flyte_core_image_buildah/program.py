"""The buildah program of this machine, and how it can store images here."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from flyte_core.errors import ImageBuildError
from flyte_core.images.running import run

__all__ = ["Program", "able_platforms", "find_program", "own_platform"]

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_EMULATORS = {"linux/amd64": "qemu-x86_64", "linux/arm64": "qemu-aarch64"}
_REMEDY = (
    "Install buildah 1.24 or newer (apt-get install buildah); see that `buildah info` works for this user, which "
    "needs ranges in /etc/subuid and /etc/subgid and the program newuidmap unless it is root; or build with the "
    "builder docker (pip install flyte-core-image-docker)"
)


@frozen(kw_only=True)
class Program:
    """A buildah that works.

    Args:
        path: where it is.
        storage: options that choose the storage; none where its own choice works.
    """

    path: str
    storage: tuple[str, ...] = ()

    @property
    def command(self) -> list[str]:
        """The words that every call begins with."""
        return [self.path, *self.storage]

    async def knows(self, name: str, env: Mapping[str, str]) -> bool:
        """Whether an image is in its storage.

        Args:
            name: the image's name.
            env: the program's environment.
        """
        return not (await run([*self.command, "inspect", "--type", "image", name], env=env)).code


async def find_program(env: Mapping[str, str] = os.environ) -> Program:
    """Find buildah on ``PATH``, with a storage that works.

    Args:
        env: the environment.

    Raises:
        ImageBuildError: there is none, or no storage works.
    """
    path = shutil.which("buildah", path=env.get("PATH"))
    if path is None:
        raise ImageBuildError(f"there is no program buildah on PATH. {_REMEDY}")
    told: list[str] = []
    # Layers as plain copies, where the kernel or the file system below has no overlays.
    for storage in ((), ("--storage-driver", "vfs")):
        done = await run([path, *storage, "info"], env=env)
        if not done.code:
            return Program(path=path, storage=storage)
        told = [line for line in done.lines if line.strip()]
    raise ImageBuildError(f"{path} does not work here: {' '.join(told)[-300:]}. {_REMEDY}")


def own_platform() -> str:
    """Give the platform of this machine."""
    machine = platform.machine()
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"


def able_platforms(folder: str = "/proc/sys/fs/binfmt_misc") -> tuple[str, ...]:
    """Give the platforms whose programs run here: its own, and those that are emulated.

    Args:
        folder: where the kernel says what it emulates.
    """
    emulated = [one for one, name in _EMULATORS.items() if one != own_platform() and Path(folder, name).exists()]
    return (own_platform(), *emulated)
