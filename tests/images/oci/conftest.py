"""Fixtures of the tests of look-ups: registries, and an environment without anybody's credentials."""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import attrs
import pytest

from flyte_core.images.oci import FoundManifest, RegistryClient, RegistrySettings
from tests.support.faults import FaultyProxy
from tests.support.registries import Registry, authority, guarded_registry, registry, scripted, tls_registry

__all__ = ["authority", "guarded_registry", "registry", "scripted", "tls_registry"]


@pytest.fixture(autouse=True)
def docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder of Docker's configuration, and nothing of the environment that says where to go."""
    for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


@attrs.define
class Waits:
    """A clock that stands still but for what is waited, and how long that was.

    Args:
        now: the time.
        slept: each wait.
    """

    now: float = 1000.0
    slept: list[float] = attrs.field(factory=list)

    def clock(self) -> float:
        """Give the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Wait without waiting."""
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def waits() -> Waits:
    """The waits between the tries of a test."""
    return Waits()


Find = Callable[..., "FoundManifest | None"]


@pytest.fixture
def client(waits: Waits, tmp_path: Path) -> Callable[..., RegistryClient]:
    """Makes clients that wait without waiting; a deadline that a slow machine does not reach."""

    def make(**options: Any) -> RegistryClient:
        together = {"cache_dir": tmp_path / "cache", "deadline": dt.timedelta(seconds=300), **options}
        return RegistryClient(RegistrySettings(**together), clock=waits.clock, sleep=waits.sleep)

    return make


@pytest.fixture
def find(client: Callable[..., RegistryClient]) -> Find:
    """Looks an image up with a client of its own, once or several times."""

    def call(name: str, platforms: Iterable[str] = (), *, times: int = 1, **options: Any) -> FoundManifest | None:
        async def look() -> FoundManifest | None:
            async with client(**options) as asked:
                for _ in range(times - 1):
                    await asked.find_manifest(name, platforms)
                return await asked.find_manifest(name, platforms)

        return asyncio.run(look())

    return call


@pytest.fixture
def name() -> str:
    """A repository of the test's own."""
    return f"tests/r{secrets.token_hex(6)}"


@pytest.fixture
def proxy(registry: Registry):
    """A proxy before the registry, without faults at first."""
    made = FaultyProxy(registry.port)
    yield made
    made.close()
