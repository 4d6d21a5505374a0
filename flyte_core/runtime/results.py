"""Cached results of a run: when they are looked up, stored, and computed only once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from flyte_core.models import Cache, VersionParameters, cache_from_request

if TYPE_CHECKING:
    from flyteidl2.task import common_pb2

    from flyte_core.runtime.cache import ResultCache
    from flyte_core.template import TaskTemplate

__all__ = ["RunResults"]


class RunResults:
    """The result cache as one run uses it; it is opened when the first cached task runs.

    Args:
        enabled: whether anything is read or stored.
        overwrite: whether results are computed anew and stored over the old ones.
    """

    def __init__(self, *, enabled: bool, overwrite: bool) -> None:
        self._enabled = enabled
        self._overwrite = overwrite
        self._store: ResultCache | None = None
        self._lock = threading.Lock()
        self._running: dict[str, concurrent.futures.Future[None]] = {}
        self._versions: dict[int, tuple[Any, str]] = {}

    def close(self) -> None:
        """Close the cache's file."""
        with self._lock:
            store, self._store = self._store, None
        if store is not None:
            store.close()

    async def lookup_or_run(
        self, task: TaskTemplate, inputs: common_pb2.Inputs, run: Callable[[], Awaitable[Any]]
    ) -> tuple[Any, bool]:
        """Give the outputs of a task, from the cache where its policy allows.

        Args:
            task: the template.
            inputs: its inputs as a message.
            run: computes the outputs as a message.

        Returns:
            The outputs, and whether they came from the cache.
        """
        policy = cache_from_request(task.cache)
        if not self._enabled or not policy.is_enabled():
            return await run(), False
        key = self._key(task, policy, inputs)
        if not policy.serialize:
            return await self._cached(task, policy, key, run)
        # Equal calls wait for the first one, which may run on another event loop.
        while True:
            with self._lock:
                other = self._running.get(key)
                if other is None:
                    mine = self._running[key] = concurrent.futures.Future()
                    break
            await asyncio.wrap_future(other)
        try:
            return await self._cached(task, policy, key, run)
        finally:
            with self._lock:
                del self._running[key]
            mine.set_result(None)

    async def _cached(
        self, task: TaskTemplate, policy: Cache, key: str, run: Callable[[], Awaitable[Any]]
    ) -> tuple[Any, bool]:
        from flyteidl2.task import common_pb2

        store = self._open()
        if policy.behavior == "auto" and not self._overwrite:
            found = store.get(key)
            if found is not None:
                return common_pb2.Outputs.FromString(found), True
        outputs = await run()
        store.put(
            key, outputs.SerializeToString(deterministic=True), task=task.name, version=self._version(task, policy)
        )
        return outputs, False

    def _open(self) -> ResultCache:
        with self._lock:
            if self._store is None:
                from flyte_core.runtime.cache import ResultCache

                self._store = ResultCache()
            return self._store

    def _key(self, task: TaskTemplate, policy: Cache, inputs: common_pb2.Inputs) -> str:
        from flyte_core.runtime.cache import cache_key
        from flyte_core.types.convert import interface_codec

        policy.check_inputs(task.native_interface.inputs, f"task {task.name!r}, cache")
        return cache_key(
            task_name=task.name,
            inputs=inputs,
            interface=interface_codec(task.native_interface, task.name).typed,
            version=self._version(task, policy),
            ignored=policy.get_ignored_inputs(),
        )

    def _version(self, task: TaskTemplate, policy: Cache) -> str:
        kept = self._versions.get(id(task))
        if kept is None or kept[0] is not task:
            func = getattr(task, "func", None)
            definition = "" if func is not None else _definition(task)
            parameters = VersionParameters(func=func, image=task.image, definition=definition)
            kept = (task, policy.get_version(parameters))
            self._versions[id(task)] = kept
        return kept[1]


def _definition(task: TaskTemplate) -> bytes:
    from flyte_core.runtime.actions import current_registry
    from flyte_core.serialize.task import task_definition

    return task_definition(task, current_registry.get().hooks_for(task))
