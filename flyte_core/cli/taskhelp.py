"""The help page of a task: its documentation, inputs and outputs."""

from __future__ import annotations

import enum
import inspect
import json
from typing import TYPE_CHECKING, Any

import click

from flyte_core.cli.arguments import Input, inputs_of
from flyte_core.cli.shapes import shapes
from flyte_core.cli.typenames import type_name
from flyte_core.models import NativeInterface

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flyte_core.cli.tasks import Task

__all__ = ["task_help", "task_list"]


def task_help(task: Task, command: str, options: Sequence[tuple[str, str]]) -> str:
    """Write the help page of a task.

    Args:
        task: the task.
        command: the words that lead to it, such as ``flyte-core run flights.py by_month``.
        options: the command's own options, each with its description.

    Returns:
        The page, without a line end.
    """
    page = click.HelpFormatter()
    page.write_usage(command, "[INPUTS] [OPTIONS]")
    _write_documentation(page, task)
    inputs = inputs_of(task)
    with page.section("Inputs"):
        if inputs:
            page.write_dl([(_spelling(one), _described(one)) for one in inputs])
        else:
            page.write_text("none")
    outputs = _outputs(task)
    with page.section("Outputs"):
        if outputs:
            page.write_dl(outputs)
        else:
            page.write_text("none")
    with page.section("Options"):
        page.write_dl(options)
    return page.getvalue().rstrip("\n")


def _write_documentation(page: click.HelpFormatter, task: Task) -> None:
    docstring = task.native_interface.docstring
    own = task.docs.description if task.docs is not None else None
    texts: list[str | None] = [own]
    if docstring is not None and (own is None or (docstring.short_description or "") in own):
        # The sections of a docstring are shown below, input by input.
        texts = [docstring.short_description, docstring.long_description]
    for text in filter(None, texts):
        page.write_paragraph()
        with page.indentation():
            page.write_text(inspect.cleandoc(text))
    page.write_paragraph()
    environment = f" in environment {task.parent_env_name}" if task.parent_env_name else ""
    with page.indentation():
        page.write_text(f"Task {task.name} of type {task.task_type}{environment}.")


def _spelling(one: Input) -> str:
    if one.flag:
        return f"{one.option} / --no-{one.option[2:]}"
    return f"{one.option} {type_name(one.type)}"


def _described(one: Input) -> str:
    parts = [one.description] if one.description else []
    if one.required:
        parts.append("[required]")
    elif one.default is not NativeInterface.has_default:
        parts.append(f"[default: {_default(one)}]")
    parts += [f"({shape})" for shape in shapes(one.type)]
    return "  ".join(parts)


def _default(one: Input) -> str:
    value: Any = one.default
    if one.flag and value is not None:
        return one.option if value else f"--no-{one.option[2:]}"
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, (list, dict)):
        return json.dumps(value, default=str)
    return str(value)


def _outputs(task: Task) -> list[tuple[str, str]]:
    interface = task.native_interface
    described = interface.docstring.output_descriptions if interface.docstring is not None else {}
    return [
        (f"{name} {type_name(python_type).removesuffix(' as JSON')}", described.get(name) or "")
        for name, python_type in interface.outputs.items()
    ]


def task_list(tasks: Sequence[Task], command: str) -> str:
    """Write the list of a file's tasks, each with the first line of its documentation.

    Args:
        tasks: the tasks.
        command: the words that lead to them, such as ``flyte-core run flights.py``.

    Returns:
        The page, without a line end.
    """
    page = click.HelpFormatter()
    page.write_usage(command, "TASK [INPUTS] [OPTIONS]")
    with page.section("Tasks"):
        if tasks:
            page.write_dl([(task.name, task.docs.summary if task.docs is not None else "") for task in tasks])
        else:
            page.write_text("none; declare one with @env.task of a TaskEnvironment")
    page.write_paragraph()
    page.write_text(f"{command} TASK --help shows the inputs of a task.")
    return page.getvalue().rstrip("\n")
