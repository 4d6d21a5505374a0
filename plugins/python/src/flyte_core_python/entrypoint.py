"""The command line with which a container starts the runtime entry point for a function task.

Flags and their order are those of the Flyte SDK's own entry point, so that a cluster fills in the same templates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core.errors import RuntimeSystemError
from flyte_core_python.resolver import RESOLVER_PATH, loader_args

if TYPE_CHECKING:
    from flyte_core.extend import TaskTemplate
    from flyte_core.models import SerializationContext

__all__ = ["RUNTIME_COMMAND", "runtime_args"]

#: Short alias of ``flyte-core-runtime``, which keeps every task specification small.
RUNTIME_COMMAND = "fc0"

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


def runtime_args(task: TaskTemplate, sctx: SerializationContext) -> list[str]:
    """Give the arguments of the container of a function task.

    Args:
        task: a template with a ``func``.
        sctx: paths, version, image cache and code bundle.

    Returns:
        The entry point's name and its arguments. A pickled bundle holds the task itself; otherwise the resolver's
        arguments say how to find it.

    Raises:
        RuntimeSystemError: when the task must be found by its module and ``sctx.root_dir`` is not set.
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
            f"task {task.name!r}: SerializationContext.root_dir is not set, so the module of its function cannot be "
            f"named; set it to the folder that the modules are imported from, or give a pickled code bundle",
        )
    return [*args, "--resolver", RESOLVER_PATH, *loader_args(task, sctx.root_dir)]
