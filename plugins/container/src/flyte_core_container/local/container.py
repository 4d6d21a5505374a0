"""One container from its creation to its removal."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import attrs

from flyte_core import logger
from flyte_core.runtime.blocking import in_thread, to_its_end
from flyte_core_container.errors import (
    ContainerFailedError,
    ContainerLostError,
    EngineUnavailableError,
    UnseenFilesError,
)
from flyte_core_container.local.answers import EngineGone, EngineRefusal
from flyte_core_container.local.files import extract, pack
from flyte_core_container.local.images import missing_image, pull

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flyte_core_container.local.engine import Engine

__all__ = ["Container", "ContainerSpec", "Ending", "Mount"]

#: Seconds after which an engine that waits for a container is asked whether it still knows of it.
_HEARTBEAT = 30

#: Seconds that an engine may be silent, as in a restart, before a running container is given up.
_OUTAGE = 120.0

#: States of a container that has not ended.
_ALIVE = ("created", "running", "paused", "restarting", "stopping")

#: What engines say of a folder that is not on their machine.
_NOT_THERE = re.compile(r"bind source path|no such file or directory|mounts denied|not shared", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class Mount:
    """A folder of this machine in the container.

    Args:
        here: the folder.
        there: its path in the container.
        is_output: whether it is read back after the end.
        may_bind: whether it may be the container's own folder, not a copy, where the engine sees it.
        may_copy: whether a copy does, where the engine does not see it.
        read_only: whether the container may only read it.
    """

    here: Path
    there: PurePosixPath
    is_output: bool = False
    may_bind: bool = True
    may_copy: bool = True
    read_only: bool = False


@attrs.frozen(kw_only=True)
class ContainerSpec:
    """What to create.

    Args:
        task: the task's name, for errors.
        name: the container's name, new for each container.
        image: URI of its image.
        command: its arguments.
        config: further fields of the engine's container configuration.
        host: fields of its ``HostConfig``.
        mounts: folders.
        pull_policy: ``missing``, ``always`` or ``never``.
        pull_timeout: seconds.
    """

    task: str
    name: str
    image: str
    command: list[str]
    config: Mapping[str, Any]
    host: Mapping[str, Any]
    mounts: tuple[Mount, ...]
    pull_policy: str = "missing"
    pull_timeout: float = 0


@attrs.frozen(kw_only=True)
class Ending:
    """How a container ended.

    Args:
        exit_code: its code.
        out_of_memory: whether the kernel killed it for its memory.
        reason: what the engine says beside the code.
        after_outage: whether the engine was away meanwhile.
    """

    exit_code: int
    out_of_memory: bool = False
    reason: str = ""
    after_outage: bool = False


class Container:
    """One container; made by `create`.

    Args:
        engine: where it is.
        spec: what it is.
    """

    def __init__(self, engine: Engine, spec: ContainerSpec) -> None:
        self.engine = engine
        self.spec = spec
        self.id = ""
        self._host = dict(spec.host)
        self._bound: list[Mount] = []
        self._copied: list[Mount] = []
        self._outage = False

    # ---- creation ---------------------------------------------------------------------------------------

    @classmethod
    async def create(cls, engine: Engine, spec: ContainerSpec) -> Container:
        """Create the container, pull its image first where that is wanted or needed, and bring its inputs.

        Raises:
            ImagePullBackOffError: when the image cannot be had.
            ContainerFailedError: when the engine refuses the container.
            EngineUnavailableError: when the engine does not answer.
        """
        container = cls(engine, spec)
        try:
            if spec.pull_policy == "always":
                await pull(engine, spec.image, spec.pull_timeout, task=spec.task)
            await container._create_with_image()
            if container._copied:
                await in_thread(container._bring_folders)
        except BaseException as e:  # a cancellation too: nobody else knows of the container
            await container.remove()
            if isinstance(e, EngineGone):
                raise container._unavailable(e) from e
            raise
        return container

    async def _create_with_image(self) -> None:
        try:
            await self._create()
        except EngineRefusal as e:
            if e.status != 404:
                raise self._refused(e) from e
            if self.spec.pull_policy != "missing":
                raise missing_image(self.spec.image, e.reason, task=self.spec.task) from e
            await pull(self.engine, self.spec.image, self.spec.pull_timeout, task=self.spec.task)
            try:
                await self._create()
            except EngineRefusal as again:
                raise self._refused(again) from again

    async def _create(self) -> None:
        """Create it, without what this engine turns out not to have."""
        while True:
            refusal = await self._try_to_create()
            if refusal is None:
                return
            if self._bound and _NOT_THERE.search(refusal.reason):
                logger.info("the container engine does not see this machine's files; they are copied")
                self.engine.sees_files = False
            elif "NanoCpus" in self._host and "Range of CPUs" in refusal.reason:
                logger.info("task %r: its limit of CPUs is more than the engine has: no limit", self.spec.task)
                del self._host["NanoCpus"]
            else:
                raise refusal

    async def _try_to_create(self) -> EngineRefusal | None:
        try:
            # Not cancelled half-way: the engine would have a container whose id nobody knows.
            await to_its_end(self.engine.ask(self._post))
        except EngineRefusal as e:
            return e
        return None

    def _post(self) -> None:
        engine, spec, host = self.engine, self.spec, dict(self._host)
        engine.reap_once()
        self._bound = [mount for mount in spec.mounts if mount.may_bind and engine.sees_files]
        self._copied = [mount for mount in spec.mounts if mount not in self._bound]
        unseen = [mount for mount in self._copied if not mount.may_copy]
        if unseen:
            raise UnseenFilesError(
                f"task {spec.task!r}: the container engine is on another machine and does not see {unseen[0].here}; "
                f"give the run a raw_data_path and a run_base_dir that both reach, such as s3://bucket/folder"
            )
        if self._bound:
            # Not "Binds", with which the engine makes a missing folder instead of saying so.
            host["Mounts"] = [
                {
                    "Type": "bind",
                    "Source": str(mount.here),
                    "Target": str(mount.there),
                    **({"ReadOnly": True} if mount.read_only else {}),
                }
                for mount in self._bound
            ]
        config = {**spec.config, "Image": spec.image, "Cmd": spec.command, "HostConfig": host}
        # Kept from here on, where a cancelled caller has no ear for it.
        self.id = engine.api.create_container_from_config(config, spec.name)["Id"]

    def _bring_folders(self) -> None:
        with pack((mount.here, mount.there) for mount in self._copied) as archive:
            self.engine.call(self.engine.api.put_archive, self.id, "/", archive)

    # ---- its run ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start it.

        Raises:
            ContainerFailedError: when the command cannot be started.
            EngineUnavailableError: when the engine does not answer.
        """
        try:
            await self.engine.ask(self.engine.api.start, self.id)
        except EngineRefusal as e:
            raise self._refused(e) from e
        except EngineGone as e:
            raise self._unavailable(e) from e

    async def wait(self) -> Ending:
        """Wait for its end, also through a restart of the engine.

        Raises:
            ContainerLostError: when it has been removed.
            EngineUnavailableError: when the engine stays away.
        """
        while True:
            code = await self._wait_once()
            if code == 0 and not self._outage:
                return Ending(exit_code=0)
            state = await self._state()
            if code is None and state.get("Status") in _ALIVE:
                continue
            return Ending(
                exit_code=int(state.get("ExitCode", -1)) if code is None else code,
                out_of_memory=bool(state.get("OOMKilled")),
                reason=str(state.get("Error") or ""),
                after_outage=self._outage,
            )

    async def _wait_once(self) -> int | None:
        """Give the exit code, or None when the waiting was broken off."""
        try:
            answer = await self.engine.ask(self.engine.api.wait, self.id, timeout=_HEARTBEAT)
        except EngineRefusal as e:
            if e.status == 404:
                raise self._lost() from e
            await asyncio.sleep(1)
            return None
        except EngineGone as e:
            logger.debug("waiting for container %s: %s", self.id[:12], e)
            return None
        return int(answer["StatusCode"])

    async def _state(self) -> dict[str, Any]:
        """Ask for its state until the engine answers."""
        until, pause = time.monotonic() + _OUTAGE, 0.1
        while True:
            try:
                found = await self.engine.ask(self.engine.api.inspect_container, self.id)
                return dict(found["State"])
            except EngineRefusal as e:
                if e.status == 404:
                    raise self._lost() from e
                if time.monotonic() > until:
                    raise self._unavailable(e) from e
            except EngineGone as e:
                if not self._outage:
                    logger.warning("the container engine does not answer; task %r waits for it", self.spec.task)
                self._outage = True
                if time.monotonic() > until:
                    raise self._unavailable(e) from e
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    # ---- its end ----------------------------------------------------------------------------------------

    async def stop(self, grace: float) -> None:
        """Send SIGTERM, and SIGKILL when it has not ended after ``grace`` seconds; a failure is only logged."""
        try:
            await self.engine.ask(self.engine.api.stop, self.id, timeout=round(grace))
        except (EngineRefusal, EngineGone) as e:
            if getattr(e, "status", None) not in (304, 404):
                logger.warning("container %s cannot be stopped: %s", self.id[:12], e)

    def kill(self) -> None:
        """End it at once; a failure is only logged."""
        try:
            self.engine.call(self.engine.api.kill, self.id)
        except (EngineRefusal, EngineGone) as e:
            logger.debug("container %s cannot be killed: %s", self.id[:12], e)

    async def remove(self) -> None:
        """Remove it, running or not, with its anonymous volumes; a failure is only logged."""
        if not self.id:
            return
        try:
            await to_its_end(self.engine.ask(self.engine.api.remove_container, self.id, force=True, v=True))
        except (EngineRefusal, EngineGone) as e:
            if getattr(e, "status", None) != 404:
                logger.warning("container %s cannot be removed: %s; docker rm -f %s", self.id[:12], e, self.spec.name)

    async def fetch(self, name: str = "") -> None:
        """Bring back what it has written, where its folders are not this machine's.

        Args:
            name: one file of its output folder, which may be missing; by default all of the folder.

        Raises:
            OutputError: when a name leads out of the folder.
            EngineUnavailableError: when the engine does not answer.
        """
        try:
            for mount in self._copied:
                if mount.is_output:
                    await in_thread(self._fetch, mount, name)
        except EngineGone as e:
            raise self._unavailable(e) from e

    def _fetch(self, mount: Mount, name: str) -> None:
        try:
            with self.engine.archive(self.id, str(mount.there / name)) as chunks:
                extract(chunks, mount.here, is_file=bool(name))
        except EngineRefusal as e:
            if e.status != 404:
                raise EngineGone(str(e)) from e
            # There is no such file, or the container has removed the folder: missing outputs are told in a moment.

    # ---- errors -----------------------------------------------------------------------------------------

    def _refused(self, refusal: EngineRefusal) -> ContainerFailedError:
        spec = self.spec
        reason = refusal.reason
        hint = ""
        code: int | None = None
        if "executable file not found" in reason or "no such file or directory" in reason:
            code = 127
            hint = f"; the image has no program {(spec.command or [''])[0]!r}, or its entry point is missing"
        elif re.search("exec: .*permission denied", reason):
            code = 126
            hint = "; the program may not be executed"
        elif "device driver" in reason or "nvidia" in reason.lower():
            hint = "; the engine has no GPUs: install the NVIDIA container toolkit, or ask for none in resources"
        return ContainerFailedError(
            f"task {spec.task!r}: the container engine refuses a container of image {spec.image!r} with command "
            f"{spec.command!r}: {reason}{hint}",
            code,
        )

    def _lost(self) -> ContainerLostError:
        return ContainerLostError(
            f"task {self.spec.task!r}: container {self.spec.name} was removed while it ran; something else on its "
            f"engine does so (docker rm, docker system prune); run the task again"
        )

    def _unavailable(self, reason: Exception) -> EngineUnavailableError:
        return EngineUnavailableError(
            f"task {self.spec.task!r}: the container engine does not answer: {reason}; see whether it runs "
            f"(docker info), then run the task again; what is left of container {self.spec.name} is removed then"
        )
