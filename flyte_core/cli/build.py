"""``flyte-core build``: the images of a file's environments."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import click

from flyte_core.cli.console import err, out, out_json, styled, table
from flyte_core.cli.failure import FAILED, Failure, exit_with
from flyte_core.cli.loading import load_target
from flyte_core.cli.settings import read_settings
from flyte_core.errors import FlyteCoreError

if TYPE_CHECKING:
    from types import ModuleType

    from flyte_core.environment import Environment
    from flyte_core.images.engine import BuildResult
    from flyte_core.images.environments import EnvironmentImage
    from flyte_core.images.settings import ImageSettings
    from flyte_core.models import Image

__all__ = ["command"]

_HELP = """Build the images of a file's environments, unless they exist.

An image exists when its registry has it, or, for one that is not pushed, when the engine has it. What the build itself
prints goes to standard error. With --dry-run, the Dockerfile and the files that it gets are printed instead, and
nothing is built or asked.
"""


@click.command("build", help=_HELP)
@click.argument("target", metavar="FILE")
@click.option("--env", "names", metavar="NAME", multiple=True, help="Only this environment, and what it depends on.")
@click.option(
    "--builder", metavar="NAME", help="The builder. Default: that of the settings, or the only one installed."
)
@click.option("--dry-run", is_flag=True, help="Print what would be built; build nothing.")
@click.option("--force", is_flag=True, help="Build images that exist, too.")
@click.option("--push/--no-push", default=None, help="Default: an image with a registry is pushed.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON document.")
@click.option("--debug", is_flag=True, help="Show whole tracebacks, with the framework's frames.")
def command(target: str, names: tuple[str, ...], as_json: bool, debug: bool, **choices: Any) -> None:
    """Build the images of a file's environments."""
    try:
        _build(target, names, choices, as_json=as_json, debug=debug)
    except Failure as failure:
        exit_with(failure, as_json=as_json)


def _build(target: str, names: Sequence[str], choices: Mapping[str, Any], *, as_json: bool, debug: bool) -> None:
    from flyte_core._syncify import run_coroutine
    from flyte_core.images.environments import build_each, completed, images_of
    from flyte_core.images.settings import image_settings

    read_settings()
    settings = image_settings()
    found = images_of(_environments(load_target(target, whole_tracebacks=debug).module, names, target), settings)
    _check_builder(found, choices["builder"], settings)
    plans: dict[Image, list[str]] = {}

    def say(image: Image, text: str) -> None:
        plans.setdefault(image, []).append(text)

    found = run_coroutine(completed(found))
    coroutine = build_each([one.image for one in found], say=say, progress=_show_line, measured=True, **choices)
    rows = _rows(found, run_coroutine(coroutine), plans)
    if as_json:
        out_json([row.to_dict() for row in rows])
    elif choices["dry_run"]:
        _show_plans(rows)
    else:
        _show(rows)
    _fail(rows)


def _check_builder(found: Sequence[EnvironmentImage], name: str | None, settings: ImageSettings) -> None:
    """Tell once, and before anything is built, that there is no builder, or which one is not said."""
    from flyte_core.errors import PluginError
    from flyte_core.images.choosing import choose_builder

    if any(one.image.name for one in found):
        try:
            choose_builder(name, settings)
        except PluginError as error:
            raise Failure(str(error), code=type(error).__name__) from error


def _environments(module: ModuleType, names: Sequence[str], target: str) -> list[Environment]:
    from flyte_core.environment import Environment
    from flyte_core.errors import near_misses

    found = {value.name: value for value in vars(module).values() if isinstance(value, Environment)}
    if not found:
        raise Failure(f"{target} has no environments; declare one with flyte_core.TaskEnvironment")
    for name in names:
        if name not in found:
            close = near_misses(name, found)
            hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise Failure(f"{target} has no environment {name!r}{hint}", hint=f"It has: {', '.join(found)}")
    return [found[name] for name in names or found]


def _show_line(image: Image, line: str) -> None:
    if line.strip():
        err(f"{styled(image.name or '', fg='cyan')} {line}")


@attrs.frozen(kw_only=True)
class _Row:
    """One image, and what became of it."""

    environments: tuple[str, ...]
    uri: str
    result: BuildResult | None = None
    error: Exception | None = None
    plan: str | None = None

    @property
    def why(self) -> str:
        if self.result is None:
            return "failed"
        return f"built: {self.result.reason}" if self.result.built else self.result.reason

    def to_dict(self) -> dict[str, Any]:
        result: dict[str, Any] = {"image": self.uri, "environments": list(self.environments)}
        if self.result is not None:
            result |= attrs.asdict(self.result, filter=lambda attribute, _: attribute.name != "uri")
            result["seconds"] = round(self.result.seconds, 3)
        if self.error is not None:
            result["error"] = {"code": type(self.error).__name__, "message": str(self.error)}
        if self.plan is not None:
            result["plan"] = self.plan
        return result


def _rows(
    found: Sequence[EnvironmentImage],
    outcomes: Sequence[BuildResult | Exception],
    plans: Mapping[Image, Sequence[str]],
) -> list[_Row]:
    users: dict[Image, list[str]] = {}
    for one in found:
        users.setdefault(one.image, []).append(one.environment)
    rows = []
    for image, outcome in {one.image: outcome for one, outcome in zip(found, outcomes, strict=True)}.items():
        said = "\n".join(plans[image]) if image in plans else None
        environments = tuple(users[image])
        if isinstance(outcome, Exception):
            rows.append(_Row(environments=environments, uri=_name(image), error=outcome, plan=said))
        else:
            rows.append(_Row(environments=environments, uri=outcome.uri, result=outcome, plan=said))
    return rows


def _name(image: Image) -> str:
    """Give the name of an image that failed; without its tag where a source is missing, which the tag is made of."""
    with contextlib.suppress(FlyteCoreError):
        return image.uri
    return "/".join(filter(None, (image.registry, image.name))) or str(image.base_image)


def _show(rows: Sequence[_Row]) -> None:
    cells = [(row.uri, ", ".join(row.environments), row.why, _digest(row), _size(row), _seconds(row)) for row in rows]
    out(table(["image", "environments", "what", "digest", "size", "time"], cells))


def _digest(row: _Row) -> str:
    digest = row.result.digest if row.result is not None else None
    return digest[:19] if digest else ""


def _size(row: _Row) -> str:
    from rich.filesize import decimal

    size = row.result.size if row.result is not None else None
    return decimal(size) if size is not None else ""


def _seconds(row: _Row) -> str:
    return f"{row.result.seconds:.1f} s" if row.result is not None else ""


def _show_plans(rows: Sequence[_Row]) -> None:
    for number, row in enumerate(rows):
        if number:
            out("")
        out(styled(f"# {row.uri} (environments: {', '.join(row.environments)})", bold=True))
        out(row.plan if row.plan is not None else row.why)
    sys.stdout.flush()


def _fail(rows: Sequence[_Row]) -> None:
    failed = [(row, row.error) for row in rows if row.error is not None]
    # Most errors name the image, with its tag.
    texts = [str(error) if row.uri in str(error) else f"image {row.uri}: {error}" for row, error in failed]
    if len(texts) == 1:
        raise Failure(texts[0], status=FAILED, kind="user", code=type(failed[0][1]).__name__)
    if texts:
        raise Failure("images could not be built", status=FAILED, kind="user", code="ImageBuildError", problems=texts)
