"""``flyte-core serialize``: the tasks of a file as Flyte TaskSpecs."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flyte_core.cli.console import out, out_json, table
from flyte_core.cli.failure import FAILED, Failure
from flyte_core.cli.loading import Loaded, load_target
from flyte_core.cli.settings import read_settings
from flyte_core.cli.specs import FORMATS, SpecFile, as_dict, encode, specs_of, write_files
from flyte_core.cli.tasks import tasks_of
from flyte_core.models import ImageCache, SerializationContext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flyteidl2.task.task_definition_pb2 import TaskSpec

    from flyte_core.cli.tasks import Task
    from flyte_core.config import Settings

__all__ = ["command"]

_HELP = """Write the tasks of a file as Flyte TaskSpecs.

All tasks of the file's environments are written, and those that stand in its variables. With --out each gets a file of
its own, TASK.pb, TASK.json or TASK.yaml; all of them or, when one task cannot be serialized, none. Without it, they are
printed as one JSON list (or as YAML). The same source gives the same bytes.
"""


@click.command("serialize", help=_HELP)
@click.argument("target", metavar="FILE")
@click.option("--out", "folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="Folder.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: pb with --out, json without.")
@click.option("--version", metavar="V", help="Version of the tasks. Default: a hash of the file's content.")
@click.option("--project", metavar="P", help="Project of the tasks.")
@click.option("--domain", metavar="D", help="Domain of the tasks.")
@click.option("--org", metavar="O", help="Organization of the tasks.")
@click.option(
    "--root",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that modules are named from. Default: the one that the file is imported from.",
)
@click.option("--json", "as_json", is_flag=True, help="With --out: print the list of files as JSON.")
@click.option("--debug", is_flag=True, help="Show whole tracebacks, with the framework's frames.")
def command(target: str, folder: Path | None, form: str | None, as_json: bool, debug: bool, **choices: Any) -> None:
    """Write the tasks of a file."""
    form = form or ("pb" if folder is not None else "json")
    if form == "pb" and folder is None:
        raise click.UsageError("--format pb is binary; name a folder with --out")
    settings = read_settings(**{name: choices[name] for name in ("project", "domain", "org")})
    with _stdout_kept(folder is None or as_json):
        specs = _specs(target, settings, choices, debug=debug)
    if folder is None:
        out(encode([as_dict(spec) for spec in specs], form).decode().rstrip("\n"))
        return
    _show(write_files(specs, folder, form), folder, as_json=as_json)


def _stdout_kept(wanted: bool) -> contextlib.AbstractContextManager[object]:
    """Keep standard output for the one document; what the user's code prints goes to standard error."""
    return contextlib.redirect_stdout(sys.stderr) if wanted else contextlib.nullcontext()


def _specs(target: str, settings: Settings, choices: Mapping[str, Any], *, debug: bool) -> list[TaskSpec]:
    loaded = load_target(target, whole_tracebacks=debug)
    sctx = SerializationContext(
        version=choices["version"] or _content_version(loaded),
        project=settings.project.value,
        domain=settings.domain.value,
        org=settings.org.value,
        root_dir=(choices["root"] or loaded.root).resolve(),
    )
    tasks = tasks_of(loaded.module)
    sctx.image_cache = _named_images(tasks)
    if not tasks:
        raise Failure(f"{target} has no tasks; declare one with @env.task of a TaskEnvironment")
    return specs_of(tasks, sctx, whole_tracebacks=debug)


def _named_images(tasks: Sequence[Task]) -> ImageCache | None:
    """Give the images by environment where the settings call some by a name; None where they do not."""
    from flyte_core.images.settings import image_settings

    settings = image_settings()
    if not settings.refs:
        return None
    # Most settings name no image, and need not wait for these.
    from flyte_core.images.environments import images_of
    from flyte_core.images.refs import resolved

    environments = [env for task in tasks if task.parent_env is not None and (env := task.parent_env()) is not None]
    found = images_of(dict.fromkeys(environments), settings)
    return ImageCache({one.environment: resolved(one.image, settings).uri for one in found})


def _content_version(loaded: Loaded) -> str:
    """Give a version that changes with the file's content, and with nothing else."""
    import hashlib

    if loaded.path is None:
        raise Failure(f"module {loaded.module.__name__} has no file to make a version of; give --version")
    try:
        content = loaded.path.read_bytes()
    except OSError as error:
        raise Failure(f"{loaded.path}: {error.strerror}", status=FAILED, code=type(error).__name__) from error
    return hashlib.sha256(content).hexdigest()[:16]


def _show(files: Sequence[SpecFile], folder: Path, *, as_json: bool) -> None:
    if as_json:
        out_json([file.to_dict() for file in files])
        return
    rows = [(file.task, file.type, file.target, file.size, file.path.name) for file in files]
    out(table(["task", "type", "target", "bytes", "file"], rows))
    out(f"{len(files)} {'task' if len(files) == 1 else 'tasks'} in {folder}, version {_version(files[0].spec)}")


def _version(spec: TaskSpec) -> str:
    version: str = spec.task_template.id.version
    return version
