"""What a builder builds: the Dockerfile, the files beside it, and what it needs to know of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from flyte_core.models import Secret

__all__ = ["BuildSecret", "ContextFile", "Plan", "Step"]


def _read_only(given: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(given))


@frozen(kw_only=True)
class ContextFile:
    """One file of the build context.

    Args:
        path: where it is in the context, with ``/``.
        source: the file on this machine, or its bytes.
        executable: whether it may be run.
        target: what it points to, when it is a symbolic link; the source does not count then.
    """

    path: str
    source: str | bytes
    executable: bool = False
    target: str | None = None


@frozen(kw_only=True)
class BuildSecret:
    """A secret that an instruction mounts.

    Args:
        id: its name in the build, the same in every process.
        secret: which one.
    """

    id: str
    secret: Secret


@frozen(kw_only=True)
class Step:
    """One instruction of the Dockerfile.

    Args:
        text: the instruction, as the Dockerfile has it.
        origin: where it comes from, for people: a layer of the image, or what comes before them.
    """

    text: str
    origin: str = ""

    @property
    def words(self) -> str:
        """The instruction in one line, with single blanks, to compare it with what a builder shows."""
        return " ".join(self.text.replace("\\\n", " ").split())


@frozen(kw_only=True)
class Plan:
    """An image, ready to be built.

    Args:
        text: the Dockerfile.
        files: the build context.
        folders: folders of the context that are there even when they are empty.
        secrets: the secrets that instructions mount.
        steps: the instructions.
        args: build arguments, by name.
    """

    text: str
    files: tuple[ContextFile, ...] = ()
    folders: tuple[str, ...] = ()
    secrets: tuple[BuildSecret, ...] = ()
    steps: tuple[Step, ...] = ()
    args: Mapping[str, str] = field(factory=dict, converter=_read_only)
