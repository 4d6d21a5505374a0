"""What every builder does before it starts its program."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from flyte_core.images.dockerfile.context import describe, write_context
from flyte_core.images.dockerfile.logins import auths_of
from flyte_core.images.dockerfile.rendering import render
from flyte_core.images.dockerfile.secrets import FoundSecret, Masked, find_secrets
from flyte_core.images.dockerfile.work import work_folder
from flyte_core.images.running import Finished, run

if TYPE_CHECKING:
    from flyte_core.images.dockerfile.plan import Plan
    from flyte_core.images.protocol import BuildRequest
    from flyte_core.models import Image

__all__ = ["Prepared", "prepared", "say_plan"]

#: What builders take without a declaration, and leave out of the image's history.
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY")


@frozen(kw_only=True)
class Prepared:
    """A build that can begin.

    Args:
        plan: what is built.
        folder: a folder for this build alone.
        dockerfile: the Dockerfile on disk.
        context: its context.
        secrets: the secrets' values.
        auths: credentials for the image's registry, as in Docker's ``config.json``.
        masked: takes the secrets out of a text.
    """

    plan: Plan
    folder: Path
    dockerfile: Path
    context: Path
    secrets: tuple[FoundSecret, ...]
    auths: dict[str, Any] = field(repr=False)
    masked: Masked = field(repr=False)

    @property
    def options(self) -> list[str]:
        """The options of ``docker build`` and ``buildah build`` for secrets, proxies and arguments, without values."""
        options = [word for one in self.secrets for word in ("--secret", one.option)]
        names = [name for upper in _PROXIES for name in (upper, upper.lower()) if os.environ.get(name)]
        return options + [word for name in (*names, *self.plan.args) for word in ("--build-arg", name)]

    @property
    def env(self) -> dict[str, str]:
        """The environment that these options take their values from."""
        return {**os.environ, **self.plan.args}

    async def run(self, command: list[str], env: dict[str, str], say: Callable[[str], None] | None = None) -> Finished:
        """Run a program whose output shows no secret, in ``say`` and in the result; arguments as `running.run`."""
        done = await run(command, env=env, say=None if say is None else lambda line: say(self.masked(line)))
        return Finished(code=done.code, lines=tuple(map(self.masked, done.lines)))


@asynccontextmanager
async def prepared(plan: Plan, image: Image, request: BuildRequest) -> AsyncIterator[Prepared]:
    """Find a build's secrets and write its context, which is gone afterwards.

    Args:
        plan: what is built.
        image: what for.
        request: what else there is to know.

    Raises:
        ImageBuildError: a secret is not there.
        SourceError: a file cannot be read.
    """
    secrets = find_secrets(plan.secrets)
    auths, shown = auths_of(image.uri, image.registry_secret) if request.push else ({}, ())
    with work_folder() as folder:
        dockerfile, context = await asyncio.to_thread(write_context, plan, folder)
        yield Prepared(
            plan=plan,
            folder=folder,
            dockerfile=dockerfile,
            context=context,
            secrets=secrets,
            auths=auths,
            masked=Masked([*(one.value for one in secrets), *shown]),
        )


async def say_plan(image: Image, request: BuildRequest) -> None:
    """Tell what would be built, for a dry run; arguments and errors as `render`."""
    plan = await asyncio.to_thread(render, image, request.settings)
    request.say(await asyncio.to_thread(describe, plan))
