"""The process inside a task's container: ``flyte-core-runtime``, for short ``fc0``.

It finds the task, reads ``inputs.pb``, runs the task, and writes ``outputs.pb`` or ``error.pb``. So is the contract of
Flyte's pods: the ``error.pb`` of a container that ends with another status than 0 is ignored, so a failure that could
be reported ends with 0 too.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flyte_core._logging import logger
from flyte_core.errors import (
    InputError,
    RuntimeSystemError,
    RuntimeUserError,
    StorageError,
    StorageNotFoundError,
    without_secrets,
)
from flyte_core.runtime.entrypoint_args import USAGE, EntrypointArgs

if TYPE_CHECKING:
    import asyncio

    from flyteidl2.task import common_pb2

    from flyte_core.models import PathRewrite, TaskContext
    from flyte_core.runtime.channel import StdioChannel
    from flyte_core.runtime.documents import ErrorReport
    from flyte_core.runtime.termination import Termination
    from flyte_core.template import TaskTemplate

__all__ = ["CHANGES_VARIABLE", "GRACE_VARIABLE", "main", "run_container"]

#: Variable with the seconds that a task may clean up for after a signal; platforms wait 10 (Docker) or 30 (Kubernetes).
GRACE_VARIABLE = "FLYTE_CORE_GRACE_SECONDS"

#: Variable with what `flyte_core.runtime.changes` says of a task that ``override`` has changed.
CHANGES_VARIABLE = "FLYTE_CORE_TASK_CHANGES"

#: Names of the files below the outputs path, and of a run's first action.
OUTPUTS_NAME, ERROR_NAME = "outputs.pb", "error.pb"
_ROOT_ACTION = "a0"

_GRACE = 25.0
_WRITTEN, _NOT_WRITTEN, _USAGE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> None:
    """Run the entry point and end the process.

    Args:
        argv: the words behind the command; default the process's.
    """
    words = sys.argv[1:] if argv is None else argv
    if any(word in ("--help", "-h") for word in words):
        sys.stdout.write(USAGE)
        sys.exit(_WRITTEN)
    try:
        args = EntrypointArgs.parse(words)
        grace = _grace()
        channel = _channel()
    except InputError as e:
        sys.stderr.write(f"{e}\n\n{USAGE}")
        sys.exit(_USAGE)
    sys.exit(run_container(args, grace, channel))


def run_container(args: EntrypointArgs, grace: float = _GRACE, channel: StdioChannel | None = None) -> int:
    """Run one task and report how it ended; for the main thread of a process of its own.

    Args:
        args: the command line.
        grace: seconds that the task may clean up for after a signal.
        channel: the way to who runs the tasks that the task calls; default this process runs them.

    Returns:
        The status for the process to end with: 0 when ``outputs.pb`` or ``error.pb`` was written, else 1.
    """
    import faulthandler
    import signal

    from flyte_core.runtime.termination import Termination

    faulthandler.register(signal.SIGUSR1)
    what = f"the task {' '.join(args.resolver_args) or args.pkl or ''}".rstrip()

    def stopped(name: str) -> int:
        from flyte_core.runtime.documents import ErrorReport

        message = f"the container was told to stop ({name}) before {what} had ended"
        return _report(args, ErrorReport(code="Interrupted", message=message, kind="system"))

    termination = Termination(stopped, grace)
    termination.arm()
    try:
        _set_path()
        task = _changed(_load(args, channel))
        if _run(args, task, termination, channel):
            return _WRITTEN
    except (Exception, KeyboardInterrupt, SystemExit) as e:
        if termination.may_report():
            from flyte_core.runtime.documents import ErrorReport

            return _report(args, ErrorReport.from_exception(e))
    return termination.status()


def _grace() -> float:
    text = os.environ.get(GRACE_VARIABLE, "")
    try:
        return float(text) if text else _GRACE
    except ValueError as e:
        raise InputError("flyte-core-runtime", [f"{GRACE_VARIABLE} is {text!r}; allowed: a number of seconds"]) from e


def _channel() -> StdioChannel | None:
    from flyte_core.runtime.channel import CONTROLLER_VARIABLE, STDIO, StdioChannel

    wanted = os.environ.get(CONTROLLER_VARIABLE)
    if not wanted:
        return None
    if wanted != STDIO:
        raise InputError("flyte-core-runtime", [f"{CONTROLLER_VARIABLE} is {wanted!r}; allowed: {STDIO}"])
    return StdioChannel.open()


def _set_path() -> None:
    """Make the working directory importable, as the installed command does not, and what the environment adds."""
    added = [os.getcwd(), *_added_paths()]  # noqa: PTH109 - pathlib is slow to import
    sys.path[:0] = [path for path in dict.fromkeys(added) if path and path not in sys.path]


def _added_paths() -> list[str]:
    return [path for path in os.environ.get("_F_SYS_PATH", "").split(":") if path]


# ---- the task --------------------------------------------------------------------------------------------


def _load(args: EntrypointArgs, channel: StdioChannel | None) -> TaskTemplate:
    from flyte_core.runtime.loading import load_task, unpickle_task

    if args.tgz is None and args.pkl is not None:
        from flyte_core._syncify import run_coroutine
        from flyte_core.bundle import check_pickle

        data = run_coroutine(_read(args.pkl))
        check_pickle(data, args.pkl)
        return unpickle_task(data, args.pkl)
    if args.resolver is None or not args.resolver_args:
        raise RuntimeSystemError(
            "MalformedCommand", "nothing says which task to run: give --resolver with its arguments, or --pkl"
        )
    if args.tgz is not None:
        _unpack(args.tgz, args.dest or ".")
        if channel is not None:
            # Files that lie beside the code are found from there, as on the machine that the run was started from.
            os.chdir(args.dest or ".")
    return load_task(args.resolver, args.resolver_args)


def _unpack(tgz: str, destination: str) -> None:
    """Bring the code to its folder, and make it importable from there."""
    import importlib

    from flyte_core._syncify import run_coroutine
    from flyte_core.bundle import digest_in_name, download_code_bundle
    from flyte_core.models import CodeBundle

    # The version on the command line is the task's, which need not be that of its code.
    bundle = CodeBundle(tgz=tgz, computed_version=digest_in_name(tgz) or "", destination=destination)
    folder = str(run_coroutine(download_code_bundle(bundle)).downloaded_path)
    added = [folder, *(os.path.join(folder, path) for path in _added_paths() if not os.path.isabs(path))]  # noqa: PTH117, PTH118
    sys.path[:0] = [path for path in dict.fromkeys(map(os.path.normpath, added)) if path not in sys.path]
    importlib.invalidate_caches()


def _changed(task: TaskTemplate) -> TaskTemplate:
    """Give the task with what ``override`` has changed on it where it was called."""
    text = os.environ.get(CHANGES_VARIABLE)
    if not text:
        return task
    import json

    from flyte_core.runtime.changes import changed

    return changed(task, json.loads(text))


def _run(
    args: EntrypointArgs, task: TaskTemplate, termination: Termination, channel: StdioChannel | None = None
) -> bool:
    """Run the task and write its outputs; False when a signal came first, which its own thread reports."""
    import asyncio

    async def work() -> bool:
        loop, current = asyncio.get_running_loop(), asyncio.current_task()
        assert current is not None
        if not termination.may_start(lambda: _cancel(loop, current)):
            return False
        outputs = await _outputs(args, task, channel)
        # From here on a signal changes nothing: the task has done its work.
        if not termination.may_report():
            return False
        await _write(_output_url(args, OUTPUTS_NAME), outputs.SerializeToString(deterministic=True))
        return True

    try:
        return asyncio.run(work())
    except asyncio.CancelledError as e:
        if termination.may_report():
            raise RuntimeUserError("CancelledError", f"task {task.name!r} was cancelled by its own code") from e
        return False


def _cancel(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    # The loop is closed when the task has just failed; its end is not reported any more.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(task.cancel)


async def _outputs(args: EntrypointArgs, task: TaskTemplate, channel: StdioChannel | None) -> common_pb2.Outputs:
    import asyncio

    from flyte_core.runtime.container import ContainerController, rewrite_paths

    # The attempt before this one may have left its error, which would win over the outputs.
    data, _ = await asyncio.gather(_read(args.inputs), _remove(_output_url(args, ERROR_NAME)))
    inputs = _parsed(data, args.inputs)
    context = await _context(args, {pair.key: pair.value for pair in inputs.context})
    if context.raw_data_path.path_rewrite is not None:
        rewrite_paths(inputs, context.raw_data_path.path_rewrite)
    if channel is None:
        return await ContainerController(context).run_stored(task, inputs)
    from pathlib import Path

    from flyte_core.runtime.stdio import StdioController

    # Started by a run on somebody's machine, not by a cluster.
    context = context.replace(mode="local")
    controller = StdioController(context, channel, root_dir=Path.cwd(), by_name=args.pkl is not None)
    return await controller.run_stored(task, inputs)


def _parsed(data: bytes, url: str) -> common_pb2.Inputs:
    from flyteidl2.task import common_pb2
    from google.protobuf.message import DecodeError

    try:
        return common_pb2.Inputs.FromString(data)
    except DecodeError as e:
        raise RuntimeSystemError(
            "MalformedInputs", f"{without_secrets(url)} holds no inputs of a task (flyteidl2.task.Inputs): {e}"
        ) from e


# ---- its context -----------------------------------------------------------------------------------------


async def _context(args: EntrypointArgs, texts: dict[str, str]) -> TaskContext:
    from flyte_core.models import ActionID, Checkpoints, CodeBundle, ImageCache, RawDataPath, TaskContext
    from flyte_core.report import Report

    name = args.name or _ROOT_ACTION
    bundle = None
    if args.tgz is not None or args.pkl is not None:
        pkl = args.pkl if args.tgz is None else None
        bundle = CodeBundle(tgz=args.tgz, pkl=pkl, destination=args.dest or ".", computed_version=args.version)
    return TaskContext(
        action=ActionID(name=name, run_name=args.run_name, project=args.project, domain=args.domain, org=args.org),
        version=args.version,
        raw_data_path=RawDataPath(
            path=args.raw_data_path or _output_url(args, "raw_data"), path_rewrite=await _path_rewrite()
        ),
        input_path=args.inputs,
        output_path=args.outputs_path,
        run_base_dir=args.run_base_dir or args.outputs_path,
        report=Report(name),
        checkpoints=Checkpoints(prev_checkpoint_path=args.prev_checkpoint, checkpoint_path=args.checkpoint_path),
        code_bundle=bundle,
        compiled_image_cache=ImageCache.from_transport(args.image_cache) if args.image_cache else None,
        interactive_mode=args.interactive_mode or args.debug,
        custom_context=texts,
    )


async def _path_rewrite() -> PathRewrite | None:
    pattern = os.environ.get("_F_PATH_REWRITE")
    if not pattern:
        return None
    from flyte_core.models import PathRewrite
    from flyte_core.storage import exists

    rewrite = PathRewrite.from_str(pattern)
    if await exists(rewrite.new_prefix):
        return rewrite
    logger.warning("%s does not exist, so paths below %s stay as they are", rewrite.new_prefix, rewrite.old_prefix)
    return None


# ---- files -----------------------------------------------------------------------------------------------


def _output_url(args: EntrypointArgs, name: str) -> str:
    from flyte_core.storage import join

    return join(args.outputs_path, name)


# Local files are read and written here, since the modules of transfers take a tenth of a trivial task's time to import.


async def _read(url: str) -> bytes:
    from flyte_core import storage

    if storage.is_remote(url):
        return await storage.read_bytes(url)
    try:
        return storage.local_path(url).read_bytes()
    except FileNotFoundError as e:
        raise StorageNotFoundError(url, "read", "there is no such file") from e
    except OSError as e:
        raise StorageError(url, "read", str(e)) from e


async def _write(url: str, data: bytes) -> None:
    from flyte_core import storage

    if storage.is_remote(url):
        await storage.write_bytes(url, data)
        return
    try:
        storage.atomic_write(storage.make_parents(url), data)
    except OSError as e:
        raise StorageError(url, "write", str(e)) from e


async def _remove(url: str) -> None:
    from flyte_core import storage

    if storage.is_remote(url):
        await storage.delete(url)
        return
    try:
        storage.local_path(url).unlink(missing_ok=True)
    except OSError as e:
        raise StorageError(url, "delete", str(e)) from e


def _report(args: EntrypointArgs, report: ErrorReport) -> int:
    """Tell the log and the platform why the task failed, and give the process's status."""
    from flyte_core._syncify import run_coroutine

    if not os.environ.get("FLYTE_CORE_CONTROLLER"):
        # Else the failure is told where the run was started from.
        sys.stderr.write(f"{report.message}\n")
    try:
        run_coroutine(_write(_output_url(args, ERROR_NAME), report.to_bytes()))
    except Exception as e:
        sys.stderr.write(f"the failure cannot be reported: {e}\n")
        return _NOT_WRITTEN
    return _WRITTEN


if __name__ == "__main__":
    main()
