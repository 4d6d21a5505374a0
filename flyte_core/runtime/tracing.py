"""The decorator `trace`: helper functions of a task show up in its run, with what they took and gave."""

from __future__ import annotations

import contextlib
import functools
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs
from typing_extensions import Self

from flyte_core.context import ctx, current_controller

if TYPE_CHECKING:
    from flyte_core.models import ActionID

__all__ = ["TraceRecord", "trace"]

F = TypeVar("F", bound=Callable[..., Any])


@attrs.frozen(kw_only=True, eq=False)
class TraceRecord:
    """One call of a traced function inside a run.

    Args:
        name: the function's name.
        action: the action that called it.
        group: the group that it was called in.
        inputs: its arguments by name; the objects themselves, so later changes to them show.
        output: what it returned; of a generator the list of what it yielded.
        error: what it raised; None when it returned.
        started: when it began, in seconds since the epoch.
        ended: when it ended, in seconds since the epoch.
    """

    name: str
    action: ActionID
    group: str | None
    inputs: dict[str, Any]
    output: Any
    error: BaseException | None
    started: float
    ended: float


class _Recording:
    """A call that goes on; as a context manager it records how the call ended."""

    def __init__(self, record: Callable[[TraceRecord], None], func: Callable[..., Any], inputs: dict[str, Any]) -> None:
        context = ctx()
        assert context is not None
        self.output: Any = None
        self._record = record
        self._name = getattr(func, "__name__", type(func).__name__)
        self._context = context
        self._inputs = inputs
        self._started = time.time()
        self._timer = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        # The consumer of a generator may stop early; that is not the generator's failure.
        stopped = isinstance(error, GeneratorExit)
        group = self._context.group_data
        self._record(
            TraceRecord(
                name=self._name,
                action=self._context.action,
                group=None if group is None else group.name,
                inputs=self._inputs,
                output=self.output if error is None or stopped else None,
                error=None if stopped else error,
                started=self._started,
                ended=self._started + time.perf_counter() - self._timer,
            )
        )


class _Tracer:
    """Begins the recordings of one function."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self._func = func
        try:
            self._signature: inspect.Signature | None = inspect.signature(func)
        except (TypeError, ValueError):  # some functions written in C have none
            self._signature = None

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Recording | None:
        """Give the recording of a call, or None where no run keeps records."""
        if ctx() is None:
            return None
        record = getattr(current_controller(), "record_trace", None)
        return None if record is None else _Recording(record, self._func, self._named(args, kwargs))

    def _named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        if self._signature is not None:
            # Arguments that do not fit make the call itself fail, with Python's own message.
            with contextlib.suppress(TypeError):
                return dict(self._signature.bind(*args, **kwargs).arguments)
        return {**{str(i): value for i, value in enumerate(args)}, **kwargs}


def trace(func: F) -> F:
    """Record the calls of a function in the run of the task that makes them.

    For helper functions of a task that are worth seeing but are no tasks themselves. Outside of a run the decorated
    function does what the function does, and nothing else.

    Args:
        func: a function, coroutine function, generator function or asynchronous generator function.

    Returns:
        A function of the same kind, name and signature. A generator is recorded once, at its end, with everything that
        it yielded; so all of it stays in memory until then.

    Example:
        >>> from flyte_core import TaskEnvironment, run
        >>> @trace
        ... async def fetch(n: int) -> int:
        ...     return n + 1
        >>> env = TaskEnvironment("traced")
        >>> @env.task
        ... async def work() -> int:
        ...     return await fetch(1)
        >>> run(work).outputs()
        2
    """
    tracer = _Tracer(func)
    wrapper: Callable[..., Any]
    if inspect.iscoroutinefunction(func):
        wrapper = _coroutine_function(func, tracer)
    elif inspect.isasyncgenfunction(func):
        wrapper = _async_generator_function(func, tracer)
    elif inspect.isgeneratorfunction(func):
        wrapper = _generator_function(func, tracer)
    else:
        wrapper = _function(func, tracer)
    return cast(F, functools.wraps(func)(wrapper))


def _function(func: Callable[..., Any], tracer: _Tracer) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        recording = tracer.begin(args, kwargs)
        if recording is None:
            return func(*args, **kwargs)
        with contextlib.ExitStack() as stack:
            stack.enter_context(recording)
            recording.output = func(*args, **kwargs)
            if not inspect.isawaitable(recording.output):
                return recording.output
            # Another decorator may hide that the function is a coroutine function; it has not run yet.
            stack.pop_all()
        return _awaited(recording.output, recording)

    return wrapper


async def _awaited(result: Awaitable[Any], recording: _Recording) -> Any:
    with recording:
        recording.output = await result
        return recording.output


def _coroutine_function(func: Callable[..., Any], tracer: _Tracer) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        recording = tracer.begin(args, kwargs)
        if recording is None:
            return await func(*args, **kwargs)
        with recording:
            recording.output = await func(*args, **kwargs)
            return recording.output

    return wrapper


def _generator_function(func: Callable[..., Any], tracer: _Tracer) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        recording = tracer.begin(args, kwargs)
        if recording is None:
            return (yield from func(*args, **kwargs))
        with recording:
            recording.output = []
            return (yield from _kept(func(*args, **kwargs), recording.output))

    return wrapper


class _kept(Generator[Any, Any, Any]):  # noqa: N801 - used like a function
    """A generator that notes what another one yields; ``yield from`` hands it what is sent and thrown."""

    def __init__(self, generator: Generator[Any, Any, Any], items: list[Any]) -> None:
        self._generator, self._items = generator, items

    def send(self, value: Any) -> Any:
        return self._note(self._generator.send(value))

    def throw(self, *error: Any) -> Any:
        return self._note(self._generator.throw(*error))

    def close(self) -> None:
        self._generator.close()

    def _note(self, item: Any) -> Any:
        self._items.append(item)
        return item


def _async_generator_function(func: Callable[..., Any], tracer: _Tracer) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        recording = tracer.begin(args, kwargs)
        async with contextlib.aclosing(func(*args, **kwargs)) as generator:
            with contextlib.nullcontext() if recording is None else recording:
                items: list[Any] | None = None
                if recording is not None:
                    items = recording.output = []
                step = generator.asend(None)
                while True:
                    try:
                        item = await step
                    except StopAsyncIteration:
                        return
                    if items is not None:
                        items.append(item)
                    try:
                        sent = yield item
                    except GeneratorExit:
                        raise
                    except BaseException as error:  # whatever the caller throws in is the generator's
                        step = generator.athrow(error)
                    else:
                        step = generator.asend(sent)

    return wrapper
