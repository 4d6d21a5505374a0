"""``flyte-core run``: one task of a file, its inputs as options."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from flyte_core.cli.arguments import Arguments, inputs_of, read_arguments, take_own
from flyte_core.cli.console import out, out_json
from flyte_core.cli.failure import Failure, exit_with

if TYPE_CHECKING:
    from flyte_core.cli.tasks import Task

__all__ = ["command"]

_HELP = """Run a task of a file.

FILE is a Python file or the name of a module; TASK is a variable, a function's name, a short name or a full name.
The inputs are options that the task's interface defines: --max-delay and --max_delay are the same; a bool is --flag or
--no-flag; lists, dicts and records are JSON. FILE TASK --help describes them.

The options below can stand anywhere. After TASK, an input of the same name comes first; before FILE they are always
the command's own.
"""

#: Where a context keeps the command's own options before FILE, and FILE with all words after it.
_FRONT, _WORDS = f"{__name__}.front", f"{__name__}.words"


class _RunCommand(click.Command):
    """A command whose words after its own options depend on the file that they name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        front, rest = take_own(args, _own(self))
        try:
            if rest and rest[0] == "--":
                rest.pop(0)
            elif rest and rest[0].startswith("-"):
                super().parse_args(ctx, [*front, rest[0]])
            # click empties the list that it is given.
            left = super().parse_args(ctx, list(front))
        except click.UsageError as error:
            if "--json" in front:
                exit_with(Failure(error.format_message()), as_json=True)
            raise
        ctx.meta[_FRONT], ctx.meta[_WORDS] = front, rest
        return left

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[OPTIONS]", "FILE", "TASK", "[INPUTS]"]


def _own(command: click.Command) -> dict[str, bool]:
    """Give the command's own options, and of each whether it takes a value."""
    return {
        spelling: not option.is_flag
        for option in command.params
        if isinstance(option, click.Option)
        for spelling in (*option.opts, *option.secondary_opts)
    }


def _option(*names: str, **more: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(*names, **more)


@click.command("run", cls=_RunCommand, help=_HELP)
@_option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print outputs as one JSON document; an error is the last line of standard error.",
)
@_option("--on", metavar="NAME", default="local", show_default=True, help="The executor that runs the task.")
@_option("--project", metavar="NAME", help="The run's project.")
@_option("--domain", metavar="NAME", help="The run's domain.")
@_option("--overwrite-cache", is_flag=True, help="Compute cached results anew, and store them.")
@_option("--no-cache", is_flag=True, help="Neither read nor store cached results.")
@_option("--explain", is_flag=True, help="Print how the task would do its work, such as a query's plan; run nothing.")
@_option("--debug", is_flag=True, help="Show whole tracebacks, with the framework's frames.")
@click.pass_context
def command(ctx: click.Context, /, **choices: Any) -> None:
    """Run a task of a file."""
    words: list[str] = ctx.meta[_WORDS]
    # Until the task is known, nobody can say whether a later --json is ours or an input.
    state = _State(ctx, as_json=choices["as_json"] or "--json" in words, debug=choices["debug"] or "--debug" in words)
    try:
        state.go(words)
    except Failure as failure:
        exit_with(failure, as_json=state.as_json)


class _State:
    """One invocation, and what is known so far of how it has to answer."""

    def __init__(self, ctx: click.Context, *, as_json: bool, debug: bool) -> None:
        self.ctx, self.as_json, self.debug = ctx, as_json, debug
        self.own = _own(ctx.command)

    def go(self, words: Sequence[str]) -> None:
        from flyte_core.cli.loading import load_target
        from flyte_core.cli.log import held_log
        from flyte_core.cli.settings import read_settings
        from flyte_core.cli.taskhelp import task_help, task_list
        from flyte_core.cli.tasks import find_task, function_name, tasks_of

        if not words:
            raise Failure("Missing argument FILE", hint=f"Try '{self.ctx.command_path} --help' for help.")
        target, *rest = words
        middle, rest = take_own(rest, self.own)
        read_settings()  # before the file, which would be blamed for what it asks of wrong settings
        # Of what there is to say about the file's tasks, only what is about the one that runs helps anybody.
        with held_log() as show_log, self.stdout_kept():
            module = load_target(target, whole_tracebacks=self.debug).module
        leading = f"{self.ctx.command_path} {target}"
        if rest and rest[0] in ("-h", "--help"):
            out(task_list(tasks_of(module), leading))
            return
        if not rest:
            listed = ", ".join(task.name for task in tasks_of(module)) or "none"
            raise Failure("Missing argument TASK", hint=f"The tasks of {target} are: {listed}")
        task = find_task(module, rest[0], target)
        leading += f" {rest[0]}"
        arguments = read_arguments(inputs_of(task), rest[1:], self.own)
        if arguments.help:
            out(task_help(task, leading, self.options(task)))
            return
        show_log(function_name(task), task.name)
        self.run(task, arguments, middle, leading)

    def run(self, task: Task, arguments: Arguments, middle: Sequence[str], leading: str) -> None:
        from flyte_core.cli.execute import execute
        from flyte_core.cli.outputs import by_name, jsonable, readable
        from flyte_core.cli.stored import stored_outputs

        choices = self.choices([*middle, *arguments.own], arguments, leading)
        self.as_json, self.debug = choices["as_json"], choices["debug"]
        self.refuse(task, arguments, leading)
        if choices["explain"]:
            self.explain(task, arguments)
            return
        with self.stdout_kept():
            run = execute(task, arguments.values, choices)
            outputs, stored = by_name(task, run.outputs()), stored_outputs(task, run.literals)
        if self.as_json:
            out_json({"task": task.name, "outputs": jsonable(task, outputs, stored)})
        elif outputs:
            out(readable(outputs, stored))

    def explain(self, task: Task, arguments: Arguments) -> None:
        from flyte_core.cli.execute import explanation

        with self.stdout_kept():
            text = explanation(task, arguments.values, debug=self.debug)
        if self.as_json:
            out_json({"task": task.name, "plan": text})
        else:
            out(text)

    def choices(self, late: list[str], arguments: Arguments, leading: str) -> dict[str, Any]:
        """Give the values of the command's own options, wherever they stood."""
        words = [*self.ctx.meta[_FRONT], *late]
        try:
            with self.ctx.command.make_context(self.ctx.info_name, words, parent=self.ctx.parent) as ctx:
                return ctx.params
        except click.UsageError as error:
            arguments.problems.append(error.format_message())
            return self.ctx.params

    def refuse(self, task: Task, arguments: Arguments, leading: str) -> None:
        if not arguments.problems:
            return
        count = len(arguments.problems)
        what = "1 problem" if count == 1 else f"{count} problems"
        raise Failure(
            f"{what} with the arguments of task {task.name}",
            task=task.name,
            problems=arguments.problems,
            hint=f"Try '{leading} --help' for its inputs.",
        )

    def options(self, task: Task) -> list[tuple[str, str]]:
        """Describe the command's own options that can stand after the task."""
        taken = {one.option for one in inputs_of(task)}
        records = [
            param.get_help_record(self.ctx)
            for param in self.ctx.command.get_params(self.ctx)
            if not taken.intersection(param.opts)
        ]
        return [record for record in records if record is not None]

    @contextlib.contextmanager
    def stdout_kept(self) -> Iterator[None]:
        """Keep standard output for the one JSON document; what the user's code prints goes to standard error."""
        with contextlib.redirect_stdout(sys.stderr) if self.as_json else contextlib.nullcontext():
            yield
