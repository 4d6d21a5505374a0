"""Calling a plugin's hook functions so that whatever they raise names the plugin, and awaitables behave."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

from flyte_core.errors import FlyteCoreError, HookError, PluginError, is_task_code
from flyte_core.hookcall import HookCall
from flyte_core.hookspecs import ASYNC_HOOKS
from flyte_core.registry.loading import describe
from flyte_core.registry.verify import HookFunction, hook_specifications

if TYPE_CHECKING:
    from flyte_core.discovery import EntryPoint

__all__ = ["guarded", "in_thread", "like_specification"]


async def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a ``def`` in a worker thread with this task's context variables; await what it gives, if that is awaitable.

    Args:
        function: the function.
        *args: its arguments.
        **kwargs: its keyword arguments.

    Returns:
        Its result.
    """
    import asyncio

    result = await asyncio.to_thread(function, *args, **kwargs)
    return await result if inspect.isawaitable(result) else result


def like_specification(function: Callable[..., Any], specification: Callable[..., Any]) -> Callable[..., Any]:
    """Let pluggy see the specification's parameters on a function of ``*args``, in the specification's order."""
    function.__wrapped__ = specification  # type: ignore[attr-defined] # what inspect.unwrap, and so pluggy, follows
    function.__name__ = specification.__name__
    return function


def guarded(ep: EntryPoint, hook: HookFunction) -> Callable[..., Any]:
    """Make the function that is called, and registered with pluggy, in place of a plugin's own.

    It takes the hook's arguments by position in the specification's order, and gives a `HookCall` for asynchronous
    hooks.

    What the plugin's function raises becomes a `HookError` with the original as its cause, except: a `FlyteCoreError`
    is raised as it is (a `PluginError` that names no plugin is given this one), and an error that only passes through
    a wrapper, because what it wraps raised it, stays itself.

    Args:
        ep: the plugin.
        hook: its function.

    Returns:
        The function.
    """
    specification = hook_specifications()[hook.hook]
    function = _in_order(hook.function, list(inspect.signature(specification).parameters))
    blame = _Blame(ep, hook.hook)
    if hook.wrapper:
        made = _wrapper(function, blame)
    elif hook.hook in ASYNC_HOOKS:
        made = _asynchronous(function, blame)
    else:
        made = _synchronous(function, blame)
    return like_specification(made, specification)


