"""One execution of a container task on the local engine."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyte_core import ctx, logger
from flyte_core.errors import FlyteCoreError, SerializationError
from flyte_core.runtime.actions import TIME_IS_UP, time_limit
from flyte_core.runtime.blocking import in_thread, to_its_end
from flyte_core.types.convert import interface_codec
from flyte_core_container.copilot.files import read_report
from flyte_core_container.copilot.names import ERROR_FILE
from flyte_core_container.errors import OutputError, PathInTemplateError, TemplateValueError
from flyte_core_container.local.container import Container, ContainerSpec, Ending, Mount
from flyte_core_container.local.engine import connect
from flyte_core_container.local.failures import failure, output_failure, reported_failure, timeout_failure
from flyte_core_container.local.files import Staging, open_to_all, staging_root
from flyte_core_container.local.limits import host_limits
from flyte_core_container.local.logs import LogFollower, last_lines
from flyte_core_container.local.outputs import missing_outputs, read_values, told_as_inside
from flyte_core_container.local.owner import ownership
from flyte_core_container.rendering import TemplateValues, render, template_inputs

if TYPE_CHECKING:
    from flyteidl2.core.literals_pb2 import Literal

    from flyte_core_container.template import ContainerTask

__all__ = ["execute"]

#: Seconds after which whoever waits for a container's end is told why.
_SLOW_STOP = 1.0


async def execute(task: ContainerTask, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Run a container task and give its outputs.

    Args:
        task: the task.
        args: its inputs by position.
        kwargs: its inputs by name.

    Returns:
        The outputs in their order.
    """
    started = asyncio.get_running_loop().time()
    codec = interface_codec(task.native_interface, task.name)
    message = await codec.aencode_inputs((), codec.bind(args, kwargs, f"task {task.name!r}"))
    inputs = {named.name: named.value for named in message.literals}
    command = _command(task, inputs)
    run = _Run(task, command, started)
    try:
        await run.write_inputs(inputs)
        return await run.run()
    finally:
        await to_its_end(in_thread(run.staging.remove))


class _Run:
    """One container of a task, with its folders."""

    def __init__(self, task: ContainerTask, command: list[str], started: float) -> None:
        self.task = task
        self.staging = Staging.make()
        self.spec = _spec(task, command, self.staging)
        self._started = started
        self._follower: LogFollower | None = None

    async def write_inputs(self, inputs: Mapping[str, Literal]) -> None:
        """Write each input as a file into the input folder."""
        if inputs:
            from flyte_core_container.copilot import write_inputs

            await write_inputs(
                inputs,
                self.staging.inputs,
                format=self.task.metadata_format,
                local_dir=str(self.task.input_data_dir),
            )
            # Which user the image has is not known, and a umask such as 077 shuts out all others.
            await in_thread(open_to_all, self.staging.inputs)

    async def run(self) -> tuple[Any, ...]:
        """Run the container, whatever happens remove it, and read its outputs."""
        engine = await connect()
        logger.info("task %r: container %s runs %r", self.task.name, self.spec.name, self.spec.command)
        container = await Container.create(engine, self.spec)
        removal: asyncio.Task[None] | None = None
        try:
            await self._succeeded(container)
            lines = await self._lines(container)
            try:
                await container.fetch("" if self.task.interface.outputs else ERROR_FILE)
            except (OSError, OutputError) as e:
                raise output_failure(self.spec, e, lines) from e
            # The engine takes its time for it, which reading the outputs can use.
            removal = asyncio.ensure_future(container.remove())
            return await self._outputs(lines)
        finally:
            await to_its_end(_both(removal, container))

    async def _succeeded(self, container: Container) -> None:
        """Start the container and wait for its good end."""
        try:
            await container.start()
            if self.task.local_logs:
                self._follower = LogFollower(container.engine, container.id, self._show)
            ending = await self._ending(container)
        except asyncio.CancelledError as e:
            logger.info("task %r is cancelled; container %s is stopped", self.task.name, self.spec.name)
            await self._stop(container)
            limit = time_limit(self.task)
            if limit is not None and TIME_IS_UP in e.args:
                raise timeout_failure(self.spec, limit, await self._lines(container)) from None
            raise
        if self._follower is not None:
            await self._follower.drain()
        if ending.exit_code != 0:
            raise failure(self.spec, ending, await self._lines(container), await self._report(container))

    async def _report(self, container: Container) -> str | None:
        """Give what a failed container says of its failure; that it cannot be read does not hide the failure."""
        try:
            await container.fetch(ERROR_FILE)
            return read_report(self.staging.outputs)
        except (FlyteCoreError, OSError, ValueError) as e:
            logger.warning("task %r: the file %s of its container cannot be read: %s", self.task.name, ERROR_FILE, e)
            return None

    async def _ending(self, container: Container) -> Ending:
        limit = time_limit(self.task)
        if limit is None or ctx() is not None:
            # In a run the runner minds the time, and cancels this when it is up.
            return await container.wait()
        spent = asyncio.get_running_loop().time() - self._started
        waiting = asyncio.ensure_future(container.wait())
        try:
            done, _ = await asyncio.wait({waiting}, timeout=max(0.0, limit - spent))
        finally:
            waiting.cancel()
        if done:
            return waiting.result()
        await self._stop(container)
        raise timeout_failure(self.spec, limit, await self._lines(container))

    async def _stop(self, container: Container) -> None:
        def hurry() -> None:
            asyncio.ensure_future(in_thread(container.kill))  # noqa: RUF006 - its end is that of stop()

        def tell() -> None:
            logger.warning(
                "task %r: its container does not end on SIGTERM; SIGKILL follows after %g s, or at once when the run "
                "is cancelled again",
                self.task.name,
                self.task.stop_grace,
            )

        slow = asyncio.get_running_loop().call_later(_SLOW_STOP, tell)
        try:
            await to_its_end(container.stop(self.task.stop_grace), hurry)
        finally:
            slow.cancel()
        if self._follower is not None:
            await self._follower.drain()

    async def _lines(self, container: Container) -> list[str]:
        if self._follower is not None:
            return list(self._follower.lines.tail)
        return await last_lines(container.engine, container.id)

    async def _outputs(self, lines: list[str]) -> tuple[Any, ...]:
        interface = self.task.native_interface
        try:
            report = read_report(self.staging.outputs)
            if report is None and not interface.outputs:
                return ()
            if report is None:
                codec = interface_codec(interface, self.task.name)
                return await read_values(codec, self.staging.outputs, interface.outputs, _raw_prefix())
        except (FlyteCoreError, OSError, ValueError) as e:
            folder, names = self.staging.outputs, list(interface.outputs)
            told = told_as_inside(e, folder, self.task.output_data_dir, names)
            raise output_failure(self.spec, told, lines, missing=bool(missing_outputs(folder, names))) from e
        raise reported_failure(self.spec, report, lines)

    def _show(self, line: str) -> None:
        print(f"[{self.task.short_name}] {line}", flush=True)


