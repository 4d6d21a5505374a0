"""Make code bundles: archives of a project's files, and pickled tasks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from flyte_core._logging import logger
from flyte_core.bundle.extraction import UnpackLimits
from flyte_core.bundle.naming import archive_name, pickle_name
from flyte_core.bundle.selection import LeftOut, Selection, select_files
from flyte_core.errors import SourceError
from flyte_core.sources import Entry, digest_of_entries

if TYPE_CHECKING:
    from flyte_core.bundle.selection import CopyStyle
    from flyte_core.models import CodeBundle
    from flyte_core.template import TaskTemplate

__all__ = ["BuiltBundle", "build_bundle", "build_pickle_bundle", "keep", "pack", "plan"]

#: Bytes of a bundle, or of a file in it, from which it is asked whether they belong there.
_LARGE, _LARGE_FILE = 100 * 2**20, 50 * 2**20
_NAMED = 5
#: How many bundles are kept on this machine.
_KEPT = 20


@frozen(kw_only=True)
class BuiltBundle:
    """A bundle on this machine, or the plan of one.

    Args:
        digest: the hash of its content.
        kind: ``tgz`` for an archive, ``pkl`` for a pickled task.
        path: where it is; None for one that was not written.
        entries: the files and links of an archive.
        left_out: what of the project is not in it, where that was asked for.
        reused: whether it had been written before.

    Example:
        >>> BuiltBundle(digest="0f" * 32, kind="pkl").name[:8]
        'task0f0f'
    """

    digest: str
    kind: str = "tgz"
    path: Path | None = None
    entries: tuple[Entry, ...] = field(default=(), repr=False)
    left_out: tuple[LeftOut, ...] = field(default=(), repr=False)
    reused: bool = False

    @property
    def name(self) -> str:
        """The file's name, wherever it is stored."""
        return archive_name(self.digest) if self.kind == "tgz" else pickle_name(self.digest)

    @property
    def content_size(self) -> int:
        """Bytes of all files, before they are packed."""
        return sum(entry.stamp.size for entry in self.entries if entry.stamp is not None)

    def code_bundle(self, url: str | None = None, destination: str = ".") -> CodeBundle:
        """Give the value that tells a container where its code is.

        Args:
            url: where the bundle was stored; default its local path.
            destination: the folder that an archive is unpacked into.
        """
        from flyte_core.models import CodeBundle

        place = url or str(self.path)
        tgz, pkl = (place, None) if self.kind == "tgz" else (None, place)
        return CodeBundle(tgz=tgz, pkl=pkl, computed_version=self.digest, destination=destination)


def build_bundle(
    root: str | os.PathLike[str],
    *,
    copy_style: CopyStyle = "loaded_modules",
    include: Sequence[str] = (),
    dry_run: bool = False,
    out: str | os.PathLike[str] | None = None,
) -> BuiltBundle:
    """Pack a project's own code.

    The archive's name is the hash of names, kinds, executable bits and contents: the same files give the same name,
    whoever packs them. What was packed before is not packed again.

    Args:
        root: the project's folder, from which its modules are imported.
        copy_style: ``loaded_modules`` for the modules that are imported and lie below the root; ``all`` for all files;
            or a list of paths and patterns, as a ``.dockerignore`` has them. In each case without what the ignore rules
            leave out.
        include: more paths and patterns.
        dry_run: write nothing; say what is left out, and why.
        out: the folder for the archive; default one in the user's cache folder.

    Returns:
        The bundle.

    Raises:
        SourceError: a file cannot be read, changes meanwhile, or has a name that cannot be packed;
            `MissingSourceError` when it is not there.
        InvalidValueError: the style is another word.
        StorageError: the archive cannot be written.

    Example:
        >>> import tempfile
        >>> project = Path(tempfile.mkdtemp())
        >>> _ = (project / "tasks.py").write_text("x = 1")
        >>> [entry.path for entry in build_bundle(project, copy_style="all", dry_run=True).entries]
        ['tasks.py']
    """
    planned, selection = plan(root, copy_style=copy_style, include=include, explain=dry_run)
    return planned if dry_run else pack(planned, selection, out)


def plan(
    root: str | os.PathLike[str], *, copy_style: CopyStyle, include: Sequence[str] = (), explain: bool = False
) -> tuple[BuiltBundle, Selection]:
    """Choose a bundle's files and hash them; arguments and errors as `build_bundle`."""
    selection = select_files(root, copy_style, include, explain=explain)
    digest = digest_of_entries(selection.root, selection.entries)
    planned = BuiltBundle(digest=digest, entries=selection.entries, left_out=selection.left_out)
    _check_size(planned)
    return planned, selection


