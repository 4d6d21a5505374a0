"""The command line of the container's entry point: how it is written into a task's wire form, and how it is read.

Flags, their order and the variables of the environment are those of the entry point of the Flyte SDK 2.0.0b33
(``flyte/_bin/runtime.py``), so that a cluster fills in the same templates.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from flyte_core.errors import InputError, RuntimeSystemError, near_misses

if TYPE_CHECKING:
    from flyte_core.models import SerializationContext
    from flyte_core.template import TaskTemplate

__all__ = ["RUNTIME_COMMAND", "USAGE", "EntrypointArgs", "runtime_args"]

#: Short alias of ``flyte-core-runtime``, which keeps every task specification small.
RUNTIME_COMMAND = "fc0"

USAGE = """\
usage: flyte-core-runtime --inputs URL --outputs-path URL --version TEXT [option]... [resolver argument]...

Runs one task in its container: reads its inputs, writes outputs.pb or error.pb. Every option takes a value.

  -i, --inputs            where inputs.pb is
  -o, --outputs-path      where outputs.pb, error.pb and the report go
  -v, --version           version of the task
      --run-base-dir      where the run's own files go; default _U_RUN_BASE, else the outputs path
  -r, --raw-data-path     where the task's files and frames go; default below the outputs path
  -c, --checkpoint-path   where this attempt writes its checkpoints
  -p, --prev-checkpoint   what the attempt before left
      --name              name of the action; default ACTION_NAME, else a0
      --run-name          name of the run; default RUN_NAME, else the action's
      --project           default FLYTE_INTERNAL_EXECUTION_PROJECT
      --domain            default FLYTE_INTERNAL_EXECUTION_DOMAIN
      --org               default _U_ORG_NAME
      --debug             whether a debugger was asked for; default _F_E_VS
      --interactive-mode  whether the run was started from a notebook
      --image-cache       image of each environment
      --tgz               code bundle, an archive
      --pkl               code bundle, a pickled task
      --dest              folder that an archive is unpacked into
      --resolver          import path of the class that finds the task by the resolver arguments

