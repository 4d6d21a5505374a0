"""The command group: built-in commands and those of plugins, each imported only when it is invoked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from flyte_core._version import __version__
from flyte_core.cli.console import err, styled
from flyte_core.cli.failure import CANCELLED, FAILED, USAGE, Failure
from flyte_core.errors import ConfigError, FlyteCoreError, PluginError, near_misses

if TYPE_CHECKING:
    from flyte_core.discovery import EntryPoint

__all__ = ["BUILT_IN", "App", "run_app"]

#: Of each built-in command its module and its line on the help page; importing it is what takes time.
BUILT_IN = {
    "run": ("flyte_core.cli.run", "Run a task of a file; its inputs are options."),
    "serialize": ("flyte_core.cli.serialize", "Write the tasks of a file as Flyte TaskSpecs."),
    "build": ("flyte_core.cli.build", "Build the images of a file's environments, unless they exist."),
    "bundle": ("flyte_core.cli.bundle", "Pack the code of a file or folder, as a container gets it."),
    "config": ("flyte_core.cli.config", "Show the settings, and where they came from."),
    "plugins": ("flyte_core.cli.plugins", "List and describe installed plugins, without importing them."),
    "doctor": ("flyte_core.cli.doctor", "Check the installation, settings, cache and plugins."),
}


class App(click.Group):
    """The group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the built-in commands, then those of plugins."""
        return [*BUILT_IN, *(name for name in _plugin_commands() if name not in BUILT_IN)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command.

        Raises:
            Failure: when a plugin has it, and the plugin is blocked, contested or broken.
        """
        if cmd_name in BUILT_IN:
            command: click.Command = import_module(BUILT_IN[cmd_name][0]).command
            return command
        return _load_plugin_command(cmd_name) if cmd_name in _plugin_commands() else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the words begin with."""
        name = args[0]
        if not name.startswith("-") and name not in BUILT_IN and name not in _plugin_commands():
            known = self.list_commands(ctx)
            close = near_misses(name, known)
            hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise click.UsageError(f"There is no command {name!r}{hint} Commands are: {', '.join(known)}", ctx)
        if name in BUILT_IN and "--json" not in args:
            _tell_of_conflict(name)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from what is known without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in BUILT_IN.items()])
        found = _plugin_commands()
        if found:
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, _from(name, claims)) for name, claims in found.items()])

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; what it returns is not the exit status."""
        super().invoke(ctx)


def _from(name: str, claims: Sequence[EntryPoint]) -> str:
    origin = "from " + " and ".join(claim.label for claim in claims)
    if name in BUILT_IN:
        return f"{origin}; hidden by the built-in command"
    return f"{origin}; contested" if len(claims) > 1 else origin


def _plugin_commands() -> dict[str, list[EntryPoint]]:
    """Give the claims of each command of a plugin; none when the settings cannot be read, which others report."""
    from flyte_core.discovery import GROUPS
    from flyte_core.registry import TaskPluginRegistry

    found: dict[str, list[EntryPoint]] = {}
    try:
        settings = TaskPluginRegistry.settings.plugins.value
    except ConfigError as error:
        err(f"{styled('Warning:', fg='yellow')} no commands of plugins: {error}")
        return found
    for claim in TaskPluginRegistry.index.all(GROUPS["command"]):
        choice = settings.choice("command", claim.name)
        if settings.blocked_by("command", claim.name) is None and choice in (None, (claim.name, claim.distribution)):
            found.setdefault(claim.name, []).append(claim)
    return found


def _tell_of_conflict(name: str) -> None:
    from flyte_core.discovery import GROUPS
    from flyte_core.registry import TaskPluginRegistry

    try:
        claims = TaskPluginRegistry.index.find(GROUPS["command"], name)
    except ConfigError:
        return  # the command itself reports it
    if claims:
        labels = " and ".join(claim.label for claim in claims)
        err(f"{styled('Note:', fg='yellow')} {labels} also has a command {name!r}; the built-in one is used")


def _load_plugin_command(name: str) -> click.Command:
    from flyte_core.registry import TaskPluginRegistry

    try:
        found: Any = TaskPluginRegistry.load("command", name)
    except PluginError as error:
        cause = error.__cause__
        raise Failure(
            str(error), status=FAILED, kind="system", code=type(error).__name__, traceback=_plugin_traceback(cause)
        ) from error
    if not isinstance(found, click.Command):
        label = " and ".join(claim.label for claim in _plugin_commands()[name])
        raise Failure(
            f"command {name!r} of {label} is a {type(found).__name__}; its entry point has to name a click command",
            status=FAILED,
            kind="system",
            code="PluginLoadError",
        )
    return found


def _plugin_traceback(cause: BaseException | None) -> str | None:
    from flyte_core.cli.tracebacks import format_error

    return format_error(cause) if cause is not None else None


def _make_app() -> App:
    app = App(
        name="flyte-core",
        help="Run and serialize Flyte tasks, and look after the plugins that know about them.",
        epilog="Exit status: 0 all is well, 1 a task or check failed, 2 the command line or its file cannot be used.",
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=True,
    )
    return click.version_option(__version__, message="flyte-core %(version)s")(app)


def run_app(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the words after the command's name; default those of the process.

    Returns:
        The exit status.
    """
    from flyte_core.cli.log import shown_log

    words = list(sys.argv[1:] if argv is None else argv)
    with shown_log():
        return _run(words)


def _run(words: list[str]) -> int:
    try:
        status = _make_app().main(args=words, prog_name="flyte-core", standalone_mode=False)
    except Failure as failure:
        if "--json" in words:
            failure.show_json()
        else:
            failure.show()
        return failure.status
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        err("cancelled")
        return CANCELLED
    except ConfigError as error:
        err(f"{styled('Error:', fg='red')} {error}")
        return USAGE
    except FlyteCoreError as error:
        err(f"{styled('Error:', fg='red')} {error}")
        return FAILED
    return status if isinstance(status, int) else 0
