"""One attempt of one action in a container of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyte_core import logger, storage
from flyte_core.errors import StorageNotFoundError, TaskTimeoutError
from flyte_core.models import CodeBundle, SerializationContext, secrets_from_request
from flyte_core.runtime import ErrorReport
from flyte_core.runtime.actions import TIME_IS_UP, time_limit
from flyte_core.runtime.attempts import in_this_process
from flyte_core.runtime.blocking import to_its_end
from flyte_core.runtime.channel import CONTROLLER_VARIABLE, STDIO
from flyte_core.runtime.entrypoint import CHANGES_VARIABLE, GRACE_VARIABLE
from flyte_core.runtime.entrypoint_args import RUNTIME_COMMAND
from flyte_core_container.errors import ContainerFailedError
from flyte_core_container.executor.attached import Attached, Output
from flyte_core_container.executor.calls import Calls
from flyte_core_container.local.container import Container, ContainerSpec
from flyte_core_container.local.failures import failure
from flyte_core_container.local.limits import host_limits
from flyte_core_container.local.owner import ownership

if TYPE_CHECKING:
    from flyteidl2.task import common_pb2

    from flyte_core.extend import TaskTemplate
    from flyte_core.registry import TaskHooks
    from flyte_core.runtime.local import LocalAction
    from flyte_core.types.convert import InterfaceCodec
    from flyte_core_container.executor.code import TaskCode
    from flyte_core_container.executor.controller import DockerController
    from flyte_core_container.local.container import Ending

__all__ = ["ContainerAttempts", "runs_in_container"]

#: Names of the entry point, by which the arguments of a task's container begin when flyte_core runs in it.
_ENTRY_POINTS = (RUNTIME_COMMAND, "flyte-core-runtime")

#: Seconds that a task may clean up for after SIGTERM, and after which SIGKILL follows.
_GRACE, _STOP = 8, 10

#: Seconds beyond a task's timeout, which the container minds itself, until it is stopped from here.
_TIMEOUT_SLACK = 60.0

_PULL_TIMEOUT = 1800.0


def runs_in_container(task: TaskTemplate, hooks: TaskHooks) -> bool:
    """Say whether a task runs in a container through flyte_core's entry point.

    It does when that is what the arguments of its container start. Any other, such as a task whose container knows
    nothing of flyte_core, or one that a service runs, does from here what it does in a local run.

    Args:
        task: the template.
        hooks: its hooks.
    """
    if task.image is None:
        return False
    # With a pickle, which needs no module: only the first word is asked for.
    sctx = SerializationContext(version="", code_bundle=CodeBundle(pkl="-", computed_version="-"))
    return list(hooks.container_args(task, sctx))[:1] in ([name] for name in _ENTRY_POINTS)


class ContainerAttempts:
    """Executes attempts in containers; an `flyte_core.runtime.attempts.AttemptRunner`.

    Args:
        run: the run that they belong to.
    """

    def __init__(self, run: DockerController) -> None:
        self._run = run

    async def __call__(
        self, action: LocalAction, hooks: TaskHooks, codec: InterfaceCodec, inputs: common_pb2.Inputs, number: int
    ) -> common_pb2.Outputs:
        """Execute a task once."""
        if not runs_in_container(action.task, hooks):
            return await in_this_process(action, hooks, codec, inputs, number)
        # Before the container has its slot: an image takes its time.
        image = await self._run.images.of(action.task)
        code = await self._run.code.of(action.task)
        async with self._run.slots.slot(_depth(action)) as slot:
            attempt = _Attempt(self._run, action, hooks, image, code)
            await attempt.write_inputs(inputs)
            attempt.calls = Calls(self._run, action, slot)
            return await attempt.run(inputs)


def _depth(action: LocalAction) -> int:
    depth, parent = 0, action.parent
    while parent is not None:
        depth, parent = depth + 1, parent.parent
    return depth


class _Attempt:
    """One container of a task."""

    calls: Calls

    def __init__(
        self, run: DockerController, action: LocalAction, hooks: TaskHooks, image: str, code: TaskCode
    ) -> None:
        self._run, self._action, self._hooks, self._code = run, action, hooks, code
        self._task, self._image = action.task, image
        self._folder = action.context.output_path
        self._output = Output(f"[{self._task.short_name} {action.context.action.name[:8]}] ", run.show)

    async def write_inputs(self, inputs: common_pb2.Inputs) -> None:
        """Store what the container reads, and remove what an attempt before has left."""
        from flyteidl2.task import common_pb2

        self._run.places.prepare(self._folder)
        sent = common_pb2.Inputs()
        sent.CopyFrom(inputs)
        del sent.context[:]
        for key, value in self._action.context.custom_context.items():
            sent.context.add(key=key, value=value)
        data = sent.SerializeToString(deterministic=True)
        url = self._url("inputs.pb")
        if storage.is_remote(url):
            await storage.write_bytes(url, data)
            for name in ("error.pb", "outputs.pb"):
                await storage.delete(self._url(name))
            return
        storage.atomic_write(storage.local_path(url), data, sync=False)
        for name in ("error.pb", "outputs.pb"):
            storage.local_path(self._url(name)).unlink(missing_ok=True)

    async def run(self, inputs: common_pb2.Inputs) -> common_pb2.Outputs:
        """Run the container, whatever happens have it removed, and read its outputs."""
        spec = self._spec(inputs)
        container = await Container.create(self._run.engine, spec)
        attached: Attached | None = None
        try:
            attached = await Attached.to(self._run.engine, container.id, self.calls.take, self._output)
            self.calls.attached = attached
            await self._start(container)
            self._run.started(self._action, container)
            ending = await self._ending(container, attached)
        finally:
            self._run.ended(self._action)
            await to_its_end(self.calls.end())
            if attached is not None:
                attached.close()
            self._run.remove(container)
        return await self._outputs(spec, ending)

    async def _start(self, container: Container) -> None:
        try:
            await container.start()
        except ContainerFailedError as error:
            if error.exit_code is None:
                raise
            raise ContainerFailedError(
                f"{error}; {RUNTIME_COMMAND} is flyte_core's entry point: the image needs flyte-core, as "
                f"Image.from_debian_base() has it, or with_pip_packages('flyte-core')",
                error.exit_code,
            ) from error

    async def _ending(self, container: Container, attached: Attached) -> Ending:
        limit = time_limit(self._task)
        work = asyncio.ensure_future(self._ended(container, attached))
        try:
            done, _ = await asyncio.wait({work}, timeout=None if limit is None else limit + _TIMEOUT_SLACK)
        except asyncio.CancelledError as error:
            logger.debug("task %r is cancelled%s", self._task.name, " for its time" if TIME_IS_UP in error.args else "")
            await self._stop(container, work)
            raise
        if done:
            return work.result()
        await self._stop(container, work)
        raise TaskTimeoutError(f"task {self._task.name!r} ran longer than its timeout of {limit:g} s and was stopped")

    async def _ended(self, container: Container, attached: Attached) -> Ending:
        await attached.ended()
        return await container.wait()

    async def _stop(self, container: Container, work: asyncio.Future[Ending]) -> None:
        def hurry() -> None:
            asyncio.ensure_future(asyncio.to_thread(container.kill))  # noqa: RUF006 - its end is that of stop()

        try:
            await to_its_end(container.stop(_STOP), hurry)
        finally:
            work.cancel()
            await asyncio.wait({work})

    # ---- what it is --------------------------------------------------------------------------------------

    def _url(self, name: str) -> str:
        return storage.join(self._folder, name)

    def _spec(self, inputs: common_pb2.Inputs) -> ContainerSpec:
        task, run = self._task, self._run
        context = self._action.context
        labels = {
            **run.options.labels,
            **ownership(""),
            "flyte-core.task": task.name,
            "flyte-core.run": context.action.run_name or "",
            "flyte-core.action": context.action.name,
        }
        config: dict[str, Any] = {
            "Labels": labels,
            "Env": [f"{name}={value}" for name, value in self._environment().items()],
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
        }
        # The log comes through the attached streams; the engine need not keep it too.
        host: dict[str, Any] = {**host_limits(f"task {task.name!r}", task.resources), "LogConfig": {"Type": "none"}}
        if self._code.folder is not None:
            config["WorkingDir"] = self._code.folder
        network = run.network_of(self._action)
        if network is not None:
            host["NetworkMode"] = f"container:{network}"
        if Path("/sys/fs/selinux/enforce").exists():
            # Its policy would hide the folders, and to relabel them is not ours to do.
            host["SecurityOpt"] = ["label=disable"]
        return ContainerSpec(
            task=task.name,
            name=f"flyte-core-{re.sub('[^a-zA-Z0-9_.-]+', '-', task.name)[:80]}-{uuid.uuid4().hex[:12]}",
            image=self._image,
            command=self._command(),
            config=config,
            host=host,
            mounts=run.places.mounts(inputs),
            pull_timeout=_PULL_TIMEOUT,
        )

    def _environment(self) -> dict[str, str]:
        task, found = self._task, dict(self._run.storage_environment)
        found |= {**(task.env_vars or {}), **self._run.options.env_vars}
        for secret in secrets_from_request(task.secrets) if task.secrets else []:
            value = os.environ.get(secret.as_env_var or "")
            if value is None:
                logger.warning("task %r: its secret %r is not in this environment", task.name, secret.key)
            else:
                found[secret.as_env_var or ""] = value
        found[CONTROLLER_VARIABLE] = STDIO
        found[GRACE_VARIABLE] = str(_GRACE)
        if self._code.changes:
            found[CHANGES_VARIABLE] = json.dumps(self._code.changes)
        return found

    def _command(self) -> list[str]:
        """Give the arguments of the task's container, with what a cluster fills in."""
        context = self._action.context
        action, checkpoints = context.action, context.checkpoints
        sctx = SerializationContext(
            version=context.version,
            project=action.project,
            domain=action.domain,
            org=action.org,
            code_bundle=self._code.bundle,
            input_path=self._url("inputs.pb"),
            output_path=self._folder,
            image_cache=self._run.images.cache,
            root_dir=self._code.root_dir,
        )
        places: dict[str, str] = {
            "{{.rawOutputDataPrefix}}": context.raw_data_path.path,
            "{{.checkpointOutputPrefix}}": (checkpoints.checkpoint_path if checkpoints else None) or "",
            "{{.prevCheckpointPrefix}}": (checkpoints.prev_checkpoint_path if checkpoints else None) or "",
            "{{.runName}}": action.run_name or action.name,
            "{{.actionName}}": action.name,
        }
        args: list[str] = list(self._hooks.container_args(self._task, sctx))
        words = [places.get(word, word) for word in args]
        told = (
            ("--run-base-dir", context.run_base_dir),
            ("--project", action.project),
            ("--domain", action.domain),
            ("--org", action.org),
        )
        more: list[str] = []
        for flag, value in told:
            if value:
                more.extend((flag, value))
        return [words[0], *more, *words[1:]]

    # ---- its end -----------------------------------------------------------------------------------------

    async def _outputs(self, spec: ContainerSpec, ending: Ending) -> common_pb2.Outputs:
        from flyteidl2.task import common_pb2

        error = await self._read("error.pb")
        if error is not None:
            raise self._failed(ErrorReport.from_bytes(error))
        outputs = await self._read("outputs.pb") if ending.exit_code == 0 else None
        if outputs is not None:
            return common_pb2.Outputs.FromString(outputs)
        raise failure(spec, ending, list(self._output.tail))

    async def _read(self, name: str) -> bytes | None:
        url = self._url(name)
        try:
            return await storage.read_bytes(url) if storage.is_remote(url) else storage.local_path(url).read_bytes()
        except (FileNotFoundError, StorageNotFoundError):
            return None

    def _failed(self, report: ErrorReport) -> Exception:
        tail: list[Any] = list(self._output.tail)
        log = "the last lines of its log:\n" + "\n".join(f"    {line}" for line in tail) if tail else ""
        return report.with_text(self._run.code.told_as_here).as_exception(log)