Exit status: 0 when outputs.pb or error.pb was written, 1 when neither could be, 2 when the command line is wrong.
"""

# Filled in by the cluster when it starts the container.
_PLACES = (
    "--raw-data-path",
    "{{.rawOutputDataPrefix}}",
    "--checkpoint-path",
    "{{.checkpointOutputPrefix}}",
    "--prev-checkpoint",
    "{{.prevCheckpointPrefix}}",
    "--run-name",
    "{{.runName}}",
    "--name",
    "{{.actionName}}",
)

_SHORT = {"-i": "inputs", "-o": "outputs_path", "-v": "version", "-r": "raw_data_path"}
_SHORT |= {"-c": "checkpoint_path", "-p": "prev_checkpoint"}

#: Where a value comes from that no flag gives.
_VARIABLES = {
    "run_base_dir": "_U_RUN_BASE",
    "name": "ACTION_NAME",
    "run_name": "RUN_NAME",
    "project": "FLYTE_INTERNAL_EXECUTION_PROJECT",
    "domain": "FLYTE_INTERNAL_EXECUTION_DOMAIN",
    "org": "_U_ORG_NAME",
    "debug": "_F_E_VS",
}

_REQUIRED = ("inputs", "outputs_path", "version")
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE = frozenset({"0", "false", "f", "no", "n", "off", ""})


# ---- written ---------------------------------------------------------------------------------------------


def runtime_args(task: TaskTemplate, sctx: SerializationContext) -> list[str]:
    """Give the arguments of a container that runs a task with flyte_core's own entry point.

    For the ``container_args`` of any task type whose image has flyte_core in it.

    Args:
        task: the template: of a function, or one that a variable of a module holds.
        sctx: paths, version, image cache and code bundle.

    Returns:
        The entry point's name and its arguments. A pickled bundle holds the task itself; otherwise the resolver's
        arguments say how to find it.

    Raises:
        RuntimeSystemError: when the task must be found by its module and ``sctx.root_dir`` is not set.
        SerializationError: (a ValueError) when no module that a container can import has the task.

    Example:
        ``def container_args(self, sctx): return runtime_args(self, sctx)``
    """
    args = [
        RUNTIME_COMMAND,
        "--inputs",
        sctx.input_path,
        "--outputs-path",
        sctx.output_path,
        "--version",
        sctx.version,
        *_PLACES,
    ]
    if sctx.image_cache is not None:
        args += ["--image-cache", sctx.image_cache.serialized_form or sctx.image_cache.to_transport]
    bundle = sctx.code_bundle
    if bundle is not None:
        args += ["--tgz", bundle.tgz] if bundle.tgz else ["--pkl", bundle.pkl or ""]
        args += ["--dest", bundle.destination or "."]
        if not bundle.tgz:
            return args
    if sctx.root_dir is None:
        raise RuntimeSystemError(
            "SerializationError",
            f"task {task.name!r}: SerializationContext.root_dir is not set, so its module cannot be "
            f"named; set it to the folder that the modules are imported from, or give a pickled code bundle",
        )
    from flyte_core.runtime.resolver import RESOLVER_PATH, loader_args

    return [*args, "--resolver", RESOLVER_PATH, *loader_args(task, sctx.root_dir)]


# ---- read ------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class EntrypointArgs:
    """What the command line and the environment tell the entry point; a place that was not filled in is None.

    Args:
        inputs: where ``inputs.pb`` is.
        outputs_path: where ``outputs.pb`` or ``error.pb`` goes.
        version: version of the task.
        run_base_dir: where the run's own files go.
        raw_data_path: where the task's files and frames go.
        checkpoint_path: where this attempt writes its checkpoints.
        prev_checkpoint: what the attempt before left.
        name: name of the action.
        run_name: name of the run.
        project: the project.
        domain: the domain.
        org: the organization.
        debug: whether a debugger was asked for.
        interactive_mode: whether the run was started from a notebook.
        image_cache: image of each environment.
        tgz: code bundle, an archive.
        pkl: code bundle, a pickled task.
        dest: folder that an archive is unpacked into.
        resolver: import path of the class that finds the task.
        resolver_args: its arguments.
    """

    inputs: str
    outputs_path: str
    version: str
    run_base_dir: str | None = None
    raw_data_path: str | None = None
    checkpoint_path: str | None = None
    prev_checkpoint: str | None = None
    name: str | None = None
    run_name: str | None = None
    project: str | None = None
    domain: str | None = None
    org: str | None = None
    debug: bool = False
    interactive_mode: bool = False
    image_cache: str | None = None
    tgz: str | None = None
    pkl: str | None = None
    dest: str | None = None
    resolver: str | None = None
    resolver_args: tuple[str, ...] = ()

    @classmethod
    def parse(cls, argv: Sequence[str], environ: Mapping[str, str] | None = None) -> EntrypointArgs:
        """Read a command line.

        Args:
            argv: the words behind the command.
            environ: the environment; default the process's.

        Raises:
            InputError: (a ValueError) when flags are unknown, without a value or missing; each is named.

        Example:
            >>> args = EntrypointArgs.parse(["-i", "in", "-o", "out", "-v", "1", "--name", "{{.actionName}}"], {})
            >>> args.inputs, args.name
            ('in', None)
        """
        given, rest, faults = _split(argv)
        variables = os.environ if environ is None else environ
        values: dict[str, object] = {}
        for field in attrs.fields(cls):
            value = _filled(given.get(field.name)) or _filled(variables.get(_VARIABLES.get(field.name, "")))
            if field.name in _REQUIRED:
                value = given.get(field.name)
                if not value:
                    faults.append(f"{_flag(field.name)} is missing")
            if value is not None:
                values[field.name] = value
        for name in ("debug", "interactive_mode"):
            word = str(values.get(name, "")).lower()
            values[name] = word in _TRUE
            if word not in _TRUE | _FALSE:
                faults.append(f"{_flag(name)} is {word!r}; allowed: true or false")
        if faults:
            raise InputError("flyte-core-runtime", faults)
        return cls(**{**values, "resolver_args": tuple(rest)})  # type: ignore[arg-type] # fields are texts or flags


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _split(argv: Sequence[str]) -> tuple[dict[str, str], list[str], list[str]]:
    """Give the values by field, the words that belong to no flag, and what is wrong."""
    names = {_flag(field.name): field.name for field in attrs.fields(EntrypointArgs) if field.name != "resolver_args"}
    known = {**names, **_SHORT}
    given: dict[str, str] = {}
    rest: list[str] = []
    faults: list[str] = []
    words = iter(argv)
    for word in words:
        flag, equals, value = word.partition("=")
        if word == "--":
            rest += words
        elif flag in known and (equals or flag == word):
            found = value if equals else next(words, None)
            if found is None:
                faults.append(f"{flag} has no value")
            else:
                given[known[flag]] = found
        elif word.startswith("-") and not rest:
            close = near_misses(flag, known)
            faults.append(f"there is no flag {flag}" + (f" (did you mean {' or '.join(close)}?)" if close else ""))
        else:
            rest.append(word)
    return given, rest, faults


def _filled(value: str | None) -> str | None:
    """Give a value, or None where the cluster left its place as it was, empty, or with the two quotes of a shell."""
    return None if not value or value == '""' or value.startswith("{{") else value