def _in_order(function: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
    """Make a function callable by position in this order; pluggy lets plugins order parameters as they like."""
    if list(inspect.signature(function).parameters) == names:
        return function

    def reordered(*args: Any) -> Any:
        return function(**dict(zip(names, args, strict=True)))

    async def reordered_coroutine(*args: Any) -> Any:
        return await function(**dict(zip(names, args, strict=True)))

    # Whether it is a coroutine function decides where it runs.
    return reordered_coroutine if inspect.iscoroutinefunction(function) else reordered


class _Blame:
    """Turns what a plugin raised into an error that names plugin, distribution, version, hook and task."""

    __slots__ = ("ep", "hook")

    def __init__(self, ep: EntryPoint, hook: str) -> None:
        self.ep = ep
        self.hook = hook

    def error(self, args: tuple[Any, ...], what: str) -> HookError:
        task = getattr(args[0], "name", None) if args else None
        name = task if isinstance(task, str) else None
        of_task = f" of task {name!r}" if name else ""
        return HookError(
            f"hook {self.hook!r}{of_task}: {describe(self.ep)} {what}",
            hook=self.hook,
            task=name,
            plugin=self.ep.name,
            distribution=self.ep.distribution,
            version=self.ep.version,
        )

    def raised(self, args: tuple[Any, ...], error: Exception) -> HookError:
        return self.error(args, f"raised {type(error).__name__}: {error}")

    def sign(self, error: FlyteCoreError) -> None:
        """Put the plugin into an error of ours that names none."""
        if isinstance(error, PluginError) and error.plugin is None:
            error.plugin, error.distribution, error.version = self.ep.name, self.ep.distribution, self.ep.version


def _synchronous(function: Callable[..., Any], blame: _Blame) -> Callable[..., Any]:
    check = _CHECKS.get(blame.hook)

    def call(*args: Any) -> Any:
        try:
            result = function(*args)
        except FlyteCoreError as error:
            blame.sign(error)
            raise
        except Exception as error:
            if is_task_code(error):
                raise
            raise blame.raised(args, error) from error
        if check is not None:
            check(result, args, blame)
        return result

    return call


def _check_context(result: object, args: tuple[Any, ...], blame: _Blame) -> None:
    if result is None:
        return
    if not isinstance(result, Mapping) or not all(type(k) is str and type(v) is str for k, v in result.items()):
        raise blame.error(args, f"gave {result!r}; expected a mapping from str to str, or None")


def _check_contexts(results: object, args: tuple[Any, ...], blame: _Blame) -> None:
    if not isinstance(results, list):
        raise blame.error(args, f"gave {results!r}; a wrapper of this hook receives a list of mappings and returns one")
    for result in results:
        _check_context(result, args, blame)


_CHECKS: Mapping[str, Callable[[object, tuple[Any, ...], _Blame], None]] = {"child_context": _check_context}


def _asynchronous(function: Callable[..., Any], blame: _Blame) -> Callable[..., Any]:
    native = inspect.iscoroutinefunction(function)

    async def run(args: tuple[Any, ...]) -> Any:
        try:
            return await (function(*args) if native else in_thread(function, *args))
        except FlyteCoreError as error:
            blame.sign(error)
            raise
        except Exception as error:
            if is_task_code(error):
                raise
            raise blame.raised(args, error) from error

    def call(*args: Any) -> HookCall[Any]:
        return HookCall(lambda: run(args), blame.hook)

    return call


# ---- wrappers ------------------------------------------------------------------------------------------------


class _Inner(HookCall[Any]):
    """What an asynchronous wrapper wraps; remembers what that raised, which then is not the wrapper's fault."""

    __slots__ = ("raised",)

    def __init__(self, call: Awaitable[Any], label: str) -> None:
        super().__init__(lambda: self._remember(call), label)
        self.raised: BaseException | None = None

    async def _remember(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except BaseException as error:
            self.raised = error
            raise


class _Outer(HookCall[Any]):
    """What an asynchronous wrapper gave; closes it when nobody awaits it, so that dropping a call runs nothing."""

    __slots__ = ("_given",)

    def __init__(self, start: Callable[[], Awaitable[Any]], label: str, given: Awaitable[Any]) -> None:
        super().__init__(start, label)
        self._given = given

    def __del__(self) -> None:
        if not self.started and inspect.iscoroutine(self._given):
            self._given.close()


def _wrapper(function: Callable[..., Any], blame: _Blame) -> Callable[..., Any]:
    asynchronous = blame.hook in ASYNC_HOOKS

    def call(*args: Any) -> Generator[None, Any, Any]:
        generator = _start(function, args, blame)
        try:
            given = yield
        except BaseException as error:
            return _finish(generator, args, blame, raised=error)
        inner = _Inner(given, blame.hook) if asynchronous else None
        result = _finish(generator, args, blame, given=given if inner is None else inner)
        if blame.hook == "child_context":
            _check_contexts(result, args, blame)
        if inner is None:
            return result
        if not hasattr(result, "__await__"):
            raise blame.error(
                args,
                f"gave {result!r}; a wrapper of an asynchronous hook receives `call = yield`, which has not started, "
                f"and returns an awaitable: call itself, or a coroutine that awaits it",
            )
        return _Outer(lambda: _awaited(result, inner, args, blame), blame.hook, result)

    return call


def _start(function: Callable[..., Any], args: tuple[Any, ...], blame: _Blame) -> Generator[None, Any, Any]:
    try:
        generator: Generator[None, Any, Any] = function(*args)
        next(generator)
    except StopIteration:
        raise blame.error(args, "is a wrapper, but ended without reaching its yield") from None
    except FlyteCoreError as error:
        blame.sign(error)
        raise
    except Exception as error:
        if is_task_code(error):
            raise
        raise blame.raised(args, error) from error
    return generator


def _finish(
    generator: Generator[None, Any, Any],
    args: tuple[Any, ...],
    blame: _Blame,
    *,
    given: object = None,
    raised: BaseException | None = None,
) -> Any:
    """Run what a wrapper does after its yield, and give its result."""
    try:
        if raised is not None:
            generator.throw(raised)
        else:
            generator.send(given)
    except StopIteration as end:
        return end.value
    except FlyteCoreError as error:
        if error is not raised:
            blame.sign(error)
        raise
    except Exception as error:
        if error is raised or is_task_code(error):
            raise
        raise blame.raised(args, error) from error
    generator.close()
    raise blame.error(args, "is a wrapper, but yields more than once")


async def _awaited(result: Awaitable[Any], inner: _Inner, args: tuple[Any, ...], blame: _Blame) -> Any:
    try:
        return await result
    except FlyteCoreError as error:
        if error is not inner.raised:
            blame.sign(error)
        raise
    except Exception as error:
        if error is inner.raised or is_task_code(error):
            raise
        raise blame.raised(args, error) from error
