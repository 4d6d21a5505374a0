"""Places to write to, on every kind of storage, and the two ways to call what reads and writes there."""

from __future__ import annotations

import asyncio
import inspect
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flyte_core.context import use_task_context
from flyte_core.models import ActionID, RawDataPath, TaskContext


@pytest.fixture(params=["local", "memory", "s3"])
def base(request: pytest.FixtureRequest, tmp_path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A path or URL below which nothing is, without a slash at its end."""
    if request.param == "local":
        return str(tmp_path / "base")
    if request.param == "memory":
        return f"memory://{uuid.uuid4().hex}/base"
    server = request.getfixturevalue("s3_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return f"{server.prefix}/{uuid.uuid4().hex}/base"


@pytest.fixture
def task_at() -> Callable[[str], Any]:
    """Give the context of a task with such a raw data path."""

    def use(raw_data: str) -> Any:
        context = TaskContext(
            action=ActionID(name="a0"),
            version="1",
            raw_data_path=RawDataPath(path=raw_data),
            output_path="/out",
            run_base_dir="/run",
            report=None,
        )
        return use_task_context(context)

    return use


class Sync:
    """Calls the method that ends in ``_sync``."""

    def __call__(self, owner: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        found = getattr(owner, f"{name}_sync")(*args, **kwargs)
        return list(found) if inspect.isgenerator(found) else found

    def write(self, file: Any, *parts: Any, mode: str = "wb", **options: Any) -> None:
        with file.open_sync(mode, **options) as stream:
            for part in parts:
                stream.write(part)

    def read(self, file: Any, mode: str = "rb", **options: Any) -> Any:
        with file.open_sync(mode, **options) as stream:
            return stream.read()


class Async:
    """Calls the coroutine, in an event loop of its own."""

    def __call__(self, owner: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        async def run() -> Any:
            found = getattr(owner, name)(*args, **kwargs)
            return [item async for item in found] if inspect.isasyncgen(found) else await found

        return asyncio.run(run())

    def write(self, file: Any, *parts: Any, mode: str = "wb", **options: Any) -> None:
        async def run() -> None:
            async with file.open(mode, **options) as stream:
                for part in parts:
                    await stream.write(part)

        asyncio.run(run())

    def read(self, file: Any, mode: str = "rb", **options: Any) -> Any:
        async def run() -> Any:
            async with file.open(mode, **options) as stream:
                return await stream.read()

        return asyncio.run(run())


@pytest.fixture(params=[Sync(), Async()], ids=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Iterator[Any]:
    """One of both."""
    return request.param
