"""Which docker program on this machine can build, and what its engine can."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from flyte_core.errors import ImageBuildError
from flyte_core.images.running import run

__all__ = ["Client", "find_client"]

#: The first version of the program that has BuildKit in a plugin of its own.
_WITHOUT_BUILDKIT = 23

_REMEDY = (
    "Start the engine, and see that `docker info` works for this user (DOCKER_HOST and `docker context use` choose "
    "another); install the plugin docker-buildx for a program of version 23 or newer; or build with the builder "
    "buildah (pip install flyte-core-image-buildah)"
)


@frozen(kw_only=True)
class Client:
    """A docker program that can build.

    Args:
        path: where it is.
        major: the first number of its version.
        has_buildx: whether it has the plugin buildx.
        platform: the platform of its engine.
    """

    path: str
    major: int
    has_buildx: bool
    platform: str

    @property
    def build(self) -> list[str]:
        """The words that a build of one platform begins with, whose result the engine has."""
        if self.major < _WITHOUT_BUILDKIT:
            return [self.path, "build"]
        return [self.path, "buildx", "build", "--load"]

    async def platforms(self, env: Mapping[str, str]) -> tuple[str, ...]:
        """Give the platforms that it can build and push as one image.

        Args:
            env: the program's environment.
        """
        if not self.has_buildx:
            return (self.platform,)
        told = await run([self.path, "buildx", "inspect", "--bootstrap"], env=env)
        fields = dict(re.findall(r"^\s*(Driver|Platforms):\s*(.+)$", "\n".join(told.lines), re.MULTILINE))
        if told.code or not fields.get("Platforms"):
            return (self.platform,)
        if fields.get("Driver", "").strip() == "docker" and not await self._keeps_lists(env):
            return (self.platform,)
        return tuple(one.strip().rstrip("*") for one in fields["Platforms"].split(","))

    async def _keeps_lists(self, env: Mapping[str, str]) -> bool:
        """Whether the engine can hold one image for several platforms, which needs containerd's store."""
        told = await run([self.path, "info", "--format", "{{json .DriverStatus}}"], env=env)
        return not told.code and any("io.containerd.snapshotter" in line for line in told.lines)


async def find_client(env: Mapping[str, str] = os.environ) -> Client:
    """Find the first docker program on ``PATH`` that can build with BuildKit on an engine that answers.

    Args:
        env: the environment, which also says which engine.

    Raises:
        ImageBuildError: there is none; the message has what is there, and what to do.
    """
    found: list[str] = []
    paths = _programs(env.get("PATH", ""))
    for path, result in zip(paths, await asyncio.gather(*(_look(path, env) for path in paths)), strict=True):
        if isinstance(result, Client):
            return result
        found.append(f"{path}{result}")
    if not found:
        raise ImageBuildError(f"there is no docker program on PATH. {_REMEDY}")
    raise ImageBuildError(f"no docker program here can build images: {'; '.join(found)}. {_REMEDY}")


def _programs(path: str) -> list[str]:
    found: dict[str, str] = {}
    for folder in path.split(os.pathsep):
        for name in ("docker", "docker.exe"):
            program = Path(folder or ".", name)
            if program.is_file() and os.access(program, os.X_OK):
                found.setdefault(os.path.realpath(program), str(program))
    return list(found.values())


async def _look(path: str, env: Mapping[str, str]) -> Client | str:
    """Give a program that can build, or say why it cannot."""
    try:
        told, buildx = await asyncio.gather(
            run([path, "version", "--format", "{{json .}}"], env=env), run([path, "buildx", "version"], env=env)
        )
    except OSError as error:
        return f" cannot be run: {error.strerror}"
    answer = next((found for line in told.lines if (found := _json(line)) is not None), {})
    version = str((answer.get("Client") or {}).get("Version") or "")
    server = answer.get("Server")
    if not version:
        return f" says nothing of its version: {' '.join(told.lines)[:200]}"
    if not isinstance(server, dict):
        reasons = [line for line in told.lines if line.strip() and _json(line) is None]
        return f" {version} reaches no engine: {' '.join(reasons)[:300] or 'it is no Docker client'}"
    number = re.match(r"\d+", version)
    major = int(number[0]) if number else 0
    has_buildx = not buildx.code
    if major >= _WITHOUT_BUILDKIT and not has_buildx:
        return f" {version} has no plugin buildx"
    platform = f"{server.get('Os') or 'linux'}/{server.get('Arch') or 'amd64'}"
    return Client(path=path, major=major, has_buildx=has_buildx, platform=platform)


def _json(line: str) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
