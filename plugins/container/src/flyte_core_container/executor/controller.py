"""The controller of a run whose tasks run in containers."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyte_core import storage
from flyte_core.runtime.blocking import to_its_end
from flyte_core.runtime.local import LocalController
from flyte_core_container.executor.attempts import ContainerAttempts
from flyte_core_container.executor.code import Code
from flyte_core_container.executor.images import Images
from flyte_core_container.executor.places import Places
from flyte_core_container.executor.slots import Slots
from flyte_core_container.local.engine import connect

if TYPE_CHECKING:
    from flyte_core.extend import TaskTemplate
    from flyte_core.runtime import RunHandle, RunOptions
    from flyte_core.runtime.local import LocalAction
    from flyte_core_container.local.container import Container
    from flyte_core_container.local.engine import Engine

__all__ = ["DockerController"]

#: Beginnings of the variables by which a container reaches the same storage as this process.
_STORAGE_VARIABLES = ("AWS_", "FLYTE_AWS_", "FLYTE_AZURE_", "FLYTE_GCP_", "FLYTE_CORE_STORAGE_", "AZURE_", "GOOGLE_")


class DockerController(LocalController):
    """Orchestrates one run: names, cache, retries and events are as in a local run, attempts are containers.

    Args:
        options: the run's options.
        handle: the run's name and folder.
        at_once: how many containers work at a time.
    """

    engine: Engine
    code: Code

    def __init__(self, options: RunOptions, handle: RunHandle, at_once: int) -> None:
        super().__init__(options, handle, ContainerAttempts(self))
        self.options = options
        self.slots = Slots(at_once)
        raw_data = options.raw_data_path or storage.join(handle.url, "raw_data")
        self.places = Places(handle.url, raw_data)
        self.storage_environment = _storage_environment() if storage.is_remote(raw_data) else {}
        # By action, the container whose network its own one is in.
        self._networks: dict[str, str] = {}
        self._removals: set[asyncio.Task[None]] = set()

    async def run_root(self, task: TaskTemplate, inputs: Mapping[str, Any]) -> Any:
        """Run the first task of the run; its containers are gone in the end, however it ends."""
        self.engine = await connect()
        self.images = Images(self.registry, push=_is_elsewhere(self.engine))
        self.code = Code(task, storage.join(self.handle.url, "code"), self.options)
        try:
            return await super().run_root(task, inputs)
        finally:
            await to_its_end(self._removed())

    def network_of(self, action: LocalAction) -> str | None:
        """Give the container whose network a new one joins: that of the outermost task that calls it.

        So tasks reach each other as programs of one machine do, and nothing of this one; and a network is made
        once for a run, which takes an engine as long as all else of a container.

        Args:
            action: the new container's.
        """
        parent = action.parent
        while parent is not None:
            found = self._networks.get(parent.context.action.name)
            if found is not None:
                return found
            parent = parent.parent
        return None

    def started(self, action: LocalAction, container: Container) -> None:
        """Remember an action's container while it runs."""
        self._networks[action.context.action.name] = self.network_of(action) or container.id

    def ended(self, action: LocalAction) -> None:
        """Forget an action's container."""
        self._networks.pop(action.context.action.name, None)

    def remove(self, container: Container) -> None:
        """Have a container removed, while the run goes on."""
        removal = asyncio.ensure_future(container.remove())
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    def show(self, text: str) -> None:
        """Show lines that a task's container has printed."""
        sys.stdout.write(text)
        sys.stdout.flush()

    async def _removed(self) -> None:
        if self._removals:
            await asyncio.wait(self._removals)


def _storage_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_STORAGE_VARIABLES)}


def _is_elsewhere(engine: Engine) -> bool:
    """Whether the engine is reached through a network, so that it gets images from a registry."""
    host = os.environ.get("DOCKER_HOST", "")
    return host.startswith(("tcp://", "ssh://", "https://")) and not any(
        f"//{name}" in host for name in ("localhost", "127.0.0.1", "[::1]")
    )