def pack(planned: BuiltBundle, selection: Selection, out: str | os.PathLike[str] | None = None) -> BuiltBundle:
    """Write a planned bundle, unless it is there already.

    Args:
        planned: what `plan` gave.
        selection: the files.
        out: the folder for the archive; default one in the user's cache folder.

    Raises:
        SourceError: see `build_bundle`.
        StorageError: the archive cannot be written.
    """
    from flyte_core.bundle.packing import write_archive
    from flyte_core.storage import atomic_file
    from flyte_core.storage.local_errors import local_errors

    kept = _cache_folder() / planned.name
    reused = kept.is_file()
    if not reused:
        with local_errors(kept, "write"):
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_file(kept) as file:
            digest = write_archive(str(selection.root), selection.entries, file)
            if digest != planned.digest:
                raise SourceError("bundle", selection.root, "files have changed while they were packed; pack again")
            limits = UnpackLimits()
            # Headers and padding count with what is unpacked.
            if planned.content_size + 2048 * len(planned.entries) > limits.most(file.tell()):
                reason = f"the archive would hold more than {limits.ratio} times its own size; leave it out"
                raise SourceError("bundle", _largest(planned), reason)
        _forget_old(kept.parent)
    return _at(planned, keep(kept, out), reused=reused)


def keep(kept: Path, out: str | os.PathLike[str] | None) -> Path:
    """Copy a bundle out of the cache folder, where another place was asked for."""
    from flyte_core.storage import atomic_file
    from flyte_core.storage.local_errors import local_errors

    if out is None:
        with local_errors(kept, "read"):
            os.utime(kept)  # those that were not used for long are forgotten
        return kept
    target = Path(out) / kept.name
    with local_errors(target, "write"):
        target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_file() and target.stat().st_size == kept.stat().st_size:
        return target
    with atomic_file(target) as file, local_errors(kept, "read"), open(kept, "rb") as source:
        shutil.copyfileobj(source, file, 2**20)
    return target


def build_pickle_bundle(
    task: TaskTemplate, *, root: str | os.PathLike[str] | None = None, out: str | os.PathLike[str] | None = None
) -> BuiltBundle:
    """Pickle a task that no module has, as one of a notebook, of ``__main__``, or of a function.

    The project's own modules that it uses go with it, by value; installed ones are imported where it runs.

    Args:
        task: the task.
        root: the project's folder; default the working directory.
        out: the folder for the file; default one in the user's cache folder.

    Returns:
        The bundle.

    Raises:
        SerializationError: the task, or what it refers to, cannot be pickled.
        StorageError: the file cannot be written.
    """
    import gzip
    import hashlib

    from flyte_core.bundle.pickling import pickled
    from flyte_core.storage import atomic_write
    from flyte_core.storage.local_errors import local_errors

    data = pickled(task, os.path.abspath(root or "."))
    built = BuiltBundle(digest=hashlib.sha256(data).hexdigest(), kind="pkl")
    kept = _cache_folder() / built.name
    reused = kept.is_file()
    if not reused:
        with local_errors(kept, "write"):
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic_write(kept, gzip.compress(data, mtime=0))
        _forget_old(kept.parent)
    return _at(built, keep(kept, out), reused=reused)


def _at(built: BuiltBundle, path: Path, *, reused: bool) -> BuiltBundle:
    import attrs

    return attrs.evolve(built, path=path, reused=reused)


def _cache_folder() -> Path:
    from flyte_core.config import load_settings

    return Path(load_settings().cache_dir.value) / "bundles"


def _forget_old(folder: Path) -> None:
    """Remove the bundles that were not used for longest, beyond those that are kept; never an error."""
    from contextlib import suppress

    with suppress(OSError):
        found = [(path.stat().st_mtime_ns, path) for path in folder.glob("*.gz")]
        for _, path in sorted(found, reverse=True)[_KEPT:]:
            path.unlink(missing_ok=True)


def _check_size(planned: BuiltBundle) -> None:
    """Refuse what no container would unpack, and ask about what seldom is meant.

    Raises:
        SourceError: the files are too many, or too large.
    """
    limits = UnpackLimits()
    size = planned.content_size
    if len(planned.entries) > limits.entries or size > limits.size:
        what = f"{len(planned.entries)} files with {size} bytes"
        most = f"{limits.entries} files and {limits.size} bytes"
        raise SourceError("bundle", _largest(planned), f"one of {what}; the most are {most}; leave out what is no code")
    large = [entry for entry in planned.entries if entry.stamp is not None and entry.stamp.size > _LARGE_FILE]
    if size > _LARGE or large:
        logger.warning(
            "the code bundle has %d MB; its largest files: %s; leave out what is no code with a .dockerignore",
            size // 10**6,
            _largest(planned),
        )


def _largest(planned: BuiltBundle) -> str:
    sizes = [(entry.stamp.size, entry.path) for entry in planned.entries if entry.stamp is not None]
    largest = sorted(sizes, key=lambda pair: (-pair[0], pair[1]))[:_NAMED]
    return ", ".join(f"{path} ({size / 10**6:.1f} MB)" for size, path in largest)
