"""``flyte-core bundle``: the code that a container gets."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flyte_core.cli.console import out, out_json, table
from flyte_core.cli.failure import FAILED, Failure
from flyte_core.cli.loading import load_target
from flyte_core.cli.settings import read_settings
from flyte_core.errors import FlyteCoreError

if TYPE_CHECKING:
    from flyte_core.bundle import BuiltBundle

__all__ = ["command"]

_HELP = """Pack the code of a file or folder, as a container gets it.

Of a file, the modules below its root folder that it imports are packed; of a folder, all files. What .gitignore,
.dockerignore and a standard set leave out is not. The archive's name is the hash of what is in it. With --dry-run,
nothing is written; the files are listed, and those left out with the rule that says so.
"""


@click.command("bundle", help=_HELP)
@click.argument("target", metavar="FILE|DIR")
@click.option(
    "--copy-style",
    type=click.Choice(["loaded", "all"]),
    help="The modules that are imported, or all files. Default: loaded for a file, all for a folder.",
)
@click.option("--include", metavar="PATTERN", multiple=True, help="More files, folders or patterns below the root.")
@click.option("--dry-run", is_flag=True, help="List the files; write nothing.")
@click.option(
    "--out",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Default: the cache folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.option("--debug", is_flag=True, help="Show whole tracebacks, with the framework's frames.")
def command(target: str, folder: Path | None, as_json: bool, debug: bool, dry_run: bool, **choices: Any) -> None:
    """Pack the code of a file or folder."""
    from flyte_core.bundle import build_bundle

    read_settings()
    # What the user's code prints when it is imported is no part of the result.
    with contextlib.redirect_stdout(sys.stderr):
        root, style = _root(target, choices["copy_style"], debug=debug)
    try:
        built = build_bundle(root, copy_style=style, include=choices["include"], dry_run=dry_run, out=folder)
    except FlyteCoreError as error:
        raise Failure(str(error), status=FAILED, kind="user", code=type(error).__name__) from error
    if as_json:
        out_json(_as_dict(built, root))
    elif dry_run:
        _show_plan(built, root)
    else:
        _show(built)


def _root(target: str, chosen: str | None, *, debug: bool) -> tuple[Path, str]:
    path = Path(target)
    if path.is_dir():
        if chosen == "loaded":
            raise Failure(f"{target} is a folder, of which no modules are imported; give a file, or --copy-style all")
        return path, "all"
    root = load_target(target, whole_tracebacks=debug).root
    return root, "all" if chosen == "all" else "loaded_modules"


def _as_dict(built: BuiltBundle, root: Path) -> dict[str, Any]:
    files: list[dict[str, Any]] = []
    for entry in built.entries:
        if entry.stamp is not None:
            files.append({"path": entry.path, "size": entry.stamp.size, "executable": entry.executable})
        else:
            files.append({"path": entry.path, "target": entry.target})
    result: dict[str, Any] = {"hash": built.digest, "root": str(root), "bytes": built.content_size, "files": files}
    if built.path is None:
        result["left_out"] = [{"path": one.path, "reason": one.reason} for one in built.left_out]
    else:
        result |= {"path": str(built.path), "packed": built.path.stat().st_size, "reused": built.reused}
    return result


def _show(built: BuiltBundle) -> None:
    assert built.path is not None
    out(str(built.path))
    out(f"{_summary(built)}, {built.path.stat().st_size} packed, hash {built.digest}")


def _show_plan(built: BuiltBundle, root: Path) -> None:
    if built.entries:
        rows: Sequence[Sequence[object]] = [
            (entry.path, entry.stamp.size if entry.stamp is not None else f"-> {entry.target}")
            for entry in built.entries
        ]
        out(table(["file", "bytes"], rows, fold=False))
    if built.left_out:
        out("")
        out(table(["left out", "because of"], [(one.path, one.reason) for one in built.left_out], fold=False))
        out("")
    out(f"{_summary(built)} below {root}, hash {built.digest}")


def _summary(built: BuiltBundle) -> str:
    count = len(built.entries)
    return f"{count} {'file' if count == 1 else 'files'}, {built.content_size} bytes"
