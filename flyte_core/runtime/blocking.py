"""Blocking calls in threads of their own, so that neither the event loop nor a pool waits for another system."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["in_thread", "to_its_end"]

R = TypeVar("R")


async def in_thread(func: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
    """Call a function in a new daemon thread and wait for it.

    `asyncio.to_thread` has a pool of a few threads, which some dozen calls that wait would fill; and it is joined
    at exit, where a call that hangs would hold the process. When the waiting is cancelled, the call goes on unheard.

    Args:
        func: what blocks.
        *args: its arguments.
        **kwargs: its named arguments.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[R] = loop.create_future()
    context = contextvars.copy_context()

    def tell(set_it: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            set_it(value)

    def work() -> None:
        set_it: Callable[[Any], None]
        value: Any
        try:
            set_it, value = future.set_result, context.run(func, *args, **kwargs)
        except BaseException as e:  # handed to the coroutine that waits
            set_it, value = future.set_exception, e
        # The loop may be gone, when the process ends while an engine is silent.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, set_it, value)

    threading.Thread(target=work, name=f"flyte_core-{getattr(func, '__name__', 'blocking')}", daemon=True).start()
    return await future


async def to_its_end(work: Coroutine[Any, Any, R], hurry: Callable[[], object] | None = None) -> R:
    """Wait for a coroutine that must not be cancelled, such as a clean-up.

    Args:
        work: the coroutine.
        hurry: called when the waiting is cancelled meanwhile: somebody is impatient.

    Returns:
        The coroutine's result. A cancellation during the wait is told again only after its end.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        # Waiting for a task, unlike awaiting it, leaves it alone when it is cancelled.
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:  # noqa: PERF203 - one turn for each
            cancelled = error
            if hurry is not None:
                hurry()
    if cancelled is not None:
        if not task.cancelled():
            # Read, so that asyncio does not complain that an exception was never retrieved.
            task.exception()
        raise cancelled
    return task.result()
