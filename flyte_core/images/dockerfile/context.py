"""The build context on disk, and in words."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from flyte_core.errors import MissingSourceError, SourceError

if TYPE_CHECKING:
    from flyte_core.images.dockerfile.plan import ContextFile, Plan

__all__ = ["describe", "write_context"]

#: One time for all files, so that the same files make the same layer. Not 0: zip files begin with 1980, and so wheels
#: that are built of these files.
_TIME = 315_619_200
_NOTHING_IGNORED = "# What is to be ignored is not here.\n"


def write_context(plan: Plan, folder: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write a Dockerfile, and its build context beside it, with the same times and modes every time.

    Args:
        plan: what is built.
        folder: an empty folder.

    Returns:
        The Dockerfile, and the folder that is its context.

    Raises:
        SourceError: a file cannot be read; `MissingSourceError` when it is not there.

    Example:
        >>> import tempfile
        >>> from flyte_core.images.dockerfile import Plan
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     dockerfile, context = write_context(Plan(text="FROM scratch"), folder)
        ...     dockerfile.read_text(), list(context.iterdir())
        ('FROM scratch', [])
    """
    dockerfile, context = Path(folder, "Dockerfile"), Path(folder, "context")
    dockerfile.write_text(plan.text, encoding="utf-8", newline="")
    # It stands above a .dockerignore in the context, which has been applied.
    Path(folder, "Dockerfile.dockerignore").write_text(_NOTHING_IGNORED, encoding="utf-8")
    context.mkdir()
    for name in plan.folders:
        (context / name).mkdir(parents=True, exist_ok=True)
    for file in plan.files:
        _write(file, context / file.path)
    # After their files, which change the times of folders.
    for where, _, _ in os.walk(context, topdown=False):
        Path(where).chmod(0o755)
        os.utime(where, (_TIME, _TIME))
    return dockerfile, context


def _write(file: ContextFile, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.target is not None:
        path.symlink_to(file.target)
        os.utime(path, (_TIME, _TIME), follow_symlinks=False)
        return
    if isinstance(file.source, bytes):
        path.write_bytes(file.source)
    else:
        try:
            shutil.copyfile(file.source, path)
        except FileNotFoundError as error:
            raise MissingSourceError("build context", file.source, "it is not there any more") from error
        except OSError as error:
            raise SourceError("build context", file.source, f"it cannot be copied: {error.strerror}") from error
    path.chmod(0o755 if file.executable else 0o644)
    os.utime(path, (_TIME, _TIME))


def describe(plan: Plan) -> str:
    """Say what would be built: the Dockerfile, and the files of its context with their sizes.

    Args:
        plan: what would be built.

    Example:
        >>> from flyte_core.images.dockerfile import ContextFile, Plan
        >>> print(describe(Plan(text="FROM scratch\\nCOPY a /\\n", files=(ContextFile(path="a", source=b"12"),))))
        FROM scratch
        COPY a /
        <BLANKLINE>
        Build context, 1 file, 2 bytes:
                   2  a
    """
    lines = [plan.text.rstrip("\n"), ""]
    sizes = [_size(file) for file in plan.files]
    many = f"{len(sizes)} file{'' if len(sizes) == 1 else 's'}"
    lines.append(f"Build context, {many}, {sum(sizes):,} bytes" + (":" if sizes else "."))
    for file, size in sorted(zip(plan.files, sizes, strict=True), key=lambda pair: pair[0].path):
        lines.append(f"{size:12,}  {file.path}" + (f" -> {file.target}" if file.target is not None else ""))
    lines += [
        f"Secret {one.id}: {one.secret.key}" + (f" of {one.secret.group}" if one.secret.group else "")
        for one in plan.secrets
    ]
    return "\n".join(lines)


def _size(file: ContextFile) -> int:
    if file.target is not None:
        return 0
    return len(file.source) if isinstance(file.source, bytes) else Path(file.source).stat().st_size
