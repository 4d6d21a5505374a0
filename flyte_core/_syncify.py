"""Functions that can be called as they are, and awaited through ``.aio``."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Generic, ParamSpec, TypeVar, overload

__all__ = ["SyncAsync", "iterate", "run_coroutine", "syncify", "with_aio"]

P = ParamSpec("P")
R = TypeVar("R")


def run_coroutine(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine to its end and give its result, whether or not this thread runs an event loop.

    Without a loop in this thread it runs in a new one here. With one, it runs in a new loop in a thread of its own,
    with the context variables of the caller, and this thread waits; so the coroutine must not wait for anything that
    the caller's loop has to do.

    Args:
        coroutine: what to run.

    Returns:
        Its result.

    Raises:
        BaseException: what the coroutine raised.

    Example:
        >>> async def answer() -> int:
        ...     return 42
        >>> run_coroutine(answer())
        42
    """
    import asyncio

    # Not get_running_loop() and its RuntimeError: that would be the context of whatever the coroutine raises.
    if asyncio._get_running_loop() is None:
        return _run_cancelled_by_sigint(coroutine)
    return _run_in_thread(coroutine)


def _run_cancelled_by_sigint(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that the first Ctrl-C cancels, at once; the second is raised wherever the program is.

    `asyncio.run` does so from Python 3.11 on. Before, it raises the first one wherever the loop is, which can leave
    threads that nobody stops. And in all versions a signal that comes just before the loop begins to wait is seen when
    the waiting ends, which on a busy machine happens and may be never; the wakeup descriptor ends it.
    """
    import asyncio
    import signal
    import threading

    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        return asyncio.run(coroutine)
    interrupted = False

    async def main() -> R:
        task = asyncio.current_task()

        def cancel(_number: int, _frame: object) -> None:
            nonlocal interrupted
            if interrupted or task is None or task.done():
                raise KeyboardInterrupt
            interrupted = True
            task.cancel()

        with contextlib.suppress(NotImplementedError):  # on Windows, whose loop has a wakeup descriptor anyway
            # For that descriptor; as the handler it would wait for a loop that may be blocked by a task's code.
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
        signal.signal(signal.SIGINT, cancel)
        return await coroutine

    descriptor = signal.set_wakeup_fd(-1)
    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.set_wakeup_fd(descriptor)


def _run_in_thread(coroutine: Coroutine[Any, Any, R]) -> R:
    import asyncio
    import contextvars
    import threading

    results: list[R] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(asyncio.run(coroutine))
        except BaseException as error:  # handed to the thread that waits
            errors.append(error)

    # A daemon, so that an interrupted wait does not keep the process alive.
    thread = threading.Thread(
        target=contextvars.copy_context().run, args=(target,), name="flyte_core-sync", daemon=True
    )
    thread.start()
    thread.join()
    if errors:
        raise errors.pop()
    return results[0]


def iterate(opened: Callable[[], Coroutine[Any, Any, AsyncIterator[R]]]) -> Iterator[R]:
    """Go through an asynchronous iterator, one step at a time, whether or not this thread runs an event loop.

    All steps are done in one event loop, in a thread of its own: `run_coroutine` for each step would close the loop
    after the first.

    Args:
        opened: gives the iterator; called when the first step is asked for.

    Yields:
        What the iterator gives.

    Raises:
        BaseException: what it raised.

    Example:
        >>> async def letters() -> AsyncIterator[str]:
        ...     async def one_by_one() -> AsyncIterator[str]:
        ...         for letter in "ab":
        ...             yield letter
        ...     return one_by_one()
        >>> list(iterate(letters))
        ['a', 'b']
    """
    import asyncio
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    context, loop, ended = copy_context(), asyncio.new_event_loop(), object()

    async def step(items: AsyncIterator[R]) -> R | object:
        return await anext(items, ended)

    with ThreadPoolExecutor(1, "flyte_core-sync") as pool:

        def wait(coroutine: Coroutine[Any, Any, Any]) -> Any:
            return pool.submit(context.run, loop.run_until_complete, coroutine).result()

        try:
            items = wait(opened())
            while (item := wait(step(items))) is not ended:
                yield item
        finally:
            wait(loop.shutdown_asyncgens())
            wait(loop.shutdown_default_executor())
            loop.close()


class SyncAsync(Generic[P, R]):
    """A function with two forms: called, it does its work and returns; ``.aio`` gives a coroutine.

    Made by `syncify` or `with_aio`; it has the signature, name and docstring of the function. It is for functions of
    a module: it does not bind to instances, and it is pickled by its name.

    Args:
        function: the coroutine function.
        direct: does the same without an event loop; the call uses it instead of running the coroutine.
    """

    def __init__(self, function: Callable[P, Coroutine[Any, Any, R]], direct: Callable[P, R] | None = None) -> None:
        self._function = function
        self._direct = direct
        functools.update_wrapper(self, function)

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._direct is not None:
            return self._direct(*args, **kwargs)
        return run_coroutine(self._function(*args, **kwargs))

    def aio(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Give the coroutine, to be awaited by asynchronous code."""
        return self._function(*args, **kwargs)

    def __reduce__(self) -> str:
        return self._function.__qualname__

    def __repr__(self) -> str:
        return f"<{self._function.__module__}.{self._function.__qualname__}, also .aio>"


@overload
def syncify(function: Callable[P, Coroutine[Any, Any, R]], /) -> SyncAsync[P, R]: ...


@overload
def syncify(*, direct: Callable[P, R]) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], SyncAsync[P, R]]: ...


def syncify(
    function: Callable[P, Coroutine[Any, Any, R]] | None = None, /, *, direct: Callable[P, R] | None = None
) -> SyncAsync[P, R] | Callable[[Callable[P, Coroutine[Any, Any, R]]], SyncAsync[P, R]]:
    """Make a coroutine function callable without ``await``; the coroutine is then under ``.aio``.

    Args:
        function: the coroutine function.
        direct: a plain function of the same signature that does the same; it spares the event loop, which costs some
            hundred microseconds a call.

    Returns:
        The function with both forms, or a decorator when only ``direct`` is given.

    Example:
        >>> @syncify
        ... async def double(x: int) -> int:
        ...     return 2 * x
        >>> double(4)
        8
        >>> import asyncio
        >>> asyncio.run(double.aio(4))
        8
    """
    if function is None:
        return lambda target: SyncAsync(target, direct)
    return SyncAsync(function, direct)


def with_aio(function: Callable[P, R]) -> SyncAsync[P, R]:
    """Give a function that never waits for anything the form ``.aio`` too.

    Args:
        function: a plain function, quick enough to be called inside an event loop.

    Returns:
        The function with both forms.

    Example:
        >>> @with_aio
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> double(4)
        8
        >>> import asyncio
        >>> asyncio.run(double.aio(4))
        8
    """

    @functools.wraps(function)
    async def aio(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    return SyncAsync(aio, function)
