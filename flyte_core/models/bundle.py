"""The value that says where a task's code is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from flyte_core.errors import InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CodeBundle"]


@frozen(kw_only=True, slots=False)
class CodeBundle:
    """Code that was packed and uploaded, as an archive (``tgz``) or as a pickled task (``pkl``).

    Args:
        computed_version: the hash of the code.
        destination: the folder that an archive is unpacked into.
        tgz: where the archive is.
        pkl: where the pickled task is.
        downloaded_path: where the code is on this machine, once it has been downloaded.

    Raises:
        InvalidValueError: when neither ``tgz`` nor ``pkl`` is given.

    Example:
        >>> CodeBundle(computed_version="c7", tgz="s3://bucket/code.tgz").destination
        '.'
    """

    computed_version: str
    destination: str = "."
    tgz: str | None = None
    pkl: str | None = None
    downloaded_path: Path | None = None

    def __attrs_post_init__(self) -> None:
        if self.tgz is None and self.pkl is None:
            raise InvalidValueError("CodeBundle", "tgz", None, "a path in tgz or in pkl")

    def with_downloaded_path(self, path: Path) -> CodeBundle:
        """The same bundle, downloaded to ``path``."""
        return evolve(self, downloaded_path=path)
