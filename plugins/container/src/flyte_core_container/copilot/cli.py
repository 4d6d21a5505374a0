"""The command ``flyte-core copilot``: download, upload and sidecar, with the flags of Flyte's loader."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flyte_core_container.copilot.choices import (
    DOWNLOAD_MODES,
    ERROR_NAME,
    FORMATS,
    LAYOUTS,
    OUTPUT_NAME,
    UPLOAD_MODES,
)
from flyte_core_container.copilot.flags import apply_settings, take_settings

if TYPE_CHECKING:
    from flyteidl2.core.interface_pb2 import VariableMap

    from flyte_core_container.copilot.control import Control
    from flyte_core_container.copilot.operations import Download, Upload

__all__ = ["copilot"]

F = TypeVar("F", bound=Callable[..., Any])

_SECOND = 1_000_000_000
_TIMEOUT = "1h"
_SHOWN = 10_000
_NO_INTERFACE = (
    "Missing option '--interface' / '-i', which declares the outputs. In Python it is "
    "base64.b64encode(TypedInterface(outputs=...).SerializeToString()), with TypedInterface of "
    "flyteidl2.core.interface_pb2; for a task without outputs it is EgA="
)


class _Copilot(click.Group):
    """A group that takes flags of storage and logging anywhere."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take those flags out first."""
        rest, settings = take_settings(args)
        ctx.meta["flyte_core_container.copilot.settings"] = settings
        return super().parse_args(ctx, rest)


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Read a duration such as ``1h0m0s``."""
    if value is None:
        return None
    if value == _TIMEOUT:  # spares reading the grammar
        return 3600.0
    from flyte_core_container.copilot.errors import GrammarError
    from flyte_core_container.copilot.grammar import parse_duration

    try:
        return parse_duration(value) / _SECOND
    except GrammarError as error:
        raise click.BadParameter(str(error)) from error


def _common(function: F) -> F:
    """Add the flags that stand before or behind the sub-command."""
    for option in (
        click.option("--err-output-name", metavar="NAME", help=f"Name of the error document; default {ERROR_NAME}."),
        click.option("--config", multiple=True, hidden=True, help="Accepted and ignored."),
        click.option("--show-source", "-s", is_flag=True, hidden=True, help="Accepted and ignored."),
        click.option("--kubeconfig", hidden=True, help="Accepted and ignored."),
    ):
        function = option(function)
    return function


def _timeout(function: F) -> F:
    return click.option(
        "--timeout",
        "-t",
        callback=_seconds,
        metavar="DURATION",
        default=_TIMEOUT,
        show_default=True,
        help="How long the transfer may take; 0s for no limit.",
    )(function)


def _folder_options(function: F) -> F:
    """Add the flags of upload and sidecar."""
    options = (
        click.option("--to-output-prefix", "-o", required=True, metavar="URL", help="Where outputs.pb goes."),
        click.option("--to-raw-output", "-x", required=True, metavar="URL", help="Below which files are stored."),
        click.option("--from-local-dir", "-f", required=True, metavar="DIR", help="The folder with the outputs."),
        click.option("--interface", "-i", metavar="BASE64", help="The TypedInterface of the task."),
        click.option(
            "--upload-mode",
            "-u",
            type=click.Choice(UPLOAD_MODES),
            default="UPLOAD_ON_EXIT",
            show_default=True,
            help="DO_NOT_UPLOAD: the file of a blob holds its URI.",
        ),
        click.option("--meta-output-name", default=OUTPUT_NAME, show_default=True, help="Name of the outputs."),
        click.option("--format", "-m", type=click.Choice(FORMATS), default="JSON", hidden=True, help="Ignored."),
        click.option("--start-timeout", callback=_seconds, hidden=True, help="Deprecated and ignored."),
        click.option(
            "--start-watcher-type",
            type=click.Choice(["signal", "noop"]),
            default="signal",
            help="noop: the sidecar does not wait.",
        ),
        click.option(
            "--exit-watcher-type", type=click.Choice(["signal", "noop"]), default="signal", hidden=True, help="Ignored."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return _timeout(_common(function))


@click.group(cls=_Copilot, context_settings={"help_option_names": ["-h", "--help"]})
@_common
@click.pass_context
def copilot(ctx: click.Context, /, **flags: Any) -> None:
    """Bring inputs of a task to files, and files to its outputs, as Flyte's loader does.

    Flags that begin with --storage. or --logger. may stand anywhere: the log level, and endpoint, region and keys of
    S3-compatible storage, are put to use; others are accepted and ignored.
    """
    ctx.obj = flags
    apply_settings(ctx.meta["flyte_core_container.copilot.settings"])


def _error_name(ctx: click.Context, given: str | None) -> str:
    return given or (ctx.obj or {}).get("err_output_name") or ERROR_NAME


@copilot.command(context_settings={"max_content_width": 120})
@click.option("--from-remote", "-f", required=True, metavar="URL", help="URL of inputs.pb.")
@click.option("--to-output-prefix", required=True, metavar="URL", help="Where the error document goes.")
@click.option("--to-local-dir", "-o", required=True, metavar="DIR", help="The folder for the inputs.")
@click.option(
    "--format",
    "-m",
    type=click.Choice(FORMATS),
    default="JSON",
    show_default=True,
    help="What describes all inputs beside inputs.pb.",
)
@click.option(
    "--download-mode",
    "-d",
    type=click.Choice(DOWNLOAD_MODES),
    default="DOWNLOAD_EAGER",
    show_default=True,
    help="DO_NOT_DOWNLOAD: blobs stay where they are; DOWNLOAD_STREAM is DOWNLOAD_EAGER.",
)
@click.option(
    "--file-input-layout",
    type=click.Choice(LAYOUTS),
    default="DIRECT",
    show_default=True,
    help="NAMED_DIR: files keep their names.",
)
@click.option("--input-interface", "-i", hidden=True, help="Accepted and ignored.")
@_timeout
@_common
@click.pass_context
def download(ctx: click.Context, /, err_output_name: str | None, timeout: float, **flags: Any) -> None:
    """Bring the inputs of a task into a folder."""
    from flyte_core_container.copilot.operations import Download

    job = Download(
        from_remote=flags["from_remote"],
        to_local_dir=flags["to_local_dir"],
        to_output_prefix=flags["to_output_prefix"],
        format=flags["format"],
        layout=flags["file_input_layout"],
        mode=flags["download_mode"],
        error_name=_error_name(ctx, err_output_name),
    )
    _run(timeout, job, job.run, signal.SIGTERM, signal.SIGINT)


@copilot.command()
@_folder_options
@click.pass_context
def upload(ctx: click.Context, /, err_output_name: str | None, timeout: float, **flags: Any) -> None:
    """Bring the outputs of a task out of a folder."""
    if not flags["interface"]:
        raise click.UsageError(_NO_INTERFACE, ctx)
    job = _upload(flags, _error_name(ctx, err_output_name), needs_folder=True)
    _run(timeout, job, job.run, signal.SIGTERM, signal.SIGINT)


@copilot.command()
@_folder_options
@click.pass_context
def sidecar(ctx: click.Context, /, err_output_name: str | None, timeout: float, **flags: Any) -> None:
    """Wait for SIGTERM, which says that the task's container has ended; then do what upload does."""
    from flyte_core_container.copilot.termination import hold_sigterm, wait_for_sigterm

    hold_sigterm()
    job = _upload(flags, _error_name(ctx, err_output_name))
    wait = None if flags["start_watcher_type"] == "noop" else wait_for_sigterm
    # A second SIGTERM stays blocked: the upload has its deadline, and outputs are worth it.
    _run(timeout, job, lambda control: job.run(control, wait), signal.SIGINT)


