"""map: one task over many inputs, several at a time, results in order."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import functools
import inspect
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from flyte_core._syncify import run_coroutine
from flyte_core.context import current_controller
from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.runtime.contexts import group
from flyte_core.template import TaskTemplate

__all__ = ["map"]

_Task = TaskTemplate


class _Call:
    """A task, or a partial of one, that still lacks the inputs it is mapped over."""

    def __init__(self, func: _Task | functools.partial[Any]) -> None:
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        target: Any = func
        if isinstance(func, functools.partial):
            target, self.args, self.kwargs = func.func, func.args, dict(func.keywords)
        if not isinstance(target, TaskTemplate):
            raise InvalidTypeError("map()", "func", target, "a task, or functools.partial of a task")
        self.task: _Task = target
        if isinstance(func, functools.partial):
            self._check_partial()

    def _check_partial(self) -> None:
        names = list(self.task.native_interface.inputs)
        given = names[: len(self.args)]
        twice = [name for name in given if name in self.kwargs]
        if twice:
            raise InvalidTypeError(f"map() of {self.task.name}", twice[0], self.kwargs[twice[0]], "one value for it")
        left = [name for name in names if name not in given and name not in self.kwargs]
        if len(left) != 1:
            raise InvalidTypeError(
                f"map() of {self.task.name}",
                "func",
                ", ".join(left) or "no input",
                "a partial that leaves exactly one input open",
            )
        if left[0] != (names[len(self.args)] if len(self.args) < len(names) else None):
            # The open input stands behind one given by name, so it cannot be filled by position.
            self._open: str | None = left[0]
        else:
            self._open = None

    def bind(self, values: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give all arguments of one call."""
        name = getattr(self, "_open", None)
        if name is not None:
            return self.args, {**self.kwargs, name: values[0]}
        return (*self.args, *values), self.kwargs


class _Map:
    """Run a task once for each element of the inputs, and give the results in their order.

    Inside a synchronous task, or outside of a run, ``map(task, xs)`` is an iterator; in a coroutine
    ``async for result in map.aio(task, xs)``. Nothing starts before the first result is asked for.

    Args:
        func: a task, or ``functools.partial`` of one that leaves one input open.
        *args: the inputs, one iterable for each open input, taken together as ``zip`` does.
        group_name: name of the group that the calls appear in; default ``map``.
        concurrency: how many run at a time; 0, the default, is all.
        return_exceptions: whether a failed call gives its exception as its result; default True. If not, the first
            failure is raised and the rest is cancelled.

    Yields:
        The outputs of each call, in the order of the inputs.

    Example:
        >>> from flyte_core import TaskEnvironment, map, run
        >>> env = TaskEnvironment("squares")
        >>> @env.task
        ... def square(x: int) -> int:
        ...     return x * x
        >>> @env.task
        ... def total(n: int) -> int:
        ...     return sum(map(square, range(n)))
        >>> run(total, 4).outputs()
        14
    """

    __name__ = "map"

    def __call__(
        self,
        func: _Task | functools.partial[Any],
        *args: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> Iterator[Any]:
        call = _checked(func, concurrency)
        return _results(call, args, group_name, concurrency, return_exceptions)

    def aio(
        self,
        func: _Task | functools.partial[Any],
        *args: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> AsyncIterator[Any]:
        """Give the results as an asynchronous iterator; arguments as for the call."""
        call = _checked(func, concurrency)
        return _results_async(call, args, group_name, concurrency, return_exceptions)


map = _Map()


def _checked(func: _Task | functools.partial[Any], concurrency: Any) -> _Call:
    call = _Call(func)
    if not isinstance(concurrency, int) or concurrency < 0:
        raise InvalidValueError(
            f"map() of {call.task.name}", "concurrency", concurrency, "a number of calls, 0 for all"
        )
    return call


def _group_name(call: _Call, name: str | None) -> str:
    return f"{call.task.name}_{name or 'map'}"


def _results(
    call: _Call, iterables: tuple[Iterable[Any], ...], name: str | None, concurrency: int, return_exceptions: bool
) -> Iterator[Any]:
    controller = current_controller()
    values = zip(*iterables, strict=False)
    if controller is None:
        yield from _one_by_one(call, values, return_exceptions)
        return
    waiting: collections.deque[concurrent.futures.Future[Any]] = collections.deque()

    def start(count: int) -> None:
        # Not round the whole loop: a generator must not leave its caller inside the group between two results.
        with group(_group_name(call, name)):
            for value in _take(values, count):
                args, kwargs = call.bind(value)
                waiting.append(controller.submit_sync(call.task, args, kwargs))

    try:
        start(concurrency)
        while waiting:
            future = waiting.popleft()
            try:
                result = future.result()
            except Exception as e:  # the task's own, which the caller may want as a result
                if not return_exceptions:
                    raise
                result = e
            if concurrency:
                start(1)
            yield result
    finally:
        for future in waiting:
            future.cancel()


def _take(values: Iterator[tuple[Any, ...]], count: int) -> Iterator[tuple[Any, ...]]:
    """Give the next ``count`` items, or all of them when it is 0."""
    import itertools

    return itertools.islice(values, count or None)


def _one_by_one(call: _Call, values: Iterator[tuple[Any, ...]], return_exceptions: bool) -> Iterator[Any]:
    for value in values:
        args, kwargs = call.bind(value)
        try:
            result = call.task(*args, **kwargs)
            if inspect.iscoroutine(result):
                result = run_coroutine(result)
        except Exception as e:  # the task's own, which the caller may want as a result
            if not return_exceptions:
                raise
            result = e
        yield result


async def _results_async(
    call: _Call, iterables: tuple[Iterable[Any], ...], name: str | None, concurrency: int, return_exceptions: bool
) -> AsyncIterator[Any]:
    values = zip(*iterables, strict=False)
    running: collections.deque[asyncio.Task[Any]] = collections.deque()

    def start(count: int) -> None:
        with group(_group_name(call, name)):
            for value in _take(values, count):
                args, kwargs = call.bind(value)
                running.append(asyncio.ensure_future(call.task.aio(*args, **kwargs)))

    try:
        start(concurrency)
        while running:
            task = running[0]
            await asyncio.wait({task})
            running.popleft()
            if concurrency:
                start(1)
            error = task.exception()
            if error is not None and (not return_exceptions or not isinstance(error, Exception)):
                raise error
            yield error if error is not None else task.result()
    finally:
        for task in running:
            task.cancel()
        if running:
            await asyncio.gather(*running, return_exceptions=True)