async def _both(removal: asyncio.Task[None] | None, container: Container) -> None:
    await (removal if removal is not None else container.remove())


def _raw_prefix() -> str:
    """Say where files go: below the run's own folder, or out of a run into a folder that stays."""
    context = ctx()
    if context is not None:
        return context.raw_data_path.get_random_remote_path()
    return str(staging_root().with_name("outputs") / uuid.uuid4().hex)


def _spec(task: ContainerTask, command: list[str], staging: Staging) -> ContainerSpec:
    owner = f"task {task.name!r}"
    image = task.image
    assert image is not None, "__post_init__ refuses it"
    # A folder that nothing is declared for is made in the container, and hides nothing that the image has there.
    owns = bool(task.interface.outputs) and _owns_files_of(task.user)
    mounts = (
        Mount(here=staging.inputs, there=task.input_data_dir, may_bind=bool(task.interface.inputs)),
        Mount(here=staging.outputs, there=task.output_data_dir, is_output=True, may_bind=owns),
    )
    config: dict[str, Any] = {"Labels": {**ownership(str(staging.root)), **_labels(task)}}
    if task.env_vars:
        config["Env"] = [f"{key}={value}" for key, value in task.env_vars.items()]
    if task.user is not None:
        config["User"] = task.user
    if task.working_dir is not None:
        config["WorkingDir"] = str(task.working_dir)
    host = host_limits(owner, task.resources)
    if Path("/sys/fs/selinux/enforce").exists():
        # Its policy would hide the folders, and to relabel them is not ours to do.
        host["SecurityOpt"] = ["label=disable"]
    return ContainerSpec(
        task=task.name,
        name=f"flyte-core-{re.sub('[^a-zA-Z0-9_.-]+', '-', task.name)[:80]}-{uuid.uuid4().hex[:12]}",
        image=image if isinstance(image, str) else image.uri,
        command=command,
        config=config,
        host=host,
        mounts=mounts,
        pull_policy=task.pull_policy,
        pull_timeout=task.pull_timeout,
    )


def _owns_files_of(user: str | None) -> bool:
    """Say whether what that user of a container writes can be read and removed by this process's user."""
    if not sys.platform.startswith("linux"):
        # Elsewhere containers run in a virtual machine, which gives their files to the user.
        return True
    return os.geteuid() == 0 or (user or "").partition(":")[0] == str(os.geteuid())


def _labels(task: ContainerTask) -> dict[str, str]:
    found = {"flyte-core.task": task.name}
    context = ctx()
    if context is not None:
        found["flyte-core.run"] = context.action.run_name or ""
        found["flyte-core.action"] = context.action.name
    return found


def _command(task: ContainerTask, inputs: Mapping[str, Literal]) -> list[str]:
    """Render the command with what its tokens mean in a container on this machine."""
    words = [*task.command, *task.arguments]
    for word in words:
        for name in template_inputs(word):
            _refuse_local_path(task, word, name, inputs[name])
    folder_in, folder_out = str(task.input_data_dir), str(task.output_data_dir)
    context = ctx()
    action = context.action if context is not None else None
    raw = context.raw_data_path.path if context is not None else ""
    values = TemplateValues(
        input_path=f"{folder_in}/inputs.pb",
        input_prefix=folder_in,
        output_prefix=folder_out,
        raw_output_prefix=raw if "://" in raw else folder_out,
        retry_key=f"{action.run_name}-{action.name}" if action is not None else uuid.uuid4().hex,
        namespace=f"{action.project}-{action.domain}"
        if action is not None and action.project and action.domain
        else "",
        inputs=inputs,
    )
    try:
        return render(words, values)
    except SerializationError as e:
        raise TemplateValueError(f"task {task.name!r}: {e}") from e


def _refuse_local_path(task: ContainerTask, word: str, name: str, literal: Literal) -> None:
    """Refuse what would put a path of this machine into the command: in the container it means nothing."""
    if literal.WhichOneof("value") == "collection":
        for item in literal.collection.literals:
            _refuse_local_path(task, word, name, item)
    elif literal.scalar.HasField("blob") and "://" not in literal.scalar.blob.uri.removeprefix("file://"):
        raise PathInTemplateError(
            f"task {task.name!r}: {word!r} in its command would put in {literal.scalar.blob.uri!r}, a path of this "
            f"machine, which is refused; files and folders go by their path in the container: "
            f"{task.input_data_dir / name}"
        )