def _upload(flags: dict[str, Any], error_name: str, *, needs_folder: bool = False) -> Upload:
    from flyte_core_container.copilot.operations import Upload

    return Upload(
        from_local_dir=flags["from_local_dir"],
        to_output_prefix=flags["to_output_prefix"],
        to_raw_output=flags["to_raw_output"],
        outputs=_outputs_of(flags["interface"]),
        mode=flags["upload_mode"],
        output_name=flags["meta_output_name"],
        error_name=error_name,
        needs_folder=needs_folder,
    )


def _outputs_of(interface: str | None) -> VariableMap | None:
    if not interface:
        return None
    import base64

    from flyteidl2.core.interface_pb2 import TypedInterface
    from google.protobuf.message import DecodeError

    try:
        return TypedInterface.FromString(base64.b64decode(interface, validate=True)).outputs
    except (ValueError, DecodeError) as error:
        raise click.BadParameter(
            f"it is no TypedInterface as base64: {error}", param_hint="'--interface' / '-i'"
        ) from error


def _run(timeout: float, job: Download | Upload, work: Callable[[Control], None], *signals: signal.Signals) -> None:
    """Do the work; failures end the command with status 1, signals with 128 and their number."""
    from flyte_core.errors import FlyteCoreError
    from flyte_core_container.copilot.control import Control
    from flyte_core_container.copilot.termination import cancelled_by_signals, ended_in_time

    control = Control(timeout)
    with cancelled_by_signals(control, *signals) as seen:

        def failed(error: Exception) -> _Failed:
            return _Failed(_shortened(str(error)), 128 + seen[0] if seen else 1)

        def give_up() -> None:
            try:
                control.check()
            except FlyteCoreError as error:
                job.report(error)
                failure = failed(error)
                failure.show()
                os._exit(failure.exit_code)

        try:
            with ended_in_time(control, give_up):
                work(control)
        except (FlyteCoreError, OSError, ImportError) as error:
            raise failed(error) from error


def _shortened(text: str) -> str:
    if len(text) <= _SHOWN:
        return text
    return f"{text[:_SHOWN]}... ({len(text)} characters; the error document has them all)"


class _Failed(click.ClickException):
    """Ends the command with a status of its own."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.exit_code = status  # type: ignore[misc] # click reads it of the instance too
