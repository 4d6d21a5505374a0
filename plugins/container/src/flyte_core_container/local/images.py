"""Images: pulled when they are missing, with progress in the log and a deadline."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from flyte_core import logger
from flyte_core.errors import ImagePullBackOffError
from flyte_core.runtime.blocking import in_thread
from flyte_core_container.local.answers import EngineRefusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flyte_core_container.local.engine import Engine

__all__ = ["missing_image", "pull"]

#: Seconds between two lines about a pull.
_TELL_EVERY = 5.0


def missing_image(image: str, reason: object, *, task: str) -> ImagePullBackOffError:
    """Give the error of an image that cannot be had."""
    return ImagePullBackOffError(
        "ImagePullBackOff",
        f"task {task!r}: image {image!r} is not on the container engine and cannot be pulled: {reason}; check its "
        f"name, log in to its registry (docker login), or bring it there (docker build, docker load)",
    )


async def pull(engine: Engine, image: str, timeout: float, *, task: str) -> None:
    """Pull an image.

    Args:
        engine: where to.
        image: its URI.
        timeout: seconds that the pull may take; 0 is no limit.
        task: the task's name, for the error.

    Raises:
        ImagePullBackOffError: when the registry refuses, or the time is over.
    """
    given_up = threading.Event()
    work = asyncio.ensure_future(in_thread(_pull, engine, image, given_up))
    try:
        done, _ = await asyncio.wait({work}, timeout=timeout or None)
        if not done:
            raise missing_image(image, f"the pull took longer than pull_timeout, {timeout:g} s", task=task)
        work.result()
    except EngineRefusal as e:
        raise missing_image(image, e.reason, task=task) from e
    finally:
        # The thread sees it at the next sign of progress and lets go of the pull.
        given_up.set()
        work.cancel()


def _pull(engine: Engine, image: str, given_up: threading.Event) -> None:
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(image)
    logger.info("pulling image %s", image)
    started = time.monotonic()
    stream = engine.call(engine.api.pull, repository, tag=tag or "latest", stream=True, decode=True)
    _watch(engine, image, stream, given_up)
    logger.info("pulled image %s in %.1f s", image, time.monotonic() - started)


def _watch(engine: Engine, image: str, stream: Iterable[dict[str, Any]], given_up: threading.Event) -> None:
    layers: dict[str, tuple[int, int]] = {}
    told = time.monotonic()
    steps = iter(stream)
    following: Callable[[], dict[str, Any] | None] = lambda: next(steps, None)  # noqa: E731 - its type says more
    while (step := engine.call(following)) is not None and not given_up.is_set():
        if "error" in step:
            raise EngineRefusal(500, str(step["error"]))
        detail = step.get("progressDetail") or {}
        if step.get("status") == "Downloading" and "total" in detail:
            layers[step.get("id", "")] = (detail.get("current", 0), detail["total"])
        if layers and time.monotonic() - told > _TELL_EVERY:
            told = time.monotonic()
            here, total = (sum(sizes) / 1e6 for sizes in zip(*layers.values(), strict=True))
            logger.info("pulling image %s: %.1f of %.1f MB", image, here, total)
